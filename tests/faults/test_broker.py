"""What happens to runs when the broker is down, frozen, emptied or killed (fault matrix, section 6.1)."""

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now

from operations import dispatch, executor, sweep
from operations.models import OperationRun
from operations.schedule import Schedule, tick
from operations.services import cancel_run
from providers.models import ProviderConnection
from providers.services import create_connection, set_credential
from rbac.models import Tenant
from rbac.scope import scope
from rbac.services import SYSTEM
from tests.backstage import Backstage
from tests.faults.conftest import LONG_LEASE, Broker, Desk
from tests.faults.operations import FaultInputs, executions, has_begun, let_go
from tests.faults.proxy import Proxy
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

# Seconds that a broker which does not answer may cost a page.
PAGE_WAITS = 3.0


@pytest.fixture
def link(contoso: Tenant, cast: SimpleNamespace) -> ProviderConnection:
    """A connection that may be checked."""
    with scope(contoso.pk):
        connection = create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Contoso",
            entra_tenant_id=str(contoso.entra_tenant_id),
            client_id="99999999-2222-4333-8444-555555555555",
        )
        set_credential(connection, actor=cast.owner, secret="canary-" * 6)
    return connection


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_a_page_answers_and_the_run_has_ended_when_the_broker_does_not(
    broker: Broker, desk: Desk, link: ProviderConnection, sign_in: Any, cast: SimpleNamespace, fault: str
) -> None:
    """RUN-19 (F5, F6): dispatch_failed at once, one notification, and the page says what to do."""
    client = sign_in(cast.operator)

    def click() -> float:
        started = time.monotonic()
        answer = client.post(f"/t/contoso/providers/providerconnection/{link.pk}/check/", {"_form_submitted": "on"})
        assert answer.status_code == 204
        return time.monotonic() - started

    usual = click()
    cancel_run(desk.runs()[0], actor=cast.operator)
    getattr(broker, fault)()
    try:
        assert click() - usual < PAGE_WAITS
    finally:
        broker.thaw() if fault == "freeze" else broker.restart()
    run = desk.runs()[-1]
    assert (run.status, run.outcome, run.failure_code) == ("completed", "failed", "dispatch_failed")
    assert (run.attempt, run.publish_tries, desk.endings_told(run)) == (0, 0, 1)
    page = client.get("/t/contoso/").content.decode()
    assert "could not be queued" in page and "Try again in a minute" in page


@pytest.mark.slow
def test_a_message_reported_as_failed_does_nothing_when_it_arrives_after_all(
    broker: Broker, desk: Desk, backstage: Backstage
) -> None:
    """RUN-8, RUN-19 (F6): the broker took it and its answer was lost; the ghost finds a run that has ended."""
    proxy = Proxy(("127.0.0.1", broker.port))
    broker.use(broker.url.replace(f":{broker.port}/", f":{proxy.port}/"))
    proxy.swallow(b"LPUSH", close=False)
    ghost = desk.start("ghost")
    broker.use(broker.url)
    proxy.stop()
    assert proxy.swallowed.is_set() and broker.waiting() == 1
    assert desk.read(ghost).failure_code == "dispatch_failed"
    worker = backstage.worker()
    assert desk.wait_for(desk.start("later")).outcome == "succeeded"
    assert (executions("ghost"), desk.read(ghost).attempt, broker.waiting()) == (0, 0, 0)
    assert '"level": "error"' not in backstage.log_of(worker)


def test_what_nobody_waits_for_stays_queued_until_the_broker_is_back(broker: Broker, desk: Desk) -> None:
    """RUN-22 (G11): a schedule loses no night to a broker that restarts."""
    broker.freeze()
    run = desk.start("a", actor=SYSTEM)
    assert (desk.read(run).status, desk.read(run).publish_tries) == ("queued", 0)
    broker.thaw()
    make_due(run)
    done = sweep.sweep()
    assert done is not None and done.republished == 1 and broker.waiting() == 1
    executor.execute(desk.tenant.pk, run.pk)
    assert desk.read(run).outcome == "succeeded"


