"""Errors, safety of the markup, times, badges, and the templates of Unfold that ours stand on."""

import hashlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import unfold
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.test import Client

from operations.models import Notification, OperationItem, OperationRun
from rbac import badges
from rbac.models import Membership, Tenant, User
from rbac.scoped_admin import ScopedAdmin
from tenantpilot.site_settings import UNFOLD
from tests.console.conftest import make_active, make_runs

pytestmark = pytest.mark.django_db
RUNS = "/t/contoso/operations/operationrun/"
UNFOLD_TEMPLATES = Path(unfold.__file__).parent / "templates"

# Templates of ours that extend or replace one of Unfold's. A new hash means: read what changed upstream, then update.
STAND_ON = {
    "admin/base.html": "7428a8411d69ed8180178d888e37eaf05d73658d78c9e14eb04b79f0e8fe131c",
    "unfold/helpers/header.html": "40708fcc53f5cb02f9c5d61c36bd3a1cd99ae662151c0e975b56bf826a57fa79",
    "unfold/helpers/header_title.html": "708a66bc1c0997f3927ce7ea61e6840d612cf2a465505d5c7e5bdc88f3515d1f",
    "unfold/helpers/pagination_default.html": "fad73d3c053476ef02975f5967f82c38835f73293cd92e2fec35968a07d659eb",
    "unfold/helpers/welcomemsg.html": "91ac76169f4c93b57e54cdd03af5aac3311f695014a529314f17ff4c2170c28a",
    "unfold/helpers/search.html": "b55f50fdc44ad5bedb9882a9f15e2015fa7750692f2b45bee6bd281aa45986ce",
    "unfold/helpers/command.html": "e10d80a03e4657fadeff1badb421728a0e63e020f4f85092692a430d4d59cf6a",
    "unfold/helpers/unauthenticated_title.html": "1913ea761a4f771606e28dc3341d6e044d15d48168b55a9ebe2096fb39c60cd1",
}


@pytest.mark.parametrize(("name", "digest"), STAND_ON.items())
def test_the_templates_that_ours_stand_on_have_not_changed(name: str, digest: str) -> None:
    """CON-15"""
    assert hashlib.sha256((UNFOLD_TEMPLATES / name).read_bytes()).hexdigest() == digest


def test_a_page_that_does_not_exist_says_so_with_its_request_id(cast: SimpleNamespace, sign_in: Any) -> None:
    """CON-12"""
    response = sign_in(cast.owner).get("/t/contoso/no/such/page/", headers={"X-Request-ID": "find-me-in-the-log"})
    html = response.content.decode()
    assert response.status_code == 404
    assert "Nothing here" in html
    assert "find-me-in-the-log" in html


def test_unknown_foreign_and_archived_tenants_answer_alike(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, sign_in: Any
) -> None:
    """CON-12"""
    client = sign_in(cast.owner)
    Tenant.objects.filter(pk=contoso.pk).update(status="archived")
    answers = {
        re.sub(r"<code>.*?</code>", "", client.get(f"/t/{slug}/").content.decode())
        for slug in ("contoso", "fabrikam", "nobody")
    }
    assert len(answers) == 1


def test_a_form_without_its_proof_is_explained(cast: SimpleNamespace) -> None:
    """CON-12"""
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)
    response = client.post("/t/contoso/rbac/membership/add/", {"username": "x"})
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()


@pytest.mark.parametrize(
    "address", ["/login/", "/t/contoso/", RUNS, "/t/contoso/rbac/membership/add/", "/t/contoso/nothing/"]
)
def test_no_page_holds_an_inline_script_or_handler(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any, address: str
) -> None:
    """CON-14: the policy forbids them, so one that slipped in would be dead, or worse, tempt somebody to loosen it."""
    make_active(contoso)
    client = Client() if address == "/login/" else sign_in(cast.owner)
    response = client.get(address)
    html = response.content.decode()
    assert "'unsafe-inline'" not in response["Content-Security-Policy"].split("style-src")[0]
    scripts = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", html)
    assert all('type="application/json"' in attributes for attributes in scripts), scripts
    assert not re.search(r"<[^>]+\son(click|load|error|submit|change)=", html)


