"""Creating and changing connections and their credentials, below the pages."""

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.utils import timezone

from operations.models import OperationRun
from operations.services import Refused, Started, start_operation
from providers import services
from providers.certificates import read_certificate
from providers.models import ProviderConnection, ProviderCredential
from rbac.models import AuditEvent, Tenant
from rbac.scope import scope
from rbac.services import SYSTEM, NotPermitted
from tests.providers.keys import make_pem

pytestmark = pytest.mark.django_db
APP = "11111111-0000-4000-8000-00000000000{}"


@pytest.fixture
def make(contoso: Tenant, cast: SimpleNamespace) -> Any:
    def create(number: int = 1, actor: Any = None, **fields: Any) -> ProviderConnection:
        values = {
            "display_name": f"Connection {number}",
            "entra_tenant_id": contoso.entra_tenant_id,
            "client_id": APP.format(number),
            **fields,
        }
        with scope(contoso.pk):
            return services.create_connection(actor=actor or cast.manager, tenant=contoso, **values)

    return create


def trail(tenant: Tenant) -> list[str]:
    with scope(tenant.pk):
        return list(AuditEvent.objects.order_by("id").values_list("verb", flat=True))


def fault_of(error: ValidationError) -> str:
    """The first code, wherever it stands."""
    return str(next(iter(error.error_dict.values()))[0].code if hasattr(error, "error_dict") else error.code)


# -- connections -------------------------------------------------------------------------------------------------------


def test_the_first_connection_is_the_default_and_the_next_is_not(make: Any, contoso: Tenant) -> None:
    """PRO-2"""
    assert [make(1).is_default, make(2).is_default] == [True, False]
    assert trail(contoso) == ["connection.created"] * 2


@pytest.mark.django_db(transaction=True)
def test_of_many_first_connections_at_once_one_is_the_default_and_none_is_lost(make: Any, contoso: Tenant) -> None:
    """PRO-2: the constraint decides, and nobody sees an error."""
    together, errors = threading.Barrier(5), []

    def create(number: int) -> None:
        together.wait(10)
        try:
            make(number)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=create, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with scope(contoso.pk):
        assert errors == []
        assert ProviderConnection.objects.count() == 5
        assert ProviderConnection.objects.filter(is_default=True).count() == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"entra_tenant_id": "not-a-guid"}, "guid"),
        ({"entra_tenant_id": ""}, "guid"),
        ({"client_id": "11111111-0000-4000-8000"}, "guid"),
        ({"client_id": "contoso.onmicrosoft.com"}, "guid"),
        ({"display_name": ""}, "blank"),
        ({"display_name": "   "}, "blank"),
        ({"display_name": "a\nb"}, "name"),
        ({"display_name": "a\x00b"}, "name"),
        ({"display_name": "invoice\u202efdp.exe"}, "name"),
        ({"display_name": "x" * 201}, "max_length"),
        ({"cloud": "https://evil.example"}, "invalid_choice"),
        ({"cloud": ""}, "blank"),
        ({"cloud": "sandbox"}, "no_sandbox"),
        ({"provider": "unknown"}, "invalid_choice"),
    ],
)
def test_bad_input_has_its_code_and_saves_nothing(
    make: Any, contoso: Tenant, settings: Any, fields: dict[str, str], code: str
) -> None:
    """PRO-24"""
    settings.SANDBOX_URL = ""
    with pytest.raises(ValidationError) as found:
        make(**fields)
    assert fault_of(found.value) == code
    assert trail(contoso) == []


@pytest.mark.parametrize(
    "text",
    ["11111111-0000-4000-8000-000000000001", "11111111000040008000000000000001", "{11111111-0000-4000-8000-000000000001}",
     "  11111111-0000-4000-8000-000000000001\n", "11111111-0000-4000-8000-000000000001".upper()],
)  # fmt: skip
def test_a_guid_is_taken_in_each_form_in_which_portals_copy_it(make: Any, text: str) -> None:
    """PRO-24"""
    assert str(make(client_id=text).client_id) == "11111111-0000-4000-8000-000000000001"


def test_the_same_app_twice_is_refused_with_a_code(make: Any, contoso: Tenant) -> None:
    """PRO-24"""
    make(1)
    with pytest.raises(ValidationError) as found:
        make(1, display_name="Another name")
    assert found.value.code == "connection_twice"
    assert trail(contoso) == ["connection.created"]


def test_markup_in_a_name_is_a_name(make: Any) -> None:
    """PRO-24: it is stored as it was typed; pages escape it."""
    assert make(display_name="<b>A & B</b> “ß” 日本").display_name == "<b>A & B</b> “ß” 日本"


