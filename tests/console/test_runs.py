"""Monitoring → Operation runs: the list, the page of a run, cancel and retry."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from operations.models import OperationRun
from rbac.models import Membership, Tenant
from rbac.scope import scope
from rbac.scoped_admin import CappedPaginator
from tests.console.conftest import make_active, make_items, make_runs
from tests.operations import sample

pytestmark = pytest.mark.django_db
RUNS = "/t/contoso/operations/operationrun/"
TABS = ["overview", "items", "failures", "timeline", "inputs"]


def numbers(html: str) -> set[int]:
    """The runs that a list shows."""
    return {int(part.split('"')[0]) for part in html.split('data-run-badge="')[1:]}


def count_queries(client: Any, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_the_list_costs_the_same_queries_with_3_and_with_30_runs(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-07"""
    client = sign_in(cast.owner)
    make_runs(contoso, 3, initiator=cast.owner)
    few = count_queries(client, RUNS)
    make_runs(contoso, 27, initiator=cast.manager)
    assert count_queries(client, RUNS) == few
    assert few <= 14


def test_the_list_of_one_tenant_shows_no_run_of_another(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, page: Any
) -> None:
    """CON-07"""
    ours = make_runs(contoso, 2)
    make_runs(fabrikam, 2)
    assert numbers(page(cast.owner, RUNS)) == {run.pk for run in ours}


def test_the_portfolio_list_shows_all_tenants_with_their_names(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, page: Any
) -> None:
    """CON-07"""
    Membership.objects.create(user=cast.owner, tenant=fabrikam, role="read_only")
    runs = [*make_runs(contoso, 1), *make_runs(fabrikam, 1)]
    html = page(cast.owner, "/operations/operationrun/")
    assert numbers(html) == {run.pk for run in runs}
    assert "Fabrikam" in html


def test_each_filter_narrows_the_list(cast: SimpleNamespace, contoso: Tenant, page: Any) -> None:
    """CON-07"""
    by_hand = make_runs(contoso, 1, initiator=cast.owner, type="sample.read")[0]
    failed = make_runs(contoso, 1, outcome="failed", failure_code="throttled", trigger="schedule", type="sample.write")[
        0
    ]
    active = make_active(contoso, initiator=cast.operator)
    long_ago = timezone.now() - timedelta(days=40)
    old = make_runs(contoso, 1, initiator=cast.manager, type="inventory.sync", queued_at=long_ago)[0]
    today = timezone.localdate()
    expected = {
        "status__exact=running": {active.pk},
        "outcome__exact=failed": {failed.pk},
        "type=sample.read": {by_hand.pk},
        "trigger__exact=schedule": {failed.pk},
        f"initiator={cast.owner.pk}": {by_hand.pk},
        "initiator=system": {failed.pk},
        f"queued_at_from={today - timedelta(days=50)}&queued_at_to={today - timedelta(days=30)}": {old.pk},
        "view=active": {active.pk},
        "view=attention": {failed.pk},
        "view=mine": {by_hand.pk},
        f"q=%23{old.pk}": {old.pk},
        "q=throttled": {failed.pk},
        "q=sample write": {failed.pk},
        "q=no such thing": set(),
        "queued_at_from=9999-12-31": {by_hand.pk, failed.pk, active.pk, old.pk},
        "initiator=abc": {by_hand.pk, failed.pk, active.pk, old.pk},
    }
    assert {query: numbers(page(cast.owner, f"{RUNS}?{query}")) for query in expected} == expected


def test_only_runs_that_go_carry_the_mark_of_the_live_poll(cast: SimpleNamespace, contoso: Tenant, page: Any) -> None:
    """CON-06"""
    ended, active = make_runs(contoso, 1)[0], make_active(contoso)
    html = page(cast.owner, RUNS)
    assert f'data-run-live="{active.pk}"' in html
    assert f'data-run-live="{ended.pk}"' not in html
    assert 'data-live-url="/t/contoso/live/"' in html


