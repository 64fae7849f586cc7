"""Forgetting: runs are kept as long as their operation says, in short transactions, never an active one."""

import time
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.db.models.functions import Now

from operations import registry
from operations.models import OperationItem, OperationRun, ProcessBeat
from rbac.models import Tenant
from rbac.scope import scope

RUNS_AT_ONCE = 500
ITEMS_AT_ONCE = 5000
DEFAULT_KEEP = timedelta(days=90)


def prune(*, seconds: float = 20.0) -> int:
    """Delete completed runs past their time, with items and notifications, and expired sessions. Returns the number of runs.

    Stops after about `seconds`; the next call goes on. The audit trail stays.
    """
    ends_at = time.monotonic() + seconds
    pruned = 0
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        with scope(tenant_id):
            pruned += _prune_scope(ends_at)
    with scope(fleet=True):
        pruned += _prune_scope(ends_at)
    Session.objects.filter(expire_date__lt=Now()).delete()
    ProcessBeat.objects.filter(beat_at__lt=Now() - timedelta(days=7)).delete()
    return pruned


def _prune_scope(ends_at: float) -> int:
    ended = OperationRun.objects.filter(status=OperationRun.Status.COMPLETED)
    operations = registry.all_operations()
    pruned = sum(
        _prune_runs(ended.filter(type=key, completed_at__lt=Now() - operation.keep), ends_at)
        for key, operation in operations.items()
    )
    # Operations that no longer exist leave runs behind as well.
    gone = ended.exclude(type__in=operations).filter(completed_at__lt=Now() - DEFAULT_KEEP)
    return pruned + _prune_runs(gone, ends_at)


def _prune_runs(old: QuerySet[OperationRun], ends_at: float) -> int:
    pruned = 0
    while time.monotonic() < ends_at and (ids := list(old.order_by("id").values_list("pk", flat=True)[:RUNS_AT_ONCE])):
        # Items first and by themselves: a run with many would otherwise make one long transaction.
        while items := list(OperationItem.objects.filter(run_id__in=ids).values_list("pk", flat=True)[:ITEMS_AT_ONCE]):
            OperationItem.objects.filter(pk__in=items).delete()
        OperationRun.objects.filter(pk__in=ids).delete()
        pruned += len(ids)
    return pruned
