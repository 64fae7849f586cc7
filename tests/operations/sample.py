"""Operations that exist for the tests of the engine only."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from operations.context import RunContext
from operations.failures import Failure, FailureCode, register_codes
from operations.registry import Reason, operation

register_codes(
    FailureCode("sample_item", "The sample item failed.", "Look at the test."),
    FailureCode("sample_fatal", "The sample connection failed.", "Look at the test.", fatal=True),
)


@dataclass(frozen=True)
class SampleInputs:
    """`name` chooses the slot."""

    name: str = "a"
    number: int = 0
    types: tuple[str, ...] = ()


class Stage:
    """What the sample operation does is set by each test: `stage.act = function(run, inputs)`."""

    act: Callable[[RunContext, SampleInputs], None]
    refuse: Reason | None

    def reset(self) -> None:
        self.act = lambda run, inputs: None
        self.refuse = None
        self.calls = 0
        self.lock = threading.Lock()


stage = Stage()
stage.reset()


@operation(
    "sample.read",
    label="Sample",
    inputs=SampleInputs,
    capability="inventory.sync",
    slot=lambda inputs: f"sample:{inputs.name}",
    needs=[lambda inputs: stage.refuse],
    soft_limit=timedelta(seconds=20),
    flush_every=5,
    keep=timedelta(days=30),
)
def sample_read(run: RunContext, inputs: SampleInputs) -> None:
    """Do what the test says."""
    with stage.lock:
        stage.calls += 1
    stage.act(run, inputs)


@operation(
    "sample.write",
    label="Sample write",
    inputs=SampleInputs,
    capability="inventory.sync",
    slot=lambda inputs: f"sample-write:{inputs.name}",
    writes=True,
)
def sample_write(run: RunContext, inputs: SampleInputs) -> None:
    """Do what the test says, as an operation that writes."""
    stage.act(run, inputs)


def three_items(run: RunContext, _inputs: Any, *, failing: dict[str, str] | None = None) -> None:
    """Three items a, b, c; those in `failing` fail with the code given."""
    for step, item in run.each(["a", "b", "c"], key=str):
        with step:
            if item in (failing or {}):
                raise Failure((failing or {})[item], graph_request_id="req-1")
