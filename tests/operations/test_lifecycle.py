"""From start to end: the one way to do background work (docs/life-of-a-run.md, requirements RUN-*)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from operations import executor
from operations.context import RunContext
from operations.executor import Ending, derive_ending
from operations.failures import Failure
from operations.models import Notification, OperationItem, OperationRun
from operations.registry import Reason
from operations.services import Joined, Refused, Started, cancel_run, retry_run, start_operation
from operations.sweep import sweep
from rbac.models import AuditEvent, Membership, Tenant, User
from rbac.scope import scope
from rbac.services import SYSTEM
from tests.operations.sample import SampleInputs, stage, three_items

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., OperationRun]


def notifications(tenant: Tenant) -> list[tuple[str, str]]:
    with scope(tenant.pk):
        return sorted((n.user.username, n.kind) for n in Notification.objects.select_related("user"))


def expire_lease(run: OperationRun, tenant: Tenant) -> None:
    with scope(tenant.pk):
        OperationRun.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))


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
    result = start_operation("sample.read", SampleInputs(), actor=getattr(cast, role), tenant=contoso)
    assert isinstance(result, Started if allowed else Refused)


@pytest.mark.parametrize("person", ["stranger", "platform"])
def test_a_stranger_and_a_superuser_may_not_start(contoso: Tenant, cast: SimpleNamespace, person: str) -> None:
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
    run = start()
    stage.refuse = Reason("tenant_archived")
    assert isinstance(start_operation("sample.read", {"name": "z"}, actor=cast.operator, tenant=contoso), Refused)
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code) == ("blocked", "tenant_archived")


def test_a_refused_schedule_leaves_a_blocked_run_and_tells_nobody(contoso: Tenant) -> None:
    stage.refuse = Reason("tenant_archived")
    result = start_operation("sample.read", SampleInputs(), actor=SYSTEM, tenant=contoso, trigger="schedule")
    assert isinstance(result, Refused) and result.run is not None and result.run.outcome == "blocked"
    assert notifications(contoso) == []


def test_faulty_inputs_are_refused_with_what_is_allowed(contoso: Tenant, cast: SimpleNamespace) -> None:
    for key, inputs in [("sample.read", {"nmae": "a"}), ("sample.read", {"number": "many"}), ("sample.nothing", {})]:
        result = start_operation(key, inputs, actor=cast.operator, tenant=contoso)
        assert isinstance(result, Refused) and result.reasons[0].code == "invalid_inputs", (key, inputs)


def test_twenty_deliveries_of_one_message_execute_once(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-7 (F13, F14): the claim is one statement."""
    run = start()
    barrier = threading.Barrier(20)

    def deliver(_n: int) -> None:
        try:
            barrier.wait()
            executor.execute(contoso.pk, run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(deliver, range(20)))
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


def test_a_zombie_writes_nothing_after_the_sweep_took_its_run(start: Start, reread: Any, contoso: Tenant) -> None:
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
    run = start("sample.write")
    with scope(contoso.pk):
        executor.claim(run.pk)
    expire_lease(run, contoso)
    sweep()
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 1


def test_two_finishers_end_a_run_once(start: Start, contoso: Tenant) -> None:
    """RUN-11: 32 parallel finishers, one winner, one notification."""
    run = start()
    barrier = threading.Barrier(32)

    def end(_n: int) -> bool:
        try:
            barrier.wait()
            with scope(contoso.pk):
                return executor.finish(run.pk, Ending.of("failed", "worker_lost"), status="queued", attempt=0)
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(end, range(32))) == 1
    assert notifications(contoso).count(("operator", "completed")) == 1


def test_finish_does_not_happen_without_its_notification(
    start: Start, reread: Any, contoso: Tenant, monkeypatch: Any
) -> None:
    """RUN-12 (F54): one transaction, all or nothing."""
    run = start()

    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise DatabaseError("no room")

    monkeypatch.setattr(executor, "notify", broken)
    with scope(contoso.pk), pytest.raises(DatabaseError):
        executor.finish(run.pk, Ending.of("cancelled", "cancelled"), status="queued")
    assert reread(run).status == "queued"
    with scope(contoso.pk):
        assert not AuditEvent.objects.filter(verb="run.completed").exists()


def test_a_system_run_tells_nobody(contoso: Tenant, reread: Any) -> None:
    result = start_operation("sample.read", SampleInputs(), actor=SYSTEM, tenant=contoso, trigger="schedule")
    assert isinstance(result, Started)
    executor.execute(contoso.pk, result.run.pk)
    assert reread(result.run).outcome == "succeeded"
    assert notifications(contoso) == []


