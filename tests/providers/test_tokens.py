"""Signing in: real MSAL, over the real transport, against the sandbox's sign-in."""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import jwt
import orjson
import pytest
from cryptography import x509

from operations.failures import Failure
from providers.certificates import read_certificate
from providers.clouds import CLOUDS, Cloud
from providers.graph import tokens
from providers.graph.client import GraphClient
from providers.graph.errors import failure_of_sign_in
from providers.graph.tokens import ClientCertificate, ClientSecret, TokenSource, claims_in, permissions_in, source_for
from providers.sandbox.errors import Response
from providers.sandbox.world import SandboxTenant
from tests.providers.keys import make_pem
from tests.providers.script import Heard, Script

pytestmark = pytest.mark.django_db
CONTOSO = "c0c0c0c0-0000-4000-8000-000000000001"


def sign_ins(script: Script) -> list[Heard]:
    return [one for one in script.heard if one.target.endswith("/oauth2/v2.0/token")]


def form_of(heard: Heard) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(heard.content.decode()).items()}


@pytest.fixture
def ask(inside_run: Any, make_client: Any) -> Callable[..., Any]:
    """`ask(**fields)` reads the organization with a client of these fields, inside a run."""

    def work(app: str = "full", *, times: int = 1, **fields: Any) -> GraphClient:
        client: GraphClient = make_client(app, **fields)

        def act(run: Any) -> None:
            for _ in range(times):
                client.get("/organization")

        inside_run(act)
        return client

    return work


def failure_of(ask: Any, **fields: Any) -> Failure:
    with pytest.raises(Failure) as found:
        ask(**fields)
    return found.value


# -- with a secret and with a certificate ------------------------------------------------------------------------------


def test_one_sign_in_serves_many_requests(ask: Any, script: Script) -> None:
    """PRO-14"""
    ask(times=5)
    assert len(sign_ins(script)) == 1
    form = form_of(sign_ins(script)[0])
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "https://graph.microsoft.com/.default")


