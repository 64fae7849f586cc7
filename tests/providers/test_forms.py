"""The forms: what is wrong stands at its field, what was typed stays, and a secret never comes back."""

import re
import secrets
import sys
import threading
from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import got_request_exception
from django.db import connections
from django.http import HttpResponse
from django.views.debug import ExceptionReporter

from providers import services
from providers.models import ProviderConnection, ProviderCredential
from rbac.models import AuditEvent, Tenant
from rbac.scope import scope
from tests.providers.keys import make_pem

pytestmark = pytest.mark.django_db
BASE = "/t/contoso/providers/providerconnection/"
APP = "11111111-0000-4000-8000-00000000000{}"


@pytest.fixture
def values(contoso: Tenant) -> dict[str, str]:
    return {
        "display_name": "Contoso at Microsoft",
        "cloud": "global",
        "entra_tenant_id": str(contoso.entra_tenant_id),
        "client_id": APP.format(1),
    }


@pytest.fixture
def manager(cast: SimpleNamespace, sign_in: Any) -> Any:
    return sign_in(cast.manager)


def errors_of(response: HttpResponse) -> dict[str, str]:
    form = response.context["adminform"].form  # type: ignore[attr-defined]
    return {name: " ".join(str(text) for text in texts) for name, texts in form.errors.items()}


def codes_of(response: HttpResponse, name: str = "form") -> dict[str, list[str]]:
    found = response.context[name]  # type: ignore[attr-defined]
    form = getattr(found, "form", found)
    return {field: [str(error.code) for error in errors.as_data()] for field, errors in form.errors.items()}


def stored(tenant: Tenant) -> list[ProviderConnection]:
    with scope(tenant.pk):
        return list(ProviderConnection.objects.order_by("pk"))


def test_a_new_connection_is_added_and_leads_on_to_its_credential(manager: Any, values: Any, contoso: Tenant) -> None:
    """PRO-7"""
    response = manager.post(f"{BASE}add/", values)
    made = stored(contoso)[0]
    assert (response.status_code, response["Location"]) == (302, f"{BASE}{made.pk}/change/")
    assert (made.display_name, made.provider, made.is_default) == ("Contoso at Microsoft", "microsoft", True)
    assert "Set its credential next" in manager.get(response["Location"]).content.decode()


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("entra_tenant_id", "not-a-guid", "is not a GUID. Copy the id from the Entra admin center."),
        ("entra_tenant_id", "", "required"),
        ("client_id", '"><script>alert(1)</script>', "is not a GUID"),
        ("client_id", "11111111-0000-4000-8000", "is not a GUID"),
        ("display_name", "", "required"),
        ("display_name", "invoice\u202efdp", "Give the connection a name of printable characters."),
        ("display_name", "a\x00b", "Null characters are not allowed."),
        ("display_name", "x" * 201, "at most 200"),
        ("cloud", "sandbox", "Select a valid choice"),
        ("cloud", "https://evil.example", "Select a valid choice"),
    ],
)
def test_bad_input_is_told_at_its_field_and_what_was_typed_stays(
    manager: Any, values: Any, contoso: Tenant, settings: Any, field: str, typed: str, sentence: str
) -> None:
    """PRO-24, PRO-7"""
    settings.SANDBOX_URL = ""
    values[field] = typed
    response = manager.post(f"{BASE}add/", values)
    assert response.status_code == 200
    assert set(errors_of(response)) == {field}
    assert sentence in errors_of(response)[field]
    html = response.content.decode()
    for name, value in values.items():
        if name != field and name != "cloud":
            assert f'value="{value}"' in html
    assert "<script>alert" not in html
    assert stored(contoso) == []


def test_the_same_app_twice_is_told_at_its_field(manager: Any, values: Any, contoso: Tenant) -> None:
    """PRO-24"""
    manager.post(f"{BASE}add/", values)
    response = manager.post(f"{BASE}add/", {**values, "display_name": "Again"})
    assert codes_of(response, "adminform") == {"client_id": ["connection_twice"]}
    assert 'value="Again"' in response.content.decode()
    assert len(stored(contoso)) == 1


