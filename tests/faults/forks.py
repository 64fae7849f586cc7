"""A process that dies at an exact step: a fork of this one, killed there.

`Steps` counts how often the engine passes each named step, and acts at one of them. The steps are laid around the engine's own
functions from outside, so the product carries no trace of them.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from django.db import connections

from operations import executor, services
from operations.context import RunContext
from operations.notifications import notify
from providers.graph import budget, transport
from tenantpilot.celery import app

Step = tuple[str, int]


class Steps:
    """`at` is the step and how many-th pass of it; `act` is called there."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.at: Step | None = None
        self.act: Callable[[], Any] = lambda: None
        self._lock = threading.Lock()

    def reset(self, at: Step | None = None, act: Callable[[], Any] = lambda: None) -> None:
        self.passed.clear()
        self.at, self.act = at, act

    def walk(self, name: str) -> None:
        with self._lock:
            self.passed[name] += 1
            is_here = self.at == (name, self.passed[name])
        if is_here:
            self.act()

    def around(self, function: Callable[..., Any], *, before: str = "", after: str = "") -> Callable[..., Any]:
        @wraps(function)
        def stepped(*args: Any, **options: Any) -> Any:
            if before:
                self.walk(before)
            result = function(*args, **options)
            if after:
                self.walk(after)
            return result

        return stepped


# Steps at which a transaction is open, and with it the lock on the run.
INSIDE = {"renewed", "items_written", "told"}


def lay_steps(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay steps around everything that a worker does with a run."""

    def lay(owner: Any, name: str, *, before: str = "", after: str = "") -> None:
        monkeypatch.setattr(owner, name, steps.around(getattr(owner, name), before=before, after=after))

    lay(executor, "claim", after="claimed")
    lay(executor, "find_reasons_again", after="gate_asked")
    lay(transport, "send", before="sending", after="answered")
    lay(RunContext, "_renew", after="renewed")
    lay(RunContext, "write_pending", after="items_written")
    lay(executor, "finish", before="finishing", after="finished")
    lay(executor, "notify", after="told")
    lay(executor, "derive_ending", before="worked")


def lay_steps_of_start(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "notify", steps.around(notify, after="inserted"))
    monkeypatch.setattr(services, "_publish", steps.around(services._publish, before="committed"))
    monkeypatch.setattr(app, "send_task", steps.around(app.send_task, after="sent"))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_in_fork(function: Callable[[], Any]) -> int:
    """Call `function` in a fork of this process; 0 when it came to its end, -9 when it was killed, 1 when it raised."""
    child = os.fork()
    if child == 0:
        try:
            # What is open belongs to the parent; two processes on one connection would talk into each other.
            for connection in connections.all(initialized_only=True):
                connection.connection = None
            transport._pool.cache_clear()
            budget._redis.cache_clear()
            function()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
