"""Access tokens by MSAL, kept in this process' memory and nowhere else."""

import base64
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msal
import orjson

from operations.failures import Failure
from providers.clouds import CLOUDS, Cloud
from providers.graph.errors import failure_of_sign_in

# (method, url, headers, content) → (status, headers, body)
Sender = Callable[[str, str, dict[str, str], bytes | None], tuple[int, Mapping[str, str], bytes]]


@dataclass(frozen=True, slots=True)
class ClientSecret:
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """PEM texts of the private key (not encrypted) and of the certificate."""

    private_key_pem: str = field(repr=False)
    public_pem: str


Credential = ClientSecret | ClientCertificate


class _Response:
    """What MSAL reads of an answer."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status_code, self.headers, self.text = status, dict(headers), body.decode("utf-8", "replace")

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise Failure("graph_unavailable", f"Sign-in answered with status {self.status_code}.")


class _Http:
    """MSAL's `http_client`, on our transport: the same guard, hosts and limits as any other call."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _Response:
        address = f"{url}?{urlencode(params)}" if params else url
        return _Response(*self._send("GET", address, dict(headers or {}), None))

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _Response:
        # MSAL passes the client assertion as bytes, which form encoding would turn into "b'…'".
        plain = {k: v.decode() if isinstance(v, bytes) else v for k, v in dict(data or {}).items()}
        content = urlencode(plain).encode()
        sent = {**dict(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        return _Response(*self._send("POST", f"{url}?{urlencode(params)}" if params else url, sent, content))

    def close(self) -> None: ...


class TokenSource:
    """Tokens for one app in one tenant. `token(renew=True)` throws the present one away."""

    def __init__(
        self, *, cloud: Cloud, entra_tenant_id: str, client_id: str, credential: Credential, send: Sender
    ) -> None:
        self._hosts = CLOUDS[cloud]
        self._tenant, self._client_id, self._credential, self._send = entra_tenant_id, client_id, credential, send
        self._lock = threading.Lock()
        self._token, self._good_until = "", 0.0

    def token(self, *, renew: bool = False) -> str:
        """A valid access token. Raises Failure with the cause of the refusal."""
        with self._lock:
            if renew or not self._token or time.monotonic() > self._good_until:
                answer = self._acquire()
                self._token = answer["access_token"]
                self._good_until = time.monotonic() + max(30, int(answer.get("expires_in", 3600)) - 300)
            return self._token

    def _acquire(self) -> dict[str, Any]:
        # A new application object each time: MSAL answers a repeated faulty request from memory for a minute, and a person
        # who has just mended the consent must not see the old error.
        try:
            app = msal.ConfidentialClientApplication(
                self._client_id,
                authority=f"https://{self._hosts.login_host}/{self._tenant}",
                client_credential=self._as_msal(),
                http_client=_Http(self._send),
                instance_discovery=False,
            )
            answer = app.acquire_token_for_client([f"https://{self._hosts.graph_host}/.default"])
        except (ValueError, KeyError, TypeError) as error:
            # MSAL raises ValueError when the discovery document is refused: an unknown tenant.
            if "tenant_discovery" in str(error) or "authority" in str(error).lower():
                raise Failure("tenant_not_found", str(self._tenant)) from error
            raise Failure("credential_invalid", "The credential could not be used to sign in.") from error
        if "access_token" not in answer:
            raise failure_of_sign_in(answer)
        return answer

    def _as_msal(self) -> Any:
        if isinstance(self._credential, ClientSecret):
            return self._credential.value
        return {"private_key": self._credential.private_key_pem, "public_certificate": self._credential.public_pem}


def permissions_in(token: str) -> frozenset[str]:
    """The application permissions named by a token's `roles`. A token without the claim has none."""
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return frozenset(str(role) for role in claims.get("roles") or [])
    except (IndexError, ValueError, AttributeError) as error:
        raise Failure("token_rejected", "The token could not be read.") from error


_sources: OrderedDict[tuple[str, ...], TokenSource] = OrderedDict()
_sources_lock = threading.Lock()
_KEPT = 2_000


def source_for(key: tuple[str, ...], make: Callable[[], TokenSource]) -> TokenSource:
    """The source of `key` (connection and credential version), shared by the runs of this process."""
    with _sources_lock:
        source = _sources.pop(key, None) or make()
        _sources[key] = source
        while len(_sources) > _KEPT:
            _sources.popitem(last=False)
        return source
