"""Sign-in: discovery, the token endpoint, and the check of bearer tokens."""

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import jwt
import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from providers.sandbox.errors import GraphError, Response
from providers.sandbox.world import SandboxApp, SandboxTenant, World

LOGIN = "https://login.microsoftonline.com"
LIFETIME = 3599


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token speaks for."""

    tenant: SandboxTenant
    app: SandboxApp
    roles: frozenset[str]


class _Refused(Exception):
    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        self.status, self.error, self.number, self.text = status, error, number, text
        super().__init__(text)


class Authority:
    """Issues tokens for the apps of a world; tokens end when the sandbox does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = secrets.token_bytes(32)
        self.revoked: set[str] = set()

    def discovery(self, tenant: str) -> Response:
        found = self._world.tenant(tenant)
        if found is None:
            return self._error(_Refused(400, "invalid_tenant", 90002, f"Tenant '{tenant[:60]}' not found."))
        base = f"{LOGIN}/{found.entra_tenant_id}"
        return Response(
            200,
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "issuer": f"{base}/v2.0",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": "graph.microsoft.com",
            },
        )

    def instances(self) -> Response:
        names = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
        metadata = [{"preferred_network": names[0], "preferred_cache": names[1], "aliases": names}]
        body = {
            "tenant_discovery_endpoint": f"{LOGIN}/common/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": metadata,
        }
        return Response(200, body)

    def token(self, tenant: str, content: bytes) -> Response:
        """The token endpoint for client credentials."""
        form = {
            name: values[0]
            for name, values in parse_qs(content.decode("utf-8", "replace"), keep_blank_values=True).items()
        }
        try:
            app, found = self._sign_in(tenant, form)
        except _Refused as refused:
            return self._error(refused)
        return Response(
            200,
            {
                "token_type": "Bearer",
                "expires_in": LIFETIME,
                "ext_expires_in": LIFETIME,
                "access_token": self.issue(found, app),
            },
            {"Cache-Control": "no-store, no-cache"},
        )

    def _sign_in(self, tenant: str, form: Mapping[str, str]) -> tuple[SandboxApp, SandboxTenant]:
        found = self._world.tenant(tenant)
        if found is None:
            raise _Refused(
                400,
                "invalid_request",
                90002,
                f"Tenant '{tenant[:60]}' not found. Check to make sure you have the correct tenant ID.",
            )
        if form.get("grant_type") != "client_credentials":
            raise _Refused(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("scope") != "https://graph.microsoft.com/.default":
            raise _Refused(
                400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid."
            )
        client_id = form.get("client_id", "")
        app = next((a for a in found.apps.values() if a.client_id == client_id), None)
        if app is None:
            text = f"Application with identifier '{client_id[:60]}' was not found in the directory '{found.name}'."
            raise _Refused(400, "unauthorized_client", 700016, text)
        if not app.enabled:
            raise _Refused(
                400, "unauthorized_client", 7000112, f"Application '{client_id}'({app.display_name}) is disabled."
            )
        if not app.consented:
            raise _Refused(
                400,
                "invalid_grant",
                65001,
                f"The user or administrator has not consented to use the application '{client_id}'.",
            )
        self._check_credential(app, found, form)
        return app, found

    def _check_credential(self, app: SandboxApp, tenant: SandboxTenant, form: Mapping[str, str]) -> None:
        if assertion := form.get("client_assertion"):
            self._check_assertion(app, tenant, assertion)
        elif "client_secret" not in form:
            raise _Refused(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the parameter 'client_assertion' or 'client_secret'.",
            )
        elif not hmac.compare_digest(form["client_secret"].encode(), app.secret.encode()):
            raise _Refused(401, "invalid_client", 7000215, f"Invalid client secret provided. Ensure the secret being sent is the client secret value, not the client secret ID, for a secret added to app '{app.client_id}'.")  # fmt: skip  # noqa: E501
        elif app.secret_expired:
            raise _Refused(
                401,
                "invalid_client",
                7000222,
                f"The provided client secret keys for app '{app.client_id}' are expired.",
            )

    def _check_assertion(self, app: SandboxApp, tenant: SandboxTenant, assertion: str) -> None:
        refused = _Refused(
            401,
            "invalid_client",
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        )
        audience = f"{LOGIN}/{tenant.entra_tenant_id}/oauth2/v2.0/token"
        try:
            header = jwt.get_unverified_header(assertion)
            for pem in app.certificate_pems:
                certificate = x509.load_pem_x509_certificate(pem.encode())
                if _matches(header, certificate):
                    jwt.decode(
                        assertion,
                        certificate.public_key(),  # type: ignore[arg-type]
                        algorithms=["RS256", "PS256"],
                        audience=audience,
                        issuer=app.client_id,
                    )
                    if certificate.not_valid_after_utc < datetime.now(UTC):
                        raise _Refused(
                            401, "invalid_client", 700024, "Client assertion is not within its valid time range."
                        )
                    return
        except (jwt.PyJWTError, ValueError) as error:
            raise refused from error
        raise refused

    def issue(self, tenant: SandboxTenant, app: SandboxApp, *, lifetime: int = LIFETIME) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "aud": "https://graph.microsoft.com",
            "iss": f"https://sts.windows.net/{tenant.entra_tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "tid": tenant.entra_tenant_id,
            "appid": app.client_id,
            "app_displayname": app.display_name,
            "idtyp": "app",
            "uti": secrets.token_urlsafe(12),
        }
        if app.permissions:
            claims["roles"] = sorted(app.permissions)
        return jwt.encode(claims, self._key, algorithm="HS256")

    def check(self, authorization: str) -> Caller:
        """The caller of a Graph request. Raises GraphError 401."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty.")
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], audience="https://graph.microsoft.com")
        except jwt.ExpiredSignatureError as error:
            raise GraphError(
                401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."
            ) from error
        except jwt.PyJWTError as error:
            raise GraphError(401, "InvalidAuthenticationToken", "Signature is invalid.") from error
        tenant = self._world.tenant(claims["tid"])
        app = next((a for a in tenant.apps.values() if a.client_id == claims["appid"]), None) if tenant else None
        if tenant is None or app is None or claims["uti"] in self.revoked:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token validation failure.")
        return Caller(tenant, app, frozenset(claims.get("roles", [])))

    def revoke(self, authorization: str) -> None:
        """Make this very token invalid, as if it had expired early."""
        payload = authorization.partition(" ")[2].split(".")[1]
        self.revoked.add(orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["uti"])

    def _error(self, refused: _Refused) -> Response:
        stamp, trace, correlation = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ"), uuid.uuid4(), uuid.uuid4()
        text = (
            f"AADSTS{refused.number}: {refused.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        )
        body = {
            "error": refused.error,
            "error_description": text,
            "error_codes": [refused.number],
            "timestamp": stamp,
            "trace_id": str(trace),
            "correlation_id": str(correlation),
            "error_uri": f"{LOGIN}/error?code={refused.number}",
        }
        return Response(refused.status, body)


def _matches(header: Mapping[str, Any], certificate: x509.Certificate) -> bool:
    """Whether the assertion names this certificate; thumbprints come with or without padding."""
    sha256 = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")
    # SHA-1 names the certificate in older clients' assertions; nothing is signed with it here.
    sha1 = (
        base64.urlsafe_b64encode(hashlib.new("sha1", _der(certificate), usedforsecurity=False).digest())
        .decode()
        .rstrip("=")
    )
    return str(header.get("x5t#S256", "")).rstrip("=") == sha256 or str(header.get("x5t", "")).rstrip("=") == sha1


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