def test_names_with_markup_are_text_everywhere(cast: SimpleNamespace, contoso: Tenant, page: Any) -> None:
    """CON-14"""
    evil = '<img src=x onerror="alert(1)">'
    Tenant.objects.filter(pk=contoso.pk).update(name=evil)
    make_runs(contoso, 1, initiator_name=evil, failure_message=evil, outcome="failed", failure_code="throttled")
    other = Tenant.objects.create(name=evil + "2", slug="other", entra_tenant_id="eeeeeeee-0000-4000-8000-00000000000e")
    Membership.objects.create(user=cast.owner, tenant=other, role="owner")
    for address in ("/", "/t/contoso/", RUNS, "/t/contoso/rbac/tenant/", "/t/contoso/search/?s=img"):
        assert "<img src=x" not in page(cast.owner, address), address


def test_times_are_shown_in_the_persons_zone_with_its_name(cast: SimpleNamespace, contoso: Tenant, page: Any) -> None:
    """CON-14"""
    User.objects.filter(pk=cast.owner.pk).update(time_zone="Asia/Kolkata")
    run = make_runs(contoso, 1)[0]
    html = page(User.objects.get(pk=cast.owner.pk), f"{RUNS}{run.pk}/change/")
    assert re.search(r'<time datetime="[^"]+\+05:30" title="[^"]+ IST">', html)


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        ("run.status", OperationRun.Status.values),
        ("run.outcome", OperationRun.Outcome.values),
        ("run.item", OperationItem.Result.values),
        ("notification.kind", Notification.Kind.values),
        ("tenant.status", Tenant.Status.values),
        ("membership.role", [value for value, _label in Membership._meta.get_field("role").flatchoices]),
    ],
)
def test_the_badge_catalogue_covers_every_value_and_nothing_else(domain: str, values: list[str]) -> None:
    """CON-14"""
    catalogue = badges.domains()[domain]
    assert set(catalogue) == set(values)
    assert all(badge.label and badge.icon and badge.meaning.endswith(".") for badge in catalogue.values())


def test_every_admin_page_derives_from_the_scoped_base() -> None:
    """CON-03"""
    assert [model for model, found in admin.site._registry.items() if not isinstance(found, ScopedAdmin)] == []


# Actions without a dialog, each with the reason why opening them is harmless.
OPENS_A_PAGE = {
    "ProviderConnectionAdmin.update_credentials": "a form of its own, because a dialog cannot take a file; its POST acts",
}


def test_every_action_asks_before_it_acts() -> None:
    """CON-09: Unfold runs an action without a dialog on GET."""
    found: Any
    for found in admin.site._registry.values():
        names = [*found._extract_action_names(found.actions_detail), *found._extract_action_names(found.actions_row)]
        for name in names:
            full_name = f"{type(found).__name__}.{name}"
            assert getattr(getattr(found, name), "dialog", None) or full_name in OPENS_A_PAGE, full_name


def test_the_files_that_every_page_loads_exist(rf: Any) -> None:
    """CON-14"""
    for name in ("STYLES", "SCRIPTS"):
        for link in UNFOLD[name]:
            address = link(rf.get("/")).removeprefix("/static/")
            assert finders.find(address), address


def test_the_sandbox_label_shows_only_where_the_sandbox_is_used(
    cast: SimpleNamespace, page: Any, settings: Any
) -> None:
    """CON-14"""
    settings.SANDBOX_URL = ""
    assert ">\nSandbox" not in re.sub(r"\s*\n\s*", "\n", page(cast.owner, "/t/contoso/"))
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    assert ">\nSandbox" in re.sub(r"\s*\n\s*", "\n", page(cast.owner, "/t/contoso/"))


def test_the_health_page_names_each_part_with_its_remedy(cast: SimpleNamespace, page: Any) -> None:
    """CON-12: failures of a run send people here."""
    html = page(cast.read_only, "/t/contoso/health/")
    assert "Start the worker process" in html
    assert "never seen" in html
