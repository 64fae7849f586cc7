"""What only a browser can show of the console: the live poll, the palette, dialogs and menus under the keyboard."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from operations.models import OperationRun
from rbac.models import Tenant
from rbac.scope import scope
from tests.console.conftest import make_active, make_connections, make_notification, make_runs

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
RUNS = "/t/contoso/operations/operationrun/"


def change(run: OperationRun, **fields: Any) -> None:
    with scope(run.tenant_id or 0):
        OperationRun.objects.filter(pk=run.pk).update(**fields)


def end(run: OperationRun) -> None:
    change(run, status="completed", outcome="succeeded", completed_at=Now(), lease_until=None)


def test_progress_moves_without_a_reload_and_the_poll_stops_by_itself(
    page: Page, cast: SimpleNamespace, contoso: Tenant, sign_in_as: Callable[..., Page], shoot: Callable[[str], None]
) -> None:
    """CON-06"""
    run = make_active(contoso, total=10, processed=3)
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if "/live/" in request.url else None)
    sign_in_as(cast.operator)
    page.goto(RUNS)
    row = page.locator(f'[data-run-live="{run.pk}"]')
    expect(row).to_contain_text("3 of 10")
    change(run, processed=7, failed=1)
    expect(row).to_contain_text("7 of 10, 1 failed")
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "70")
    shoot("runs-live")
    end(run)
    expect(page.locator(f'[data-run-badge="{run.pk}"]')).to_contain_text("Succeeded")
    expect(page.locator("#tp-announcer")).to_contain_text(f"{run.pk}: Succeeded")
    asked = len(polls)
    page.wait_for_timeout(4500)
    assert len(polls) == asked


def test_the_page_of_a_run_shows_its_result_once_it_has_ended(
    page: Page, cast: SimpleNamespace, contoso: Tenant, sign_in_as: Callable[..., Page]
) -> None:
    """CON-06"""
    run = make_active(contoso)
    sign_in_as(cast.operator)
    page.goto(f"{RUNS}{run.pk}/change/")
    expect(page.get_by_role("link", name="Cancel run")).to_be_visible()
    end(run)
    expect(page.get_by_role("link", name="Retry run")).to_be_visible()


def test_cancelling_works_with_the_keyboard_alone(
    page: Page, cast: SimpleNamespace, contoso: Tenant, sign_in_as: Callable[..., Page], shoot: Callable[[str], None]
) -> None:
    """CON-09"""
    run = make_active(contoso)
    sign_in_as(cast.operator)
    page.goto(f"{RUNS}{run.pk}/change/")
    page.get_by_role("link", name="Cancel run").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel this run?")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Cancel the run")).to_be_focused()
    shoot("cancel")
    page.keyboard.press("Enter")
    expect(page.get_by_text("stops after the item it is working on")).to_be_visible()


def test_a_dialog_that_fails_says_so(
    page: Page, cast: SimpleNamespace, contoso: Tenant, sign_in_as: Callable[..., Page]
) -> None:
    """CON-12: Unfold alone would leave the dialog standing, without a word."""
    run = make_active(contoso)
    sign_in_as(cast.operator)
    page.goto(f"{RUNS}{run.pk}/change/")
    page.get_by_role("link", name="Cancel run").click()
    confirm = page.get_by_role("button", name="Cancel the run")
    expect(confirm).to_be_visible()
    cast.operator.memberships.all().delete()
    confirm.click()
    expect(page.get_by_role("alert")).to_contain_text("does not exist any more")


def test_the_palette_finds_and_opens_with_the_keyboard(
    page: Page, cast: SimpleNamespace, contoso: Tenant, sign_in_as: Callable[..., Page], shoot: Callable[[str], None]
) -> None:
    """CON-04"""
    run = make_runs(contoso, 1)[0]
    sign_in_as(cast.operator)
    page.goto("/t/contoso/")
    page.keyboard.press("Control+k")
    page.keyboard.type("operation")
    expect(page.locator("#tp-palette-results").get_by_role("link", name="Operation runs")).to_be_visible()
    shoot("palette")
    page.keyboard.press("Control+a")
    page.keyboard.type(f"#{run.pk}")
    link = page.locator("#tp-palette-results").get_by_role("link", name=f"#{run.pk}")
    expect(link).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{RUNS}{run.pk}/change/")


def test_the_bell_opens_is_emptied_and_closes_with_the_keyboard(
    page: Page, cast: SimpleNamespace, contoso: Tenant, sign_in_as: Callable[..., Page], shoot: Callable[[str], None]
) -> None:
    """CON-05"""
    make_notification(make_runs(contoso, 1, initiator=cast.operator)[0], cast.operator)
    sign_in_as(cast.operator)
    page.goto("/t/contoso/")
    page.get_by_role("button", name="Notifications, 1 unread").focus()
    page.keyboard.press("Enter")
    panel = page.locator("#bell-panel")
    expect(panel).to_be_visible()
    shoot("bell")
    panel.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("button", name="Notifications, 0 unread")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_no_page_of_the_console_breaks_the_content_security_policy(
    page: Page, cast: SimpleNamespace, contoso: Tenant, sign_in_as: Callable[..., Page], shoot: Callable[[str], None]
) -> None:
    """CON-14: the fixture fails on any message of the console."""
    make_connections(contoso, status="connected", health="healthy")
    run = make_runs(contoso, 3)[0]
    make_active(contoso)
    sign_in_as(cast.owner)
    pages = {
        "dashboard": "/t/contoso/",
        "runs": RUNS,
        "run": f"{RUNS}{run.pk}/change/",
        "members": "/t/contoso/rbac/membership/",
        "member-add": "/t/contoso/rbac/membership/add/",
        "audit": "/t/contoso/rbac/auditevent/",
        "tenant": f"/t/contoso/rbac/tenant/{contoso.pk}/change/",
        "account": "/t/contoso/account/",
        "health": "/t/contoso/health/",
    }
    for name, address in pages.items():
        page.goto(address)
        shoot(f"console-{name}")
