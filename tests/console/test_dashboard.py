"""The dashboard: figures, attention, empty states, one tenant and the portfolio."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import RequestFactory
from django.utils import timezone

from inventory.models import ComplianceSnapshot, TypeReading
from providers.models import ProviderConnection, ProviderCredential
from rbac.models import Membership, Tenant, User
from rbac.scope import scope
from tenantpilot import dashboard
from tests.console.conftest import make_active, make_connections, make_runs
from tests.console.test_runs import count_queries

pytestmark = pytest.mark.django_db


def build(person: User, tenant: Tenant | None) -> dict[str, Any]:
    """The context of the dashboard, as the middleware would let a page build it."""
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=person.pk)
    request.tenant = tenant  # type: ignore[attr-defined]
    ids = [tenant.pk] if tenant else list(request.user.memberships_by_tenant)
    with scope(*ids):
        return dashboard.build(request)


def make_snapshot(connection: ProviderConnection, *, days_ago: int = 0, **devices: int) -> None:
    taken_at = timezone.now() - timedelta(days=days_ago)
    with scope(connection.tenant_id):
        for state, count in devices.items():
            ComplianceSnapshot.objects.create(
                tenant_id=connection.tenant_id,
                connection=connection,
                taken_at=taken_at,
                platform="windows",
                state=state,
                devices=count,
            )


def test_connections_are_counted_by_health_and_disabled_ones_apart(cast: SimpleNamespace, contoso: Tenant) -> None:
    """CON-10"""
    make_connections(contoso, 2, health="healthy", status="connected")
    make_connections(contoso, 1, health="down", status="error")
    make_connections(contoso, 1, health="healthy", status="disabled")
    counted = {entry["state"]: entry["count"] for entry in build(cast.owner, contoso)["health"]}
    assert counted == {"healthy": 2, "down": 1, "disabled": 1}


def test_runs_are_counted_per_day_of_the_persons_zone(cast: SimpleNamespace, contoso: Tenant) -> None:
    """CON-10: half past midnight in Tokyo is the day before in UTC."""
    tokyo = ZoneInfo("Asia/Tokyo")
    with timezone.override(tokyo):
        today = timezone.localdate()
        midnight = timezone.localtime().replace(hour=0, minute=1, second=0)
        make_runs(contoso, 2, queued_at=midnight)
        make_runs(contoso, 1, queued_at=midnight, outcome="failed", failure_code="throttled")
        make_runs(contoso, 5, queued_at=midnight - timedelta(days=30))
        shown = build(cast.owner, contoso)["runs_per_day"]
    assert (shown["total"], shown["failed"]) == (3, 1)
    assert shown["table"] == [(today, [2, 0, 1, 0])]


def test_completeness_of_a_sync_comes_from_its_ledger(cast: SimpleNamespace, contoso: Tenant) -> None:
    """CON-10"""
    connection = make_connections(contoso, health="healthy", status="connected")[0]
    run = make_runs(contoso, 1)[0]
    with scope(contoso.pk):
        for n, state in enumerate(["complete", "complete", "failed", "not_applicable"]):
            TypeReading.objects.create(
                tenant=contoso, run=run, connection=connection, type=f"t{n}", state=state, fetched=5
            )
    row = build(cast.owner, contoso)["syncs"][0]
    assert (row["read"]["complete"], row["read"]["all"], row["percent"], row["read"]["objects"]) == (3, 4, 75, 20)


def test_compliance_takes_the_last_snapshot_of_each_day_and_keeps_unknown_apart(
    cast: SimpleNamespace, contoso: Tenant
) -> None:
    """CON-10"""
    connection = make_connections(contoso, health="healthy", status="connected")[0]
    make_snapshot(connection, days_ago=2, compliant=1, noncompliant=9)
    make_snapshot(connection, compliant=100)
    make_snapshot(connection, compliant=6, noncompliant=2, unknown=2)
    shown = build(cast.owner, contoso)["compliance"]
    assert (shown["devices"], shown["percent"]) == (10, 60)
    assert [numbers for _day, numbers in shown["table"]] == [[6, 0, 2, 2], [1, 0, 9, 0]]


def test_attention_puts_the_worst_first_and_says_where_to_go(cast: SimpleNamespace, contoso: Tenant) -> None:
    """CON-10"""
    make_runs(contoso, 1, outcome="failed", failure_code="throttled", failure_message="Too many requests.")
    make_connections(contoso, status="needs_consent")
    down = make_connections(contoso, status="error", health="down", last_failure_message="The secret has expired.")[0]
    with scope(contoso.pk):
        ProviderCredential.objects.create(
            tenant=contoso,
            connection=down,
            kind="secret",
            sealed=b"-",
            expires_at=timezone.now() - timedelta(days=1),
            set_by_name="owner",
            set_at=timezone.now(),
        )
    found = build(cast.owner, contoso)["attention"]
    assert [entry["detail"] for entry in found] == [
        "The secret has expired.",
        "The credential has expired. Replace it.",
        "Open the connection and grant admin consent.",
        "Too many requests.",
    ]
    assert all(entry["address"].startswith("/t/contoso/") for entry in found)


def test_the_dashboard_costs_the_same_queries_with_3_and_with_30_rows(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-10"""
    client = sign_in(cast.owner)
    fill(contoso, 3)
    few = count_queries(client, "/t/contoso/")
    fill(contoso, 27)
    assert count_queries(client, "/t/contoso/") == few
    assert few <= 20