def test_a_certificate_signs_with_ps256_and_the_secret_key_stays_here(
    ask: Any, script: Script, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-14"""
    pem = make_pem()
    sandbox_tenant.apps["full"].certificate_pems.append(pem.certificate)
    ask(credential=ClientCertificate(pem.key, pem.certificate), times=2)
    form = form_of(sign_ins(script)[0])
    header = jwt.get_unverified_header(form["client_assertion"])
    expected = x509.load_pem_x509_certificate(pem.certificate.encode())
    assert header["alg"] == "PS256"
    assert "client_secret" not in form
    claims = jwt.decode(
        form["client_assertion"],
        expected.public_key(),  # type: ignore[arg-type]
        algorithms=["PS256"],
        audience=f"https://login.microsoftonline.com/{sandbox_tenant.entra_tenant_id}/oauth2/v2.0/token",
    )
    assert claims["sub"] == sandbox_tenant.apps["full"].client_id
    assert not any(pem.key_body in one.content.decode("latin-1") for one in script.heard)


def test_a_pfx_read_by_the_console_signs_in(ask: Any, sandbox_tenant: SandboxTenant) -> None:
    """PRO-6, PRO-14: what was uploaded is what MSAL gets."""
    pem = make_pem()
    sandbox_tenant.apps["full"].certificate_pems.append(pem.certificate)
    found = read_certificate(pem.pfx("right"), password="right")
    assert ask(credential=ClientCertificate(found.private_key_pem, found.public_pem)).requests_sent == 1


def test_a_certificate_that_the_app_does_not_know_is_refused(ask: Any) -> None:
    """PRO-15"""
    pem = make_pem()
    assert failure_of(ask, credential=ClientCertificate(pem.key, pem.certificate)).code == "credential_invalid"


# -- refusals ----------------------------------------------------------------------------------------------------------


def spoil_secret(tenant: SandboxTenant) -> dict[str, Any]:
    return {"credential": ClientSecret("wrong-secret-value")}


def expire_secret(tenant: SandboxTenant) -> dict[str, Any]:
    tenant.apps["full"].secret_expired = True
    return {}


def forget_app(tenant: SandboxTenant) -> dict[str, Any]:
    return {"client_id": "99999999-0000-4000-8000-000000000009"}


def disable_app(tenant: SandboxTenant) -> dict[str, Any]:
    tenant.apps["full"].enabled = False
    return {}


def withdraw_consent(tenant: SandboxTenant) -> dict[str, Any]:
    tenant.apps["full"].consented = False
    return {}


def another_tenant(tenant: SandboxTenant) -> dict[str, Any]:
    return {"entra_tenant_id": "99999999-0000-4000-8000-000000000009"}


REFUSALS = {
    spoil_secret: "credential_invalid",
    expire_secret: "credential_expired",
    forget_app: "app_not_found",
    disable_app: "app_disabled",
    withdraw_consent: "consent_missing",
    another_tenant: "tenant_not_found",
}


@pytest.mark.parametrize(("arrange", "code"), REFUSALS.items(), ids=lambda value: getattr(value, "__name__", value))
def test_each_refusal_has_its_code_and_is_not_asked_again(
    arrange: Any, code: str, ask: Any, script: Script, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-15: an account that is tried again and again gets locked."""
    failure = failure_of(ask, **arrange(sandbox_tenant))
    assert failure.code == code
    assert failure.fatal
    assert len(script.heard) <= 2
    assert not [one for one in script.heard if one.target.startswith("/v1.0")]


def test_what_was_mended_works_at_once(ask: Any, sandbox_tenant: SandboxTenant) -> None:
    """PRO-14: MSAL would answer the same faulty request from memory for a minute."""
    sandbox_tenant.apps["full"].consented = False
    assert failure_of(ask).code == "consent_missing"
    sandbox_tenant.apps["full"].consented = True
    assert ask().requests_sent == 1


def test_no_secret_stands_in_the_failure() -> None:
    """PRO-4: the sign-in service may well repeat what it was sent."""
    text = "AADSTS7000215: Invalid client secret 'client_secret=wrong-secret-value' provided."
    failure = failure_of_sign_in({"error": "invalid_client", "error_description": text, "error_codes": [7000215]})
    assert "wrong-secret-value" not in failure.message


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response(200, raw=b"<html>captive portal</html>"), "response_malformed"),
        (Response(200, raw=b"[]"), "response_malformed"),
        (Response(404, raw=b""), "response_malformed"),
        (Response(503, raw=b"<html>down</html>"), "graph_unavailable"),
        (Response(429, {"error": "temporarily_unavailable"}, {"Retry-After": "2"}), "throttled"),
        (Response(302, headers={"Location": "https://evil.example/"}), "foreign_link"),
        (Response(200, {"issuer": "x"}), "credential_invalid"),
        (Response(400, {"error": "invalid_tenant", "error_codes": [90002]}), "tenant_not_found"),
    ],
)
def test_trouble_of_the_discovery_is_told_apart_from_a_faulty_credential(
    answer: Response, code: str, ask: Any, script: Script, sandbox_tenant: SandboxTenant, waits: list[float]
) -> None:
    """PRO-15: a proxy's page must not mark the connection as broken."""
    script.say(f"/{sandbox_tenant.entra_tenant_id}/v2.0", *[answer] * 3)
    assert failure_of(ask).code == code


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_sign_in_is_tried_again_after_passing_trouble(
    status: int, ask: Any, script: Script, sandbox_tenant: SandboxTenant, waits: list[float]
) -> None:
    """PRO-16"""
    path = f"/{sandbox_tenant.entra_tenant_id}/oauth2"
    script.say(path, *[Response(status, raw=b"", headers={"Retry-After": "3"})] * 2)
    assert ask().requests_sent == 1
    assert waits == [3, 3]