def test_the_same_app_in_another_tenant_is_no_secret_to_tell(
    manager: Any, values: Any, fabrikam: Tenant, cast: Any, sign_in: Any
) -> None:
    """PRO-24: what a form says must not show that another customer uses an app."""
    assert manager.post(f"{BASE}add/", values).status_code == 302
    other = sign_in(cast.stranger).post("/t/fabrikam/providers/providerconnection/add/", values)
    assert other.status_code == 302
    assert len(stored(fabrikam)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_that_slips_past_the_forms_look_is_told_like_any_other(
    manager: Any, values: Any, contoso: Tenant, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRO-7: both forms looked before either was saved. Nothing is lost, and it is no error page."""
    create, given = services.create_connection, {**values, "actor": cast.manager, "tenant": contoso}

    def the_other_click() -> None:
        with scope(contoso.pk):
            create(**given)
        connections.close_all()

    def slow(**own: Any) -> Any:
        monkeypatch.undo()
        thread = threading.Thread(target=the_other_click)
        thread.start()
        thread.join()
        return create(**own)

    monkeypatch.setattr(services, "create_connection", slow)
    response = manager.post(f"{BASE}add/", {**values, "display_name": "Second click"})
    assert codes_of(response, "adminform") == {"client_id": ["connection_twice"]}
    assert 'value="Second click"' in response.content.decode()
    assert [row.display_name for row in stored(contoso)] == ["Contoso at Microsoft"]


def test_names_are_trimmed_and_markup_is_kept_as_text(manager: Any, values: Any, contoso: Tenant) -> None:
    """PRO-24"""
    manager.post(f"{BASE}add/", {**values, "display_name": "  <b>A & B</b>  "})
    made = stored(contoso)[0]
    assert made.display_name == "<b>A & B</b>"
    html = manager.get(f"{BASE}{made.pk}/change/").content.decode()
    assert "<b>A &amp; B</b>" not in html
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in html


def test_nothing_but_the_fields_of_the_form_is_taken(
    manager: Any, values: Any, contoso: Tenant, fabrikam: Tenant
) -> None:
    """PRO-24: S23."""
    more = {
        "tenant": fabrikam.pk, "tenant_id": fabrikam.pk, "status": "connected", "health": "healthy",
        "is_default": "", "granted_permissions": "Group.Read.All", "provider": "evil",
    }  # fmt: skip
    assert manager.post(f"{BASE}add/", {**values, **more}).status_code == 302
    made = stored(contoso)[0]
    assert (made.tenant_id, made.status, made.granted_permissions) == (contoso.pk, "not_verified", [])
    assert (made.provider, made.is_default) == ("microsoft", True)
    assert stored(fabrikam) == []


# -- changing, and two tabs --------------------------------------------------------------------------------------------


def opened(client: Any, connection: ProviderConnection) -> dict[str, str]:
    """The fields of the page as a browser would send them."""
    form = client.get(f"{BASE}{connection.pk}/change/").context["adminform"].form
    return {name: str(form[name].value()) for name in form.fields}


def test_a_page_that_was_opened_and_saved_changes_nothing(manager: Any, values: Any, contoso: Tenant) -> None:
    """PRO-7"""
    manager.post(f"{BASE}add/", values)
    connection = stored(contoso)[0]
    assert manager.post(f"{BASE}{connection.pk}/change/", opened(manager, connection)).status_code == 302
    with scope(contoso.pk):
        assert list(AuditEvent.objects.values_list("verb", flat=True)) == ["connection.created"]


def test_of_two_tabs_the_second_is_warned_keeps_its_values_and_may_then_decide(
    manager: Any, values: Any, contoso: Tenant
) -> None:
    """PRO-7"""
    manager.post(f"{BASE}add/", values)
    connection = stored(contoso)[0]
    first, second = opened(manager, connection), opened(manager, connection)
    address = f"{BASE}{connection.pk}/change/"
    assert manager.post(address, {**first, "display_name": "First tab"}).status_code == 302
    response = manager.post(address, {**second, "client_id": APP.format(2)})
    html = response.content.decode()
    assert response.status_code == 200
    assert codes_of(response, "adminform") == {"__all__": ["connection_changed"]}
    assert "display name: First tab" in html
    assert f'value="{APP.format(2)}"' in html
    assert stored(contoso)[0].display_name == "First tab"
    # Saved again, having read it: now it is about what is stored.
    again = {name: str(value) for name, value in response.context["adminform"].form.data.items()}
    assert manager.post(address, again).status_code == 302
    made = stored(contoso)[0]
    assert (made.display_name, str(made.client_id)) == ("Contoso at Microsoft", APP.format(2))


def test_a_check_in_between_is_no_conflict(manager: Any, values: Any, contoso: Tenant) -> None:
    """PRO-7: only what people decide is compared."""
    manager.post(f"{BASE}add/", values)
    connection = stored(contoso)[0]
    tab = opened(manager, connection)
    with scope(contoso.pk):
        ProviderConnection.objects.update(status="connected", health="healthy")
    assert manager.post(f"{BASE}{connection.pk}/change/", {**tab, "display_name": "New"}).status_code == 302
    assert (stored(contoso)[0].display_name, stored(contoso)[0].status) == ("New", "connected")


@pytest.mark.parametrize("seen", ["", "null", "[]", "{", "{}", '{"cloud": "china"}', "x" * 3_000])
def test_a_tampered_comparison_field_breaks_nothing(manager: Any, values: Any, contoso: Tenant, seen: str) -> None:
    """PRO-24"""
    manager.post(f"{BASE}add/", values)
    connection = stored(contoso)[0]
    response = manager.post(f"{BASE}{connection.pk}/change/", {**values, "seen": seen, "display_name": "New"})
    assert response.status_code in (200, 302)


def test_a_page_of_a_connection_that_is_gone_meanwhile_is_not_found(manager: Any, values: Any, contoso: Tenant) -> None:
    """PRO-24"""
    manager.post(f"{BASE}add/", values)
    connection = stored(contoso)[0]
    tab = opened(manager, connection)
    with scope(contoso.pk):
        ProviderConnection.objects.get(pk=connection.pk).delete()
    for path in ("change", "check", "credentials"):
        assert manager.post(f"{BASE}{connection.pk}/{path}/", tab).status_code in (302, 404)
    assert stored(contoso) == []


# -- the credential page -----------------------------------------------------------------------------------------------


@pytest.fixture
def credential(manager: Any, values: Any, contoso: Tenant) -> Callable[..., Any]:
    """`credential(**fields)` is the answer to the credential form of a connection."""
    manager.post(f"{BASE}add/", values)
    connection = stored(contoso)[0]

    def post(**fields: Any) -> Any:
        return manager.post(f"{BASE}{connection.pk}/credentials/", fields)

    return post


def upload(content: bytes, name: str = "app.pfx") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/x-pkcs12")


def kept(tenant: Tenant) -> list[ProviderCredential]:
    with scope(tenant.pk):
        return list(ProviderCredential.objects.all())


def test_a_secret_is_stored_with_its_expiry(credential: Any, contoso: Tenant) -> None:
    """PRO-5"""
    day = date.today() + timedelta(days=90)
    assert credential(secret="a-good-long-secret", expires_on=day.isoformat()).status_code == 302
    found = kept(contoso)[0]
    assert (found.kind, f"{found.expires_at:%Y-%m-%d}", found.set_by_name) == ("secret", day.isoformat(), "manager")


@pytest.mark.parametrize("form", ["pfx", "pem file", "pem text", "locked pem"])
def test_a_certificate_is_taken_as_a_file_and_as_text(form: str, credential: Any, contoso: Tenant) -> None:
    """PRO-6"""
    pem = make_pem()
    forms: dict[str, dict[str, Any]] = {
        "pfx": {"certificate_file": upload(pem.pfx("right")), "password": "right"},
        "pem file": {"certificate_file": upload(pem.both, "app.pem")},
        "pem text": {"certificate_text": pem.both.decode()},
        "locked pem": {"certificate_text": pem.locked("right").decode(), "password": "right"},
    }
    assert credential(**forms[form]).status_code == 302
    assert (kept(contoso)[0].kind, len(kept(contoso)[0].fingerprint)) == ("certificate", 64)


def faults() -> dict[str, tuple[dict[str, Any], str, str]]:
    pem, other = make_pem(), make_pem(number=2)
    return {
        "nothing": ({}, "__all__", "credential_choice"),
        "two at once": ({"secret": "a-good-long-secret", "certificate_text": pem.both.decode()}, "__all__", "credential_choice"),
        "id instead of value": ({"secret": APP.format(1)}, "secret", "secret_is_id"),
        "line end": ({"secret": "a-good-long-secret\r\n"}, "secret", "secret_form"),
        "past expiry": ({"secret": "a-good-long-secret", "expires_on": "2020-01-01"}, "expires_on", "secret_expired"),
        "no date": ({"secret": "a-good-long-secret", "expires_on": "soon"}, "expires_on", "invalid"),
        "wrong password": ({"certificate_file": upload(pem.pfx("right")), "password": "wrong"}, "password", "certificate_password"),
        "no password": ({"certificate_file": upload(pem.pfx("right"))}, "password", "certificate_password_missing"),
        "without key": ({"certificate_text": pem.certificate}, "certificate_text", "certificate_without_key"),
        "key of another": ({"certificate_text": pem.certificate + other.key}, "certificate_text", "certificate_key_mismatch"),
        "expired": ({"certificate_file": upload(make_pem(begins=-9, days=3).pfx())}, "certificate_file", "certificate_expired"),
        "weak": ({"certificate_file": upload(make_pem(bits=1024).pfx())}, "certificate_file", "certificate_weak_key"),
        "empty file": ({"certificate_file": upload(b"")}, "certificate_file", "certificate_unreadable"),
        "large file": ({"certificate_file": upload(b"x" * 3_000_000)}, "certificate_file", "certificate_too_large"),
        "a picture": ({"certificate_file": upload(b"\x89PNG\r\n", "logo.png")}, "certificate_file", "certificate_unreadable"),
        "long text": ({"certificate_text": "x" * 70_000}, "certificate_text", "max_length"),
    }  # fmt: skip


@pytest.mark.parametrize("fault", faults())
def test_each_fault_of_a_credential_has_its_code_at_its_field_and_changes_nothing(
    fault: str, credential: Any, contoso: Tenant
) -> None:
    """PRO-24, PRO-6"""
    fields, field, code = faults()[fault]
    response = credential(**fields)
    assert response.status_code == 200
    assert codes_of(response) == {field: [code]}
    assert kept(contoso) == []
    html = response.content.decode()
    assert "Nothing was changed." in html
    for typed in (fields.get("secret"), fields.get("password")):
        assert not typed or f'value="{typed.strip()}"' not in html
    assert "BEGIN" not in re.sub(r"from BEGIN to END", "", html)


def test_what_is_replaced_is_said_and_never_shown(credential: Any, contoso: Tenant, manager: Any) -> None:
    """PRO-4"""
    credential(secret="a-good-long-secret")
    html = re.sub(r"\s+", " ", manager.get(f"{BASE}{stored(contoso)[0].pk}/credentials/").content.decode())
    assert "The present client secret was set by manager and is replaced. It cannot be shown." in html
    assert "a-good-long-secret" not in html


def test_the_page_asks_no_browser_to_remember_a_secret(credential: Any, manager: Any, contoso: Tenant) -> None:
    """PRO-4"""
    html = manager.get(f"{BASE}{stored(contoso)[0].pk}/credentials/").content.decode()
    for name in ("secret", "password", "certificate_text"):
        field = re.search(rf'<(?:input|textarea)[^>]*name="{name}"[^>]*>', html)
        assert field
        assert 'autocomplete="off"' in field[0]
    assert 'enctype="multipart/form-data"' in html


def test_an_error_report_of_the_page_holds_no_secret(
    credential: Any, contoso: Tenant, manager: Any, settings: Any
) -> None:
    """PRO-4: S7. Django's report prints local variables and what was posted."""
    # Not written out here: the report quotes the lines of the source around each frame.
    canary, reports = secrets.token_hex(20), []

    def keep(sender: Any, request: Any = None, **_: Any) -> None:
        reports.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_html())

    settings.CREDENTIAL_KEYS = []
    manager.raise_request_exception = False
    got_request_exception.connect(keep)
    try:
        answers = [credential(secret=canary), credential(certificate_text=make_pem().both.decode())]
    finally:
        got_request_exception.disconnect(keep)
    assert [answer.status_code for answer in answers] == [500, 500]
    for hidden in (canary, make_pem().key_body):
        assert all("CREDENTIAL_KEYS is empty" in report and hidden not in report for report in reports)
        assert not any(hidden in answer.content.decode() for answer in answers)
    assert len(reports) == 2