def test_changed_ids_forget_what_was_verified_and_a_new_name_does_not(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-3"""
    connection = make(1)
    with scope(contoso.pk):
        checked = {
            "status": "connected",
            "health": "healthy",
            "granted_permissions": ["A"],
            "last_checked_at": timezone.now(),
        }
        ProviderConnection.objects.update(**checked)
        services.update_connection(connection, actor=cast.manager, display_name="New name")
        row = ProviderConnection.objects.get()
        assert (row.display_name, row.status, row.granted_permissions) == ("New name", "connected", ["A"])
        services.update_connection(row, actor=cast.manager, client_id=APP.format(2))
        row.refresh_from_db()
        assert (row.status, row.health, row.granted_permissions) == ("not_verified", "unknown", [])
        assert row.last_checked_at is None
        event = AuditEvent.objects.order_by("-id")[0]
    assert (event.before["client_id"], event.after["client_id"]) == (APP.format(1), APP.format(2))


def test_saving_what_is_there_already_changes_and_audits_nothing(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-7"""
    connection = make(1)
    with scope(contoso.pk):
        services.update_connection(connection, actor=cast.manager, display_name="Connection 1", client_id=APP.format(1))
    assert trail(contoso) == ["connection.created"]


def test_a_change_on_top_of_somebody_elses_is_refused(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-7"""
    connection = make(1)
    seen = services.facts(connection)
    with scope(contoso.pk):
        services.update_connection(connection, actor=cast.owner, display_name="Theirs")
        with pytest.raises(ValidationError) as found:
            services.update_connection(connection, actor=cast.manager, seen=seen, cloud="china")
        assert found.value.code == "connection_changed"
        row = ProviderConnection.objects.get()
    assert (row.display_name, row.cloud) == ("Theirs", "global")


def test_only_what_people_decide_can_be_changed(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-3: S23."""
    connection = make(1)
    with scope(contoso.pk), pytest.raises(ValueError, match="not changed here"):
        services.update_connection(connection, actor=cast.owner, status="connected")


def test_the_default_moves_and_stays_one(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-2"""
    first, second = make(1), make(2)
    with scope(contoso.pk):
        services.set_default(second, actor=cast.manager)
        services.set_default(second, actor=cast.manager)
        assert list(ProviderConnection.objects.filter(is_default=True)) == [second]
        services.set_enabled(first, actor=cast.manager, enabled=False)
        with pytest.raises(ValidationError) as found:
            services.set_default(first, actor=cast.manager)
    assert found.value.code == "default_disabled"
    assert trail(contoso).count("connection.default_set") == 1


def test_disabling_cancels_what_is_using_it_and_nothing_else(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-8: nothing goes on through a connection that a person has switched off."""
    used, other = make(1), make(2)
    runs = {}
    with scope(contoso.pk):
        for connection in (used, other):
            services.set_credential(connection, actor=cast.manager, secret="long-enough-secret")
            started = start_operation(
                "connection.check", {"connection_id": connection.pk}, actor=cast.operator, tenant=contoso
            )
            assert isinstance(started, Started)
            runs[connection.pk] = started.run.pk
        services.set_enabled(used, actor=cast.manager, enabled=False)
        assert OperationRun.objects.get(pk=runs[used.pk]).outcome == "cancelled"
        assert OperationRun.objects.get(pk=runs[other.pk]).status == "queued"
        refused = start_operation("inventory.sync", {"connection_id": used.pk}, actor=cast.operator, tenant=contoso)
        assert isinstance(refused, Refused)
        assert refused.reasons[0].code == "connection_disabled"
        services.set_enabled(used, actor=cast.manager, enabled=True)
        row = ProviderConnection.objects.get(pk=used.pk)
    assert (row.status, row.health) == ("not_verified", "unknown")


def test_enabling_twice_is_once(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-8"""
    connection = make(1)
    with scope(contoso.pk):
        for enabled in (True, False, False, True, True):
            services.set_enabled(connection, actor=cast.manager, enabled=enabled)
    assert trail(contoso) == ["connection.created", "connection.disabled", "connection.enabled"]


# -- credentials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("short", "secret_form"),
        ("x" * 513, "secret_form"),
        (" leading-blank-secret", "secret_form"),
        ("trailing-newline-secret\n", "secret_form"),
        ("with\x00nul-character", "secret_form"),
        ("11111111-0000-4000-8000-000000000001", "secret_is_id"),
        ("", "credential_choice"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_before_it_is_tried(
    make: Any, cast: Any, contoso: Tenant, secret: str, code: str
) -> None:
    """PRO-24"""
    connection = make(1)
    with scope(contoso.pk), pytest.raises(ValidationError) as found:
        services.set_credential(connection, actor=cast.manager, secret=secret)
    assert found.value.code == code
    assert secret == "" or secret not in str(found.value)


def test_a_secret_that_has_ended_already_is_refused(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-5"""
    connection = make(1)
    with scope(contoso.pk), pytest.raises(ValidationError) as found:
        past = timezone.now() - timedelta(days=1)
        services.set_credential(connection, actor=cast.manager, secret="long-enough-secret", expires_at=past)
    assert found.value.code == "secret_expired"


def test_replacing_a_credential_counts_versions_and_forgets_the_verdict(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-4, PRO-3: which verdict the old one had says nothing about the new one."""
    connection = make(1)
    found = read_certificate(make_pem().both)
    with scope(contoso.pk):
        services.set_credential(connection, actor=cast.manager, secret="long-enough-secret")
        ProviderConnection.objects.update(status="error", health="down", last_failure_code="credential_expired")
        credential = services.set_credential(connection, actor=cast.owner, certificate=found)
        row = ProviderConnection.objects.get()
        assert (credential.version, credential.kind) == (2, "certificate")
        assert (credential.fingerprint, credential.expires_at) == (found.fingerprint, found.expires_at)
        assert (credential.set_by, credential.set_by_name) == (cast.owner, "owner")
        assert (row.status, row.health, row.last_failure_code) == ("not_verified", "unknown", "")
        event = AuditEvent.objects.filter(verb="credential.set").order_by("-id")[0]
        assert ProviderCredential.objects.count() == 1
    assert (event.before["version"], event.after["version"]) == (1, 2)
    assert "sealed" not in event.after


def test_a_new_credential_does_not_enable_a_disabled_connection(make: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-3"""
    connection = make(1)
    with scope(contoso.pk):
        services.set_enabled(connection, actor=cast.manager, enabled=False)
        # The row in hand is older than the one in the database.
        services.set_credential(connection, actor=cast.manager, secret="long-enough-secret")
        assert ProviderConnection.objects.get().status == "disabled"


@pytest.mark.parametrize(
    ("days", "state"), [(None, "unknown"), (-1, "expired"), (0, "expired"), (1, "expires_soon"), (29, "expires_soon"), (31, "valid")]
)  # fmt: skip
def test_the_expiry_of_a_credential_has_its_state(days: int | None, state: str) -> None:
    """PRO-5"""
    at = None if days is None else timezone.now() + timedelta(days=days)
    assert services.expiry_state(ProviderCredential(expires_at=at)) == state
    assert services.expiry_state(None) == "none"


def test_an_expired_credential_is_refused_at_the_start_without_asking_microsoft(
    make: Any, cast: Any, contoso: Tenant
) -> None:
    """PRO-5"""
    connection = make(1)
    with scope(contoso.pk):
        services.set_credential(connection, actor=cast.manager, secret="long-enough-secret")
        ProviderCredential.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
        reason = services.find_reason(connection.pk, to_check=True)
    assert reason
    assert reason.code == "credential_expired"


# -- rights ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["operator", "read_only", "stranger", "platform"])
def test_services_ask_for_the_capability_whatever_a_page_did(
    person: str, make: Any, cast: Any, contoso: Tenant
) -> None:
    """PRO-8: the third wall."""
    connection = make(1)
    actor = getattr(cast, person)
    with scope(contoso.pk):
        for refused in (
            lambda: services.create_connection(
                actor=actor, tenant=contoso, display_name="x", entra_tenant_id=APP.format(3), client_id=APP.format(3)
            ),
            lambda: services.update_connection(connection, actor=actor, display_name="x"),
            lambda: services.set_default(connection, actor=actor),
            lambda: services.set_enabled(connection, actor=actor, enabled=False),
            lambda: services.set_credential(connection, actor=actor, secret="long-enough-secret"),
        ):
            with pytest.raises(NotPermitted):
                refused()
    assert trail(contoso) == ["connection.created"]


def test_the_command_line_may_connect_a_tenant(make: Any, contoso: Tenant) -> None:
    """PRO-8: whoever types there holds the keys anyway."""
    make(1, actor=SYSTEM)
    with scope(contoso.pk):
        assert AuditEvent.objects.get().actor_name == "TenantPilot"


def test_a_connection_of_another_tenant_is_missing(make: Any, cast: Any, fabrikam: Tenant) -> None:
    """PRO-24: a forged id."""
    connection = make(1)
    with scope(fabrikam.pk):
        reason = services.find_reason(connection.pk)
        assert reason
        assert reason.code == "connection_missing"
        result = start_operation(
            "connection.check", {"connection_id": connection.pk}, actor=cast.stranger, tenant=fabrikam
        )
    assert isinstance(result, Refused)
    assert result.reasons[0].code == "connection_missing"