def test_an_initiator_who_left_is_not_told_and_the_name_stays(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-13 (F45)."""
    run = start()
    stage.act = lambda _run, _inputs: User.objects.filter(pk=cast.operator.pk).delete()  # type: ignore[assignment, return-value]
    executor.execute(contoso.pk, run.pk)
    ended = reread(run)
    assert (ended.outcome, ended.initiator_id, ended.initiator_name) == ("succeeded", None, "operator")
    assert notifications(contoso) == []


def test_cancel_ends_a_queued_run_at_once(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    run = cancel_run(start(), actor=cast.operator)
    assert (run.status, run.outcome) == ("completed", "cancelled")
    executor.execute(contoso.pk, run.pk)
    assert stage.calls == 0


def test_cancel_stops_a_running_run_between_two_items(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-14 (F48): the item in work is finished and counted."""

    def act(run: RunContext, _inputs: Any) -> None:
        for step, item in run.each(["a", "b", "c"], key=str):
            with step:
                if item == "b":
                    cancel_run(OperationRun.objects.get(pk=run.id), actor=cast.operator)
            if item == "b":
                run.renew()

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    ended = reread(run)
    assert (ended.outcome, ended.succeeded, ended.cancel_requested_by) == ("cancelled", 2, "operator")


def test_retry_is_a_new_run_that_points_back(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    run = cancel_run(start(number=7), actor=cast.operator)
    again = retry_run(run, actor=cast.manager)
    assert isinstance(again, Started)
    assert (again.run.retry_of_id, again.run.trigger, again.run.inputs["number"]) == (run.pk, "retry", 7)
    assert again.run.initiator_name == "manager"


def test_the_soft_limit_ends_a_run_with_what_was_done(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-15: partially_succeeded if items succeeded."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("done"):
            pass
        run._ends_at = 0.0
        run.sleep(60)

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code) == ("partially_succeeded", "timed_out")


def test_the_hard_limit_ends_a_run_that_still_renews(start: Start, reread: Any, contoso: Tenant) -> None:
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
        OperationRun.objects.filter(pk=run.pk).update(deadline_at=Now() - timedelta(seconds=1))
    sweep()
    assert (reread(run).outcome, reread(run).failure_code) == ("failed", "timed_out")


def test_a_stopping_worker_ends_its_run_and_it_starts_again(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-16 (F11): a code of its own, without waiting for the lease."""
    from operations import context

    def act(run: RunContext, _inputs: Any) -> None:
        context.stopping.set()
        run.sleep(60)

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).failure_code == "worker_stopped"
    with scope(contoso.pk):
        assert OperationRun.objects.filter(retry_of=run, status="queued").count() == 1


def test_work_in_threads_shares_the_run_and_its_first_error_ends_it(start: Start, reread: Any, contoso: Tenant) -> None:
    def act(run: RunContext, _inputs: Any) -> None:
        assert sorted(run.map(lambda n: (n * n, OperationRun.objects.count()), range(50), workers=4)) == [
            (n * n, 1) for n in range(50)
        ]
        with pytest.raises(ZeroDivisionError):
            list(run.map(lambda n: 1 // (n - 3), range(50), workers=4))

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).outcome == "succeeded"


def test_a_completed_run_does_not_change(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-17: history stays, held by the database."""
    run = cancel_run(start(), actor=cast.operator)
    with scope(contoso.pk), pytest.raises(DatabaseError, match="does not change"):
        OperationRun.objects.filter(pk=run.pk).update(outcome="succeeded")


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "completed"},
        {"outcome": "failed"},
        {"status": "running"},
        {"status": "running", "started_at": Now(), "attempt": 1},
        {"lease_until": Now()},
    ],
)
def test_the_database_refuses_contradictory_states(start: Start, contoso: Tenant, fields: dict[str, Any]) -> None:
    run = start()
    with scope(contoso.pk), pytest.raises(DatabaseError, match="run_"):
        OperationRun.objects.filter(pk=run.pk).update(**fields)


def test_unknown_is_written_before_an_outside_write(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-18: a crash between write and settlement leaves the exact object to check."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("object-1") as step:
            step.mark_unknown()
            stored = OperationItem.objects.get(run_id=run.id, key="object-1")
            assert stored.result == "unknown"
            step.ref = "new-id"

    stage.act = act
    run = start("sample.write")
    executor.execute(contoso.pk, run.pk)
    with scope(contoso.pk):
        item = OperationItem.objects.get(run=run)
    assert (item.result, item.ref) == ("succeeded", "new-id")


def test_endings_never_default_to_success() -> None:
    assert derive_ending([]).outcome == "succeeded"
    assert derive_ending([("skipped", "x")]).outcome == "succeeded"
    assert derive_ending([("skipped", "x"), ("failed", "y")]).outcome == "failed"
    assert derive_ending([("unknown", "")]).outcome == "failed"


def test_a_failure_is_redacted_and_cut() -> None:
    text = Failure("sample_item", "Bearer eyJabc.def\n" + "x" * 1000).message
    assert "eyJ" not in text and "\n" not in text and len(text) <= 500