def test_a_discovery_that_sends_the_secret_elsewhere_is_not_believed(
    ask: Any, script: Script, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-14"""
    tenant = sandbox_tenant.entra_tenant_id
    for host in ("https://evil.example", "https://login.microsoftonline.us"):
        found = {
            "token_endpoint": f"{host}/{tenant}/oauth2/v2.0/token",
            "authorization_endpoint": f"{host}/{tenant}/oauth2/v2.0/authorize",
            "issuer": f"{host}/{tenant}/v2.0",
        }
        script.say(f"/{tenant}/v2.0", found)
        assert failure_of(ask).code == "foreign_link"
    assert sign_ins(script) == []


def test_a_token_of_another_tenant_is_not_used(
    ask: Any, script: Script, sandbox: Any, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-14: it would read, and one day write, at another customer's."""
    other = sandbox.world.tenants[1]
    token = sandbox.app.authority.issue(other, other.apps["full"])
    script.say(f"/{sandbox_tenant.entra_tenant_id}/oauth2", {"access_token": token, "expires_in": 3599})
    assert failure_of(ask).code == "wrong_tenant"
    assert not script.requests("/v1.0")


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a." + base64.b64encode(b"[]").decode() + ".c", "a..c"])
def test_a_token_that_cannot_be_read_is_not_sent(
    token: str, ask: Any, script: Script, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-14"""
    script.say(f"/{sandbox_tenant.entra_tenant_id}/oauth2", {"access_token": token, "expires_in": 3599})
    assert failure_of(ask).code == "token_rejected"
    assert not script.requests("/v1.0")


# -- permissions in the token ------------------------------------------------------------------------------------------


def test_the_permissions_are_those_of_the_token(
    inside_run: Any, make_client: Any, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-10"""
    app = sandbox_tenant.apps["lacking"]
    client = make_client("lacking")
    assert inside_run(lambda run: client.granted_permissions()) == app.permissions
    app.permissions.clear()

    def renew(run: Any) -> Any:
        client.renew_token()
        return client.granted_permissions()

    assert inside_run(renew) == frozenset()


def token_with(**claims: Any) -> str:
    return f"h.{base64.urlsafe_b64encode(orjson.dumps(claims)).decode().rstrip('=')}.s"


def test_odd_claims_are_no_permissions() -> None:
    """PRO-14"""
    assert permissions_in(token_with(roles="Group.Read.All")) == frozenset()
    assert permissions_in(token_with(roles=None)) == frozenset()
    assert permissions_in(token_with(roles=["A", 1])) == {"A", "1"}
    assert claims_in(token_with(tid="x")) == {"tid": "x"}


# -- keeping them ------------------------------------------------------------------------------------------------------


def canned(expires_in: int = 3599) -> tuple[list[str], tokens.Sender]:
    """A sign-in service of any cloud, and the addresses it was asked at."""
    asked: list[str] = []

    def send(
        method: str, url: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        asked.append(url)
        if method == "POST":
            scope = parse_qs((content or b"").decode())["scope"][0]
            claims = {"tid": CONTOSO, "aud": scope, "n": len(asked)}
            return (
                200,
                {},
                orjson.dumps({"access_token": token_with(**claims), "expires_in": expires_in, "token_type": "Bearer"}),
            )
        base = url.split("/v2.0/")[0]
        found = {"token_endpoint": f"{base}/oauth2/v2.0/token", "authorization_endpoint": f"{base}/a", "issuer": base}
        return 200, {}, orjson.dumps(found)

    return asked, send


def source(send: tokens.Sender, cloud: Cloud = Cloud.GLOBAL, load: Any = None) -> TokenSource:
    return TokenSource(
        cloud=cloud, entra_tenant_id=CONTOSO, client_id="app", load=load or (lambda: ClientSecret("s" * 20)), send=send
    )


@pytest.mark.parametrize("cloud", Cloud)
def test_each_cloud_signs_in_at_its_own_authority_for_its_own_graph_and_asks_nobody_else(cloud: Cloud) -> None:
    """PRO-1, PRO-14: no instance discovery, which always asks the global cloud."""
    asked, send = canned()
    found = claims_in(source(send, cloud).token())
    hosts = CLOUDS[cloud]
    assert asked == [
        f"https://{hosts.login_host}/{CONTOSO}/v2.0/.well-known/openid-configuration",
        f"https://{hosts.login_host}/{CONTOSO}/oauth2/v2.0/token",
    ]
    assert found["aud"] == f"https://{hosts.graph_host}/.default"


def test_a_token_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """PRO-14: no request begins with a token that ends on the way."""
    asked, send = canned(expires_in=3600)
    kept = source(send)
    first = kept.token()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3_200)
    assert kept.token() == first
    monkeypatch.setattr(time, "monotonic", lambda: now + 3_400)
    assert kept.token() != first
    assert len(asked) == 4


def test_a_wrong_clock_loses_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """PRO-14: F27. A token lives as many seconds as it was given, whatever time of day this machine believes in."""
    asked, send = canned()
    kept = source(send)
    kept.token()
    real = time.time
    for shift in (-7_200, 7_200):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        kept.token()
    assert len(asked) == 2


def test_only_the_one_that_was_rejected_is_renewed() -> None:
    """PRO-14: a thread that comes late takes the token that another has fetched."""
    asked, send = canned()
    kept = source(send)
    old = kept.token()
    new = kept.renew(old)
    assert new != old
    assert kept.renew(old) == new
    assert len(asked) == 4
    assert kept.renew() != new


def test_a_failed_renewal_leaves_no_old_token_behind() -> None:
    """PRO-14"""
    _asked, send = canned()
    kept = source(send)
    kept.token()

    def broken(*_: Any) -> Any:
        raise Failure("app_disabled")

    kept._send = broken
    for _ in range(2):
        with pytest.raises(Failure):
            kept.renew() if kept._token else kept.token()
    assert kept._token == ""


def test_the_credential_is_read_anew_for_each_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """PRO-14: F38. One replaced in the middle of a run is used from then on."""
    used: list[str] = []
    _asked, send = canned()

    def spy(method: str, url: str, headers: Any, content: bytes | None) -> Any:
        if content:
            used.append(parse_qs(content.decode())["client_secret"][0])
        return send(method, url, headers, content)

    secrets = iter(["first-secret", "second-secret"])
    kept = source(spy, load=lambda: ClientSecret(next(secrets)))
    kept.token()
    kept.renew()
    assert used == ["first-secret", "second-secret"]


def test_sources_are_kept_by_connection_and_credential_and_not_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """PRO-14: two tenants never share one."""
    monkeypatch.setattr(tokens, "_KEPT", 3)
    made: list[int] = []

    def make() -> TokenSource:
        made.append(1)
        return source(canned()[1])

    first = source_for(("1", "v1"), make)
    assert source_for(("1", "v1"), make) is first
    assert source_for(("1", "v2"), make) is not first
    for number in range(5):
        source_for((f"x{number}",), make)
    assert source_for(("1", "v1"), make) is not first
    assert len(made) == 8


def test_a_run_that_waits_for_anothers_sign_in_shows_life(inside_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """PRO-14: a sign-in may take longer than a lease."""
    _asked, send = canned()
    kept = source(send)
    beaten = threading.Event()

    def act(run: Any) -> str:
        monkeypatch.setattr(run, "beat", beaten.set)
        return kept.token()

    def release() -> None:
        beaten.wait(20)
        kept._lock.release()

    kept._lock.acquire()
    releaser = threading.Thread(target=release)
    releaser.start()
    assert inside_run(act)
    releaser.join()
    assert beaten.is_set()


def test_secrets_are_blind_in_texts() -> None:
    """PRO-4"""
    assert "canary" not in repr(ClientSecret("canary"))
    assert "canary" not in repr(ClientCertificate("canary", "public"))
