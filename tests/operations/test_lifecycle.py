"""From start to end: the one way to do background work (docs/life-of-a-run.md, requirements RUN-*)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connection

from operations import dispatch, executor
from operations.context import RunContext
from operations.models import OperationItem, OperationRun
from operations.registry import Reason
from operations.services import Joined, Refused, Started, cancel_run, retry_run, start_operation
from operations.sweep import sweep
from rbac.models import AuditEvent, Membership, Tenant, User
from rbac.scope import scope
from rbac.services import SYSTEM
from tests.operations.conftest import Start, expire_lease, notifications
from tests.operations.sample import SampleInputs, stage, three_items

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_is_queued_executed_and_reported_once(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-1: queued and terminal notification for the initiator only."""
    stage.act = three_items
    run = start()
    assert (run.status, run.outcome, run.publish_tries) == ("queued", "pending", 1)
    assert notifications(contoso) == [("operator", "queued")]
    executor.execute(contoso.pk, run.pk)
    ended = reread(run)
    assert (ended.status, ended.outcome, ended.succeeded, ended.total) == ("completed", "succeeded", 3, 3)
    assert notifications(contoso) == [("operator", "completed"), ("operator", "queued")]
    with scope(contoso.pk):
        assert list(AuditEvent.objects.filter(run_id=run.pk).order_by("id").values_list("verb", flat=True)) == [
            "run.started",
            "run.completed",
        ]


@pytest.mark.parametrize(
    ("failing", "outcome", "code"),
    [
        ({}, "succeeded", ""),
        ({"b": "sample_item"}, "partially_succeeded", "items_failed"),
        ({"a": "sample_item", "b": "sample_item", "c": "sample_item"}, "failed", "sample_item"),
        ({"a": "sample_item", "b": "items_failed", "c": "sample_item"}, "failed", "items_failed"),
        ({"b": "sample_fatal"}, "failed", "sample_fatal"),
    ],
)
def test_the_outcome_is_derived_from_the_items(
    start: Start, reread: Any, contoso: Tenant, failing: dict[str, str], outcome: str, code: str
) -> None:
    """RUN-2: authors never set an outcome; a fatal failure ends the run at once."""
    stage.act = lambda run, inputs: three_items(run, inputs, failing=failing)
    run = start()
    executor.execute(contoso.pk, run.pk)
    ended = reread(run)
    assert (ended.outcome, ended.failure_code) == (outcome, code)
    with scope(contoso.pk):
        failed = OperationItem.objects.filter(run=run, result="failed")
        assert {item.key: item.code for item in failed} == dict(failing.items())
        assert all(item.graph_request_id == "req-1" for item in failed)


