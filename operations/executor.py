"""Claim, perform, finish: the only code that writes the status and outcome of a run."""

import os
import socket
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from operations import guard, registry
from operations.context import RunContext, RunInterrupted, RunLost, code_of, stopping
from operations.failures import Failure
from operations.gate import actor_of, find_reasons_again
from operations.models import Notification, OperationItem, OperationRun
from operations.notifications import notify
from rbac import audit
from rbac.scope import scope
from rbac.services import SYSTEM

log = structlog.get_logger(__name__)
Status, Outcome = OperationRun.Status, OperationRun.Outcome


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    outcome: str
    code: str = ""
    message: str = ""

    @classmethod
    def of(cls, outcome: str, code: str, detail: str = "") -> "Ending":
        return cls(outcome, code, Failure(code, detail).message)

    @classmethod
    def cut_short(cls, code: str, *, was_useful: bool) -> "Ending":
        """The ending of work that was stopped from outside; partial where items had succeeded."""
        return cls.of(Outcome.PARTIALLY_SUCCEEDED if was_useful else Outcome.FAILED, code)


def execute(tenant_id: int | None, run_id: int) -> None:
    """Execute one delivered run, if it is still to be claimed. A wrong pair of ids, or a late message, finds nothing to do."""
    if stopping.is_set():
        # Claimed now, it would end at once. It stays queued, and the sweep publishes it for a worker that stays.
        return
    with scope(tenant_id) if tenant_id is not None else scope(fleet=True):
        run = claim(run_id)
        if run is None:
            return
        with structlog.contextvars.bound_contextvars(run=run.pk, tenant=run.tenant_id, operation=run.type):
            context = None
            try:
                context = RunContext(run, registry.get(run.type))
                ending = perform(context, run)
            except RunLost:
                log.warning("run.lost", attempt=run.attempt)
                return
            except Failure as failure:
                ending = Ending.of(Outcome.FAILED, failure.code, failure.detail)
            _finish_patiently(run, ending, context)


def claim(run_id: int) -> OperationRun | None:
    """queued → running, in one statement. None: somebody else has it, or it has ended."""
    lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
    with transaction.atomic():
        won = OperationRun.objects.filter(pk=run_id, status=Status.QUEUED).update(
            status=Status.RUNNING,
            attempt=F("attempt") + 1,
            worker=f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"[:120],
            started_at=Now(),
            lease_until=Now() + lease,
        )
        if not won:
            return None
        run: OperationRun = OperationRun.objects.get(pk=run_id)
        known = registry.all_operations().get(run.type)
        if known is not None:
            OperationRun.objects.filter(pk=run_id).update(deadline_at=Now() + known.hard_limit)
        log_transition(run, "queued", "running", run.worker)
    return run


def perform(context: RunContext, run: OperationRun) -> Ending:
    """Check the gate again, run the function, and say how it ended. Raises RunLost."""
    operation = context.operation
    try:
        reasons = find_reasons_again(run, operation)
        if reasons:
            return Ending.of(Outcome.BLOCKED, reasons[0].code, reasons[0].detail)
        with guard.running(context):
            operation.function(context, operation.parse(run.inputs))
        return derive_ending(context.results())
    except RunLost:
        raise
    except RunInterrupted as interruption:
        if interruption.code == "cancelled":
            return Ending.of(Outcome.CANCELLED, "cancelled")
        was_useful = any(result == OperationItem.Result.SUCCEEDED for result, _code in context.results())
        return Ending.cut_short(interruption.code, was_useful=was_useful)
    except Failure as failure:
        return Ending.of(Outcome.FAILED, failure.code, failure.detail)
    except Exception as error:
        # The traceback is for the log, found by the run's number; a page must not show what it may hold.
        log.exception("run.failed_unexpectedly", code=code_of(error))
        return Ending.of(Outcome.FAILED, code_of(error))


