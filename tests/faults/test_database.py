"""What happens to runs when the database breaks off, refuses, hides an answer or says no (fault matrix, section 6.3)."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import DatabaseError, connection
from django.utils import timezone

from operations import executor
from operations.executor import Ending
from operations.models import Notification, OperationRun
from operations.notifications import notify
from operations.services import start_operation
from rbac.models import AuditEvent
from rbac.scope import scope
from tests.backstage import Backstage
from tests.faults.conftest import LONG_LEASE, Desk
from tests.faults.operations import FaultInputs, executions, has_begun, let_go
from tests.faults.proxy import Proxy
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Between a process and the test database."""
    settings = connection.settings_dict
    proxy = Proxy((settings["HOST"], int(settings["PORT"])))
    yield proxy
    proxy.stop()


def through(proxy: Proxy, backstage: Backstage) -> str:
    return backstage.environment["DATABASE_URL"].replace(f":{connection.settings_dict['PORT']}/", f":{proxy.port}/")


@pytest.mark.slow
def test_a_run_goes_on_after_all_connections_of_its_worker_were_cut(
    backstage: Backstage, desk: Desk, proxy: Proxy
) -> None:
    """RUN-24 (F19): the renewal reconnects; nothing is doubled."""
    worker = backstage.worker(DATABASE_URL=through(proxy, backstage), RUN_LEASE_SECONDS=LONG_LEASE)
    run = desk.start("a", "wait")
    wait_until(lambda: has_begun("a"))
    leased = desk.read(run).lease_until
    assert leased is not None
    proxy.refuse()
    proxy.accept_again()
    wait_until(lambda: (desk.read(run).lease_until or leased) > leased)
    let_go("a")
    ended = desk.wait_for(run)
    assert (ended.outcome, ended.attempt, ended.succeeded) == ("succeeded", 1, 2)
    assert desk.items(run) == {"first": "succeeded", "last": "succeeded"}
    assert (executions("a"), desk.endings_told(run)) == (1, 1)
    assert worker.poll() is None


@pytest.mark.slow
def test_a_database_that_stays_away_longer_than_the_lease_costs_the_run_and_not_the_worker(
    backstage: Backstage, desk: Desk, proxy: Proxy
) -> None:
    """RUN-24 (F20, F21): the worker writes nothing; the lease decides; afterwards the worker takes the next run."""
    worker = backstage.worker(DATABASE_URL=through(proxy, backstage))
    run = desk.start("a", "wait", key="fault.write")
    wait_until(lambda: has_begun("a"))
    proxy.refuse()
    sweeper = backstage.sweeper()
    ended = desk.wait_for(run)
    assert (ended.failure_code, desk.endings_told(run)) == ("worker_lost", 1)
    sweeper.terminate()
    sweeper.wait(timeout=60)
    wait_until(lambda: "run.failed_unexpectedly" in backstage.log_of(worker))
    let_go("a")
    proxy.accept_again()
    assert desk.wait_for(desk.start("b")).outcome == "succeeded"
    assert desk.items(run) == {"first": "succeeded"}
    assert worker.poll() is None


@pytest.mark.parametrize("lost", ["answer", "request"])
def test_an_ending_that_breaks_off_at_its_commit_happens_once(
    desk: Desk, proxy: Proxy, broker: Any, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """RUN-24 (F22): tried again; where the commit was done and only its answer was lost, that changes nothing."""
    run = desk.start("a")

    def notify_and_break_off(*args: Any) -> None:
        notify(*args)
        if not proxy.swallowed.is_set():
            proxy.swallow(b"COMMIT", close=True) if lost == "answer" else proxy.cut(b"COMMIT")

    monkeypatch.setattr(executor, "notify", notify_and_break_off)
    # A new thread has a connection of its own, made with the settings as they are then.
    monkeypatch.setitem(connection.settings_dict, "PORT", proxy.port)
    worker = threading.Thread(target=_execute_and_close, args=(desk.tenant.pk, run.pk))
    worker.start()
    worker.join()
    assert proxy.swallowed.is_set()
    ended = desk.read(run)
    assert (ended.outcome, ended.succeeded, desk.endings_told(run)) == ("succeeded", 3, 1)
    with scope(desk.tenant.pk):
        assert AuditEvent.objects.filter(run_id=run.pk, verb="run.completed").count() == 1


def _execute_and_close(tenant_id: int, run_id: int) -> None:
    executor.execute(tenant_id, run_id)
    connection.close()


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_clock_of_a_worker_does_not_matter(desk: Desk, broker: Any, hours: int) -> None:
    """RUN-25 (F27): leases, deadlines and times are the database's."""
    run, true_now = desk.start("a"), timezone.now()
    with time_machine.travel(true_now + timedelta(hours=hours)), scope(desk.tenant.pk):
        executor.claim(run.pk)
        claimed = OperationRun.objects.get(pk=run.pk)
        executor.finish(run.pk, Ending("succeeded"), status="running", attempt=1)
    ended = desk.read(run)
    assert claimed.lease_until is not None and ended.completed_at is not None
    for moment in (claimed.lease_until, claimed.started_at, ended.completed_at):
        assert abs(moment - true_now) < timedelta(minutes=10)


@pytest.fixture
def deaf_audit(owner_connection: psycopg.Connection[Any]) -> Iterator[None]:
    """An audit trail that takes no entry."""
    owner_connection.execute(
        "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON rbac_auditevent FOR EACH ROW EXECUTE FUNCTION refuse_audit()"
    )
    yield
    owner_connection.execute("DROP FUNCTION refuse_audit() CASCADE")


def test_nothing_starts_without_its_audit_entry(desk: Desk, broker: Any, deaf_audit: None) -> None:
    """RUN-12 (F54): no run, no notification, no message."""
    with pytest.raises(DatabaseError):
        start_operation("fault.read", FaultInputs(), actor=desk.operator, tenant=desk.tenant)
    with scope(desk.tenant.pk):
        assert not OperationRun.objects.exists() and not Notification.objects.exists()
    assert broker.waiting() == 0


def test_nothing_ends_without_its_audit_entry(
    desk: Desk, broker: Any, owner_connection: psycopg.Connection[Any], request: pytest.FixtureRequest
) -> None:
    """RUN-12 (F54): the run stays as it was, to be ended by the sweep when there is room again."""
    run = desk.start("a")
    with scope(desk.tenant.pk):
        executor.claim(run.pk)
        request.getfixturevalue("deaf_audit")
        with pytest.raises(DatabaseError):
            executor.finish(run.pk, Ending("succeeded"), status="running", attempt=1)
    assert (desk.read(run).status, desk.endings_told(run)) == ("running", 0)
