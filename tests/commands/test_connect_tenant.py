"""`manage.py connect_tenant`: a tenant connected without the console (specs/005-commands)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from django.db import connection as database

from operations.executor import execute
from operations.models import OperationRun
from operations.services import Started, start_operation
from providers import secrets
from providers.models import ProviderConnection, ProviderCredential
from providers.sandbox.world import SandboxTenant
from rbac.models import AuditEvent, Membership, Tenant
from rbac.scope import scope
from rbac.services import SYSTEM
from tests.commands.conftest import Answer, TypeIn
from tests.processes import manage

pytestmark = pytest.mark.django_db(transaction=True)

ENTRA = "0b8e7a31-5d0f-4d6e-9f5c-3a1d2c4b5e6f"
CLIENT = "1c9f8b42-6e10-4e7f-8a6d-4b2e3d5c6f70"
SECRET = "kQ8~canary.7Zs-x2W_v9YpLm4"
Count = Callable[[], dict[str, int]]


def words(**changes: Any) -> list[str]:
    """The words of a good command, with options changed, added, or left out (None); True is an option without a value."""
    options = {
        "slug": "adatum",
        "name": "Adatum",
        "entra_tenant_id": ENTRA,
        "client_id": CLIENT,
        "cloud": "global",
        "secret_stdin": True,
        **changes,
    }
    line = ["connect_tenant"]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        line += [] if value is None else [option] if value is True else [option, str(value)]
    return line


@cache
def rsa_key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_certificate(*, days: int = 365, number: int = 1) -> tuple[Any, x509.Certificate]:
    key = rsa_key(number)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TenantPilot")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = (
        built.serial_number(7).not_valid_before(now - timedelta(days=400)).not_valid_after(now + timedelta(days=days))
    )
    return key, built.sign(key, hashes.SHA256())


def pem(key: Any, certificate: x509.Certificate | None, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    parts = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)] if key else []
    return b"".join([*parts, certificate.public_bytes(Encoding.PEM) if certificate else b""])


def stored(slug: str = "adatum") -> list[ProviderConnection]:
    tenant = Tenant.objects.get(slug=slug)
    with scope(tenant.pk):
        return list(ProviderConnection.objects.select_related("credential").order_by("pk"))


def fields_of(connection: ProviderConnection) -> dict[str, str]:
    credential: ProviderCredential = connection.credential  # type: ignore[attr-defined]
    return secrets.open_sealed(bytes(credential.sealed), connection_id=connection.pk)


def trail(slug: str = "adatum") -> list[AuditEvent]:
    with scope(Tenant.objects.get(slug=slug).pk):
        return list(AuditEvent.objects.order_by("id"))


def test_a_new_tenant_is_connected_and_its_connection_works(
    type_in: TypeIn, sandbox_tenant: SandboxTenant, cast: SimpleNamespace
) -> None:
    """CMD-2: what was typed is what Graph is given later, to the letter."""
    app = sandbox_tenant.apps["full"]
    line = words(entra_tenant_id=sandbox_tenant.entra_tenant_id, client_id=app.client_id, cloud="sandbox")
    more = [
        "--time-zone",
        "Europe/Berlin",
        "--owner",
        "stranger",
        "--display-name",
        "First",
        "--expires-on",
        "2099-03-31",
    ]
    answer = type_in(*line, *more, said=f"{app.secret}\n")
    assert answer.code == 0, answer.err
    assert "manage.py run connection.check --tenant adatum --wait" in answer.out
    tenant = Tenant.objects.get(slug="adatum")
    assert (tenant.name, tenant.time_zone) == ("Adatum", "Europe/Berlin")
    assert Membership.objects.get(tenant=tenant).user == cast.stranger
    (made,) = stored()
    assert (made.display_name, made.is_default, made.status) == ("First", True, "not_verified")
    assert made.credential.expires_at == datetime(2099, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)  # type: ignore[attr-defined]
    started = start_operation("connection.check", {}, actor=SYSTEM, tenant=tenant)
    assert isinstance(started, Started), started
    execute(tenant.pk, started.run.pk)
    with scope(tenant.pk):
        assert OperationRun.objects.get().outcome == "succeeded"


def test_everything_it_changed_is_in_the_audit_trail_and_says_who_typed_it(type_in: TypeIn) -> None:
    """CMD-11"""
    assert type_in(*words(), said=SECRET).code == 0
    assert [(event.verb, event.actor_name) for event in trail()] == [
        ("tenant.created", "Command line"),
        ("connection.created", "Command line"),
        ("credential.set", "Command line"),
    ]
    assert len({event.request_id for event in trail()}) == 1
    assert trail()[0].request_id.startswith("command-")


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_the_line_end_is_no_part_of_the_secret(type_in: TypeIn, ending: str) -> None:
    """CMD-3"""
    assert type_in(*words(), said=SECRET + ending).code == 0
    assert fields_of(stored()[0]) == {"secret": SECRET}


def test_the_same_again_changes_nothing_and_keeps_the_verdict_of_the_last_check(
    type_in: TypeIn, count_rows: Count
) -> None:
    """CMD-2"""
    type_in(*words(expires_on="2099-01-01"), said=SECRET)
    (made,) = stored()
    with scope(made.tenant_id):
        ProviderConnection.objects.update(status="connected", health="healthy")
    before = count_rows()
    answer = type_in(*words(name=None), said=SECRET)
    assert (answer.code, count_rows()) == (0, before), answer.err
    (same,) = stored()
    assert (same.pk, same.status, same.credential.version) == (made.pk, "connected", 1)  # type: ignore[attr-defined]
    assert f"{same.credential.expires_at:%Y}" == "2099"  # type: ignore[attr-defined]


def test_what_differs_is_changed_in_place(type_in: TypeIn, cast: SimpleNamespace) -> None:
    """CMD-2: a new secret makes the connection unverified again."""
    type_in(*words(), said=SECRET)
    with scope(stored()[0].tenant_id):
        ProviderConnection.objects.update(status="connected")
    line = words(name="Adatum Ltd", display_name="Renamed", owner="operator", time_zone="Asia/Tokyo")
    assert type_in(*line, said="another-secret.2").code == 0
    (same,) = stored()
    assert (same.display_name, same.status) == ("Renamed", "not_verified")
    assert fields_of(same) == {"secret": "another-secret.2"}
    tenant = Tenant.objects.get(slug="adatum")
    assert (tenant.name, tenant.time_zone) == ("Adatum Ltd", "Asia/Tokyo")
    assert Membership.objects.get(tenant=tenant).user == cast.operator
    assert type_in(*line, said="another-secret.2").code == 0
    assert [event.verb for event in trail()].count("membership.changed") == 1


def test_another_app_is_another_connection_and_the_first_stays_the_default(type_in: TypeIn) -> None:
    """CMD-2"""
    type_in(*words(), said=SECRET)
    answer = type_in(*words(client_id="2d0a9c53-7f21-4f80-9b7e-5c3f4e6d7081"), said=SECRET)
    assert answer.code == 0
    first, second = stored()
    assert (first.is_default, second.is_default) == (True, False)
    assert f"--input connection_id={second.pk}" in answer.out


@pytest.mark.parametrize("form", ["pem", "encrypted pem", "pfx"])
def test_a_certificate_with_its_key_is_taken_in_every_usual_form(type_in: TypeIn, tmp_path: Path, form: str) -> None:
    """CMD-2"""
    key, certificate = make_certificate()
    file, password = tmp_path / "certificate", b"" if form == "pem" else b"pass word"
    packed = pkcs12.serialize_key_and_certificates(b"n", key, certificate, None, BestAvailableEncryption(b"pass word"))
    file.write_bytes(packed if form == "pfx" else pem(key, certificate, password))
    line = words(secret_stdin=None, certificate=file, password_stdin=True if password else None)
    answer = type_in(*line, said=password.decode() + "\n")
    assert answer.code == 0, answer.err
    (made,) = stored()
    assert made.credential.kind == "certificate"  # type: ignore[attr-defined]
    assert made.credential.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()  # type: ignore[attr-defined]
    assert fields_of(made)["public_pem"] == certificate.public_bytes(Encoding.PEM).decode()
    assert type_in(*line, said=password.decode() + "\n").code == 0
    assert stored()[0].credential.version == 1  # type: ignore[attr-defined]


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"entra_tenant_id": "contoso.onmicrosoft.com"}, SECRET, "is not a GUID. Copy the id from the Entra admin center."),
    ({"client_id": "123"}, SECRET, "“123” is not a GUID"),
    ({"slug": "two words"}, SECRET, "slug: Enter a valid"),
    ({"slug": "x" * 61}, SECRET, "slug: Ensure this value has at most 60 characters"),
    ({"name": None}, SECRET, "There is no tenant “adatum” yet. Give it a name."),
    ({"name": "x" * 201}, SECRET, "name: Ensure this value has at most 200 characters"),
    ({"display_name": "two\nlines"}, SECRET, "Give the connection a name of printable characters."),
    ({"time_zone": "Mars/Olympus"}, SECRET, "is not a time zone. Use a name such as Europe/Berlin."),
    ({"cloud": "mars"}, SECRET, "argument --cloud: invalid choice: 'mars'"),
    ({"cloud": "sandbox"}, SECRET, "This deployment has no sandbox. Choose the tenant's cloud."),
    ({"owner": "nobody"}, SECRET, "There is no account 'nobody'."),
    ({"expires_on": "31.03.2099"}, SECRET, "write it as YYYY-MM-DD"),
    ({"expires_on": "2020-01-01"}, SECRET, "The expiry lies in the past. Create a new client secret first."),
    ({"password_stdin": True}, SECRET, "--password-stdin belongs to --certificate."),
    ({"secret_stdin": None}, "", "one of the arguments --secret-stdin --certificate is required"),
    ({"certificate": "x.pem"}, "", "not allowed with argument"),
    ({}, "", "nothing came on standard input"),
    ({}, "\n", "nothing came on standard input"),
    ({}, "short", "This does not look like a client secret."),
    ({}, "tab\tin-it-123", "This does not look like a client secret."),
    ({}, "x" * 513, "This does not look like a client secret."),
    ({}, "x" * 5000, "far too long"),
    ({}, "3f2b1a0c-9d8e-4c7b-a6f5-e4d3c2b1a098", "This is the id of a client secret. Copy the secret's value instead"),
]


@pytest.mark.parametrize(("changes", "said", "sentence"), BAD, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_done(
    type_in: TypeIn, count_rows: Count, settings: Any, changes: dict[str, Any], said: str, sentence: str
) -> None:
    """CMD-1"""
    settings.SANDBOX_URL = ""
    before = count_rows()
    answer = type_in(*words(**changes), said=said)
    assert answer.code == 2
    assert sentence in answer.err
    assert count_rows() == before
    assert not said or len(said) < 6 or said.strip() not in answer.out + answer.err


@cache
def bad_files() -> dict[str, tuple[bytes, str]]:
    """Certificate files that are not taken, and why."""
    key, certificate = make_certificate()
    other, _certificate = make_certificate(number=2)
    _key, ended = make_certificate(days=-1)
    return {
        "no key": (pem(None, certificate), "The file has no private key."),
        "no certificate": (pem(key, None), "The file has a key but no certificate."),
        "another's key": (pem(other, certificate), "The private key does not belong to this certificate."),
        "expired": (pem(key, ended), "The certificate expired on"),
        "encrypted": (
            pem(key, certificate, b"pass"),
            "The file is protected by a password. Give it with --password-stdin.",
        ),
        "not one": (b"\x00\x01 hello", "This is neither a .pem nor a .pfx file"),
        "empty": (b"", "This is neither a .pem nor a .pfx file"),
        "huge": (b"x" * 70_000, "larger than any certificate"),
    }


@pytest.mark.parametrize("kind", sorted(bad_files()))
def test_a_certificate_that_cannot_work_is_refused_with_what_to_do(
    type_in: TypeIn, count_rows: Count, tmp_path: Path, kind: str
) -> None:
    """CMD-1"""
    content, sentence = bad_files()[kind]
    (tmp_path / "file").write_bytes(content)
    before = count_rows()
    answer = type_in(*words(secret_stdin=None, certificate=tmp_path / "file"))
    assert (answer.code, count_rows()) == (2, before)
    assert sentence in answer.err


@pytest.mark.parametrize("name", ["missing.pem", "."])
def test_a_certificate_file_that_cannot_be_read_is_named(type_in: TypeIn, tmp_path: Path, name: str) -> None:
    """CMD-1"""
    answer = type_in(*words(secret_stdin=None, certificate=tmp_path / name))
    assert answer.code == 2
    assert "cannot be read" in answer.err and str(tmp_path) in answer.err


def test_a_slug_or_an_entra_tenant_that_is_taken_is_refused(
    type_in: TypeIn, contoso: Tenant, count_rows: Count
) -> None:
    """CMD-1: one slug, one Entra tenant, for ever."""
    before = count_rows()
    answer = type_in(*words(slug="contoso"), said=SECRET)
    assert (answer.code, count_rows()) == (2, before)
    assert f"The slug “contoso” belongs to the Entra tenant {contoso.entra_tenant_id}." in answer.err
    answer = type_in(*words(entra_tenant_id=contoso.entra_tenant_id), said=SECRET)
    assert (answer.code, count_rows()) == (2, before)
    assert "is the tenant “contoso” already. Use that slug." in answer.err


def test_an_archived_tenant_is_not_connected(type_in: TypeIn, contoso: Tenant, count_rows: Count) -> None:
    """CMD-1"""
    Tenant.objects.filter(pk=contoso.pk).update(status="archived")
    before = count_rows()
    answer = type_in(*words(slug="contoso", entra_tenant_id=contoso.entra_tenant_id), said=SECRET)
    assert (answer.code, count_rows()) == (2, before)
    assert "is archived" in answer.err


@pytest.mark.parametrize(
    ("table", "condition"),
    [
        ("providers_providercredential", "false"),
        ("rbac_auditevent", "verb <> 'credential.set'"),
        ("rbac_auditevent", "verb <> 'tenant.created'"),
    ],
)
def test_tenant_connection_and_credential_stand_together_or_not_at_all(
    type_in: TypeIn, count_rows: Count, forbid: Callable[[str, str], None], table: str, condition: str
) -> None:
    """CMD-2: also when the database fails in the last step, or the audit entry cannot be written."""
    forbid(table, condition)
    before = count_rows()
    answer = type_in(*words(), said=SECRET)
    assert (answer.code, count_rows()) == (1, before)
    assert "nothing was done" in answer.err


def test_a_bad_credential_leaves_the_good_one_in_place(type_in: TypeIn) -> None:
    """CMD-2"""
    type_in(*words(), said=SECRET)
    assert type_in(*words(display_name="Renamed"), said="short").code == 2
    (same,) = stored()
    assert (same.display_name, fields_of(same)) == ("Adatum", {"secret": SECRET})


def test_the_secret_is_nowhere_but_sealed(
    type_in: TypeIn, owner_connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """CMD-3: not echoed, not logged, not audited; the database holds it in no readable form."""
    key, certificate = make_certificate()
    (tmp_path / "c.pem").write_bytes(pem(key, certificate, b"pass-canary-word"))
    heard: list[Answer] = [type_in(*words(), said=SECRET), type_in(*words(), said=f"{SECRET}x")]
    line = words(secret_stdin=None, certificate=tmp_path / "c.pem", password_stdin=True)
    heard.append(type_in(*line, said="pass-canary-word"))
    assert [answer.code for answer in heard] == [0, 0, 0]
    loud = manage(*words(slug="loud", entra_tenant_id=CLIENT), said=f"{SECRET}\n", LOG_LEVEL="DEBUG")
    assert loud.returncode == 0, loud.stderr
    wrong = manage(*words(slug="no good"), "--traceback", said=f"{SECRET}\n", LOG_LEVEL="DEBUG")
    assert wrong.returncode != 0
    everything = "".join(answer.out + answer.err for answer in heard)
    everything += loud.stdout + loud.stderr + wrong.stdout + wrong.stderr
    tables = owner_connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    for (name,) in tables:
        everything += str(owner_connection.execute(f'SELECT t::text FROM "{name}" t').fetchall())
        if name == "providers_providercredential":
            rows = owner_connection.execute(f'SELECT sealed FROM "{name}"').fetchall()
            everything += "".join(bytes(sealed).decode("latin-1") for (sealed,) in rows)
    assert "Adatum" in everything
    for canary in (SECRET, SECRET.encode().hex(), "pass-canary-word", "PRIVATE KEY"):
        assert canary not in everything


def test_a_database_that_does_not_answer_is_one_sentence() -> None:
    """CMD-1"""
    dead = manage("tenants", DATABASE_URL="postgres://somebody:hidden@127.0.0.1:1/none")
    assert dead.returncode == 1
    assert "The database does not answer: start it, or correct DATABASE_URL." in dead.stderr
    assert "Traceback" not in dead.stderr and "hidden" not in dead.stderr


def test_tables_that_are_not_there_are_one_sentence(owner_connection: psycopg.Connection[Any]) -> None:
    """CMD-1"""
    found = database.settings_dict
    # Every server has this database, and nobody migrates it.
    address = f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/template1"
    empty = manage("tenants", DATABASE_URL=address)
    assert empty.returncode == 1
    assert "run `manage.py migrate`" in empty.stderr and "Traceback" not in empty.stderr
