"""What the database itself refuses (requirements RUN-17, RUN-31)."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.models.functions import Now

from operations import executor
from operations.models import OperationRun
from operations.services import cancel_run, retry_run
from rbac.models import Tenant, User
from rbac.scope import scope
from tests.operations.conftest import Start

pytestmark = pytest.mark.django_db(transaction=True)


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
    """RUN-17: status, outcome, lease and times hold together."""
    run = start()
    with scope(contoso.pk), pytest.raises(DatabaseError, match="run_"):
        OperationRun.objects.filter(pk=run.pk).update(**fields)


@pytest.mark.parametrize("fields", [{"status": "queued", "lease_until": None}, {"attempt": 0}])
def test_a_run_does_not_go_back(start: Start, contoso: Tenant, fields: dict[str, Any]) -> None:
    """RUN-17: running never becomes queued again, and an attempt only grows."""
    run = start()
    with scope(contoso.pk):
        executor.claim(run.pk)
        with pytest.raises(DatabaseError, match="does not go back"):
            OperationRun.objects.filter(pk=run.pk).update(**fields)


def test_a_run_that_has_not_ended_cannot_be_deleted(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-31: rows are not deleted to stop work, whoever asks."""
    run = start()
    with scope(contoso.pk), pytest.raises(DatabaseError, match="not deleted"):
        OperationRun.objects.filter(pk=run.pk).delete()
    cancel_run(run, actor=cast.operator)
    with scope(contoso.pk):
        assert OperationRun.objects.filter(pk=run.pk).delete()[0]


def test_history_lets_go_of_a_person_and_of_an_older_run(start: Start, contoso: Tenant, cast: SimpleNamespace) -> None:
    """RUN-17: what a completed run points at may go; the name stays."""
    first = cancel_run(start(), actor=cast.operator)
    retry_run(first, actor=cast.operator)
    with scope(contoso.pk):
        second = OperationRun.objects.get(retry_of=first)
        cancel_run(second, actor=cast.operator)
        OperationRun.objects.filter(pk=first.pk).delete()
        User.objects.filter(pk=cast.operator.pk).delete()
        second.refresh_from_db()
    assert (second.retry_of_id, second.initiator_id, second.initiator_name) == (None, None, "operator")
