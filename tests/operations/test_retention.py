"""Forgetting (requirement RUN-31)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from operations import executor, retention
from operations.models import Notification, OperationItem, OperationRun
from operations.retention import prune
from rbac.models import AuditEvent, Tenant
from rbac.scope import scope
from tests.console.conftest import make_active, make_items, make_notification, make_runs
from tests.operations.conftest import Start
from tests.operations.sample import stage, three_items

pytestmark = pytest.mark.django_db(transaction=True)


def old(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def kept(tenant: Tenant) -> set[int]:
    with scope(tenant.pk):
        return set(OperationRun.objects.values_list("pk", flat=True))


def test_runs_are_kept_as_long_as_their_operation_says(contoso: Tenant, fabrikam: Tenant, cast: Any) -> None:
    """RUN-31: with their items and notifications; in every tenant; operations that are gone have a time as well."""
    gone = [
        make_runs(contoso, 1, type="sample.read", completed_at=old(31))[0],
        make_runs(fabrikam, 1, type="sample.read", completed_at=old(31))[0],
        make_runs(contoso, 1, type="older.version", completed_at=old(91))[0],
    ]
    stays = [
        make_runs(contoso, 1, type="sample.read", completed_at=old(29), retry_of=gone[0])[0],
        make_runs(contoso, 1, type="sample.write", completed_at=old(31))[0],
        make_runs(contoso, 1, type="older.version", completed_at=old(89))[0],
    ]
    for run in (gone[0], stays[0]):
        make_items(run, 3)
        make_notification(run, cast.operator)
    assert prune() == 3
    assert kept(contoso) == {run.pk for run in stays} and kept(fabrikam) == set()
    with scope(contoso.pk):
        assert set(OperationItem.objects.values_list("run_id", flat=True)) == {stays[0].pk}
        assert set(Notification.objects.values_list("run_id", flat=True)) == {stays[0].pk}
        assert OperationRun.objects.get(pk=stays[0].pk).retry_of_id is None
    assert prune() == 0


def test_a_run_that_has_not_ended_stays_however_old_it_is(contoso: Tenant) -> None:
    """RUN-31: the database refuses to delete it, and pruning does not ask it to."""
    running = make_active(contoso, type="sample.read", started_at=old(400), queued_at=old(400))
    queued = make_runs(contoso, 1, type="sample.read", status="queued", queued_at=old(400))[0]
    assert prune() == 0
    assert kept(contoso) == {running.pk, queued.pk}


def test_the_audit_trail_outlives_the_runs(start: Start, contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """RUN-31: who did what is not forgotten with the details of how it went."""
    stage.act = three_items
    run = start()
    executor.execute(contoso.pk, run.pk)
    monkeypatch.setattr(retention, "DEFAULT_KEEP", timedelta(0))
    monkeypatch.setattr("operations.registry.all_operations", dict)
    assert prune() == 1
    with scope(contoso.pk):
        assert list(AuditEvent.objects.filter(run_id=run.pk).order_by("id").values_list("verb", flat=True)) == [
            "run.started",
            "run.completed",
        ]


def test_pruning_goes_in_short_steps_and_stops_in_time(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """RUN-31: a long backlog neither holds locks for long nor keeps schedules waiting."""
    monkeypatch.setattr(retention, "RUNS_AT_ONCE", 2)
    monkeypatch.setattr(retention, "ITEMS_AT_ONCE", 3)
    for run in make_runs(contoso, 7, type="sample.read", completed_at=old(31)):
        make_items(run, 4)
    assert prune(seconds=0) == 0
    assert len(kept(contoso)) == 7
    assert prune() == 7
    with scope(contoso.pk):
        assert not OperationItem.objects.exists()
