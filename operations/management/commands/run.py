"""Start an operation without the console, and wait for how it ends."""

import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Mapping
from typing import Any, NoReturn

from django.core.management.base import CommandError, CommandParser

from operations import processes, registry
from operations.failures import Failure, describe
from operations.models import COUNTERS, OperationRun
from operations.progress import duration_of, show_duration
from operations.registry import Reason
from operations.report import describe_failed_items, describe_refusal, describe_run
from operations.services import Joined, Refused, start_operation
from rbac.command_line import DONE, MISTAKEN, HeadlessCommand, find_person, find_tenant, printable
from rbac.models import Tenant
from rbac.scope import scope
from rbac.services import COMMAND_LINE, Actor

# An interface of scripts (docs/commands.md); 1 and 2 are the codes of every command.
EXIT_CODES: Mapping[str, int] = {
    OperationRun.Outcome.SUCCEEDED: DONE,
    OperationRun.Outcome.PARTIALLY_SUCCEEDED: 3,
    OperationRun.Outcome.FAILED: 4,
    OperationRun.Outcome.CANCELLED: 5,
    OperationRun.Outcome.BLOCKED: 6,
}
STILL_GOING = 7
INTERRUPTED = 130
POLL_SECONDS = 0.5
# A worker that was started together with us has shown no sign of life yet.
WORKER_GRACE_SECONDS = 15.0
ITEMS_SHOWN = 20


class StillGoing(CommandError):
    """The wait is over and the run is not."""

    def __init__(self, message: str, *, returncode: int = STILL_GOING) -> None:
        super().__init__(message, returncode=returncode)


class Command(HeadlessCommand):
    help = "Start an operation in a tenant. The exit code says how it ended: see docs/commands.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("type", metavar="TYPE", help=f"one of {', '.join(sorted(registry.all_operations()))}")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument(
            "--input", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="a list is VALUE,VALUE"
        )
        parser.add_argument(
            "--as", dest="person", metavar="USERNAME", help="whose rights it has and who is told; else nobody is told"
        )
        parser.add_argument("--wait", action="store_true", help="until it has ended")
        parser.add_argument(
            "--timeout", type=_seconds, metavar="SECONDS", help="how long to wait (the operation's own limit)"
        )
        parser.add_argument("--json", action="store_true", help="the run as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            operation = registry.get(options["type"])
        except Failure as failure:
            raise CommandError(failure.detail, returncode=MISTAKEN) from failure
        tenant = find_tenant(options["tenant"])
        actor: Actor = find_person(options["person"]) if options["person"] else COMMAND_LINE
        start = start_operation(operation, _unique(options["input"]), actor=actor, tenant=tenant)
        if isinstance(start, Refused):
            self._refuse(start, operation, tenant, as_json=options["json"])
        with scope(tenant.pk):
            run, still_going = start.run, None
            if options["wait"]:
                limit = options["timeout"] or operation.hard_limit.total_seconds()
                try:
                    _wait(run, seconds=limit)
                except StillGoing as error:
                    still_going = error
            self._show(run, joined=isinstance(start, Joined), as_json=options["json"])
        if still_going is not None:
            raise still_going
        if not run.is_active and run.outcome != OperationRun.Outcome.SUCCEEDED:
            sys.exit(EXIT_CODES[run.outcome])

    def _refuse(self, refused: Refused, operation: registry.Operation, tenant: Tenant, *, as_json: bool) -> NoReturn:
        if as_json:
            self.write_json(describe_refusal(refused, type=operation.key, tenant=tenant))
        mistaken = refused.reasons[0].code == "invalid_inputs"
        code = MISTAKEN if mistaken else EXIT_CODES[OperationRun.Outcome.BLOCKED]
        raise CommandError(f"Not started. {' '.join(map(_sentence, refused.reasons))}", returncode=code)

    def _show(self, run: OperationRun, *, joined: bool, as_json: bool) -> None:
        failed = describe_failed_items(run)
        if as_json:
            self.write_json({**describe_run(run), "joined": joined, "failed_items": failed})
            return
        state = run.get_status_display() if run.is_active else run.get_outcome_display()
        self.stdout.write(f"{run}{' was going already' if joined else ''}: {state.lower()}{_after(run)}")
        if run.failure_code:
            self.stdout.write(f"  {printable(run.failure_message)} {describe(run.failure_code).hint}")
        counted = [f"{getattr(run, name)} {name}" for name in COUNTERS if getattr(run, name)]
        if counted and not run.is_active:
            self.stdout.write(f"  {', '.join(counted)}")
        for item in failed[:ITEMS_SHOWN]:
            self.stdout.write(f"  {printable(item['label'])}: {printable(item['message'])}")
        if len(failed) > ITEMS_SHOWN:
            self.stdout.write(f"  and {len(failed) - ITEMS_SHOWN} more; --json names all")


def _wait(run: OperationRun, *, seconds: float) -> None:
    """Reread `run` until it has ended. Raises StillGoing when that is not to be expected any more, or interrupted."""
    began = time.monotonic()
    try:
        while run.is_active:
            waited = time.monotonic() - began
            if waited > seconds:
                raise StillGoing(
                    f"Run {run.pk} is still {run.status} after {seconds:g} seconds, and goes on: look at it with "
                    "`manage.py runs`, or wait longer with --timeout."
                )
            is_waiting = run.status == OperationRun.Status.QUEUED
            if is_waiting and waited > WORKER_GRACE_SECONDS and not processes.is_alive("worker"):
                raise StillGoing(
                    f"No worker is running, so run {run.pk} stays queued: start one (docs/operate.md), and it does the run."
                )
            time.sleep(min(POLL_SECONDS, seconds))
            run.refresh_from_db()
    except KeyboardInterrupt:
        raise StillGoing(f"Run {run.pk} goes on without us.", returncode=INTERRUPTED) from None


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise ArgumentTypeError("an input has the form NAME=VALUE")
    return name, value


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 7 * 24 * 3600:
        raise ArgumentTypeError("a number of seconds, more than 0 and less than a week")
    return seconds


def _unique(pairs: list[tuple[str, str]]) -> dict[str, str]:
    inputs = dict(pairs)
    if len(inputs) < len(pairs):
        raise CommandError("An input is given twice. Give a list as one: NAME=VALUE,VALUE.", returncode=MISTAKEN)
    return inputs


def _sentence(reason: Reason) -> str:
    return f"{reason.message} {describe(reason.code).hint}"


def _after(run: OperationRun) -> str:
    return f" after {show_duration(duration_of(run))}" if run.started_at and run.completed_at else ""
