"""Claim, perform, finish: the only code that writes the status and outcome of a run."""

import os
import socket
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from operations import guard, registry
from operations.context import RunCancelled, RunContext, RunLost, RunTimedOut, WorkerStopping
from operations.failures import Failure
from operations.gate import find_reasons
from operations.models import Notification, OperationItem, OperationRun
from operations.notifications import notify
from rbac import audit
from rbac.models import User
from rbac.scope import scope
from rbac.services import SYSTEM, Actor

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


def execute(tenant_id: int | None, run_id: int) -> None:
    """Execute one delivered run, if it is still to be claimed. A wrong pair of ids, or a late message, finds nothing to do."""
    with scope(tenant_id) if tenant_id is not None else scope(fleet=True):
        run = claim(run_id)
        if run is None:
            return
        with structlog.contextvars.bound_contextvars(run=run.pk, operation=run.type):
            _log_transition(run.pk, "queued", "running", "claimed")
            context = ending = None
            try:
                operation = registry.get(run.type)
                context = RunContext(run, operation)
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
        run: OperationRun = OperationRun.objects.select_related("tenant", "initiator").get(pk=run_id)
        known = registry.all_operations().get(run.type)
        if known is not None:
            OperationRun.objects.filter(pk=run_id).update(deadline_at=Now() + known.hard_limit)
    return run


def perform(context: RunContext, run: OperationRun) -> Ending:
    """Check the gate again, run the function, and say how it ended. Raises RunLost."""
    operation = context.operation
    try:
        inputs = operation.parse(run.inputs)
        reasons = find_reasons(operation, inputs, actor=actor_of(run), tenant=run.tenant)
        if reasons:
            return Ending.of(Outcome.BLOCKED, reasons[0].code, reasons[0].detail)
        with guard.running(context):
            operation.function(context, inputs)
        context.beat()
        return derive_ending(context.results())
    except RunCancelled:
        return Ending.of(Outcome.CANCELLED, "cancelled")
    except RunTimedOut:
        return _cut_short(context, "timed_out")
    except WorkerStopping:
        return _cut_short(context, "worker_stopped")
    except Failure as failure:
        return Ending.of(Outcome.FAILED, failure.code, failure.detail)
    except RunLost:
        raise
    except (DataError, OperationalError, InterfaceError):
        log.exception("run.storage_failed")
        return Ending.of(Outcome.FAILED, "storage_failed")
    except Exception:
        # The traceback is for the log, found by the run's number; a page must not show what it may hold.
        log.exception("run.internal_error")
        return Ending.of(Outcome.FAILED, "internal_error")


def derive_ending(results: list[tuple[str, str]]) -> Ending:
    """The ending of a function that returned, from the (result, code) of its items. There is no success by default."""
    bad = [code for result, code in results if result in (OperationItem.Result.FAILED, OperationItem.Result.UNKNOWN)]
    if not bad:
        return Ending(Outcome.SUCCEEDED)
    if any(result == OperationItem.Result.SUCCEEDED for result, _code in results):
        return Ending.of(Outcome.PARTIALLY_SUCCEEDED, "items_failed")
    shared = bad[0] if len(set(bad)) == 1 and bad[0] else "items_failed"
    return Ending.of(Outcome.FAILED, shared)


def _cut_short(context: RunContext, code: str) -> Ending:
    done = any(result == OperationItem.Result.SUCCEEDED for result, _code in context.results())
    return Ending.of(Outcome.PARTIALLY_SUCCEEDED if done else Outcome.FAILED, code)


def _finish_patiently(run: OperationRun, ending: Ending, context: RunContext | None) -> None:
    """Finish, also across a short loss of the database; after that the lease tells the truth."""
    for pause in (0.2, 1.0, 3.0, None):
        try:
            finish(run.pk, ending, attempt=run.attempt, status=Status.RUNNING, context=context)
            return
        except (OperationalError, InterfaceError):
            log.warning("run.finish_retried", exc_info=True)
            connection.close()
            if pause is None:
                return
            time.sleep(pause)


def finish(run_id: int, ending: Ending, *, context: RunContext | None = None, **expected: Any) -> bool:
    """End a run, if it is still as `expected` says (the compare-and-set). False: somebody else ended it, nothing was written.

    Worker, cancel, failed dispatch and sweep all end here: items, outcome, audit entry and the one terminal notification
    stand in one transaction.
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
    _log_transition(run_id, str(expected.get("status", "")), "completed", f"{ending.outcome} {ending.code}".strip())
    follow_up_if_lost(run)
    return True


def insert_blocked(draft: OperationRun, reason: registry.Reason) -> OperationRun:
    """Store `draft` as a run that the gate refused, inside the open transaction."""
    draft.status, draft.outcome = Status.COMPLETED, Outcome.BLOCKED
    draft.failure_code, draft.failure_message = reason.code, reason.message
    draft.completed_at = Now()
    draft.save(force_insert=True)
    return draft


def follow_up_if_lost(run: OperationRun) -> None:
    """A lost or stopped run of an operation that only reads is followed by one new run; one that writes waits for a person."""
    operation = registry.all_operations().get(run.type)
    if run.failure_code not in ("worker_lost", "worker_stopped") or operation is None or operation.writes:
        return
    if run.retry_of_id is not None and run.trigger == OperationRun.Trigger.RETRY:
        return
    # Late: the service ends a failed dispatch through finish() of this module.
    from operations.services import start_again

    start_again(run, actor=actor_of(run))


def actor_of(run: OperationRun) -> Actor:
    """On whose rights the run works: its initiator's, read anew; TenantPilot's own where nobody started it."""
    if run.trigger == OperationRun.Trigger.SCHEDULE or run.initiator_id is None:
        return SYSTEM
    return User.objects.get(pk=run.initiator_id)


def _log_transition(run_id: int, before: str, after: str, reason: str) -> None:
    log.info("run.transition", run_id=run_id, before=before, after=after, reason=reason)