def test_an_empty_list_says_what_to_do_next(cast: SimpleNamespace, contoso: Tenant, page: Any) -> None:
    """CON-11"""
    assert "No runs yet" in page(cast.owner, RUNS)
    make_runs(contoso, 1)
    assert "Nothing is running" in page(cast.owner, f"{RUNS}?view=active")
    assert "Nothing needs attention" in page(cast.owner, f"{RUNS}?view=attention")


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_of_a_run_costs_the_same_queries_with_3_and_with_30_items(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any, tab: str
) -> None:
    """CON-08"""
    small, large = make_runs(contoso, 2, failed=1, inputs={"connection_id": 1})
    make_items(small, 3, result="failed", code="throttled", message="Slow down", graph_request_id="r-1")
    make_items(large, 30, result="failed", code="throttled", message="Slow down", graph_request_id="r-1")
    client = sign_in(cast.owner)
    few = count_queries(client, f"{RUNS}{small.pk}/change/?tab={tab}")
    assert count_queries(client, f"{RUNS}{large.pk}/change/?tab={tab}") == few


def test_a_failed_item_shows_message_code_hint_and_graph_request_id(
    cast: SimpleNamespace, contoso: Tenant, page: Any
) -> None:
    """CON-08"""
    run = make_runs(contoso, 1, outcome="partially_succeeded", failure_code="items_failed", failed=1)[0]
    make_items(run, 1, result="failed", code="worker_lost", message="It <b>broke</b>", graph_request_id="11112222-aaaa")
    for tab in ("overview", "failures", "items"):
        html = page(cast.owner, f"{RUNS}{run.pk}/change/?tab={tab}")
        assert "It &lt;b&gt;broke&lt;/b&gt;" in html
        assert "<b>broke</b>" not in html
        assert "11112222-aaaa" in html
        assert "worker_lost" in html
        assert "Retry the run; what it had done is kept." in html


def test_long_item_lists_are_paged(cast: SimpleNamespace, contoso: Tenant, page: Any) -> None:
    """CON-08"""
    run = make_runs(contoso, 1)[0]
    make_items(run, 60)
    first = page(cast.owner, f"{RUNS}{run.pk}/change/?tab=items")
    second = page(cast.owner, f"{RUNS}{run.pk}/change/?tab=items&page=2")
    assert "Page 1 of 2" in first
    assert "Item 59" not in first
    assert "Item 59" in second
    assert "Page 2 of 2" in page(cast.owner, f"{RUNS}{run.pk}/change/?tab=items&page=99")


def test_inputs_timeline_and_relations_are_shown(cast: SimpleNamespace, contoso: Tenant, page: Any) -> None:
    """CON-08"""
    first = make_runs(
        contoso, 1, initiator=cast.owner, inputs={"connection_id": 77, "types": ["<x>"]}, worker="host:1"
    )[0]
    retry = make_runs(contoso, 1, retry_of=first, trigger="retry")[0]
    assert "&quot;connection_id&quot;: 77" in page(cast.owner, f"{RUNS}{first.pk}/change/?tab=inputs")
    timeline = page(cast.owner, f"{RUNS}{first.pk}/change/?tab=timeline")
    assert (
        timeline.index("Started by hand by owner")
        < timeline.index("Attempt 1 on host:1")
        < timeline.index("Succeeded</strong>")
    )
    assert f"run #{retry.pk}" in page(cast.owner, f"{RUNS}{first.pk}/change/")
    assert f"run #{first.pk}" in page(cast.owner, f"{RUNS}{retry.pk}/change/")


@pytest.mark.parametrize(
    "target", [("providers.providerconnection", "999"), ("no.such", "1"), ("providers.providerconnection", "x")]
)
def test_a_target_that_is_gone_does_not_break_the_page(
    cast: SimpleNamespace, contoso: Tenant, page: Any, target: tuple[str, str]
) -> None:
    """CON-08"""
    run = make_runs(contoso, 1, target_type=target[0], target_id=target[1])[0]
    assert "deleted since" in page(cast.owner, f"{RUNS}{run.pk}/change/")


def test_a_run_of_another_tenant_is_not_found_whatever_the_tab(
    cast: SimpleNamespace, fabrikam: Tenant, sign_in: Any
) -> None:
    """CON-08"""
    run = make_runs(fabrikam, 1)[0]
    client = sign_in(cast.owner)
    for tab in TABS:
        assert client.get(f"{RUNS}{run.pk}/change/?tab={tab}").status_code == 404


