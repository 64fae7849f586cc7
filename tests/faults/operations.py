"""Operations that do to their worker what the tests of faults ask for.

Test and worker are two processes: they speak through files in the folder that FAULTS_FOLDER names.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from operations.context import RunContext
from operations.models import OperationItem
from operations.registry import operation
from operations.schedule import register_schedule


@dataclass(frozen=True)
class FaultInputs:
    """`name` chooses slot and files, `how` what happens."""

    name: str = "a"
    how: str = "work"


def folder() -> Path:
    return Path(os.environ["FAULTS_FOLDER"])


def executed(name: str) -> list[int]:
    """The numbers of the runs of this name that were executed, once for each time, in whatever process."""
    path = folder() / f"{name}.executions"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def executions(name: str) -> int:
    return len(executed(name))


def has_begun(name: str) -> bool:
    return (folder() / f"{name}.begun").exists()


def let_go(name: str) -> None:
    """Let the runs of this name that wait go on."""
    (folder() / f"{name}.go").touch()


def _is_let_go(name: str) -> bool:
    return (folder() / f"{name}.go").exists()


def _work(run: RunContext, inputs: FaultInputs) -> None:
    for step, _item in run.each(["one", "two", "three"], key=str):
        with step:
            pass


def _nap(run: RunContext, inputs: FaultInputs) -> None:
    """Some items, each of which takes a moment."""
    for step, _item in run.each(range(8), key=str):
        with step:
            run.sleep(0.05)


def _wait(run: RunContext, inputs: FaultInputs) -> None:
    """Record an item, show life until it is let go, record another."""
    with run.step("first"):
        pass
    run.flush()
    (folder() / f"{inputs.name}.begun").touch()
    while not _is_let_go(inputs.name):
        run.sleep(0.02)
    with run.step("last"):
        pass


def _hang(run: RunContext, inputs: FaultInputs) -> None:
    """As `wait`, without a sign of life."""
    (folder() / f"{inputs.name}.begun").touch()
    while not _is_let_go(inputs.name):
        time.sleep(0.02)
    with run.step("last"):
        pass
    run.flush()


def _hang_in_transaction(run: RunContext, inputs: FaultInputs) -> None:
    with run.transaction():
        OperationItem.objects.create(
            tenant_id=run.tenant_id, run_id=run.id, key="half", label="half", result="succeeded"
        )
        _hang(run, inputs)


def _die(run: RunContext, inputs: FaultInputs) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _write(run: RunContext, inputs: FaultInputs) -> None:
    """Write one object to the customer's tenant (a file), and show whether the process lives that long."""
    with run.step("object") as step:
        step.mark_unknown()
        with (folder() / f"{inputs.name}.written").open("a") as file:
            file.write("x\n")
        _die(run, inputs)


_HOW: dict[str, Callable[[RunContext, FaultInputs], None]] = {
    "work": _work,
    "nap": _nap,
    "wait": _wait,
    "hang": _hang,
    "hang_in_transaction": _hang_in_transaction,
    "die": _die,
    "write_and_die": _write,
}


def _do(run: RunContext, inputs: FaultInputs) -> None:
    with (folder() / f"{inputs.name}.executions").open("a") as file:
        file.write(f"{run.id}\n")
    _HOW[inputs.how](run, inputs)


@operation(
    "fault.read",
    label="Fault",
    inputs=FaultInputs,
    capability="inventory.sync",
    slot=lambda inputs: f"fault:{inputs.name}",
    soft_limit=timedelta(minutes=5),
)
def read(run: RunContext, inputs: FaultInputs) -> None:
    """Do what the test says, as an operation that only reads."""
    _do(run, inputs)


@operation(
    "fault.write",
    label="Fault write",
    inputs=FaultInputs,
    capability="inventory.sync",
    slot=lambda inputs: f"fault:{inputs.name}",
    soft_limit=timedelta(minutes=5),
    writes=True,
)
def write(run: RunContext, inputs: FaultInputs) -> None:
    """Do what the test says, as an operation that writes."""
    _do(run, inputs)


if "FAULTS_SCHEDULE" in os.environ:
    register_schedule(
        "fault.read",
        every=timedelta(days=1),
        targets=lambda: [FaultInputs(name) for name in os.environ["FAULTS_SCHEDULE"].split(",")],
    )
