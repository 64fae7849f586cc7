"""A secret goes in and never comes out: not stored readable, not queued, not logged, not shown, not in a traceback."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import psycopg
import pytest
import structlog
from django.conf import settings as configured
from django.test import Client

from inventory.models import InventoryItem
from operations import context
from operations.executor import execute
from operations.failures import Failure
from operations.models import OperationRun
from operations.services import Started, start_operation
from providers import secrets, services
from providers.certificates import read_certificate
from providers.graph import tokens
from providers.models import ProviderConnection, ProviderCredential
from providers.sandbox.errors import Response
from rbac.models import Tenant
from rbac.redaction import redact, redact_value
from rbac.scope import scope
from tests.operations.sample import SampleInputs, stage
from tests.waiting import wait_until
from tests.walls.addresses import all_addresses
from tests.walls.canary import Canary, database_places, make_canary, redis_places, search

pytestmark = pytest.mark.django_db(transaction=True)
log = structlog.get_logger(__name__)


@pytest.fixture(scope="module")
def canary() -> Canary:
    return make_canary()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any logger writes, in the form in which processes print it, at the most talkative level."""
    root, stream = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(root.handlers[0].formatter)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    # It tells of each variable that a template does not find, with a traceback: minutes of work, and no value in it.
    logging.getLogger("django.template").setLevel(logging.INFO)
    yield stream
    logging.getLogger("django.template").setLevel(logging.NOTSET)
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def connected(
    contoso: Tenant, cast: SimpleNamespace, sandbox: Any, sandbox_tenant: Any, canary: Canary, sign_in: Any
) -> Iterator[SimpleNamespace]:
    """A connection of Contoso without a credential, the app that will accept the canaries, and its manager's browser."""
    context.stopping.clear()
    app = sandbox_tenant.apps["full"]
    app.secret, app.certificate_pems = canary.secret, [canary.public_pem]
    with scope(contoso.pk):
        connection = services.create_connection(
            actor=cast.manager,
            tenant=contoso,
            display_name="Contoso",
            cloud="sandbox",
            entra_tenant_id=sandbox_tenant.entra_tenant_id,
            client_id=app.client_id,
        )
    client = sign_in(cast.manager)
    client.raise_request_exception = False
    address = f"/t/contoso/providers/providerconnection/{connection.pk}/"
    yield SimpleNamespace(
        connection=connection, app=app, client=client, address=address, tenant=contoso, cast=cast, seen=[]
    )
    stage.reset()


def send_credential(connected: SimpleNamespace, **given: str) -> Any:
    """Through the page; whatever it answers is kept for the search."""
    sent = {"_form_submitted": "on", "certificate_text": given.get("certificate", ""), **given}
    answer = connected.client.post(f"{connected.address}credentials/", sent)
    connected.seen.append((f"the answer to {sorted(given)}", answer.content + repr(answer.headers).encode()))
    return answer


def run(connected: SimpleNamespace, operation: str) -> OperationRun:
    """Started as the operator and executed here; a message of it waits in the queue as well."""
    inputs = {"connection_id": connected.connection.pk}
    started = start_operation(operation, inputs, actor=connected.cast.operator, tenant=connected.tenant)
    assert isinstance(started, Started), started
    execute(connected.tenant.pk, started.run.pk)
    with scope(connected.tenant.pk):
        return OperationRun.objects.get(pk=started.run.pk)


def pages(connected: SimpleNamespace) -> Iterator[tuple[str, bytes]]:
    """Every page of the tenant as its owner sees it, with the latest objects of each kind and all their tabs."""
    client = Client()
    client.force_login(connected.cast.owner)
    for address in all_addresses():
        ids: list[Any] = [0]
        if address.has_object and address.page is not None:
            with scope(connected.tenant.pk):
                ids = list(address.model._default_manager.order_by("-pk").values_list("pk", flat=True)[:3])
        for object_id in ids:
            for tab in ("", "?tab=items", "?tab=failures", "?tab=timeline", "?tab=inputs", "?tab=raw"):
                if tab and not (address.view == "change" and address.model in (OperationRun, InventoryItem)):
                    continue
                path = f"/t/contoso{address.path(object_id)}{tab}"
                yield f"page {path}", client.get(path).content


