"""Who is told, what, and how often (requirements RUN-1, RUN-11, RUN-13)."""

from types import SimpleNamespace
from typing import Any

import pytest

from operations import executor
from operations.executor import Ending
from operations.models import Notification, OperationRun
from operations.notifications import count_unread, mark_read
from operations.services import Joined, Refused, cancel_run, retry_run, start_operation
from rbac.models import Tenant, User
from rbac.scope import scope
from tests.operations.conftest import Start, notifications
from tests.operations.sample import SampleInputs, stage, three_items

pytestmark = pytest.mark.django_db(transaction=True)

ENDINGS: dict[str, Any] = {
    "succeeded": lambda run, inputs: three_items(run, inputs),
    "partially_succeeded": lambda run, inputs: three_items(run, inputs, failing={"b": "sample_item"}),
    "failed": lambda run, inputs: three_items(run, inputs, failing={"b": "sample_fatal"}),
}


@pytest.mark.parametrize("outcome", [*ENDINGS, "cancelled", "blocked"])
def test_every_outcome_is_told_to_the_initiator_alone_and_once(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace, outcome: str
) -> None:
    """RUN-1, RUN-11: neither the owner of the tenant nor who cancelled hears of it, and a second delivery adds nothing."""
    stage.act = ENDINGS.get(outcome, stage.act)
    run = start()
    if outcome == "cancelled":
        cancel_run(run, actor=cast.owner)
    if outcome == "blocked":
        User.objects.filter(pk=cast.operator.pk).update(is_active=True)
        cast.operator.memberships.update(role="read_only")
    for _delivery in range(3):
        executor.execute(contoso.pk, run.pk)
    assert reread(run).outcome == outcome
    assert notifications(contoso) == [("operator", "completed"), ("operator", "queued")]


def test_who_joins_or_is_refused_is_not_told(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-1: one run, one initiator."""
    run = start()
    assert isinstance(start_operation("sample.read", SampleInputs(), actor=cast.owner, tenant=contoso), Joined)
    busy = start_operation("sample.read", SampleInputs(number=2), actor=cast.owner, tenant=contoso)
    assert isinstance(busy, Refused)
    executor.execute(contoso.pk, run.pk)
    assert {user for user, _kind in notifications(contoso)} == {"operator"}


def test_who_retries_is_told_about_the_retry(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-36: the new run has an initiator of its own."""
    run = cancel_run(start(), actor=cast.operator)
    retry_run(run, actor=cast.manager)
    with scope(contoso.pk):
        again = OperationRun.objects.get(retry_of=run)
    executor.execute(contoso.pk, again.pk)
    assert notifications(contoso).count(("manager", "completed")) == 1
    assert notifications(contoso).count(("operator", "completed")) == 1


def test_an_account_that_is_switched_off_is_not_told(
    start: Start, reread: Any, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """RUN-13 (F45): the run ends as it would have."""
    stage.act = lambda run, inputs: User.objects.filter(pk=cast.operator.pk).update(is_active=False)  # type: ignore[assignment, return-value]
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).outcome == "succeeded"
    assert notifications(contoso) == [("operator", "queued")]


def test_the_end_makes_old_news_of_the_beginning(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-1: the bell counts one, not two."""
    run = start()
    with scope(contoso.pk):
        assert count_unread(cast.operator) == 1
    executor.execute(contoso.pk, run.pk)
    with scope(contoso.pk):
        assert count_unread(cast.operator) == 1
        assert Notification.objects.get(read_at__isnull=True).kind == "completed"
        assert (mark_read(cast.operator), mark_read(cast.operator)) == (1, 0)
        assert mark_read(cast.owner) == 0


def test_the_database_keeps_a_second_notification_out(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-11: by constraint, should two ever get that far."""
    run = start()
    with scope(contoso.pk):
        executor.finish(run.pk, Ending("succeeded"), status="queued")
        Notification.objects.bulk_create(
            [Notification(tenant=contoso, user=cast.operator, run=run, kind="completed")], ignore_conflicts=True
        )
    assert notifications(contoso).count(("operator", "completed")) == 1
