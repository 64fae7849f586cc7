"""Forgetting: runs are kept as long as their operation says, in short transactions, never an active one."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.db.models.functions import Now

from operations import registry
from operations.models import OperationItem, OperationRun, ProcessBeat
from rbac.models import Tenant
from rbac.scope import scope

CHUNK = 1000
DEFAULT_KEEP = timedelta(days=90)


def prune() -> int:
    """Delete completed runs past their time, with items and notifications, and expired sessions. Returns the number of runs."""
    pruned = 0
    for tenant_id in Tenant.objects.values_list("pk", flat=True):
        with scope(tenant_id):
            pruned += _prune_scope()
    with scope(fleet=True):
        pruned += _prune_scope()
    Session.objects.filter(expire_date__lt=Now()).delete()
    ProcessBeat.objects.filter(beat_at__lt=Now() - timedelta(days=7)).delete()
    return pruned


def _prune_scope() -> int:
    ended = OperationRun.objects.filter(status=OperationRun.Status.COMPLETED)
    operations = registry.all_operations()
    pruned = sum(
        _prune_runs(ended.filter(type=key, completed_at__lt=Now() - operation.keep))
        for key, operation in operations.items()
    )
    # Operations that no longer exist leave runs behind as well.
    return pruned + _prune_runs(ended.exclude(type__in=operations).filter(completed_at__lt=Now() - DEFAULT_KEEP))


def _prune_runs(old: QuerySet[OperationRun]) -> int:
    pruned = 0
    while ids := list(old.order_by("id").values_list("pk", flat=True)[:CHUNK]):
        # Items first and by themselves: a run with many would otherwise make one long transaction.
        OperationItem.objects.filter(run_id__in=ids).delete()
        OperationRun.objects.filter(pk__in=ids).delete()
        pruned += len(ids)
    return pruned
