"""The way an operator goes: sign in, check the connection, sync, watch, be told, look at what was found."""

import subprocess
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect

from operations.models import Notification, OperationRun
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_an_operator_checks_syncs_watches_and_browses(
    page: Page,
    cast: SimpleNamespace,
    contoso: Tenant,
    connection: ProviderConnection,
    worker: subprocess.Popen[bytes],
    sign_in_as: Callable[..., Page],
    shoot: Callable[[str], None],
) -> None:
    """CON-1, PRV-1, RUN-1, INV-1: the whole journey through real servers."""
    sign_in_as(cast.operator)
    shoot("portfolio")
    page.get_by_role("link", name="Contoso").first.click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    shoot("dashboard-empty")

    page.goto(f"/t/contoso/providers/providerconnection/{connection.pk}/change/")
    shoot("connection")
    start(page, "Check connection")
    expect(page.get_by_text("queued").first).to_be_visible()
    page.get_by_role("link", name="View run").first.click()
    expect(page.get_by_text("Succeeded").first).to_be_visible()
    shoot("run-check")

    page.goto(f"/t/contoso/providers/providerconnection/{connection.pk}/change/")
    start(page, "Sync inventory")
    page.get_by_role("link", name="View run").first.click()
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
    shoot("run-sync")
    with scope(contoso.pk):
        run = OperationRun.objects.get(type="inventory.sync")
        assert run.outcome == "succeeded", run.failure_message
        told = Notification.objects.filter(run=run, kind="completed")
        assert [n.user for n in told] == [cast.operator]

    page.get_by_role("button", name="Notifications").click()
    expect(page.locator("#bell-panel").get_by_text("Inventory sync").first).to_be_visible()
    shoot("bell")

    page.goto("/t/contoso/inventory/inventoryitem/")
    shoot("items")
    page.locator("#result_list tbody a, .result-list a").first.click()
    for tab in ("Settings", "Assignments", "Versions", "Raw JSON"):
        page.get_by_role("navigation", name="Parts of this item").get_by_role("link", name=tab).click()
        shoot(f"item-{tab.split()[0].lower()}")
    page.goto("/t/contoso/")
    shoot("dashboard")


def start(page: Page, title: str) -> None:
    """Open the dropdown that holds the action, choose it, and confirm the dialog."""
    action = page.get_by_role("link", name=title)
    if not action.first.is_visible():
        page.get_by_text("Run", exact=True).first.click()
    action.first.click()
    page.locator("#dialog button[type=submit]").click()