def test_opening_the_cancel_dialog_changes_nothing(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-09"""
    run = make_active(contoso)
    response = sign_in(cast.operator).get(f"{RUNS}{run.pk}/cancel/")
    assert "stops after the item" in response.content.decode()
    with scope(contoso.pk):
        assert OperationRun.objects.get(pk=run.pk).cancel_requested_at is None


def test_confirming_asks_a_running_run_to_stop(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-09"""
    run = make_active(contoso)
    client = sign_in(cast.operator)
    response = client.post(f"{RUNS}{run.pk}/cancel/", {"_form_submitted": "on"})
    assert (response.status_code, response["HX-Redirect"]) == (204, f"{RUNS}{run.pk}/change/")
    with scope(contoso.pk):
        assert OperationRun.objects.get(pk=run.pk).cancel_requested_by == "operator"
    assert "Stopping after the current item" in client.get(f"{RUNS}{run.pk}/change/").content.decode()


def test_a_queued_run_is_cancelled_at_once(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-09"""
    run = make_runs(contoso, 1, status="queued")[0]
    sign_in(cast.operator).post(f"{RUNS}{run.pk}/cancel/", {"_form_submitted": "on"})
    with scope(contoso.pk):
        assert OperationRun.objects.get(pk=run.pk).outcome == "cancelled"


def test_retry_queues_a_new_run_and_leads_to_it(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-09"""
    sample.stage.reset()
    run = make_runs(
        contoso, 1, type="sample.read", inputs={"name": "again"}, outcome="failed", failure_code="throttled"
    )[0]
    client = sign_in(cast.operator)
    response = client.post(f"{RUNS}{run.pk}/retry/", {"_form_submitted": "on"})
    with scope(contoso.pk):
        new = OperationRun.objects.get(retry_of=run)
    assert (response.status_code, response["HX-Redirect"]) == (204, f"{RUNS}{new.pk}/change/")
    shown = client.get(f"{RUNS}{new.pk}/change/").content.decode()
    assert f'Queued as run #{new.pk}. <a href="{RUNS}{new.pk}/change/">View run</a>' in shown


def test_a_retry_that_is_refused_says_why(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-09"""
    run = make_runs(contoso, 1, type="gone.operation", outcome="failed", failure_code="throttled")[0]
    client = sign_in(cast.operator)
    client.post(f"{RUNS}{run.pk}/retry/", {"_form_submitted": "on"})
    assert "Not started. The inputs are not valid." in client.get(f"{RUNS}{run.pk}/change/").content.decode()


@pytest.mark.parametrize("verb", ["cancel", "retry"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_actions_on_a_run_of_another_tenant_are_not_found(
    cast: SimpleNamespace, fabrikam: Tenant, sign_in: Any, verb: str, method: str
) -> None:
    """CON-09: Unfold runs an action without loading its object."""
    run = make_active(fabrikam)
    response = getattr(sign_in(cast.owner), method)(f"{RUNS}{run.pk}/{verb}/", {"_form_submitted": "on"})
    assert response.status_code == 404
    with scope(fabrikam.pk):
        assert OperationRun.objects.get(pk=run.pk).cancel_requested_at is None


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_role_without_the_capability_is_refused_and_told_which_role_has_it(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any, verb: str
) -> None:
    """CON-09"""
    run = make_active(contoso) if verb == "cancel" else make_runs(contoso, 1)[0]
    client = sign_in(cast.read_only)
    assert client.post(f"{RUNS}{run.pk}/{verb}/", {"_form_submitted": "on"}).status_code == 403
    html = client.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert "needs one of the roles Operator, Manager, Owner." in html
    assert f"{RUNS}{run.pk}/{verb}/" not in html


def test_nobody_adds_changes_or_deletes_a_run(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-09: only the engine writes runs."""
    run = make_runs(contoso, 1)[0]
    client = sign_in(cast.owner)
    assert client.get(f"{RUNS}add/").status_code == 403
    assert client.post(f"{RUNS}{run.pk}/change/", {"outcome": "failed"}).status_code == 403
    assert client.post(f"{RUNS}{run.pk}/delete/", {"post": "yes"}).status_code == 403
    with scope(contoso.pk):
        assert OperationRun.objects.get(pk=run.pk).outcome == "succeeded"


def test_a_list_that_is_longer_than_its_count_says_so(
    cast: SimpleNamespace, contoso: Tenant, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CON-07: counts stop at a limit, and a limit is not the truth."""
    monkeypatch.setattr(CappedPaginator, "cap", 5)
    make_runs(contoso, 5)
    assert "5 operation runs" in page(cast.owner, RUNS)
    make_runs(contoso, 2)
    assert "More than 5 operation runs" in page(cast.owner, RUNS)