def everywhere(
    connected: SimpleNamespace, canary: Canary, owner: psycopg.Connection[Any], logged: io.StringIO
) -> list[str]:
    """What was found in all places that outlive a request or a run."""
    shown = list(pages(connected))
    assert len(shown) > 50
    places = [*database_places(owner), *redis_places(configured.REDIS_URL), *shown, *connected.seen]
    return search(canary, *places, ("the log", logged.getvalue()))


# -- set, used, refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["secret", "certificate"])
def test_a_credential_that_is_set_and_used_is_found_nowhere(
    connected: SimpleNamespace, canary: Canary, owner_connection: Any, logged: io.StringIO, kind: str
) -> None:
    """ISO-17"""
    given = {"secret": canary.secret} if kind == "secret" else {"certificate": canary.pem, "password": canary.password}
    assert send_credential(connected, **given).status_code in (204, 302)
    for operation in ("connection.check", "inventory.sync", "compliance.snapshot"):
        assert run(connected, operation).outcome == "succeeded", operation
    # It is stored, and it was used: otherwise nothing could have leaked.
    with scope(connected.tenant.pk):
        sealed = bytes(ProviderCredential.objects.get().sealed)
    assert (
        canary.secret in secrets.open_sealed(sealed, connection_id=connected.connection.pk).values() or kind != "secret"
    )
    assert everywhere(connected, canary, owner_connection, logged) == []


def test_a_credential_that_is_refused_is_found_nowhere(
    connected: SimpleNamespace, canary: Canary, owner_connection: Any, logged: io.StringIO
) -> None:
    """ISO-17: by the form, by Microsoft, and by Microsoft after it had worked."""
    refused: list[dict[str, str]] = [
        {"secret": canary.secret, "certificate": canary.pem, "password": canary.password},
        {"secret": f"\u00a0{canary.secret}"},
        {"secret": canary.secret, "expires_on": "2001-01-01"},
        {"secret": canary.secret, "expires_on": "no day"},
        {"secret": canary.secret * 20},
        {"certificate": canary.pem, "password": f"{canary.password}!"},
        {"certificate": canary.pem.replace("CERTIFICATE", "CERTIFICAT"), "password": canary.password},
        {"certificate": canary.pem[:-200], "password": canary.password},
        {"certificate": canary.public_pem, "password": canary.password},
    ]
    for given in refused:
        # The form again, or a message on the connection's page; never an error, and nothing is stored.
        assert send_credential(connected, **given).status_code in (200, 204), sorted(given)
        with scope(connected.tenant.pk):
            assert not ProviderCredential.objects.exists(), sorted(given)
    send_credential(connected, secret=canary.secret)
    connected.app.secret = "somebody-changed-it"
    ended = run(connected, "connection.check")
    assert (ended.outcome, ended.failure_code) == ("failed", "credential_invalid")
    connected.app.secret_expired, connected.app.secret = True, canary.secret
    run(connected, "connection.check")
    assert everywhere(connected, canary, owner_connection, logged) == []


