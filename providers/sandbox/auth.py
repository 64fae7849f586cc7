"""Who may sign in with what, and whom a bearer token speaks for."""

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from providers.sandbox.errors import GraphError
from providers.sandbox.world import SandboxApp, SandboxTenant, World

LOGIN = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
LIFETIME = 3599
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
_AUDIENCES = (GRAPH, f"{GRAPH}/", _GRAPH_APP_ID)
# Other resources of Microsoft exist, but no app here has anything to do there.
_CHALLENGE = (
    f'Bearer realm="", authorization_uri="{LOGIN}/common/oauth2/authorize", client_id="{_GRAPH_APP_ID}", errors="token"'
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token speaks for."""

    tenant: SandboxTenant
    app: SandboxApp
    roles: frozenset[str]


class SignInRefused(Exception):
    """A refusal of the token endpoint: status, OAuth's `error`, the AADSTS number and its sentence."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        self.status, self.error, self.number, self.text = status, error, number, text
        super().__init__(text)


class Authority:
    """Issues tokens for the apps of a world; tokens end when the sandbox does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key, self._key_id = _signing_key(), secrets.token_urlsafe(20)
        self._known: dict[str, dict[str, Any]] = {}
        self._lifetimes: dict[str, int] = {}

    # -- tokens --------------------------------------------------------------------------------------------------------

    def set_lifetime(self, seconds: int | None, *, tenant: str = "") -> None:
        """How long new tokens are good, for the tenant of this slug or for all; None is the usual hour."""
        if seconds is None:
            kept = {slug: value for slug, value in self._lifetimes.items() if tenant and slug != tenant}
            self._lifetimes = kept
        else:
            self._lifetimes[tenant] = seconds

    def lifetime(self, tenant: SandboxTenant) -> int:
        return self._lifetimes.get(tenant.slug, self._lifetimes.get("", LIFETIME))

    def issue(self, tenant: SandboxTenant, app: SandboxApp, *, by_certificate: bool = False) -> str:
        """An access token for Graph, in the shape of version 1.0 that Graph gets."""
        now, object_id = int(time.time()), str(uuid.uuid5(uuid.UUID(app.client_id), tenant.entra_tenant_id))
        issuer = f"https://sts.windows.net/{tenant.entra_tenant_id}/"
        claims: dict[str, Any] = {
            "aud": GRAPH,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime(tenant),
            "app_displayname": app.display_name,
            "appid": app.client_id,
            "appidacr": "2" if by_certificate else "1",
            "idp": issuer,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": tenant.entra_tenant_id,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        # An app that was granted nothing gets a token all the same, without the claim.
        if app.permissions:
            claims["roles"] = sorted(app.permissions)
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id, "x5t": self._key_id})

    def keys(self) -> dict[str, Any]:
        """The public keys, as `jwks_uri` shows them."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "use": "sig", "kid": self._key_id, "x5t": self._key_id, "alg": "RS256"}]}

    def check(self, authorization: str) -> Caller:
        """The caller of a Graph request. Raises GraphError 401."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("Access token is empty.")
        # A sync sends one token thousands of times.
        claims = self._known.get(token)
        if claims is None:
            claims = self._known[token] = self._read(token)
        if claims["exp"] <= time.time():
            raise _unauthorized("Lifetime validation failed, the token is expired.")
        tenant = self._world.tenant(claims["tid"])
        app = tenant.app(claims["appid"]) if tenant else None
        if tenant is None or app is None:
            raise _unauthorized("Access token validation failure.")
        return Caller(tenant, app, frozenset(claims.get("roles", ())))

    def _read(self, token: str) -> dict[str, Any]:
        try:
            if jwt.get_unverified_header(token).get("kid") != self._key_id:
                raise jwt.InvalidSignatureError
            claims: dict[str, Any] = jwt.decode(
                token, self._key.public_key(), algorithms=["RS256"], audience=list(_AUDIENCES)
            )
        except jwt.ExpiredSignatureError as error:
            raise _unauthorized("Lifetime validation failed, the token is expired.") from error
        except jwt.InvalidAudienceError as error:
            raise _unauthorized("Access token validation failure. Invalid audience.") from error
        except jwt.InvalidSignatureError as error:
            raise _unauthorized("Access token validation failure. Signature is invalid.") from error
        except jwt.PyJWTError as error:
            raise _unauthorized("CompactToken parsing failed with error code: 80049217") from error
        return claims

    def revoke(self, authorization: str) -> None:
        """Make this very token invalid, as if it had expired early."""
        self.check(authorization)
        self._known[authorization.partition(" ")[2]]["exp"] = 0

    # -- credentials ---------------------------------------------------------------------------------------------------

    def sign_in(self, authority: str, form: Mapping[str, str]) -> tuple[SandboxTenant, SandboxApp, bool]:
        """The tenant and app of a client-credentials request, and whether it used a certificate. Raises SignInRefused."""
        _check_form(authority, form)
        tenant = self._world.tenant(authority)
        if tenant is None:
            text = f"Tenant '{authority[:60]}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            raise SignInRefused(400, "invalid_request", 90002, text)
        client_id = form["client_id"]
        app = tenant.app(client_id)
        if app is None:
            text = f"Application with identifier '{client_id[:60]}' was not found in the directory '{tenant.name}'."
            raise SignInRefused(400, "unauthorized_client", 700016, text)
        if not app.enabled:
            text = f"Application '{client_id}'({app.display_name}) is disabled."
            raise SignInRefused(400, "unauthorized_client", 7000112, text)
        if not app.consented:
            text = f"The user or administrator has not consented to use the application with ID '{client_id}' named '{app.display_name}'."
            raise SignInRefused(400, "invalid_grant", 65001, text)
        if "client_assertion" in form:
            _check_assertion(app, tenant, form["client_assertion"])
            return tenant, app, True
        _check_secret(app, form)
        return tenant, app, False


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    """One for the process, since making one takes long; sandboxes are told apart by the id of the key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _unauthorized(text: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", text, {"WWW-Authenticate": _CHALLENGE})


def _check_form(authority: str, form: Mapping[str, str]) -> None:
    for name in ("grant_type", "client_id", "scope"):
        if not form.get(name):
            text = f"The request body must contain the following parameter: '{name}'."
            raise SignInRefused(400, "invalid_request", 900144, text)
    if form["grant_type"] != "client_credentials":
        text = f"The app requested an unsupported grant type '{form['grant_type'][:60]}'."
        raise SignInRefused(400, "unsupported_grant_type", 70003, text)
    if authority.lower() in ("common", "consumers"):
        text = "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."
        raise SignInRefused(400, "invalid_request", 9001023, text)
    if authority.lower() == "organizations":
        raise SignInRefused(400, "invalid_request", 90130, "The app is not supported over the /organizations endpoint.")
    resource, default, rest = form["scope"].partition("/.default")
    if not default or rest.strip():
        text = (
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
        )
        text += f"'scope' is not valid. The scope {form['scope'][:80]} is not valid."
        raise SignInRefused(400, "invalid_scope", 70011, text)
    if resource not in _AUDIENCES:
        text = f"The resource principal named {resource[:80]} was not found in the tenant."
        raise SignInRefused(400, "invalid_resource", 500011, text)


def _check_secret(app: SandboxApp, form: Mapping[str, str]) -> None:
    if "client_secret" not in form:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise SignInRefused(401, "invalid_client", 7000218, text)
    if not hmac.compare_digest(form["client_secret"].encode(), app.secret.encode()):
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
        )
        text += f"not the client secret ID, for a secret added to app '{app.client_id}'."
        raise SignInRefused(401, "invalid_client", 7000215, text)
    if app.secret_expired:
        text = f"The provided client secret keys for app '{app.client_id}' are expired."
        raise SignInRefused(401, "invalid_client", 7000222, text)


def _check_assertion(app: SandboxApp, tenant: SandboxTenant, assertion: str) -> None:
    audiences = [f"{LOGIN}/{tenant.entra_tenant_id}/oauth2/v2.0/token", f"{LOGIN}/{tenant.entra_tenant_id}/v2.0"]
    try:
        header = jwt.get_unverified_header(assertion)
        for pem in app.certificate_pems:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            if not _names(header, certificate):
                continue
            key: Any = certificate.public_key()
            claims = jwt.decode(assertion, key, algorithms=["RS256", "PS256"], audience=audiences, issuer=app.client_id)
            if claims.get("sub") != app.client_id:
                raise SignInRefused(401, "invalid_client", 700030, "Invalid certificate - subject name not allowed.")
            if certificate.not_valid_after_utc < datetime.now(UTC):
                text = "Client assertion contains an invalid signature. The certificate used to sign it is expired."
                raise SignInRefused(401, "invalid_client", 700024, text)
            return
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        text = "Client assertion is not within its valid time range."
        raise SignInRefused(401, "invalid_client", 700024, text) from error
    except (jwt.PyJWTError, ValueError) as error:
        raise _unknown_certificate() from error
    raise _unknown_certificate()


def _unknown_certificate() -> SignInRefused:
    text = "The certificate with identifier used to sign the client assertion is not registered on application."
    return SignInRefused(401, "invalid_client", 700027, text)


def _names(header: Mapping[str, Any], certificate: x509.Certificate) -> bool:
    """Whether the assertion names this certificate; thumbprints come with or without padding."""
    sha256 = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")
    # SHA-1 names the certificate in older clients' assertions; nothing is signed with it here.
    digest = hashlib.new("sha1", certificate.public_bytes(Encoding.DER), usedforsecurity=False).digest()
    sha1 = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return str(header.get("x5t#S256", "")).rstrip("=") == sha256 or str(header.get("x5t", "")).rstrip("=") == sha1
