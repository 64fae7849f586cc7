"""What rules can see of accessibility, on every kind of page, in light and dark: names, roles, contrast (WCAG 2.2 A and AA)."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from providers.models import ProviderConnection
from rbac.models import Tenant
from tests.console.conftest import make_active, make_items, make_notification, make_runs

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def test_every_kind_of_page_passes_the_rules_in_light_and_dark(
    page: Page, cast: SimpleNamespace, contoso: Tenant, connection: ProviderConnection, sign_in_as: Callable[..., Page]
) -> None:
    """CON-14"""
    runs = make_runs(contoso, 3, initiator=cast.owner)
    failed = make_runs(contoso, 1, initiator=cast.owner, outcome="failed", failure_code="throttled", failed=1)[0]
    make_items(failed, 2, result="failed", code="throttled", message="Wait.", graph_request_id="a1b2")
    make_active(contoso)
    make_notification(runs[0], cast.owner)
    page.goto("/login/")
    problems = _problems(page, "sign-in")
    sign_in_as(cast.owner)
    for address in (
        "/t/contoso/",
        "/t/contoso/operations/operationrun/",
        f"/t/contoso/operations/operationrun/{failed.pk}/change/",
        f"/t/contoso/operations/operationrun/{failed.pk}/change/?tab=failures",
        "/t/contoso/providers/providerconnection/",
        "/t/contoso/providers/providerconnection/add/",
        f"/t/contoso/providers/providerconnection/{connection.pk}/change/",
        f"/t/contoso/providers/providerconnection/{connection.pk}/credentials/",
        "/t/contoso/inventory/inventoryitem/",
        "/t/contoso/inventory/inventoryitem/coverage/",
        "/t/contoso/rbac/membership/",
        "/t/contoso/rbac/auditevent/",
        "/t/contoso/account/",
        "/t/contoso/health/",
    ):
        page.goto(address)
        problems += _problems(page, address)
    assert not problems, "\n".join(problems)


def _problems(page: Page, name: str) -> list[str]:
    """One line for each rule that the page breaks, with the first places where it does."""
    found: list[str] = []
    for scheme in ("light", "dark"):
        page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
        results: dict[str, Any] = Axe().run(page, options=_RULES).response
        for violation in results["violations"]:
            places = "; ".join(" ".join(map(str, node["target"])) for node in violation["nodes"][:3])
            found.append(f"{name} ({scheme}): {violation['id']}: {violation['help']} at {places}")
    page.evaluate("document.documentElement.classList.remove('dark')")
    return found