def test_a_server_that_repeats_what_it_was_sent_leaves_no_trace_of_it(
    connected: SimpleNamespace, canary: Canary, owner_connection: Any, logged: io.StringIO, sandbox: Any
) -> None:
    """ISO-17: in the words of an error, in its code, and in a request id; the access token as well."""
    send_credential(connected, secret=canary.secret)
    honest, heard = sandbox.app.handle, []

    def hostile(method: str, target: str, headers: dict[str, str], content: bytes) -> Response:
        given = headers.get("authorization", "") or content.decode()
        heard.append(given)
        if "openid-configuration" in target or (answering == "graph" and "/token" in target):
            return honest(method, target, headers, content)
        text = f"AADSTS7000215: you said {given}, that is {canary.secret}"
        body = {"error": {"code": canary.secret[:60], "message": text}, "error_description": text}
        if "/token" in target:
            body = {"error": "invalid_client", "error_description": text, "correlation_id": canary.secret}
        return Response(403, body, {"request-id": given.split(" ")[-1][:64] if answering == "graph" else canary.secret})

    for answering in ("sign-in", "graph"):
        sandbox.app.handle = hostile
        try:
            ended = run(connected, "connection.check")
        finally:
            del sandbox.app.handle
        assert ended.outcome in ("failed", "partially_succeeded"), answering
        with scope(connected.tenant.pk):
            ProviderConnection.objects.update(status="connected")
    token = next(given for given in heard if given.startswith("Bearer ")).removeprefix("Bearer ")
    assert everywhere(connected, canary, owner_connection, logged) == []
    pieces = [token, *token.split("."), token[:64]]
    for place, content in [*database_places(owner_connection), ("the log", logged.getvalue().encode())]:
        assert not any(piece.encode() in content for piece in pieces), place


@pytest.mark.slow
def test_a_worker_process_prints_no_secret(
    connected: SimpleNamespace, canary: Canary, address_of: Callable[[str], str], sandbox: Any, tmp_path: Path
) -> None:
    """ISO-17: at its most talkative, for a run that goes well and for one that is refused."""
    send_credential(connected, secret=canary.secret)
    environment = {
        **os.environ,
        "DATABASE_URL": address_of("default"),
        "SANDBOX_URL": sandbox.base_url,
        "LOG_LEVEL": "DEBUG",
    }
    command = [sys.executable, "-m", "celery", "-A", "tenantpilot", "worker", "-P", "threads", "-c", "1", "-l", "debug"]
    with (tmp_path / "worker.log").open("wb") as file:
        worker = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        for secret, outcome in ((canary.secret, "succeeded"), ("somebody-changed-it", "failed")):
            connected.app.secret = secret
            inputs = {"connection_id": connected.connection.pk}
            started = start_operation(
                "connection.check", inputs, actor=connected.cast.operator, tenant=connected.tenant
            )
            assert isinstance(started, Started), started
            wait_until(lambda run=started.run: outcome_of(connected, run) != "pending", seconds=40)  # type: ignore[misc]
            assert outcome_of(connected, started.run) == outcome
    finally:
        worker.terminate()
        worker.wait(timeout=20)
    told = (tmp_path / "worker.log").read_bytes()
    assert b"run.transition" in told
    assert search(canary, ("the worker's log", told)) == []


def outcome_of(connected: SimpleNamespace, run: OperationRun) -> str:
    with scope(connected.tenant.pk):
        return str(OperationRun.objects.get(pk=run.pk).outcome)


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_no_traceback_tells_a_secret(
    connected: SimpleNamespace, canary: Canary, owner_connection: Any, logged: io.StringIO
) -> None:
    """ISO-17: neither in the log nor in what is stored of the run, wherever in the work it broke."""
    send_credential(connected, secret=canary.secret)

    def break_down(_run: Any, _inputs: Any) -> None:
        client_secret = canary.secret
        headers = {"Authorization": f"Bearer {client_secret}", "body": f"client_secret={client_secret}"}
        log.warning("about to break", sent=headers, nested=[{"secret": (client_secret,)}], raw=client_secret.encode())
        logging.getLogger("some.library").error("Sent %s and %r", client_secret, headers)
        try:
            raise ValueError(f"password={canary.password} for {canary.pem}")
        except ValueError as error:
            raise RuntimeError(f"It broke with {headers} and {client_secret}") from error

    stage.act = break_down
    started = start_operation("sample.read", SampleInputs(), actor=connected.cast.operator, tenant=connected.tenant)
    assert isinstance(started, Started)
    execute(connected.tenant.pk, started.run.pk)
    told = logged.getvalue()
    assert "RuntimeError: It broke with" in told
    assert "about to break" in told
    assert search(canary, ("the log", told)) == []
    with scope(connected.tenant.pk):
        assert OperationRun.objects.get(pk=started.run.pk).failure_code == "internal_error"
    assert search(canary, *database_places(owner_connection)) == []


