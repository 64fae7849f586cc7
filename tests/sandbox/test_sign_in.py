"""Discovery, tokens, certificates and consent (chapters 12 to 14), with plain requests and with MSAL itself."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import httpx
import jwt
import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from providers.sandbox.world import SandboxApp
from tests.sandbox.conftest import CATALOG, Probe, _probe

LOGIN = "https://login.microsoftonline.com"
SCOPE = "https://graph.microsoft.com/.default"


def ask(probe: Probe, authority: str = "", **changes: str | None) -> httpx.Response:
    """A client-credentials request; a change to None leaves the parameter out."""
    app = probe.tenant.apps["full"]
    form: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.secret,
        "scope": SCOPE,
        **changes,
    }
    sent = {name: value for name, value in form.items() if value is not None}
    return probe.http.post(f"/{authority or probe.tenant.entra_tenant_id}/oauth2/v2.0/token", data=sent)


def test_discovery_speaks_of_microsofts_hosts(probe: Probe) -> None:
    """SBX-9"""
    tenant = probe.tenant.entra_tenant_id
    body = probe.http.get(f"/{tenant}/v2.0/.well-known/openid-configuration").json()
    assert body["token_endpoint"] == f"{LOGIN}/{tenant}/oauth2/v2.0/token"
    assert body["authorization_endpoint"] == f"{LOGIN}/{tenant}/oauth2/v2.0/authorize"
    assert body["issuer"] == f"{LOGIN}/{tenant}/v2.0" and body["msgraph_host"] == "graph.microsoft.com"
    common = probe.http.get("/common/v2.0/.well-known/openid-configuration").json()
    assert common["issuer"] == f"{LOGIN}/{{tenantid}}/v2.0"
    unknown = probe.http.get("/nobody.onmicrosoft.com/v2.0/.well-known/openid-configuration")
    assert unknown.status_code == 400 and unknown.json()["error_codes"] == [90002]


def test_instances_are_discovered(probe: Probe) -> None:
    """SBX-9"""
    url = f"/common/discovery/instance?api-version=1.1&authorization_endpoint={LOGIN}/common/oauth2/v2.0/authorize"
    body = probe.http.get(url).json()
    assert body["metadata"][0]["preferred_network"] == "login.microsoftonline.com"
    assert body["metadata"][0]["aliases"] and body["tenant_discovery_endpoint"].startswith(LOGIN)


def test_a_token_tells_whose_it_is_and_what_it_may(probe: Probe) -> None:
    """SBX-9"""
    answer = ask(probe)
    body = answer.json()
    assert body["token_type"] == "Bearer" and body["expires_in"] == body["ext_expires_in"] == 3599
    assert "refresh_token" not in body and "no-store" in answer.headers["cache-control"]
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    app = probe.tenant.apps["full"]
    assert (claims["tid"], claims["appid"], claims["idtyp"]) == (probe.tenant.entra_tenant_id, app.client_id, "app")
    assert claims["aud"] == "https://graph.microsoft.com" and set(claims["roles"]) == app.permissions
    assert claims["exp"] - claims["iat"] == 3599


def test_a_token_can_be_verified_with_the_published_keys(probe: Probe) -> None:
    """SBX-9"""
    keys = probe.http.get(f"/{probe.tenant.entra_tenant_id}/discovery/v2.0/keys").json()["keys"]
    header = jwt.get_unverified_header(probe.token)
    key = next(key for key in keys if key["kid"] == header["kid"])
    assert header["alg"] == "RS256"
    found = jwt.decode(probe.token, jwt.PyJWK(key).key, algorithms=["RS256"], audience="https://graph.microsoft.com")
    assert found["tid"] == probe.tenant.entra_tenant_id


def test_the_tenant_may_be_named_by_its_domain_and_the_secret_in_a_header(probe: Probe) -> None:
    """SBX-9"""
    assert ask(probe, probe.tenant.domain).status_code == 200
    app = probe.tenant.apps["full"]
    basic = base64.b64encode(f"{app.client_id}:{app.secret}".encode()).decode()
    answer = probe.http.post(
        f"/{probe.tenant.entra_tenant_id}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": SCOPE},
        headers={"Authorization": f"Basic {basic}"},
    )
    assert answer.status_code == 200


def test_the_first_version_of_the_endpoint_answers_too(probe: Probe) -> None:
    """SBX-9"""
    app = probe.tenant.apps["full"]
    form = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.secret,
        "resource": "https://graph.microsoft.com",
    }
    body = probe.http.post(f"/{probe.tenant.entra_tenant_id}/oauth2/token", data=form).json()
    assert body["expires_in"] == "3599" and int(body["expires_on"]) > time.time()
    probe.token = body["access_token"]
    assert probe.get("/v1.0/groups").status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": None}, 401, "invalid_client", 7000218),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"client_id": None}, 400, "invalid_request", 900144),
        ({"grant_type": None}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": None}, 400, "invalid_request", 900144),
        ({"scope": "https://graph.microsoft.com/Group.Read.All"}, 400, "invalid_scope", 70011),
        ({"scope": "https://nobody.example/.default"}, 400, "invalid_resource", 500011),
        ({"authority": "00000000-0000-0000-0000-000000000000"}, 400, "invalid_request", 90002),
        ({"authority": "common"}, 400, "invalid_request", 9001023),
        ({"authority": "organizations"}, 400, "invalid_request", 90130),
        ({"client_assertion": "x"}, 400, "invalid_request", 900144),
    ],
)
def test_refusals_have_microsofts_numbers_and_ids(
    probe: Probe, changes: dict[str, Any], status: int, error: str, number: int
) -> None:
    """SBX-9"""
    answer = ask(probe, **changes)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    for name in ("trace_id", "correlation_id"):
        UUID(body[name])
        assert body[name] in body["error_description"]
    assert body["timestamp"] in body["error_description"] and body["error_uri"].endswith(str(number))


def test_the_request_id_of_the_caller_is_the_correlation_id(probe: Probe) -> None:
    """SBX-9"""
    mine = "3f0a0f6e-1111-4222-8333-444455556666"
    path = f"/{probe.tenant.entra_tenant_id}/oauth2/v2.0/token"
    assert probe.http.post(path, data={}, headers={"client-request-id": mine}).json()["correlation_id"] == mine
    assert probe.http.get(path).json()["error_codes"] == [900561]


@pytest.mark.parametrize(
    ("change", "number"), [("enabled", 7000112), ("consented", 65001), ("secret_expired", 7000222)]
)
def test_apps_are_disabled_expire_and_lose_their_consent(own: Probe, change: str, number: int) -> None:
    """SBX-9, SBX-11"""
    value = change == "secret_expired"
    own.control("POST", "apps", {"tenant": "own", "app": "full", change: value}).raise_for_status()
    assert ask(own).json()["error_codes"] == [number]
    own.control("POST", "apps", {"tenant": "own", "app": "full", change: not value}).raise_for_status()
    assert ask(own).status_code == 200


def test_an_app_that_was_granted_nothing_gets_a_token_without_roles(own: Probe) -> None:
    """SBX-9"""
    own.tenant.apps["full"].permissions.clear()
    claims = jwt.decode(ask(own).json()["access_token"], options={"verify_signature": False})
    assert "roles" not in claims


def test_a_token_ends_when_its_time_is_over(own: Probe) -> None:
    """SBX-9, SBX-11"""
    own.control("POST", "tokens", {"lifetime": -1, "tenant": "own"}).raise_for_status()
    late = _probe(own.sandbox)
    assert late.error(f"/beta/{CATALOG}") == (
        401,
        "InvalidAuthenticationToken",
        "Lifetime validation failed, the token is expired.",
    )
    assert own.get(f"/beta/{CATALOG}").status_code == 200
    assert _probe(own.sandbox, number=1).get("/v1.0/groups").status_code == 200
    own.control("DELETE", "tokens").raise_for_status()
    assert _probe(own.sandbox).get("/v1.0/groups").status_code == 200


# -- certificates ------------------------------------------------------------------------------------------------------


def make_certificate(days: int = 30) -> tuple[str, str]:
    """PEM texts of a private key and of its certificate, good for `days`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


