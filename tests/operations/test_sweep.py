"""The sweep: what died is ended, what was never heard is published again (requirements RUN-20, RUN-23)."""

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.db.models.functions import Now

from operations import executor, sweep
from operations.executor import Ending
from operations.models import OperationRun
from operations.services import cancel_run
from rbac.models import Tenant
from rbac.scope import scope
from tenantpilot.celery import app
from tests.operations.conftest import Start, expire_lease, notifications
from tests.operations.sample import stage

pytestmark = pytest.mark.django_db(transaction=True)


def one_pass() -> sweep.Pass:
    done = sweep.sweep()
    assert done is not None
    return done


def age(run: OperationRun, tenant: Tenant, *, published: float | None, queued: float, tries: int) -> None:
    """As if it had been published and queued so many seconds ago."""
    with scope(tenant.pk):
        OperationRun.objects.filter(pk=run.pk).update(
            published_at=None if published is None else Now() - timedelta(seconds=published),
            queued_at=Now() - timedelta(seconds=queued),
            publish_tries=tries,
        )


@pytest.mark.parametrize(
    ("published", "queued", "tries", "is_rung"),
    [
        # The page died before it published: after one pause of 30 s.
        (None, 10, 0, False),
        (None, 31, 0, True),
        # Published, and nobody came: the pause doubles with each try.
        (29, 29, 1, False),
        (31, 31, 1, True),
        (31, 100, 2, False),
        (61, 100, 2, True),
        (30 * 2**8 - 1, 80_000, 9, False),
        (30 * 2**8 + 1, 80_000, 9, True),
    ],
)
def test_a_waiting_run_is_published_again_after_a_growing_pause(
    start: Start,
    reread: Any,
    contoso: Tenant,
    settings: Any,
    published: float | None,
    queued: float,
    tries: int,
    is_rung: bool,
) -> None:
    """RUN-23 (F3, F7): the row is the outbox."""
    settings.RUN_REPUBLISH_SECONDS = 30.0
    run = start()
    age(run, contoso, published=published, queued=queued, tries=tries)
    assert one_pass().republished == is_rung
    assert reread(run).publish_tries == tries + is_rung
    assert one_pass().republished == 0
    assert reread(run).status == "queued"


@pytest.mark.parametrize(
    ("published", "queued", "tries"),
    [(30 * 2**9 + 1, 60_000, sweep.MAX_PUBLISH_TRIES), (10, 24 * 3600 + 1, 2), (None, 24 * 3600 + 1, 0)],
)
def test_a_run_that_nobody_comes_for_ends(
    start: Start, reread: Any, contoso: Tenant, settings: Any, published: float | None, queued: float, tries: int
) -> None:
    """RUN-23: after the last try, or a day; its initiator is told, once."""
    settings.RUN_REPUBLISH_SECONDS = 30.0
    run = start()
    age(run, contoso, published=published, queued=queued, tries=tries)
    assert one_pass().dispatch_lost == 1
    assert (reread(run).outcome, reread(run).failure_code) == ("failed", "dispatch_lost")
    assert notifications(contoso).count(("operator", "completed")) == 1
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 1


def test_publishing_is_noted_also_where_a_worker_was_quicker(
    start: Start, reread: Any, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUN-23 (F4): the timeline must not say that a run which works was never handed over."""
    send = app.send_task

    def send_and_claim(*args: Any, **options: Any) -> None:
        send(*args, **options)
        executor.claim(options["args"][1])

    monkeypatch.setattr(app, "send_task", send_and_claim)
    run = reread(start())
    assert (run.status, run.publish_tries) == ("running", 1) and run.published_at is not None


def test_a_run_that_renewed_after_it_was_read_is_not_ended(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-20 (G7): the condition stands in the statement that ends it, not only in the one that looked."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
    expire_lease(run, contoso)
    with scope(contoso.pk):
        (read,) = sweep._dead_runs()[0]
        OperationRun.objects.filter(pk=run.pk).update(lease_until=Now() + timedelta(seconds=60))
    assert not sweep._end(read, Ending.of("failed", "worker_lost"), lease_until__lt=Now())
    assert reread(run).status == "running"


def test_one_run_that_cannot_be_ended_does_not_keep_the_others(
    start: Start, reread: Any, contoso: Tenant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """RUN-20: a fault in one row costs that row one pass, not everybody their endings."""
    runs = [start(name=name) for name in "abc"]
    with scope(contoso.pk):
        for run in runs:
            executor.claim(run.pk)
            expire_lease(run, contoso)

    def fail_for_the_first(run_id: int, *args: Any, **options: Any) -> bool:
        if run_id == runs[0].pk:
            raise DatabaseError("this row only")
        return executor.finish(run_id, *args, **options)

    monkeypatch.setattr(sweep, "finish", fail_for_the_first)
    assert one_pass().lost == 2
    assert [reread(run).status for run in runs] == ["running", "completed", "completed"]
    assert "sweep.run_failed" in caplog.text
    monkeypatch.undo()
    assert one_pass().lost == 1


def test_a_cancelled_run_whose_worker_is_silent_ends_as_cancelled(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-14 (F48): the sweep settles it, and nothing follows."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
    cancel_run(run, actor=cast.operator)
    expire_lease(run, contoso)
    assert (one_pass().cancelled, reread(run).outcome) == (1, "cancelled")
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 1


def test_a_cancel_that_arrives_while_the_sweep_ends_the_run_is_heard(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-10, RUN-14: the run is lost by then, and what somebody wanted to stop does not start again."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
        expire_lease(run, contoso)
        (read,) = sweep._dead_runs()[0]
        cancel_run(run, actor=cast.operator)
    assert sweep._end(read, Ending.of("failed", "worker_lost"), lease_until__lt=Now())
    with scope(contoso.pk):
        assert [r.failure_code for r in OperationRun.objects.all()] == ["worker_lost"]


def test_a_second_sweeper_stands_by(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-20: one at a time, by a lock that ends with its holder's connection."""
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [sweep._LOCK])
    assert sweep.sweep() is None
    other.close()
    deadline = time.monotonic() + 10
    while sweep.sweep() is None:
        assert time.monotonic() < deadline


def test_the_sweep_reaches_every_tenant(
    contoso: Tenant, fabrikam: Tenant, cast: SimpleNamespace, start: Start, reread: Any
) -> None:
    """RUN-20: also an archived one, whose runs end like all others."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
    expire_lease(run, contoso)
    Tenant.objects.filter(pk=contoso.pk).update(status="archived")
    assert one_pass().lost == 1
    with scope(contoso.pk):
        assert [(r.outcome, r.failure_code) for r in OperationRun.objects.order_by("pk")] == [
            ("failed", "worker_lost"),
            ("blocked", "not_permitted"),
        ]
    assert stage.calls == 0