def test_a_tick_stops_at_the_first_run_that_the_broker_does_not_take(
    broker: Broker, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUN-22 (G11): the others are not even started, so each is caught up when the broker is back."""
    schedule = Schedule("fault.read", timedelta(days=1), lambda: [FaultInputs(f"n{n}") for n in range(20)])
    monkeypatch.setattr("operations.schedule._schedules", [schedule])
    broker.freeze()
    assert tick() == 1
    broker.thaw()
    assert len(desk.runs()) == 1
    # Contoso's other nineteen, and Fabrikam's twenty.
    assert tick() == 39
    assert {run.status for run in desk.runs()} == {"queued"} and len(desk.runs()) == 20


def test_a_sweep_ends_the_dead_first_and_asks_a_silent_broker_once(
    broker: Broker, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUN-20 (F6, G11): with fifty runs waiting, a pass does not wait for fifty time-outs."""
    dead = desk.start("dead", key="fault.write")
    with scope(desk.tenant.pk):
        executor.claim(dead.pk)
        OperationRun.objects.filter(pk=dead.pk).update(lease_until=Now() - timedelta(seconds=1))
    for run in [desk.start(f"n{n}") for n in range(50)]:
        make_due(run)
    publish, asked = dispatch.publish, []

    def count_and_publish(*ids: Any) -> None:
        asked.append(desk.read(dead).status)
        publish(*ids)

    monkeypatch.setattr(dispatch, "publish", count_and_publish)
    broker.freeze()
    done = sweep.sweep()
    assert done is not None and (done.lost, done.republished) == (1, 0)
    assert asked == ["completed"]
    broker.thaw()
    done = sweep.sweep()
    assert done is not None and done.republished == 50


@pytest.mark.slow
def test_emptying_the_broker_loses_no_run(broker: Broker, desk: Desk, backstage: Backstage) -> None:
    """RUN-23 (F7, F13): fifty queued runs complete, each executed once, also those whose message is there twenty times."""
    backstage.environment["RUN_LEASE_SECONDS"] = LONG_LEASE
    backstage.worker(threads=4)
    working = [desk.start(f"working-{n}", "wait") for n in range(4)]
    wait_until(lambda: all(has_begun(f"working-{n}") for n in range(4)))
    queued = [desk.start(f"queued-{n}") for n in range(50)]
    broker.empty()
    with scope(desk.tenant.pk):
        for _copy in range(20):
            dispatch.publish(desk.tenant.pk, queued[0].pk)
            dispatch.publish(desk.tenant.pk, working[0].pk)
    backstage.sweeper()
    for n in range(4):
        let_go(f"working-{n}")
    for run in (*working, *queued):
        ended = desk.wait_for(run, seconds=60)
        assert (ended.outcome, ended.attempt, desk.endings_told(run)) == ("succeeded", 1, 1)
    assert {executions(f"queued-{n}") for n in range(50)} == {1}
    assert {executions(f"working-{n}") for n in range(4)} == {1}


@pytest.mark.slow
def test_runs_at_work_do_not_notice_that_the_broker_was_killed(
    broker: Broker, desk: Desk, backstage: Backstage
) -> None:
    """RUN-23 (F8): ten runs renew throughout and complete, and the worker takes new work afterwards."""
    worker = backstage.worker(threads=10, RUN_LEASE_SECONDS=LONG_LEASE)
    runs = [desk.start(f"n{n}", "wait") for n in range(10)]
    wait_until(lambda: all(has_begun(f"n{n}") for n in range(10)))
    broker.restart()
    for n in range(10):
        let_go(f"n{n}")
    for run in runs:
        ended = desk.wait_for(run)
        assert (ended.outcome, ended.attempt, desk.items(run)) == (
            "succeeded",
            1,
            {"first": "succeeded", "last": "succeeded"},
        )
    assert desk.wait_for(desk.start("later"), seconds=60).outcome == "succeeded"
    assert worker.poll() is None


def make_due(run: OperationRun) -> None:
    """As if it had been queued, and published if it was, an hour ago."""
    with scope(run.tenant_id or 0):
        rows = OperationRun.objects.filter(pk=run.pk)
        rows.update(queued_at=Now() - timedelta(hours=1))
        rows.filter(published_at__isnull=False).update(published_at=Now() - timedelta(hours=1))