class Rerouted:
    """An `http_client` for MSAL that turns both of Microsoft's hosts to the sandbox, and changes nothing else."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(trust_env=False)
        self._base = base_url

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._http.get(self._turn(url), params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        plain = {k: v.decode() if isinstance(v, bytes) else v for k, v in (data or {}).items()}
        return self._http.post(self._turn(url), params=params, data=plain, headers=headers)

    def close(self) -> None:
        self._http.close()

    def _turn(self, url: str) -> str:
        parts = urlsplit(url)
        assert parts.netloc in ("login.microsoftonline.com", "graph.microsoft.com"), url
        return self._base + url[len(f"https://{parts.netloc}") :]


def with_msal(probe: Probe, credential: Any, **more: Any) -> dict[str, Any]:
    app = msal.ConfidentialClientApplication(
        probe.tenant.apps["full"].client_id,
        authority=f"{LOGIN}/{probe.tenant.entra_tenant_id}",
        client_credential=credential,
        http_client=Rerouted(probe.sandbox.base_url),
        **more,
    )
    found: dict[str, Any] = app.acquire_token_for_client([SCOPE])
    return found


def register(app: SandboxApp, certificate: str) -> None:
    app.certificate_pems.append(certificate)


@pytest.mark.parametrize("discovery", [True, False])
def test_msal_signs_in_with_a_secret_and_reads(probe: Probe, discovery: bool) -> None:
    """SBX-10"""
    answer = with_msal(probe, probe.tenant.apps["full"].secret, instance_discovery=discovery)
    probe.token = answer["access_token"]
    assert probe.get("/v1.0/groups?$top=1").status_code == 200
    assert with_msal(probe, "wrong")["error_codes"] == [7000215]


@pytest.mark.parametrize("old", [True, False])
def test_msal_signs_in_with_a_certificate_of_either_kind(own: Probe, old: bool) -> None:
    """SBX-9, SBX-10"""
    private, public = make_certificate()
    thumbprint = x509.load_pem_x509_certificate(public.encode()).fingerprint(hashes.SHA1()).hex()  # noqa: S303
    credential = {"private_key": private, **({"thumbprint": thumbprint} if old else {"public_certificate": public})}
    assert with_msal(own, credential)["error_codes"] == [700027]
    register(own.tenant.apps["full"], public)
    answer = with_msal(own, credential)
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["appidacr"] == "2"


def assertion(own: Probe, private: str, public: str, **changes: Any) -> str:
    client, now = own.tenant.apps["full"].client_id, int(time.time())
    certificate = x509.load_pem_x509_certificate(public.encode())
    digest = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).decode()
    claims = {
        "aud": f"{LOGIN}/{own.tenant.entra_tenant_id}/oauth2/v2.0/token",
        "iss": client,
        "sub": client,
        "jti": "1",
        "nbf": now - 5,
        "iat": now - 5.5,
        "exp": now + 600.5,
        **changes,
    }
    return jwt.encode(claims, private, algorithm="PS256", headers={"x5t#S256": digest})


def with_assertion(own: Probe, text: str) -> httpx.Response:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return ask(own, client_secret=None, client_assertion=text, client_assertion_type=kind)


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({}, None),
        ({"aud": f"{LOGIN}/common/oauth2/v2.0/token"}, 700027),
        ({"iss": "somebody"}, 700027),
        ({"sub": "somebody"}, 700030),
        ({"exp": 1}, 700024),
        ({"nbf": 9_999_999_999}, 700024),
    ],
)
def test_assertions_are_verified(own: Probe, changes: dict[str, Any], number: int | None) -> None:
    """SBX-9"""
    private, public = make_certificate()
    register(own.tenant.apps["full"], public)
    answer = with_assertion(own, assertion(own, private, public, **changes))
    assert answer.json().get("error_codes") == (None if number is None else [number]), answer.text


def test_an_assertion_signed_with_another_key_or_an_expired_certificate_is_refused(own: Probe) -> None:
    """SBX-9"""
    _, public = make_certificate()
    register(own.tenant.apps["full"], public)
    stranger, _ = make_certificate()
    assert with_assertion(own, assertion(own, stranger, public)).json()["error_codes"] == [700027]
    old_private, old_public = make_certificate(days=-1)
    register(own.tenant.apps["full"], old_public)
    assert with_assertion(own, assertion(own, old_private, old_public)).json()["error_codes"] == [700024]
    assert with_assertion(own, "nonsense").json()["error_codes"] == [700027]


# -- consent -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v2.0/adminconsent", "adminconsent"])
def test_an_administrator_consents_and_is_sent_back(own: Probe, version: str) -> None:
    """SBX-9"""
    app = own.tenant.apps["full"]
    app.consented = False
    given = {"client_id": app.client_id, "redirect_uri": "https://console.example/back?x=1", "state": "s t"}
    page = own.http.get(f"/{own.tenant.entra_tenant_id}/{version}?{urlencode(given)}")
    assert page.status_code == 200 and app.display_name in page.text and app.consented is False
    back = own.http.get(f"/{own.tenant.entra_tenant_id}/{version}?{urlencode({**given, 'decision': 'accept'})}")
    answer = parse_qs(urlsplit(back.headers["location"]).query)
    assert back.status_code == 302 and back.headers["location"].startswith("https://console.example/back?x=1&")
    assert answer["admin_consent"] == ["True"] and answer["tenant"] == [own.tenant.entra_tenant_id]
    assert answer["state"] == ["s t"] and ask(own).status_code == 200


def test_a_refused_consent_says_so(own: Probe) -> None:
    """SBX-9"""
    given = {
        "client_id": own.tenant.apps["full"].client_id,
        "redirect_uri": "https://console.example/",
        "decision": "no",
    }
    back = own.http.get(f"/{own.tenant.entra_tenant_id}/adminconsent?{urlencode(given)}")
    assert "AADSTS65004" in parse_qs(urlsplit(back.headers["location"]).query)["error_description"][0]
    stranger = own.http.get(f"/{own.tenant.entra_tenant_id}/adminconsent?client_id=x&decision=accept")
    assert stranger.status_code == 400 and stranger.json()["error_codes"] == [700016]


def test_a_consent_page_shows_hostile_parameters_as_text(own: Probe) -> None:
    """SBX-9"""
    given = {"client_id": own.tenant.apps["full"].client_id, "state": '"><script>alert(1)</script>'}
    page = own.http.get(f"/{own.tenant.entra_tenant_id}/adminconsent?{urlencode(given)}").text
    assert "<script>" not in page


def test_a_fault_at_sign_in_looks_like_microsofts(probe: Probe) -> None:
    """SBX-11"""
    for kind, more, status, number in (
        ("sign_in", {"code": 90055}, 400, 90055),
        ("sign_in", {"code": 7000222}, 401, 7000222),
        ("throttle", {"path": "/oauth2/token"}, 429, 90055),
        ("outage", {"path": "/oauth2/token"}, 503, 90033),
    ):
        probe.fault(kind, times=1, **more)
        answer = ask(probe)
        assert (answer.status_code, answer.json()["error_codes"]) == (status, [number])
        assert ask(probe).status_code == 200
    probe.fault("outage", times=1)
    assert ask(probe).status_code == 200 and probe.get("/v1.0/groups").status_code == 503


def test_the_readiness_of_a_token_is_json(probe: Probe) -> None:
    """SBX-9: a client reads claims of the token with base64 alone."""
    part = probe.token.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["ver"] == "1.0"
