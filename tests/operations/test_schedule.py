"""What nobody starts: due, caught up once, one at a time (requirement RUN-28)."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from operations import executor, schedule
from operations.models import OperationRun
from operations.registry import BadDeclaration, Reason
from operations.schedule import Schedule, register_schedule, tick
from rbac.models import Tenant
from rbac.scope import require_scope, scope
from tests.operations.sample import SampleInputs, stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch, contoso: Tenant) -> Callable[..., None]:
    """`scheduled(targets)` makes the sample operation daily, and everything else never."""

    def make(targets: Callable[[], Any] = lambda: [SampleInputs()]) -> None:
        monkeypatch.setattr(schedule, "_schedules", [Schedule("sample.read", timedelta(days=1), targets)])

    return make


def runs(tenant: Tenant) -> list[OperationRun]:
    with scope(tenant.pk):
        return list(OperationRun.objects.order_by("pk"))


def test_what_is_due_starts_once_and_again_a_day_later(scheduled: Any, contoso: Tenant) -> None:
    """RUN-28: nobody is the initiator, and the run says so."""
    scheduled()
    assert (tick(), tick()) == (1, 0)
    (run,) = runs(contoso)
    assert (run.trigger, run.initiator_id, run.initiator_name) == ("schedule", None, "TenantPilot")
    executor.execute(contoso.pk, run.pk)
    assert tick() == 0


def test_an_outage_is_caught_up_by_one_run(scheduled: Any, contoso: Tenant) -> None:
    """RUN-28 (F50): not by one for each tick that was missed."""
    scheduled()
    tick()
    (run,) = runs(contoso)
    with scope(contoso.pk):
        # Written before it ends: what has ended cannot be made older.
        OperationRun.objects.filter(pk=run.pk).update(queued_at=Now() - timedelta(days=5))
    executor.execute(contoso.pk, run.pk)
    assert (tick(), tick()) == (1, 0)
    assert len(runs(contoso)) == 2


def test_a_refused_start_counts_until_the_next_day(scheduled: Any, contoso: Tenant) -> None:
    """RUN-28: one blocked run, not one each half minute."""
    scheduled()
    stage.refuse = Reason("tenant_archived")
    assert (tick(), tick()) == (0, 0)
    assert [run.outcome for run in runs(contoso)] == ["blocked"]


def test_archived_tenants_rest(scheduled: Any, contoso: Tenant) -> None:
    """RUN-28."""
    scheduled()
    Tenant.objects.filter(pk=contoso.pk).update(status="archived")
    assert tick() == 0


def test_a_fault_with_one_tenant_does_not_keep_the_others_waiting(
    scheduled: Any, contoso: Tenant, fabrikam: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """RUN-28: the first tenant's fault is logged with its number."""

    def targets() -> Iterator[SampleInputs]:
        if require_scope().tenant_ids == (contoso.pk,):
            raise ZeroDivisionError
        yield SampleInputs()

    scheduled(targets)
    assert tick() == 1
    assert (len(runs(contoso)), len(runs(fabrikam))) == (0, 1)
    assert "schedule.tenant_failed" in caplog.text


def test_ticks_at_the_same_time_start_each_due_run_once(scheduled: Any, contoso: Tenant) -> None:
    """RUN-28 (F49): although each run ends at once, and its slot is free before the others look."""
    scheduled(lambda: [SampleInputs(name=f"n{n}") for n in range(5)])
    barrier = threading.Barrier(8)

    def tick_and_execute(_n: int) -> None:
        try:
            barrier.wait()
            tick()
            for run in runs(contoso):
                executor.execute(contoso.pk, run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tick_and_execute, range(8)))
    assert len(runs(contoso)) == 5


def test_one_scheduler_ticks_while_another_does(scheduled: Any) -> None:
    """RUN-28 (F49): the second has nothing to do, however long the first one takes."""
    inside, go_on = threading.Event(), threading.Event()

    def targets() -> list[SampleInputs]:
        inside.set()
        go_on.wait(10)
        return [SampleInputs()]

    scheduled(targets)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_tick_and_close)
        assert inside.wait(10)
        assert tick() == 0
        go_on.set()
        assert first.result(10) == 1


def _tick_and_close() -> int:
    try:
        return tick()
    finally:
        connection.close()


def test_a_schedule_of_an_unknown_operation_stops_the_start_up() -> None:
    """RUN-29."""
    with pytest.raises(BadDeclaration, match=r"sample\.nothing"):
        register_schedule("sample.nothing", every=timedelta(days=1), targets=list)