def derive_ending(results: list[tuple[str, str]]) -> Ending:
    """The ending of a function that returned, from the (result, code) of its items. There is no success by default."""
    bad = [code for result, code in results if result in (OperationItem.Result.FAILED, OperationItem.Result.UNKNOWN)]
    if not bad:
        return Ending(Outcome.SUCCEEDED)
    if any(result == OperationItem.Result.SUCCEEDED for result, _code in results):
        return Ending.of(Outcome.PARTIALLY_SUCCEEDED, "items_failed")
    shared = bad[0] if len(set(bad)) == 1 and bad[0] else "items_failed"
    return Ending.of(Outcome.FAILED, shared)


def _finish_patiently(run: OperationRun, ending: Ending, context: RunContext | None) -> None:
    """Finish, also across a short loss of the database; after that the lease tells the truth."""
    for pause in (0.2, 1.0, 3.0, None):
        try:
            finish(run.pk, ending, attempt=run.attempt, status=Status.RUNNING, context=context)
            return
        except Error:
            # Also where the commit happened and only its answer was lost: the next try then changes nothing.
            log.warning("run.finish_retried", exc_info=True)
            connection.close()
            if pause is None:
                return
            time.sleep(pause)


def finish(run_id: int, ending: Ending, *, context: RunContext | None = None, **expected: Any) -> bool:
    """End a run, if it is still as `expected` says (the compare-and-set). False: somebody else ended it, nothing was written.

    Worker, cancel, failed dispatch and sweep all end here: items, outcome, audit entry, the one terminal notification and
    the new run that follows a lost one stand in one transaction.
    """
    counters = {} if context is None else context.final_counters()
    with transaction.atomic():
        won = OperationRun.objects.filter(pk=run_id, **expected).update(
            status=Status.COMPLETED,
            outcome=ending.outcome,
            failure_code=ending.code,
            failure_message=ending.message,
            lease_until=None,
            completed_at=Now(),
            **counters,
        )
        if not won:
            return False
        if context is not None:
            context.write_pending()
        run = OperationRun.objects.get(pk=run_id)
        audit.record(
            actor=SYSTEM,
            verb="run.completed",
            tenant=run.tenant_id,
            target=run,
            after={"outcome": run.outcome, "code": run.failure_code, "started_by": run.initiator_name},
            run_id=run.pk,
        )
        notify(run, Notification.Kind.COMPLETED)
        log_transition(run, str(expected["status"]), "completed", f"{ending.outcome} {ending.code}".strip())
        _follow_up(run)
    return True


def insert_blocked(draft: OperationRun, reason: registry.Reason) -> OperationRun:
    """Store `draft` as a run that the gate refused, inside the open transaction."""
    draft.status, draft.outcome = Status.COMPLETED, Outcome.BLOCKED
    draft.failure_code, draft.failure_message = reason.code, reason.message
    draft.completed_at = Now()
    draft.save(force_insert=True)
    notify(draft, Notification.Kind.COMPLETED)
    log_transition(draft, "", "completed", f"{draft.outcome} {reason.code}")
    return draft


def _follow_up(run: OperationRun) -> None:
    """A lost or stopped run of an operation that only reads is followed by one new run, in the transaction that ended it.

    One that writes waits for a person. One that somebody asked to stop, and one that is a retry itself, ends here.
    """
    operation = registry.all_operations().get(run.type)
    if run.failure_code not in ("worker_lost", "worker_stopped") or operation is None or operation.writes:
        return
    if run.trigger == OperationRun.Trigger.RETRY or run.cancel_requested_at is not None:
        return
    # Late: the service ends a failed dispatch through finish() of this module.
    from operations.services import start_again

    try:
        with transaction.atomic():
            actor = actor_of(run)
            if actor is not None:
                start_again(run, actor=actor, unattended=True)
    except Exception:
        # A run that cannot be followed has ended all the same.
        log.exception("run.follow_up_failed", run=run.pk)


def log_transition(run: OperationRun, before: str, after: str, reason: str) -> None:
    """One line for each change of status, once it is committed (docs/life-of-a-run.md shows how to read them)."""
    facts = {"run": run.pk, "tenant": run.tenant_id, "operation": run.type, "attempt": run.attempt}
    transaction.on_commit(partial(log.info, "run.transition", **facts, before=before, after=after, reason=reason))
