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
from rbac.models import Tenant
from rbac.scope import scope

log = structlog.get_logger(__name__)
Status, Outcome = OperationRun.Status, OperationRun.Outcome

MAX_PUBLISH_TRIES = 8
MAX_QUEUE_AGE = timedelta(hours=24)
BATCH = 500
_LOCK = 5_701_001


@dataclass(slots=True)
class Pass:
    """What one pass did."""

    lost: int = 0
    timed_out: int = 0
    republished: int = 0
    dispatch_lost: int = 0

    def __str__(self) -> str:
        return f"{self.lost} lost, {self.timed_out} timed out, {self.republished} published again, {self.dispatch_lost} given up"


def sweep() -> Pass | None:
    """One pass over all tenants; None while another sweeper is at work."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return None
    try:
        done = Pass()
        with scope(*Tenant.objects.values_list("pk", flat=True), fleet=True):
            expired, overdue = _dead_runs()
            waiting = _waiting_runs()
        for run in expired:
            done.lost += _end(run, Ending.of(Outcome.FAILED, "worker_lost"), lease_until__lt=Now())
        for run in overdue:
            done.timed_out += _end(run, Ending.of(Outcome.FAILED, "timed_out"), deadline_at__lt=Now())
        for run in waiting:
            _ring_again(run, done)
        return done
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _dead_runs() -> tuple[list[OperationRun], list[OperationRun]]:
    """Running runs past their lease, and past their hard limit. A run that writes at this moment is locked, hence alive: skipped."""
    running = OperationRun.objects.filter(status=Status.RUNNING).only("id", "tenant_id", "attempt")
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


def _end(run: OperationRun, ending: Ending, **still: Any) -> bool:
    with _scope_of(run):
        return finish(run.pk, ending, status=Status.RUNNING, attempt=run.attempt, **still)


def _ring_again(run: OperationRun, done: Pass) -> None:
    with _scope_of(run):
        if run.publish_tries >= MAX_PUBLISH_TRIES or run.is_too_old:  # type: ignore[attr-defined]
            ending = Ending.of(Outcome.FAILED, "dispatch_lost")
            done.dispatch_lost += finish(run.pk, ending, status=Status.QUEUED, attempt=run.attempt)
            return
        try:
            # Harmless if the first bell is still on its way: the claim is a compare-and-set.
            dispatch.publish(run.tenant_id, run.pk)
            done.republished += 1
        except dispatch.PublishFailed as error:
            log.warning("sweep.publish_failed", run=run.pk, error=str(error))


def _scope_of(run: OperationRun) -> Any:
    return scope(run.tenant_id) if run.tenant_id is not None else scope(fleet=True)
