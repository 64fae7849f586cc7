"""The gate in front of every call that leaves TenantPilot.

An allow-list: a call goes out only while a run is being executed, or while a person's explicitly marked delegated action
is in progress, never while a page renders and never inside a database transaction. A thread, a streaming body, a shell or
a commit hook that nobody thought of is refused, because it has none of these.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections

if TYPE_CHECKING:
    from operations.context import RunContext


class OutsideCallForbidden(RuntimeError):
    """Code tried to call an outside service from where it must not."""


@dataclass(frozen=True, slots=True)
class DelegatedAction:
    """An explicit action of a signed-in person with their own token."""

    actor: Any
    purpose: str


_run: ContextVar["RunContext | None"] = ContextVar("current_run", default=None)
_rendering: ContextVar[bool] = ContextVar("rendering_page", default=False)
_delegated: ContextVar[DelegatedAction | None] = ContextVar("delegated_action", default=None)


def current_run() -> "RunContext | None":
    return _run.get()


def check_outside_call() -> "RunContext | DelegatedAction":
    """The run or delegated action on whose behalf a call may go out now. Raises OutsideCallForbidden."""
    allowed = _delegated.get() or _run.get()
    if allowed is None:
        raise OutsideCallForbidden("Outside calls belong in an operation. Start one with start_operation().")
    if _rendering.get():
        raise OutsideCallForbidden("Pages render from the database. Start an operation and show its result.")
    for connection in connections.all(initialized_only=True):
        blocks = getattr(connection, "atomic_blocks", [])
        if blocks and not blocks[-1]._from_testcase:
            raise OutsideCallForbidden("No outside call inside a database transaction.")
    return allowed


@contextmanager
def running(run: "RunContext") -> Iterator[None]:
    """Mark the block as the execution of `run`."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


@contextmanager
def rendering_page() -> Iterator[None]:
    """Mark the block as answering a browser."""
    token = _rendering.set(True)
    try:
        yield
    finally:
        _rendering.reset(token)


@contextmanager
def delegated_action(*, actor: Any, purpose: str) -> Iterator[DelegatedAction]:
    """Mark the block as an explicit action of `actor`, such as a group search, and not as the rendering of a page."""
    action = DelegatedAction(actor, purpose)
    token, rendering = _delegated.set(action), _rendering.set(False)
    try:
        yield action
    finally:
        _rendering.reset(rendering)
        _delegated.reset(token)
