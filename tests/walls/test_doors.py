"""Doors that are easily forgotten: sign-in, cookies, headers, choosers, filters, forms, palette, messages."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import ForeignKey
from django.test import Client
from django.urls import reverse

from operations import processes
from operations.models import Notification, OperationRun
from providers.models import ProviderConnection
from rbac.models import Membership, Tenant, TenantModel, User
from rbac.scope import scope
from tests.conftest import PASSWORD
from tests.walls.factories import mark_of

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
PAGES: dict[Any, Any] = dict(admin.site._registry)
MODELS = [model for model in PAGES if issubclass(model, TenantModel)]


@pytest.fixture
def member(both: SimpleNamespace, cast: SimpleNamespace, sign_in: Any) -> Client:
    """The owner of Contoso, who may everything there."""
    return sign_in(cast.owner)


def list_of(model: Any) -> str:
    return "/t/contoso" + reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


# -- signing in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "///evil.example",
     "http:evil.example", "/t/contoso//evil.example/%0d%0aX: y"],
)  # fmt: skip
def test_signing_in_leads_to_no_other_site(cast: SimpleNamespace, address: str) -> None:
    """ISO-14"""
    for client in (Client(), Client()):
        answer = client.post(f"/login/?{_query(next=address)}", {"username": "owner", "password": PASSWORD})
        again = client.get("/login/", {"next": address})
        for location in (answer["Location"], again["Location"]):
            assert re.match(r"/(?![/\\])", location), location
            assert "X" not in answer.headers


def _query(**values: str) -> str:
    from urllib.parse import urlencode

    return urlencode(values)


@pytest.mark.parametrize(
    "path", ["//evil.example", "//evil.example/rbac/tenant", "/\\evil.example", "/t/contoso//evil.example"]
)
def test_an_address_without_its_slash_leads_to_no_other_site(member: Client, path: str) -> None:
    """ISO-14"""
    answer = member.get(path)
    assert not answer.get("Location", "/").startswith(("//", "/\\", "http"))


def test_a_session_that_was_planted_is_not_the_one_that_signs_in(cast: SimpleNamespace) -> None:
    """ISO-14: nor is its content kept."""
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = "yes"
    session.save()
    planted = str(session.session_key)
    client.cookies["tenantpilot_session"] = planted
    client.post("/login/", {"username": "owner", "password": PASSWORD})
    assert client.cookies["tenantpilot_session"].value not in ("", planted)
    other = Client()
    other.cookies["tenantpilot_session"] = planted
    assert other.get("/t/contoso/").status_code == 302


def test_the_next_person_at_the_browser_sees_no_message_of_the_one_before(
    both: SimpleNamespace, cast: SimpleNamespace, member: Client
) -> None:
    """ISO-14"""
    connection = both.mine[ProviderConnection]
    address = f"{list_of(ProviderConnection)}{connection.pk}/disable/"
    assert member.post(address, {"_form_submitted": "on"}).status_code == 204
    member.post("/logout/")
    member.post("/login/", {"username": "stranger", "password": PASSWORD})
    page = member.get("/t/fabrikam/").content.decode()
    assert mark_of(both.fabrikam) in page or "Fabrikam" in page
    assert mark_of(both.contoso) not in page


def test_rights_end_with_the_next_request(cast: SimpleNamespace, member: Client) -> None:
    """ISO-12: a role withdrawn, an account switched off, a password changed."""
    assert member.get("/t/contoso/").status_code == 200
    seat = Membership.objects.get(user=cast.owner)
    Membership.objects.filter(pk=seat.pk).update(role="read_only")
    assert member.get(list_of(Membership)).status_code == 403
    seat.delete()
    assert member.get("/t/contoso/").status_code == 404
    assert member.get("/account/").status_code == 200
    cast.owner.set_password("quite-another-phrase")
    cast.owner.save()
    assert member.get("/account/").status_code == 302
    member.force_login(cast.owner)
    User.objects.filter(pk=cast.owner.pk).update(is_active=False)
    assert member.get("/account/").status_code == 302


# -- the wire ----------------------------------------------------------------------------------------------------------


def test_cookies_are_for_this_host_and_its_own_pages_alone(cast: SimpleNamespace) -> None:
    """ISO-14"""
    client = Client()
    client.get("/login/")
    client.post("/login/", {"username": "owner", "password": PASSWORD})
    session, csrf = client.cookies["tenantpilot_session"], client.cookies["tenantpilot_csrf"]
    assert (session["httponly"], session["samesite"], session["path"], session["domain"]) == (True, "Lax", "/", "")
    assert (csrf["samesite"], csrf["path"], csrf["domain"]) == ("Lax", "/", "")
    asked = "import json; from django.conf import settings as s; print(json.dumps({n: getattr(s, n) for n in %r}))"
    names = [
        "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS",
        "SECURE_SSL_REDIRECT", "DEBUG",
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name not in ("COOKIE_SECURE", "DEBUG")}
    told = subprocess.run(
        [sys.executable, "-c", asked % names], cwd=ROOT, env=environment, capture_output=True, check=True
    ).stdout
    assert orjson.loads(told) == {
        "SESSION_COOKIE_NAME": "__Host-session",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "CSRF_COOKIE_SECURE": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_SSL_REDIRECT": True,
        "DEBUG": False,
    }


@pytest.mark.parametrize(
    "path", ["/login/", "/t/contoso/", "/t/nobody/", "/careless/failing/", "/healthz/live", "/bell/"]
)
def test_every_answer_carries_the_security_headers(member: Client, settings: Any, path: str) -> None:
    """ISO-14: error pages as well."""
    settings.ROOT_URLCONF = "tests.walls.pages"
    member.raise_request_exception = False
    answer = member.get(path)
    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'self'",
        "script-src": "'self' 'unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "frame-ancestors": "'self'",
        "form-action": "'self'",
    }
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    if path.startswith(("/t/contoso", "/bell")):
        assert "no-store" in answer["Cache-Control"]


def test_a_host_that_is_not_ours_is_refused_and_not_repeated(member: Client, settings: Any) -> None:
    """ISO-14"""
    settings.DEBUG = False
    answer = member.get("/t/contoso/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()
    page = member.get("/t/contoso/", headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"})
    assert page.status_code == 200
    assert "evil" not in page.content.decode()
    assert "Secure" not in str(page.cookies)


def test_the_request_id_of_a_stranger_is_taken_only_in_its_form(member: Client) -> None:
    """ISO-14: it stands in logs and in the audit trail."""
    assert member.get("/account/", headers={"X-Request-ID": "proxy-0123456789"})["X-Request-ID"] == "proxy-0123456789"
    for offered in ("<script>", "a b", "x" * 65, "short", "zeile\u2028"):
        assert re.fullmatch(r"[0-9a-f]{32}", member.get("/account/", headers={"X-Request-ID": offered})["X-Request-ID"])


# -- the tenant of the address -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/t/fabrikam/", "/t/contoso/t/fabrikam/", "/t/contoso/../fabrikam/", "/t/contoso%2f..%2ffabrikam/", "/T/fabrikam/",
     "/t/FABRIKAM/", "/t//fabrikam/", "/t/fabrikam%20/", "/t/1/", "/t/-/"],
)  # fmt: skip
def test_no_spelling_of_an_address_leads_into_another_tenant(both: SimpleNamespace, member: Client, path: str) -> None:
    """ISO-13"""
    answer = member.get(path, follow=True)
    assert answer.status_code == 404
    assert mark_of(both.fabrikam) not in answer.content.decode()


def test_a_form_of_one_tab_lands_in_the_tenant_of_its_address_or_nowhere(
    both: SimpleNamespace, cast: SimpleNamespace, member: Client
) -> None:
    """ISO-13: the person works in both tenants; the id is of the one, the address of the other."""
    Membership.objects.create(user=cast.owner, tenant=both.fabrikam, role="owner")
    actions = {
        ProviderConnection: ("change/", "disable/", "check/", "sync/", "credentials/", "make-default/"),
        OperationRun: ("change/", "cancel/", "retry/"),
    }
    for model, known in actions.items():
        path = f"{list_of(model).replace('contoso', 'fabrikam')}{both.mine[model].pk}/"
        for action in known:
            answer = member.post(
                path + action, {"_form_submitted": "on", "secret": "a-new-client-secret", "display_name": "x"}
            )
            assert answer.status_code in (403, 404), path + action
    with scope(both.contoso.pk):
        connection = ProviderConnection.objects.get(pk=both.mine[ProviderConnection].pk)
        assert (connection.status, connection.display_name) == ("connected", both.mine[ProviderConnection].display_name)
        assert connection.credential.version == both.mine[ProviderConnection].credential.version
    with scope(both.fabrikam.pk):
        assert OperationRun.objects.filter(trigger="manual", initiator=cast.owner).count() == 0


# -- choosers, filters, pop-ups ----------------------------------------------------------------------------------------

FOREIGN_KEYS = [
    (model, field.name)
    for model in apps.get_models()
    for field in model._meta.get_fields()
    if isinstance(field, ForeignKey)
]


def test_no_chooser_offers_rows_of_another_tenant(both: SimpleNamespace, cast: SimpleNamespace, sign_in: Any) -> None:
    """ISO-11: autocomplete may be asked for any foreign key, used or not."""
    for name in ("owner", "read_only", "platform"):
        client = sign_in(getattr(cast, name))
        for prefix in ("/t/contoso", "") if name != "platform" else ("",):
            for model, field in FOREIGN_KEYS:
                asked = {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "field_name": field,
                    "term": "",
                }
                answer = client.get(f"{prefix}/autocomplete/", asked)
                assert answer.status_code in (200, 403), (model, field)
                assert mark_of(both.fabrikam) not in answer.content.decode(), (name, model, field)
                if name != "platform":
                    assert "stranger" not in answer.content.decode(), (name, model, field)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_filters_by_what_it_offers_and_by_nothing_else(
    both: SimpleNamespace, member: Client, model: Any
) -> None:
    """ISO-11: any other column would be an oracle on what is not shown, and a regular expression a lever on the database."""
    offered = {one[0] if isinstance(one, tuple) else one for one in PAGES[model].list_filter}
    own = {getattr(one, "parameter_name", "") for one in PAGES[model].list_filter}
    names = ["pk", *(field.name for field in model._meta.get_fields())]
    for name in names:
        for kind, value in (("", "1"), ("__regex", "("), ("__tenant__name__startswith", "F")):
            answer = member.get(list_of(model), {name + kind: value})
            assert mark_of(both.fabrikam) not in answer.content.decode(), name + kind
            if name not in offered | own or kind in ("__regex", "__tenant__name__startswith"):
                assert answer.status_code == 400, name + kind
            assert answer.status_code < 500, name + kind


@pytest.mark.parametrize("model", [*MODELS, Membership, Tenant], ids=lambda model: model._meta.label)
def test_no_parameter_of_a_list_or_form_shows_more(both: SimpleNamespace, member: Client, model: Any) -> None:
    """ISO-11"""
    theirs = both.theirs.get(model, both.fabrikam)
    queries = [
        "_popup=1", "_popup=1&_to_field=id", "_to_field=password", "_to_field=tenant__slug", "_facets=1", "all=", "p=0", "p=99999",
        "o=99.-3", "e=1", f"q={mark_of(both.fabrikam)[:6]}", f"q={theirs.pk}", "_changelist_filters=next%3D//evil.example",
        f"tenant__id__exact={both.fabrikam.pk}", "tab=%3Cscript%3E", "page=-1", "version=99",
    ]  # fmt: skip
    own = both.mine.get(model, both.contoso)
    forms = [f"{list_of(model)}add/", f"{list_of(model)}{own.pk}/change/"]
    for query in queries:
        for path in [list_of(model), *(forms if query.startswith(("_popup", "_to", "_change", "tab")) else [])]:
            answer = member.get(f"{path}?{query}")
            assert answer.status_code in (200, 302, 400, 403, 404), (path, query)
            assert mark_of(both.fabrikam) not in answer.content.decode(), (path, query)
            assert not answer.get("Location", "/").startswith(("//", "http")), (path, query)


def test_names_of_members_are_chosen_from_by_those_who_may_see_members(
    both: SimpleNamespace, cast: SimpleNamespace, sign_in: Any
) -> None:
    """ISO-15: a filter of a list would otherwise tell everybody who has access."""
    seen = {
        role: sign_in(getattr(cast, role)).get(list_of(OperationRun)).content.decode()
        for role in ("manager", "operator")
    }
    assert re.search(r">\s*read_only\s*<", seen["manager"])
    assert not re.search(r">\s*read_only\s*<", seen["operator"])
    assert re.search(r">\s*operator\s*<", seen["operator"])


def test_machines_and_totals_of_all_tenants_are_for_those_who_run_the_deployment(
    cast: SimpleNamespace, sign_in: Any
) -> None:
    """ISO-11: everybody sees on the health page that the sweeper lives, and nobody else what it did for whom."""
    processes.beat("sweeper", "sweeper machine-17:4711", "3 lost, 1 timed out")
    pages = {name: sign_in(getattr(cast, name)).get("/health/").content.decode() for name in ("owner", "platform")}
    for text in ("machine-17", "3 lost"):
        assert text not in pages["owner"]
        assert text in pages["platform"]
    assert "s ago" in pages["owner"]


# -- what is posted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", list(PAGES), ids=lambda model: model._meta.label)
def test_fields_that_a_form_does_not_show_are_not_taken(
    both: SimpleNamespace, cast: SimpleNamespace, member: Client, model: Any
) -> None:
    """ISO-13: each column is sent, with the other tenant's value."""
    foreign = {Membership: Membership.objects.get(user=cast.stranger), Tenant: both.fabrikam, User: cast.stranger}
    theirs = both.theirs.get(model) or foreign[model]
    values = {field.name: _as_sent(getattr(theirs, field.attname)) for field in model._meta.concrete_fields}
    sent = {
        **values,
        "tenant_id": both.fabrikam.pk,
        "_save": "1",
        "_popup": "1",
        "_saveasnew": "1",
        "username": "stranger",
    }
    mine = (
        both.mine.get(model)
        or {Membership: Membership.objects.get(user=cast.owner), Tenant: both.contoso, User: cast.owner}[model]
    )
    member.post(f"{list_of(model)}add/", sent)
    member.post(f"{list_of(model)}{mine.pk}/change/", sent)
    member.post(list_of(model), {"action": "delete_selected", "_selected_action": [mine.pk, theirs.pk], "post": "yes"})
    member.post(list_of(model), {**sent, "form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": theirs.pk})
    with scope(both.contoso.pk, both.fabrikam.pk):
        for before in (theirs, mine):
            after = model._base_manager.get(pk=before.pk)
            kept = [
                field.attname
                for field in model._meta.concrete_fields
                if before is theirs or field.name in ("tenant", "user", "slug")
            ]
            assert {n: _plain(after, n) for n in kept} == {n: _plain(before, n) for n in kept}
    assert not User.objects.get(pk=cast.owner.pk).is_superuser


