"""The live poll: one bounded question per page, answered by the database alone."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from operations.views import LIVE_AT_MOST
from rbac.models import Tenant
from tests.console.conftest import make_active, make_runs

pytestmark = pytest.mark.django_db
LIVE = "/t/contoso/live/"


def test_the_answer_tells_state_progress_and_unread_count(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-06"""
    run = make_active(contoso, total=8, processed=2, failed=1)
    answer = sign_in(cast.read_only).get(LIVE, {"ids": run.pk})
    told = answer.json()["runs"][str(run.pk)]
    assert told["active"] is True
    assert told["percent"] == 25
    assert told["text"] == "2 of 8, 1 failed"
    assert "Running" in told["badge"]
    assert answer.json()["unread"] == 0
    assert "no-store" in answer["Cache-Control"]


def test_a_running_run_never_claims_to_be_done(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-06"""
    run = make_active(contoso, total=4, processed=9)
    assert sign_in(cast.owner).get(LIVE, {"ids": run.pk}).json()["runs"][str(run.pk)]["percent"] == 99


def test_runs_of_another_tenant_are_missing_in_the_answer(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, sign_in: Any
) -> None:
    """CON-06"""
    ours, theirs = make_active(contoso), make_active(fabrikam)
    answer = sign_in(cast.owner).get(LIVE, {"ids": f"{ours.pk},{theirs.pk}"})
    assert list(answer.json()["runs"]) == [str(ours.pk)]


@pytest.mark.parametrize("ids", ["", "x", "1;2", "-1", "9" * 30, "1,,2", "٣"])
def test_senseless_ids_are_ignored(cast: SimpleNamespace, sign_in: Any, ids: str) -> None:
    """CON-06"""
    answer = sign_in(cast.owner).get(LIVE, {"ids": ids})
    assert (answer.status_code, answer.json()["runs"]) == (200, {})


def test_at_most_a_hundred_runs_are_answered_with_as_many_queries_as_one(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-06"""
    runs = make_runs(contoso, LIVE_AT_MOST + 20)
    client = sign_in(cast.owner)
    client.get(LIVE)
    with CaptureQueriesContext(connection) as one:
        client.get(LIVE, {"ids": runs[0].pk})
    with CaptureQueriesContext(connection) as many:
        answer = client.get(LIVE, {"ids": ",".join(str(run.pk) for run in runs)})
    assert len(answer.json()["runs"]) == LIVE_AT_MOST
    assert len(many) == len(one)


def test_an_expired_sign_in_is_a_redirect_that_the_script_takes_as_the_end(cast: SimpleNamespace, client: Any) -> None:
    """CON-06"""
    assert client.get(LIVE, {"ids": "1"}).status_code == 302
