"""Sealed credentials: what opens, and what does not."""

import base64
import secrets as random
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from operations.failures import Failure
from providers import secrets, services
from providers.models import ProviderConnection, ProviderCredential
from rbac.scope import scope


def key(name: str) -> str:
    return f"{name}:{base64.urlsafe_b64encode(random.token_bytes(32)).decode().rstrip('=')}"


@pytest.fixture
def ring(settings: Any) -> list[str]:
    """The keys "new" and "old", of which the first seals."""
    settings.CREDENTIAL_KEYS = [key("new"), key("old")]
    return settings.CREDENTIAL_KEYS


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=4), st.integers(1, 2**62))
def test_what_was_sealed_opens_as_it_was_and_shows_nothing(
    ring: list[str], fields: dict[str, str], number: int
) -> None:
    """PRO-4"""
    sealed = secrets.seal(fields, connection_id=number)
    assert secrets.open_sealed(sealed, connection_id=number) == fields
    assert not any(value.encode() in sealed for value in fields.values() if len(value) > 6)


def test_the_same_secret_is_never_sealed_alike(ring: list[str]) -> None:
    """PRO-4"""
    assert len({secrets.seal({"secret": "x"}, connection_id=1) for _ in range(50)}) == 50


def test_a_ciphertext_moved_to_another_row_does_not_open(ring: list[str]) -> None:
    """PRO-4: S3."""
    sealed = secrets.seal({"secret": "x"}, connection_id=1)
    with pytest.raises(secrets.CannotOpen, match="belongs to another connection"):
        secrets.open_sealed(sealed, connection_id=2)


def test_no_part_of_a_ciphertext_can_be_altered(ring: list[str]) -> None:
    """PRO-4"""
    sealed = secrets.seal({"secret": "a-long-enough-secret"}, connection_id=1)
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(secrets.CannotOpen):
            secrets.open_sealed(bytes(altered), connection_id=1)


@pytest.mark.parametrize(
    "damaged", [b"", b"v1", b"v1:new", b"v1:new:", b"v1::AAAA", b"v1:new:!!!", b"v2:new:AAAA", b"\xff\xfe"]
)
def test_damage_is_named_and_quotes_nothing(ring: list[str], damaged: bytes) -> None:
    """PRO-4"""
    with pytest.raises(secrets.CannotOpen):
        secrets.open_sealed(damaged, connection_id=1)


def test_old_keys_open_the_first_seals_and_a_key_that_is_gone_is_named(settings: Any, ring: list[str]) -> None:
    """PRO-4"""
    new, old = ring
    settings.CREDENTIAL_KEYS = [old]
    sealed = secrets.seal({"secret": "x"}, connection_id=1)
    settings.CREDENTIAL_KEYS = [new, old]
    assert secrets.open_sealed(sealed, connection_id=1) == {"secret": "x"}
    assert secrets.key_of(sealed) == "old"
    assert secrets.key_of(secrets.seal({"secret": "x"}, connection_id=1)) == "new"
    settings.CREDENTIAL_KEYS = [new]
    with pytest.raises(secrets.CannotOpen, match="The key 'old' is not in CREDENTIAL_KEYS"):
        secrets.open_sealed(sealed, connection_id=1)


def test_a_key_of_the_same_name_but_another_value_does_not_open(settings: Any, ring: list[str]) -> None:
    """PRO-4"""
    sealed = secrets.seal({"secret": "x"}, connection_id=1)
    settings.CREDENTIAL_KEYS = [key("new")]
    with pytest.raises(secrets.CannotOpen):
        secrets.open_sealed(sealed, connection_id=1)


@pytest.mark.parametrize(
    "keys",
    [[], ["new"], ["new:short"], [":" + "A" * 43], ["new:!!!!"], ["n" * 33 + ":" + "A" * 43], ["ü:" + "A" * 43]],
)
def test_a_faulty_ring_is_refused_without_quoting_a_key(settings: Any, keys: list[str]) -> None:
    """PRO-4"""
    settings.CREDENTIAL_KEYS = keys
    with pytest.raises(ImproperlyConfigured) as found:
        secrets.ring()
    assert "A" * 43 not in str(found.value)


def test_a_key_id_used_twice_is_refused(settings: Any) -> None:
    """PRO-4"""
    settings.CREDENTIAL_KEYS = [key("a"), key("a")]
    with pytest.raises(ImproperlyConfigured, match="twice"):
        secrets.ring()


@pytest.mark.django_db(transaction=True)
def test_a_credential_moved_in_the_database_does_not_open_either(
    connection: ProviderConnection, connect: Any, contoso: Any, inside_run: Any
) -> None:
    """PRO-4: S3, through the real rows."""
    other = connect("read_only")
    with scope(contoso.pk):
        stolen = ProviderCredential.objects.get(connection=connection).sealed
        ProviderCredential.objects.filter(connection=other).update(sealed=stolen)
    with pytest.raises(Failure) as found:
        inside_run(lambda run: services.open_client(other))
    assert found.value.code == "credential_unreadable"


@pytest.mark.django_db(transaction=True)
def test_the_database_holds_no_secret(
    connection: ProviderConnection, owner_connection: Any, sandbox_tenant: Any
) -> None:
    """PRO-4: S3. Not in the credential, and not in the audit trail."""
    for table in ("providers_providercredential", "providers_providerconnection", "rbac_auditevent"):
        rows = owner_connection.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall()
        assert rows
        text = " ".join(row[0] for row in rows)
        assert sandbox_tenant.apps["full"].secret not in text
        assert sandbox_tenant.apps["full"].secret.encode().hex() not in text
