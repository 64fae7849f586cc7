"""The sweep ends what died and rings again for what was never heard.

A process of its own with its own timer: it must outlive the broker. All times are the database's.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from operations import dispatch
from operations.executor import Ending, finish
from operations.models import OperationRun
from operations.processes import only_one
from rbac.models import Tenant
from rbac.scope import scope

log = structlog.get_logger(__name__)
Status, Outcome = OperationRun.Status, OperationRun.Outcome

# With a pause that doubles from RUN_REPUBLISH_SECONDS (30 s) the last try is given up after eight hours: a long queue before
# busy workers is no loss.
MAX_PUBLISH_TRIES = 10
MAX_QUEUE_AGE = timedelta(hours=24)
BATCH = 500
_LOCK = 5_701_001


@dataclass(slots=True)
class Pass:
    """What one pass did, in runs."""

    lost: int = 0
    cancelled: int = 0
    timed_out: int = 0
    republished: int = 0
    dispatch_lost: int = 0

    def __str__(self) -> str:
        return (
            f"{self.lost} lost, {self.cancelled} cancelled, {self.timed_out} timed out, "
            f"{self.republished} published again, {self.dispatch_lost} given up"
        )


def sweep() -> Pass | None:
    """One pass over all tenants; None while another sweeper is at work."""
    with only_one(_LOCK) as alone:
        if not alone:
            return None
        done = Pass()
        with scope(*Tenant.objects.values_list("pk", flat=True), fleet=True):
            expired, overdue = _dead_runs()
            waiting = _waiting_runs()
        # What has to end comes first: a broker that does not answer delays only what follows.
        for run in expired:
            if run.cancel_requested_at is not None:
                done.cancelled += _end(run, Ending.of(Outcome.CANCELLED, "cancelled"), lease_until__lt=Now())
            else:
                done.lost += _end(run, Ending.of(Outcome.FAILED, "worker_lost"), lease_until__lt=Now())
        for run in overdue:
            ending = Ending.cut_short("timed_out", was_useful=run.succeeded > 0)
            done.timed_out += _end(run, ending, deadline_at__lt=Now())
        _ring_again(waiting, done)
        return done


def _dead_runs() -> tuple[list[OperationRun], list[OperationRun]]:
    """Running runs past their lease, and past their hard limit. A run that writes at this moment is locked, hence alive: skipped."""
    needed = ("id", "tenant_id", "attempt", "succeeded", "cancel_requested_at")
    running = OperationRun.objects.filter(status=Status.RUNNING).only(*needed)
    with transaction.atomic():
        expired = list(running.filter(lease_until__lt=Now()).select_for_update(skip_locked=True, of=("self",))[:BATCH])
        overdue = running.filter(lease_until__gte=Now(), deadline_at__lt=Now())
        return expired, list(overdue.select_for_update(skip_locked=True, of=("self",))[:BATCH])


def _waiting_runs() -> list[OperationRun]:
    """Queued runs whose last bell is older than a pause that doubles with each try, or who wait too long altogether."""
    pause = timedelta(seconds=settings.RUN_REPUBLISH_SECONDS)
    due = Q(published_at__isnull=True, queued_at__lt=Now() - pause) | Q(queued_at__lt=Now() - MAX_QUEUE_AGE)
    for tries in range(1, MAX_PUBLISH_TRIES + 1):
        due |= Q(publish_tries=tries, published_at__lt=Now() - pause * 2 ** (tries - 1))
    queued = OperationRun.objects.filter(due, status=Status.QUEUED).annotate(
        is_too_old=Q(queued_at__lt=Now() - MAX_QUEUE_AGE)
    )
    return list(queued.order_by("id")[:BATCH])


def _end(run: OperationRun, ending: Ending, *, status: str = Status.RUNNING, **still: Any) -> bool:
    """End a run that is still as it was read. One that cannot be ended must not keep the others from it."""
    try:
        with _scope_of(run):
            return finish(run.pk, ending, status=status, attempt=run.attempt, **still)
    except Exception:
        if not connection.is_usable():
            raise
        log.exception("sweep.run_failed", run=run.pk)
        return False


def _ring_again(waiting: list[OperationRun], done: Pass) -> None:
    """Publish again, or give up. Harmless where the first bell is still on its way: the claim is a compare-and-set."""
    is_answering = True
    for run in waiting:
        if run.publish_tries >= MAX_PUBLISH_TRIES or run.is_too_old:  # type: ignore[attr-defined]
            done.dispatch_lost += _end(run, Ending.of(Outcome.FAILED, "dispatch_lost"), status=Status.QUEUED)
        elif is_answering:
            try:
                with _scope_of(run):
                    dispatch.publish(run.tenant_id, run.pk)
                done.republished += 1
            except dispatch.PublishFailed as error:
                # A frozen broker costs a time-out for each try; the next pass asks again.
                is_answering = False
                log.warning("sweep.publish_failed", run=run.pk, waiting=len(waiting), error=str(error))


def _scope_of(run: OperationRun) -> Any:
    return scope(run.tenant_id) if run.tenant_id is not None else scope(fleet=True)