def _as_sent(value: Any) -> Any:
    return "" if value is None else value.hex() if isinstance(value, bytes | memoryview) else value


def _plain(row: Any, name: str) -> Any:
    value = getattr(row, name)
    return bytes(value) if isinstance(value, memoryview) else str(value)


def test_the_bell_and_the_poll_take_ids_of_ones_own_alone(both: SimpleNamespace, member: Client) -> None:
    """ISO-11"""
    theirs = both.theirs[Notification]
    for prefix in ("", "/t/contoso"):
        member.post(f"{prefix}/bell/read/", {"id": theirs.pk})
        assert member.get(f"{prefix}/live/", {"ids": both.theirs[OperationRun].pk}).json()["runs"] == {}
        assert mark_of(both.fabrikam) not in member.get(f"{prefix}/bell/").content.decode()
    with scope(both.fabrikam.pk):
        assert Notification.objects.get(pk=theirs.pk).read_at == theirs.read_at


def test_the_palette_finds_nothing_of_another_tenant(
    both: SimpleNamespace, cast: SimpleNamespace, member: Client
) -> None:
    """ISO-11: neither before nor after the person has worked there."""
    start, number = mark_of(both.fabrikam)[:6], both.theirs[OperationRun].pk
    seat = Membership.objects.create(user=cast.owner, tenant=both.fabrikam, role="operator")
    assert mark_of(both.fabrikam) in member.get("/t/fabrikam/search/", {"s": start}).content.decode()
    for term in (start, "qz", str(number), f"#{number}"):
        assert mark_of(both.fabrikam) not in member.get("/t/contoso/search/", {"s": term}).content.decode()
        assert f"#{number}<" not in member.get("/t/contoso/search/", {"s": term}).content.decode()
    seat.delete()
    for term in (start, "qz", str(number)):
        assert mark_of(both.fabrikam) not in member.get("/search/", {"s": term}).content.decode()


# -- the source --------------------------------------------------------------------------------------------------------

# Who may look past the manager, with the reason. The list may only become shorter.
PAST_THE_MANAGER = {
    "rbac/audit.py": "An entry may belong to no tenant, and is only inserted.",
    "rbac/models.py": "Declares it.",
    "rbac/scoped_admin.py": "An empty answer for a model of any kind.",
}


def test_only_named_modules_look_past_the_manager_and_none_keeps_pages_in_a_cache() -> None:
    """ISO-1: a ratchet. Row-level security still holds behind it."""
    found = set()
    for app in ("rbac", "operations", "providers", "inventory", "restore", "tenantpilot"):
        for path in (ROOT / app).rglob("*.py"):
            text = path.read_text()
            if re.search(r"\bunscoped\b|_base_manager", text):
                found.add(str(path.relative_to(ROOT)))
            assert not re.search(r"import .*\bcache\b.*core|core\.cache import|cache_page", text), path
            assert not re.search(r"mark_safe|\|\s*safe\b", text), path
    assert found == set(PAST_THE_MANAGER)
    templates = [
        path
        for path in (ROOT / "templates").rglob("*.html")
        if re.search(r"\|safe\b|autoescape off|{% cache", path.read_text())
    ]
    assert templates == []
