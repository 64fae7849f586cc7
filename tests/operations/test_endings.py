"""How a run ends: one finish for every way, cancel, retry, limits, a stopping worker (requirements RUN-*)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from operations import context, executor
from operations.context import RunContext
from operations.executor import Ending, derive_ending
from operations.failures import Failure
from operations.models import OperationRun
from operations.services import Refused, Started, cancel_run, retry_run, start_operation
from operations.sweep import sweep
from rbac.models import AuditEvent, Tenant, User
from rbac.scope import scope
from rbac.services import SYSTEM, NotPermitted
from tests.operations.conftest import Start, notifications
from tests.operations.sample import SampleInputs, stage, three_items

pytestmark = pytest.mark.django_db(transaction=True)


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
    """RUN-13: what nobody started, nobody is told about."""
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
    """RUN-14: a message that is still on its way does nothing; the audit trail names the person."""
    run = cancel_run(start(), actor=cast.manager)
    assert (run.status, run.outcome, run.cancel_requested_by) == ("completed", "cancelled", "manager")
    executor.execute(contoso.pk, run.pk)
    assert stage.calls == 0
    with scope(contoso.pk):
        assert AuditEvent.objects.get(run_id=run.pk, verb="run.cancel_asked").actor_name == "manager"
    assert cancel_run(run, actor=cast.operator).cancel_requested_by == "manager"


def test_cancel_needs_the_right_to(start: Start, cast: SimpleNamespace) -> None:
    """RUN-14: neither who only reads nor a stranger stops a run."""
    run = start()
    for person in (cast.read_only, cast.stranger, cast.platform):
        with pytest.raises(NotPermitted):
            cancel_run(run, actor=person)


def test_a_worker_that_stops_ends_a_cancelled_run_as_cancelled(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-14 (F48): not as stopped, which would start it again."""

    def act(run: RunContext, _inputs: Any) -> None:
        cancel_run(OperationRun.objects.get(pk=run.id), actor=cast.operator)
        context.stopping.set()
        run.sleep(60)

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).outcome == "cancelled"
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 1


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


def test_retry_is_a_new_run_that_points_back(contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-36: with the inputs of the old one, and the rights of who asks."""
    first = start_operation("sample.read", SampleInputs(number=7), actor=cast.operator, tenant=contoso)
    assert isinstance(first, Started)
    run = cancel_run(first.run, actor=cast.operator)
    again = retry_run(run, actor=cast.manager)
    assert isinstance(again, Started)
    assert (again.run.retry_of_id, again.run.trigger, again.run.inputs["number"]) == (run.pk, "retry", 7)
    assert again.run.initiator_name == "manager"


def test_a_run_that_goes_is_not_retried(start: Start, cast: SimpleNamespace) -> None:
    """RUN-36: Refused(busy), naming the run."""
    run = start()
    refused = retry_run(run, actor=cast.operator)
    assert isinstance(refused, Refused) and refused.reasons[0].code == "busy" and refused.run == run
    with pytest.raises(NotPermitted):
        retry_run(run, actor=cast.read_only)


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


@pytest.mark.parametrize(("succeeded", "outcome"), [(0, "failed"), (3, "partially_succeeded")])
def test_the_hard_limit_ends_a_run_that_still_renews(
    start: Start, reread: Any, contoso: Tenant, succeeded: int, outcome: str
) -> None:
    """RUN-15 (F18): by the sweep; the lease asks "alive?", the deadline "too long?"."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
        OperationRun.objects.filter(pk=run.pk).update(deadline_at=Now() - timedelta(seconds=1), succeeded=succeeded)
    sweep()
    assert (reread(run).outcome, reread(run).failure_code) == (outcome, "timed_out")


def test_a_function_that_returned_has_done_its_work_whatever_the_clock_says(
    start: Start, reread: Any, contoso: Tenant
) -> None:
    """RUN-15, RUN-16: neither the limit nor a stopping worker makes a finished run unfinished."""

    def act(run: RunContext, _inputs: Any) -> None:
        three_items(run, None)
        run._ends_at = 0.0
        context.stopping.set()

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).outcome == "succeeded"


def test_a_stopping_worker_ends_its_run_and_it_starts_again(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-16 (F11): a code of its own, without waiting for the lease."""

    def act(run: RunContext, _inputs: Any) -> None:
        context.stopping.set()
        run.sleep(60)

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).failure_code == "worker_stopped"
    with scope(contoso.pk):
        assert OperationRun.objects.filter(retry_of=run, status="queued").count() == 1


def test_a_stopping_worker_claims_nothing(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-16 (F11): what it was handed stays queued for another one."""
    run = start()
    context.stopping.set()
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).status, reread(run).attempt) == ("queued", 0)


def test_a_tenant_archived_during_a_run_stops_it(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-35 (F46): at the next renewal, with what was done, and not started again."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("done"):
            pass
        Tenant.objects.filter(pk=contoso.pk).update(status="archived")
        run.renew()

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code) == ("partially_succeeded", "tenant_archived")
    with scope(contoso.pk):
        assert OperationRun.objects.count() == 1


def test_memory_that_runs_out_ends_the_run_and_not_the_worker(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-3 (F17): where the kernel kills instead, it is a killed worker."""
    stage.act = lambda run, inputs: bytearray(2**62)  # type: ignore[assignment, return-value]
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code) == ("failed", "internal_error")


RESULTS = st.sampled_from(["succeeded", "failed", "skipped", "unknown"])
CODES = st.sampled_from(["", "throttled", "permission_missing"])


@given(st.lists(st.tuples(RESULTS, CODES)))
def test_the_ending_says_what_the_items_say(results: list[tuple[str, str]]) -> None:
    """RUN-2: whatever the items are, in whatever order."""
    ending = derive_ending(results)
    seen = {result for result, _code in results}
    is_bad = bool(seen & {"failed", "unknown"})
    assert (ending.outcome == "succeeded") == (not is_bad)
    assert (ending.outcome == "partially_succeeded") == (is_bad and "succeeded" in seen)
    assert (ending.outcome == "failed") == (is_bad and "succeeded" not in seen)
    assert (ending.code == "") == (ending.outcome == "succeeded") == (ending.message == "")
    bad_codes = {code for result, code in results if result in ("failed", "unknown")}
    if ending.outcome == "failed":
        assert ending.code == (bad_codes.pop() if len(bad_codes) == 1 and "" not in bad_codes else "items_failed")
    assert derive_ending(list(reversed(results))) == ending


def test_endings_never_default_to_success() -> None:
    assert derive_ending([]).outcome == "succeeded"
    assert derive_ending([("skipped", "x")]).outcome == "succeeded"
    assert derive_ending([("skipped", "x"), ("failed", "y")]).outcome == "failed"
    assert derive_ending([("unknown", "")]).outcome == "failed"


def test_a_failure_is_redacted_and_cut() -> None:
    text = Failure("sample_item", "Bearer eyJabc.def\n" + "x" * 1000).message
    assert "eyJ" not in text and "\n" not in text and len(text) <= 500