@pytest.mark.parametrize("debug", [False, True])
def test_no_error_page_tells_a_secret(
    connected: SimpleNamespace, canary: Canary, logged: io.StringIO, settings: Any, debug: bool
) -> None:
    """ISO-17: also the page that Django makes for developers, should somebody leave it on."""
    settings.ROOT_URLCONF, settings.DEBUG = "tests.walls.pages", debug
    answer = connected.client.post(
        "/t/contoso/careless/failing/", {"secret": canary.secret, "password": canary.password}
    )
    assert answer.status_code == 500
    assert ("RuntimeError" in answer.content.decode()) is debug
    assert "RuntimeError" in logged.getvalue()
    assert search(canary, ("the page", answer.content), ("the log", logged.getvalue())) == []


def test_nothing_that_holds_a_secret_shows_it(connected: SimpleNamespace, canary: Canary) -> None:
    """ISO-17: printed, formatted, or logged as an object."""
    with scope(connected.tenant.pk):
        credential = services.set_credential(connected.connection, actor=connected.cast.manager, secret=canary.secret)
        client = services.open_client(connected.connection)
    certificate = read_certificate(canary.pem.encode(), password=canary.password)
    holders: list[Any] = [
        credential,
        connected.connection,
        client,
        client._tokens,
        tokens.ClientSecret(canary.secret),
        tokens.ClientCertificate(certificate.private_key_pem, certificate.public_pem),
        certificate,
        secrets.ring(),
    ]
    shown = [
        (type(holder).__name__, f"{holder!r} {holder!s} {holder} {[holder]} {redact_value(holder)}")
        for holder in holders
    ]
    assert search(canary, *shown) == []
    keys = [entry.partition(":")[2] for entry in configured.CREDENTIAL_KEYS]
    raw = [repr(key) for key in secrets.ring().keys.values()]
    assert not any(key in text for _name, text in shown for key in (*keys, *raw))


def test_a_sealed_credential_opens_for_its_own_connection_alone(connected: SimpleNamespace, canary: Canary) -> None:
    """ISO-17: a ciphertext that was copied to another row is worth nothing there."""
    sealed = secrets.seal({"secret": canary.secret}, connection_id=1)
    assert secrets.open_sealed(sealed, connection_id=1) == {"secret": canary.secret}
    with pytest.raises(secrets.CannotOpen):
        secrets.open_sealed(sealed, connection_id=2)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRET",
        "client_secret=SECRET&grant_type=x",
        '{"client_secret": "SECRET"}',
        "{'access_token': 'SECRET'}",
        "password: SECRET",
        "https://graph.microsoft.com/v1.0/users?$skiptoken=SECRET",
        "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwcyJ9SECRET.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nSECRET",
    ],
)
def test_text_from_outside_is_cleared_of_what_looks_like_a_secret(text: str) -> None:
    """ISO-17: also of secrets that this process has never seen."""
    assert "SECRET" not in redact(text)
    assert "SECRET" not in Failure("internal_error", text).message


def test_a_line_of_the_log_stays_one_line(logged: io.StringIO) -> None:
    """ISO-17: a name with a line break and a forged entry is one entry."""
    log.warning("named", name='Contoso\n{"event": "login", "level": "critical"}\r\u202e', **{"odd\nkey": "x"})
    lines = [line for line in logged.getvalue().splitlines() if line]
    assert len(lines) == 1
    assert orjson.loads(lines[0])["event"] == "named"
    assert "\u202e" not in lines[0]
