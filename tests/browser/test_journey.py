"""The way people go: sign in, connect, check, sync, watch, be told, look at what was found."""

import re
import subprocess
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect

from operations.models import Notification, OperationRun
from providers.models import ProviderConnection
from providers.sandbox.world import SandboxTenant
from rbac.models import Tenant
from rbac.scope import scope

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CONNECTIONS = "/t/contoso/providers/providerconnection/"


def test_a_manager_connects_a_tenant_and_sees_its_policies(
    page: Page,
    cast: SimpleNamespace,
    contoso: Tenant,
    sandbox_tenant: SandboxTenant,
    worker: subprocess.Popen[bytes],
    sign_in_as: Callable[..., Page],
    shoot: Callable[[str], None],
) -> None:
    """CON-10, PRO-1, RUN-1, INV-1: the whole journey through real servers."""
    app = sandbox_tenant.apps["full"]
    sign_in_as(cast.manager)
    expect(page).to_have_title(re.compile("Contoso"))
    shoot("journey-01-first-sign-in")

    page.goto(f"{CONNECTIONS}add/")
    page.get_by_label("Display name").fill("Contoso production")
    page.get_by_label("Cloud").select_option("sandbox")
    page.get_by_label("Entra tenant id").fill("not a GUID")
    page.get_by_label("Application (client) id").fill(app.client_id)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is not a GUID")).to_be_visible()
    expect(page.get_by_label("Display name")).to_have_value("Contoso production")
    shoot("journey-02-wrong-guid")
    page.get_by_label("Entra tenant id").fill(sandbox_tenant.entra_tenant_id)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Set its credential next")).to_be_visible()
    with scope(contoso.pk):
        connection = ProviderConnection.objects.get()
    shoot("journey-03-connection-without-credential")

    page.get_by_role("button", name="Manage", exact=True).click()
    page.get_by_role("link", name="Update credentials").click()
    page.get_by_label("Client secret").fill(app.client_id)
    page.get_by_role("button", name="Replace the credential").click()
    expect(page.get_by_text("This is the id of a client secret")).to_be_visible()
    expect(page.get_by_label("Client secret")).to_have_value("")
    page.get_by_label("Client secret").fill(app.secret)
    shoot("journey-04-credential")
    page.get_by_role("button", name="Replace the credential").click()
    expect(page.get_by_text("has a new credential")).to_be_visible()

    open_action(page, "Run", "Check connection")
    confirm(page)
    expect(page.get_by_text("Connection check queued")).to_be_visible()
    shoot("journey-05-queued")
    page.get_by_role("link", name="View run").first.click()
    expect(page.locator("[data-run-badge]").first).to_contain_text("Succeeded", timeout=30_000)
    shoot("journey-06-check-ended")

    page.goto(f"{CONNECTIONS}{connection.pk}/change/")
    expect(page.get_by_text("Connected").first).to_be_visible()
    shoot("journey-07-connection-checked")
    open_action(page, "Run", "Sync inventory")
    confirm(page)
    page.get_by_role("link", name="View run").first.click()
    shoot("journey-08-sync-running")
    expect(page.locator("[data-run-badge]").first).to_contain_text("Succeeded", timeout=60_000)
    expect(page.get_by_role("link", name="Retry run")).to_be_visible()
    shoot("journey-09-sync-ended")
    with scope(contoso.pk):
        run = OperationRun.objects.get(type="inventory.sync")
        assert run.outcome == "succeeded", run.failure_message
        told = Notification.objects.filter(run=run, kind="completed")
        assert [notification.user for notification in told] == [cast.manager]

    page.get_by_role("button", name=re.compile("Notifications")).click()
    expect(page.locator("#bell-panel").get_by_text("Inventory sync").first).to_be_visible()
    shoot("journey-10-bell")
    page.keyboard.press("Escape")

    page.goto(f"{CONNECTIONS}{connection.pk}/change/")
    open_action(page, "Run", "Compliance snapshot")
    confirm(page)
    page.get_by_role("link", name="View run").first.click()
    expect(page.locator("[data-run-badge]").first).to_contain_text("Succeeded", timeout=30_000)

    page.goto("/t/contoso/inventory/inventoryitem/?type=settings_catalog_policy")
    shoot("journey-11-items")
    shown = page.locator("#result_list tbody a").first
    name = shown.locator(".tp-cell").evaluate("cell => cell.firstChild.textContent")
    shown.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    shoot("journey-12-item")
    for tab in ("Settings", "Assignments", "Versions", "Raw JSON"):
        page.get_by_role("navigation", name="Parts of this item").get_by_role("link", name=tab).click()
        shoot(f"journey-13-item-{tab.split()[0].lower()}")
    for name, address in {
        "dashboard": "/t/contoso/",
        "coverage": "/t/contoso/inventory/inventoryitem/coverage/",
        "connections": CONNECTIONS,
        "runs": "/t/contoso/operations/operationrun/",
        "portfolio-items": "/inventory/inventoryitem/",
    }.items():
        page.goto(address)
        shoot(f"journey-14-{name}")


def open_action(page: Page, menu: str, title: str) -> None:
    """Choose an action from its dropdown, as far as its dialog."""
    page.get_by_role("button", name=menu, exact=True).click()
    page.get_by_role("link", name=title).click()
    expect(page.locator("#dialog button[type=submit]")).to_be_visible()


def confirm(page: Page) -> None:
    page.locator("#dialog button[type=submit]").click()
