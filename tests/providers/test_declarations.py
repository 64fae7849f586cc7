"""What declares itself: providers, permissions, badges, codes."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from inventory.types import registry as types
from operations.failures import Failure, all_codes
from operations.registry import all_operations
from providers import permissions, registry, services
from providers.clouds import CLOUDS, Cloud
from providers.models import ProviderConnection, ProviderCredential
from providers.permissions import matrix, missing
from providers.registry import BadProvider, Provider
from providers.sandbox.catalogue import READ_PERMISSIONS
from rbac import badges
from rbac.capabilities import CAPABILITIES
from rbac.models import Tenant
from rbac.scope import scope


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A second provider, known for one test."""
    monkeypatch.setattr(registry, "_providers", dict(registry._providers))
    provider = Provider(
        "example", "Example Cloud", ("global",), lambda c: None, lambda r, c, x: None, lambda c, **_: ""
    )
    registry.register_provider(provider)
    return provider


@pytest.mark.django_db(transaction=True)
def test_a_second_provider_is_one_declaration(
    another: Provider, contoso: Tenant, cast: SimpleNamespace, sign_in: Any
) -> None:
    """PRO-1"""
    values = {
        "actor": cast.owner,
        "tenant": contoso,
        "display_name": "Elsewhere",
        "entra_tenant_id": contoso.entra_tenant_id,
        "client_id": contoso.entra_tenant_id,
        "provider": "example",
    }
    with scope(contoso.pk):
        made = services.create_connection(**values)
        assert made.get_provider_display() == "Example Cloud"
        with pytest.raises(ValidationError, match="is not in this cloud"):
            services.create_connection(**{**values, "cloud": "china"})
    html = sign_in(cast.owner).get("/t/contoso/providers/providerconnection/add/").content.decode()
    assert "Example Cloud" in html


def test_a_faulty_provider_stops_the_start() -> None:
    """PRO-1"""
    known = registry.get("microsoft")
    for faulty in (
        known,
        Provider("Upper", "x", ("global",), known.open_client, known.check, known.consent_link),
        Provider("nowhere", "x", (), known.open_client, known.check, known.consent_link),
        Provider("nowhere", "x", ("moon",), known.open_client, known.check, known.consent_link),
    ):
        with pytest.raises(BadProvider):
            registry.register_provider(faulty)


@pytest.mark.django_db(transaction=True)
def test_a_connection_of_a_provider_that_is_gone_is_refused_with_a_code(
    another: Provider, connection: ProviderConnection, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRO-1"""
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=connection.pk).update(provider="gone")
        reason = services.find_reason(connection.pk)
        assert reason
        assert reason.code == "provider_unknown"
        with pytest.raises(Failure):
            services.open_client(ProviderConnection.objects.get(pk=connection.pk))


def test_every_cloud_has_its_hosts_and_microsoft_is_in_all() -> None:
    """PRO-1"""
    assert set(CLOUDS) == set(Cloud.values) == set(registry.get("microsoft").clouds)
    for hosts in CLOUDS.values():
        assert hosts.graph_host.islower()
        assert "/" not in hosts.graph_host + hosts.login_host


# -- permissions -------------------------------------------------------------------------------------------------------


def test_every_type_of_the_inventory_declares_what_the_matrix_shows() -> None:
    """PRO-10: no second list that falls behind."""
    needs = {(need.any_of, need.used_for) for need in permissions.all_needs()}
    # What only a person's own token may read is asked of nobody's app.
    for declared in (one for one in types.all_types() if not one.listing.delegated):
        assert (declared.permissions.read, declared.listing.label) in needs, declared.key


def test_every_capability_that_reads_a_tenant_has_its_needs() -> None:
    """PRO-10: each permission is for a capability of TenantPilot, and an operation that needs none is an oversight."""
    served = {need.capability for need in permissions.all_needs()}
    assert served <= set(CAPABILITIES)
    operations = {found.capability for key, found in all_operations().items() if not key.startswith("sample.")}
    assert operations <= served


def test_granting_what_the_matrix_asks_for_is_enough_and_is_all_read_only() -> None:
    """PRO-10"""
    asked = {row.permission for row in matrix((), known=False)}
    assert missing(asked) == []
    assert all(".Read." in name and "Write" not in name for name in asked)
    assert missing(READ_PERMISSIONS) == []


def test_before_a_check_nothing_is_called_missing() -> None:
    """PRO-10"""
    assert {row.state for row in matrix((), known=False)} == {"unknown"}
    assert {row.state for row in matrix((), known=True)} == {"missing"}


def test_a_wider_permission_counts_and_is_named() -> None:
    """PRO-10"""
    rows = {row.permission: row for row in matrix(["Group.ReadWrite.All"], known=True)}
    assert (rows["Group.Read.All"].state, rows["Group.Read.All"].by) == ("granted", ("Group.ReadWrite.All",))
    assert rows["Policy.Read.All"].state == "missing"


def test_a_row_that_is_met_in_part_is_missing_and_says_what_is_not_possible() -> None:
    """PRO-10: some lists can be read with another permission, some cannot."""
    rows = {row.permission: row for row in matrix(["DeviceManagementServiceConfig.Read.All"], known=True)}
    row = rows["DeviceManagementConfiguration.Read.All"]
    assert row.state == "missing"
    assert row.by == ("DeviceManagementServiceConfig.Read.All",)
    assert 0 < len(row.unmet) < len(row.used_for)


def test_names_that_only_look_alike_grant_nothing() -> None:
    """PRO-10"""
    near = ["group.read.all", "Group.Read.All ", "Group.Read", "Directory.Read"]
    assert "Group.Read.All" in {row.permission for row in missing(near)}


def test_a_need_for_nothing_known_is_refused() -> None:
    """PRO-10"""
    for any_of, capability in ((("X",), "no.capability"), ((), "inventory.sync")):
        with pytest.raises(ValueError, match="A need names"):
            permissions.register_need(any_of=any_of, capability=capability, used_for="x")


# -- badges and codes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        ("connection.status", ProviderConnection.Status.values),
        ("connection.health", ProviderConnection.Health.values),
        ("permission.state", ["granted", "missing", "unknown"]),
        ("credential.state", ["valid", "unknown", "expires_soon", "expired", "none"]),
    ],
)
def test_every_value_has_its_badge_and_no_badge_is_left_over(domain: str, values: list[str]) -> None:
    """PRO-23"""
    found = badges.domains()[domain]
    assert set(found) == set(values)
    for badge in found.values():
        assert badge.label
        assert badge.icon
        assert badge.meaning.endswith(".")


def test_trouble_is_red_or_amber_and_only_good_states_are_green() -> None:
    """PRO-23"""
    green = {
        (domain, badge.value)
        for domain in ("connection.status", "connection.health", "permission.state", "credential.state")
        for badge in badges.domains()[domain].values()
        if badge.colour == "success"
    }
    assert green == {
        ("connection.status", "connected"),
        ("connection.health", "healthy"),
        ("permission.state", "granted"),
        ("credential.state", "valid"),
    }


def test_every_failure_code_says_what_happened_and_what_to_do() -> None:
    """PRO-21"""
    for code in all_codes().values():
        assert code.code == code.code.lower()
        assert code.sentence.endswith(".")
        assert code.hint.endswith(".")


def test_kinds_of_credentials_have_names() -> None:
    """PRO-5"""
    assert set(ProviderCredential.Kind.labels) == {"Client secret", "Certificate"}
