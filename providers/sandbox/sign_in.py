"""The paths of the sign-in host: discovery, keys, the token endpoint, and admin consent."""

import base64
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from providers.sandbox.auth import ASSERTION_TYPE, GRAPH, LOGIN, Authority, SignInRefused
from providers.sandbox.errors import Response
from providers.sandbox.world import World

_PATHS = re.compile(
    r"^/(?P<authority>[^/]+)/(?P<what>"
    r"v2\.0/\.well-known/openid-configuration|\.well-known/openid-configuration|discovery/v2\.0/keys|discovery/keys"
    r"|discovery/instance|oauth2/v2\.0/token|oauth2/token|v2\.0/adminconsent|adminconsent)$"
)
_MANY = ("common", "organizations", "consumers")
_ALIASES = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]


def is_sign_in(path: str) -> bool:
    return _PATHS.match(path) is not None


def is_token_request(path: str) -> bool:
    return path.endswith("/token") and is_sign_in(path)


def tenant_of(path: str) -> str:
    """Who the path names: a tenant, or one of the common authorities."""
    found = _PATHS.match(path)
    return found["authority"] if found else ""


class SignIn:
    """Answers what is sent to `login.microsoftonline.com`."""

    def __init__(self, world: World, authority: Authority) -> None:
        self._world, self._authority = world, authority

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], content: bytes) -> Response:
        found = _PATHS.match(path)
        assert found is not None  # noqa: S101 (see is_sign_in)
        name, what = found["authority"], found["what"]
        if what.endswith("/token"):
            return self._token(method, name, what, headers, content)
        if method != "GET":
            return Response(405, {"error": "method_not_allowed"})
        if what.endswith("openid-configuration"):
            return self._discovery(name)
        if what.endswith("keys"):
            return Response(200, self._authority.keys())
        if what == "discovery/instance":
            return self._instances()
        return self._consent(name, dict(parse_qsl(query)))

    # -- discovery -----------------------------------------------------------------------------------------------------

    def _discovery(self, name: str) -> Response:
        """Speaks of Microsoft's hosts, as in production: whoever reroutes by host name gets here again."""
        tenant = self._world.tenant(name)
        if tenant is None and name.lower() not in _MANY:
            text = f"Tenant '{name[:60]}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            return refusal(SignInRefused(400, "invalid_tenant", 90002, text), {})
        authority = tenant.entra_tenant_id if tenant else name.lower()
        base = f"{LOGIN}/{authority}"
        body = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": f"{base}/v2.0" if tenant else f"{LOGIN}/{{tenantid}}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "tenant_region_scope": "EU" if tenant else None,
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
        }
        return Response(200, body)

    def _instances(self) -> Response:
        body = {
            "tenant_discovery_endpoint": f"{LOGIN}/common/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": _ALIASES[0], "preferred_cache": _ALIASES[1], "aliases": _ALIASES}],
        }
        return Response(200, body)

    # -- tokens --------------------------------------------------------------------------------------------------------

    def _token(self, method: str, name: str, what: str, headers: Mapping[str, str], content: bytes) -> Response:
        """Client credentials, in the form of version 2.0 (`scope`) or of version 1.0 (`resource`)."""
        form = dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
        first = what == "oauth2/token"
        if first and "resource" in form:
            form["scope"] = form["resource"].rstrip("/") + "/.default"
        form |= _basic(headers.get("authorization", ""))
        try:
            if method != "POST":
                text = f"The endpoint only accepts POST requests. Received a {method} request."
                raise SignInRefused(400, "invalid_request", 900561, text)
            if "client_assertion" in form and form.get("client_assertion_type") != ASSERTION_TYPE:
                text = "The request body must contain the following parameter: 'client_assertion_type'."
                raise SignInRefused(400, "invalid_request", 900144, text)
            tenant, app, by_certificate = self._authority.sign_in(name, form)
        except SignInRefused as refused:
            return refusal(refused, headers)
        lifetime = self._authority.lifetime(tenant)
        body: dict[str, Any] = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime}
        if first:
            now = int(datetime.now(UTC).timestamp())
            body = {name: str(value) for name, value in body.items()}
            body |= {"expires_on": str(now + lifetime), "not_before": str(now), "resource": GRAPH}
        body["access_token"] = self._authority.issue(tenant, app, by_certificate=by_certificate)
        return Response(200, body, {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})

    # -- consent -------------------------------------------------------------------------------------------------------

    def _consent(self, name: str, given: Mapping[str, str]) -> Response:
        """A page that asks, and the way back with the answer. Accepting consents to the app in the sandbox."""
        tenant = self._world.tenant(name)
        app = tenant.app(given.get("client_id", "")) if tenant else None
        if tenant is None or app is None:
            text = f"Application with identifier '{given.get('client_id', '')[:60]}' was not found in the directory."
            return refusal(SignInRefused(400, "unauthorized_client", 700016, text), {})
        decision, back = given.get("decision"), given.get("redirect_uri", "")
        if decision is None:
            return _page(tenant.name, app.display_name, given)
        answer = {"state": given["state"]} if "state" in given else {}
        if decision == "accept":
            app.consented = True
            answer = {"admin_consent": "True", "tenant": tenant.entra_tenant_id, **answer}
        else:
            answer = {
                "error": "access_denied",
                "error_description": "AADSTS65004: User declined to consent to access the app.",
                **answer,
            }
        if not back.startswith(("http://", "https://")):
            return Response(200, answer)
        return Response(302, headers={"Location": f"{back}{'&' if '?' in back else '?'}{urlencode(answer)}"})


def _page(tenant: str, app: str, given: Mapping[str, str]) -> Response:
    def link(decision: str, label: str) -> str:
        return f'<p><a href="?{escape(urlencode({**given, "decision": decision}))}">{label}</a></p>'

    text = (
        f"<!doctype html><title>Permissions requested</title><h1>{escape(app)}</h1>"
        f"<p>asks for application permissions in {escape(tenant)}.</p>{link('accept', 'Accept')}{link('decline', 'Cancel')}"
    )
    return Response(200, raw=text.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def _basic(authorization: str) -> dict[str, str]:
    """Client id and secret from a Basic header; an unreadable one counts as none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote(name), "client_secret": unquote(secret)}


def refusal(refused: SignInRefused, headers: Mapping[str, str]) -> Response:
    """A refusal as the token endpoint words it. The caller's request id comes back as correlation id."""
    stamp, trace = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ"), str(uuid.uuid4())
    try:
        correlation = str(uuid.UUID(headers.get("client-request-id", "")))
    except ValueError:
        correlation = str(uuid.uuid4())
    text = f"AADSTS{refused.number}: {refused.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
    body = {
        "error": refused.error,
        "error_description": text,
        "error_codes": [refused.number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{LOGIN}/error?code={refused.number}",
    }
    return Response(refused.status, body, {"x-ms-request-id": trace, "Cache-Control": "no-store, no-cache"})