def test_an_unexpected_error_keeps_its_traceback_out_of_the_record(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-3: internal_error, with what was done before it."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("first"):
            pass
        with run.step("second"):
            raise ZeroDivisionError("canary-in-the-message")

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    ended = reread(run)
    assert (ended.outcome, ended.failure_code) == ("failed", "internal_error")
    assert "canary" not in ended.failure_message
    with scope(contoso.pk):
        assert dict(OperationItem.objects.filter(run=run).values_list("key", "result")) == {
            "first": "succeeded",
            "second": "failed",
        }


def test_thirty_two_parallel_starts_make_one_run(contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-4 (F1): one Started, the others Joined the same run, one audit entry."""
    barrier = threading.Barrier(32)

    def click(_n: int) -> Any:
        try:
            person = User.objects.get(pk=cast.operator.pk)
            barrier.wait()
            return start_operation("sample.read", SampleInputs(), actor=person, tenant=contoso)
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(click, range(32)))
    assert [type(r) for r in results].count(Started) == 1
    assert [type(r) for r in results].count(Joined) == 31
    assert len({r.run.pk for r in results}) == 1
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 1
        assert AuditEvent.objects.filter(verb="run.started").count() == 1


def test_the_slot_is_busy_for_other_inputs_and_free_in_another_tenant(
    start: Start, contoso: Tenant, fabrikam: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-5: same slot, other inputs → Refused(busy) naming the run in the way."""
    run = start(name="a", number=1)
    refused = start_operation("sample.read", SampleInputs(name="a", number=2), actor=cast.operator, tenant=contoso)
    assert isinstance(refused, Refused) and refused.reasons[0].code == "busy" and refused.run == run
    assert isinstance(
        start_operation("sample.read", SampleInputs(name="a", number=2), actor=cast.stranger, tenant=fabrikam), Started
    )


@pytest.mark.parametrize(("role", "allowed"), [("owner", 1), ("manager", 1), ("operator", 1), ("read_only", 0)])
def test_only_roles_with_the_capability_may_start(
    contoso: Tenant, cast: SimpleNamespace, role: str, allowed: int
) -> None:
    """RUN-6: at the start, by role."""
    result = start_operation("sample.read", SampleInputs(), actor=getattr(cast, role), tenant=contoso)
    assert isinstance(result, Started if allowed else Refused)


@pytest.mark.parametrize("person", ["stranger", "platform"])
def test_a_stranger_and_a_superuser_may_not_start(contoso: Tenant, cast: SimpleNamespace, person: str) -> None:
    """RUN-6: no exemption for platform administrators; the refusal is audited."""
    result = start_operation("sample.read", SampleInputs(), actor=getattr(cast, person), tenant=contoso)
    assert isinstance(result, Refused) and result.reasons[0].code == "not_permitted"
    with scope(contoso.pk):
        assert AuditEvent.objects.filter(verb="run.refused").count() == 1


def test_rights_are_checked_again_when_the_worker_begins(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-6 (F47): a right withdrawn between start and claim blocks the run."""
    run = start()
    Membership.objects.filter(user=cast.operator).update(role="read_only")
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code, stage.calls) == ("blocked", "not_permitted", 0)


def test_a_need_refuses_at_start_and_at_run_time(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-6: what the operation needs is asked twice as well."""
    run = start()
    stage.refuse = Reason("tenant_archived")
    assert isinstance(start_operation("sample.read", {"name": "z"}, actor=cast.operator, tenant=contoso), Refused)
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code) == ("blocked", "tenant_archived")


def test_a_refused_schedule_leaves_a_blocked_run_and_tells_nobody(contoso: Tenant) -> None:
    """RUN-6: so that somebody sees it in the list."""
    stage.refuse = Reason("tenant_archived")
    result = start_operation("sample.read", SampleInputs(), actor=SYSTEM, tenant=contoso, trigger="schedule")
    assert isinstance(result, Refused) and result.run is not None and result.run.outcome == "blocked"
    assert notifications(contoso) == []


def test_faulty_inputs_are_refused_with_what_is_allowed(contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-29: nothing is raised at who starts, and nothing is stored."""
    for key, inputs in [
        ("sample.read", {"nmae": "a"}),
        ("sample.read", {"number": "many"}),
        ("sample.read", {"number": 10**30}),
        ("sample.read", {"name": "a\x00b"}),
        ("sample.read", {"name": "a\ud800"}),
        ("sample.read", {"types": ["a\x00"]}),
        ("sample.read", SampleInputs(name="\x00")),
        ("sample.nothing", {}),
    ]:
        result = start_operation(key, inputs, actor=cast.operator, tenant=contoso)
        assert isinstance(result, Refused) and result.reasons[0].code == "invalid_inputs", (key, inputs)


def test_thirty_two_deliveries_of_one_message_execute_once(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-7 (F13, F14): the claim is one statement."""
    run = start()
    barrier = threading.Barrier(32)

    def deliver(_n: int) -> None:
        try:
            barrier.wait()
            executor.execute(contoso.pk, run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(deliver, range(32)))
    assert stage.calls == 1
    assert reread(run).attempt == 1
    assert notifications(contoso).count(("operator", "completed")) == 1


def test_late_and_forged_messages_do_nothing(start: Start, reread: Any, contoso: Tenant, fabrikam: Tenant) -> None:
    """RUN-8 (F15, S21): a message is believed in nothing."""
    run = start()
    executor.execute(fabrikam.pk, run.pk)
    executor.execute(contoso.pk, 10**9)
    executor.execute(None, run.pk)
    assert (reread(run).status, stage.calls) == ("queued", 0)
    executor.execute(contoso.pk, run.pk)
    executor.execute(contoso.pk, run.pk)
    assert stage.calls == 1


def test_a_zombie_writes_nothing_after_the_sweep_took_its_run(
    start: Start, reread: Any, contoso: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """RUN-9 (F12): zero rows → the worker stops silently; the run ends once, with one notification."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("before"):
            pass
        expire_lease(OperationRun(pk=run.id), contoso)
        with scope(contoso.pk):
            assert sweep() is not None
        with run.step("after"):
            pass
        run.renew()
        raise AssertionError("a lost run went on")

    stage.act = act
    run = start(actor=None)
    executor.execute(contoso.pk, run.pk)
    ended = reread(run)
    assert (ended.outcome, ended.failure_code) == ("failed", "worker_lost")
    assert "run.lost" in caplog.text and "run.failed_unexpectedly" not in caplog.text
    with scope(contoso.pk):
        assert not OperationItem.objects.filter(run=run).exists()
    assert notifications(contoso).count(("operator", "completed")) == 1


def test_a_lost_run_that_only_reads_is_followed_once(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-10 (F16): one follow-up, never a loop."""
    first = start()
    with scope(contoso.pk):
        executor.claim(first.pk)
    expire_lease(first, contoso)
    sweep()
    with scope(contoso.pk):
        second = OperationRun.objects.get(retry_of=first)
        assert (second.trigger, second.initiator_id, second.status) == ("retry", first.initiator_id, "queued")
        executor.claim(second.pk)
    expire_lease(second, contoso)
    sweep()
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 2
        assert OperationRun.objects.get(pk=second.pk).failure_code == "worker_lost"


def test_a_lost_run_that_writes_waits_for_a_person(start: Start, contoso: Tenant) -> None:
    """RUN-10: never again by itself."""
    run = start("sample.write")
    with scope(contoso.pk):
        executor.claim(run.pk)
    expire_lease(run, contoso)
    sweep()
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 1


def test_nobody_joins_a_run_that_is_being_stopped(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-5: the answer would be "cancelled", which is not what was asked for."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
    cancel_run(run, actor=cast.operator)
    result = start_operation("sample.read", SampleInputs(), actor=cast.operator, tenant=contoso)
    assert isinstance(result, Refused) and "stopping" in result.reasons[0].message


def test_work_without_a_tenant_is_for_tenantpilot_alone(contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-30: no role reaches beyond a tenant, so no person starts, watches or stops fleet-wide work."""
    for person in (cast.owner, cast.platform):
        refused = start_operation("sample.read", SampleInputs(), actor=person, tenant=None)
        assert isinstance(refused, Refused) and refused.reasons[0].code == "not_permitted"
    started = start_operation("sample.read", SampleInputs(), actor=SYSTEM, tenant=None)
    assert isinstance(started, Started)
    joined = start_operation("sample.read", SampleInputs(), actor=SYSTEM, tenant=None)
    assert isinstance(joined, Joined) and joined.run == started.run
    with scope(fleet=True):
        executor.claim(started.run.pk)
        OperationRun.objects.filter(pk=started.run.pk).update(lease_until="2020-01-01T00:00Z")
    assert sweep() is not None
    with scope(fleet=True):
        (again,) = OperationRun.objects.filter(retry_of=started.run)
        executor.execute(None, again.pk)
        again.refresh_from_db()
    assert (again.outcome, again.tenant_id) == ("succeeded", None)
    with scope(contoso.pk):
        assert not OperationRun.objects.exists()


def test_a_run_whose_initiator_was_deleted_does_not_get_the_rights_of_tenantpilot(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-6 (F45): deleted between start and claim: blocked, as if the right had been withdrawn."""
    run = start()
    with scope(contoso.pk):
        User.objects.filter(pk=cast.operator.pk).delete()
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code, stage.calls) == ("blocked", "not_permitted", 0)


def test_a_follow_up_that_may_not_start_leaves_a_blocked_run(
    start: Start, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-10: the person who is told "lost" also sees why it did not start again; one ending told for each run."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
    Membership.objects.filter(user=cast.operator).update(role="read_only")
    expire_lease(run, contoso)
    sweep()
    with scope(contoso.pk):
        blocked = OperationRun.objects.get(retry_of=run)
        assert (blocked.outcome, blocked.failure_code) == ("blocked", "not_permitted")
        assert blocked.notifications.count() == 1


def test_a_run_ends_also_when_what_follows_it_fails(start: Start, reread: Any, contoso: Tenant, caplog: Any) -> None:
    """RUN-10, RUN-20: a fault in starting the next one must not keep the lost one running."""

    class Broken:
        code = property(lambda self: 1 // 0)

    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
    stage.refuse = Broken()  # type: ignore[assignment]
    expire_lease(run, contoso)
    sweep()
    assert reread(run).failure_code == "worker_lost"
    assert "run.follow_up_failed" in caplog.text


def test_a_retry_that_is_lost_is_not_followed(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-10 (F16): also where a person asked for the retry."""
    again = retry_run(cancel_run(start(), actor=cast.operator), actor=cast.operator)
    assert isinstance(again, Started)
    with scope(contoso.pk):
        executor.claim(again.run.pk)
    expire_lease(again.run, contoso)
    sweep()
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 2


def test_a_fault_after_the_commit_does_not_reach_the_page(
    start: Start, reread: Any, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RUN-19: the run is committed, the answer is "queued", the sweep sees to it."""

    def broken(*_ids: Any) -> None:
        raise DatabaseError("gone just now")

    monkeypatch.setattr(dispatch, "publish", broken)
    run = start()
    assert (reread(run).status, reread(run).published_at) == ("queued", None)


def test_each_change_of_status_is_one_line_in_the_log(
    start: Start, contoso: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """RUN-33: with run, tenant, operation, attempt, from, to and why."""
    stage.act = three_items
    with caplog.at_level("INFO"):
        run = start()
        executor.execute(contoso.pk, run.pk)
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    transitions = [line for line in lines if line["event"] == "run.transition"]
    assert [(line["before"], line["after"], line["attempt"]) for line in transitions] == [
        ("", "queued", 0),
        ("queued", "running", 1),
        ("running", "completed", 1),
    ]
    assert {(line["run"], line["tenant"], line["operation"]) for line in transitions} == {
        (run.pk, contoso.pk, "sample.read")
    }
    assert [line["reason"] for line in transitions][::2] == ["manual", "succeeded"]