def fill(tenant: Tenant, count: int) -> None:
    for connection in make_connections(tenant, count, health="down", status="error"):
        make_snapshot(connection, compliant=3)
    make_runs(tenant, count)
    make_runs(tenant, count, outcome="failed", failure_code="throttled", type="sample.read")
    for n in range(count):
        make_active(tenant, queued_at=timezone.now() - timedelta(seconds=n))


def test_the_portfolio_costs_the_same_queries_with_2_and_with_12_tenants(cast: SimpleNamespace, sign_in: Any) -> None:
    """CON-10"""
    client = sign_in(cast.owner)
    add_tenants(cast.owner, 0, 1)
    few = count_queries(client, "/")
    add_tenants(cast.owner, 1, 11)
    assert count_queries(client, "/") == few


def add_tenants(person: User, first: int, count: int) -> None:
    for n in range(first, first + count):
        tenant = Tenant.objects.create(
            name=f"Tenant {n}", slug=f"tenant-{n}", entra_tenant_id=f"00000000-0000-4000-8000-{n:012}"
        )
        Membership.objects.create(user=person, tenant=tenant, role="operator")
        make_connections(tenant, 1, health="healthy", status="connected")
        make_runs(tenant, 2)


def test_the_portfolio_names_the_latest_sync_of_every_tenant(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant
) -> None:
    """CON-10: also of one that has not synced for longer than the others' last syncs reach back."""
    Membership.objects.create(user=cast.owner, tenant=fabrikam, role="operator")
    old = make_runs(fabrikam, 1)[0]
    new = make_runs(contoso, 12)[-1]
    rows = {row["tenant"].slug: row["sync"]["run"].pk for row in build(cast.owner, None)["tenant_rows"]}
    assert rows == {"contoso": new.pk, "fabrikam": old.pk}


def test_the_portfolio_shows_nothing_of_a_foreign_tenant(cast: SimpleNamespace, fabrikam: Tenant, page: Any) -> None:
    """CON-10"""
    add_tenants(cast.owner, 0, 1)
    make_connections(fabrikam, health="down", status="error")
    assert "Fabrikam" not in page(cast.owner, "/")


def test_a_new_tenant_is_told_what_to_do_next(cast: SimpleNamespace, page: Any) -> None:
    """CON-11"""
    html = page(cast.owner, "/t/contoso/")
    assert "Add the first connection" in html
    assert "/t/contoso/providers/providerconnection/add/" in html
    assert "Ask a manager or an owner" in page(cast.operator, "/t/contoso/")


def test_somebody_without_any_tenant_is_told_whom_to_ask(cast: SimpleNamespace, page: Any) -> None:
    """CON-11"""
    nobody = User.objects.create_user(username="nobody")
    assert "Ask an owner of the tenant" in page(nobody, "/")
    assert 'href="/rbac/tenant/add/"' in page(cast.platform, "/")
