"""Access tokens by MSAL, kept in this process' memory and nowhere else."""

import base64
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msal
import orjson

from operations.failures import Failure
from operations.guard import current_run
from providers.clouds import CLOUDS, Cloud
from providers.graph.budget import pause
from providers.graph.errors import failure_of_sign_in, read_retry_after

# (method, url, headers, content) → (status, headers, body)
Sender = Callable[[str, str, dict[str, str], bytes | None], tuple[int, Mapping[str, str], bytes]]
# Renewed so long before its end that no request begins with a token that ends on the way.
_MARGIN_SECONDS = 300
_TRIES = 3
_PASSING = frozenset({"throttled", "graph_unavailable", "timed_out_request", "response_malformed"})
_LONGEST_WAIT = 60.0


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

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        self.status_code, self.headers, self.text = status, dict(headers), text

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise Failure("graph_unavailable", f"Sign-in answered with status {self.status_code}.")


class _Http:
    """MSAL's `http_client`, on our transport: the same guard, hosts and limits as any other call.

    MSAL takes any answer that is no JSON for a faulty credential, and throws the reason of a refused tenant away; so passing
    trouble is told apart here, and the last refusal is kept.
    """

    def __init__(self, send: Sender) -> None:
        self._send = send
        self.refusal: dict[str, Any] = {}

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _Response:
        address = f"{url}?{urlencode(params)}" if params else url
        return self._read(*self._send("GET", address, dict(headers or {}), None))

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _Response:
        # MSAL passes the client assertion as bytes, which form encoding would turn into "b'…'".
        plain = {k: v.decode() if isinstance(v, bytes) else v for k, v in dict(data or {}).items()}
        sent = {**dict(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        address = f"{url}?{urlencode(params)}" if params else url
        return self._read(*self._send("POST", address, sent, urlencode(plain).encode()))

    def _read(self, status: int, headers: Mapping[str, str], body: bytes) -> _Response:
        if status == 429:
            raise Failure("throttled", "The sign-in service limits requests.", retry_after=read_retry_after(headers))
        if status >= 500:
            raise Failure(
                "graph_unavailable", f"Sign-in answered with status {status}.", retry_after=read_retry_after(headers)
            )
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Failure("response_malformed", "The sign-in service's answer is no JSON.") from error
        if not isinstance(answer, dict):
            raise Failure("response_malformed", "The sign-in service's answer is no JSON object.")
        if status >= 400:
            self.refusal = answer
        return _Response(status, headers, body.decode())

    def close(self) -> None: ...


class TokenSource:
    """Tokens for one app in one tenant.

    `load` is asked for the credential each time a token is fetched, so that one replaced during a long run is used from then
    on, and a connection disabled or deleted meanwhile gets no new token (its Failure is raised).
    """

    def __init__(
        self,
        *,
        cloud: Cloud,
        entra_tenant_id: str,
        client_id: str,
        load: Callable[[], Credential],
        send: Sender,
    ) -> None:
        self._hosts = CLOUDS[cloud]
        self._tenant, self._client_id, self._load, self._send = entra_tenant_id.lower(), client_id, load, send
        self._lock = threading.Lock()
        self._token, self._good_until = "", 0.0

    def token(self) -> str:
        """A valid access token. Raises Failure with the cause of the refusal."""
        with self._locked():
            # Seconds since it came, not times of day: neither this machine's clock nor a jump of it matters.
            if not self._token or time.monotonic() > self._good_until:
                self._fetch("")
            return self._token

    def renew(self, rejected: str = "", *, claims: str = "") -> str:
        """A token other than `rejected`. Of many threads whose token was rejected at once, one fetches the new one.

        `claims` is the challenge that came with the rejection (continuous access evaluation).
        """
        with self._locked():
            if not rejected or rejected == self._token:
                self._fetch(claims)
            return self._token

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # A sign-in may take longer than a lease, and a run that waits for another's must show life.
        while not self._lock.acquire(timeout=1.0):
            if run := current_run():
                run.beat()
        try:
            yield
        finally:
            self._lock.release()

    def _fetch(self, claims: str) -> None:
        self._token = ""
        answer = self._acquire_patiently(claims)
        token = str(answer["access_token"])
        self._check(token)
        self._good_until = time.monotonic() + max(30, int(answer.get("expires_in", 3600)) - _MARGIN_SECONDS)
        self._token = token

    def _acquire_patiently(self, claims: str) -> dict[str, Any]:
        """Fetching a token changes nothing, so it is tried again after passing trouble."""
        for number in range(1, _TRIES + 1):
            try:
                return self._acquire(claims)
            except Failure as failure:
                wait = failure.retry_after
                wait = 2.0**number * random.uniform(0.4, 0.6) if wait is None else wait  # noqa: S311
                if failure.code not in _PASSING or number == _TRIES or wait > _LONGEST_WAIT:
                    raise
            pause(wait)
        raise AssertionError("The last try returns or raises.")

    def _acquire(self, claims: str) -> dict[str, Any]:
        # A new application object each time: MSAL answers a repeated faulty request from memory for a minute, and a person
        # who has just mended the consent must not see the old error.
        http = _Http(self._send)
        credential = self._load()
        try:
            app = msal.ConfidentialClientApplication(
                self._client_id,
                authority=f"https://{self._hosts.login_host}/{self._tenant}",
                client_credential=_as_msal(credential),
                http_client=http,
                # The clouds are a closed list here; asking Microsoft whether a host is Microsoft's would be one more call.
                instance_discovery=False,
            )
            scopes = [f"https://{self._hosts.graph_host}/.default"]
            answer = app.acquire_token_for_client(scopes, claims_challenge=claims or None)
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            if http.refusal:
                # The discovery document was refused: an unknown tenant, mostly.
                raise failure_of_sign_in(http.refusal) from error
            raise Failure("credential_invalid", "The credential could not be used to sign in.") from error
        if "access_token" not in answer:
            raise failure_of_sign_in(answer)
        return answer

    def _check(self, token: str) -> None:
        """A token of another tenant would read, and one day write, at another customer's."""
        tenant = str(claims_in(token).get("tid") or "").lower()
        if tenant and tenant != self._tenant:
            raise Failure("wrong_tenant", f"The token is for {tenant[:36]}.")


def _as_msal(credential: Credential) -> Any:
    if isinstance(credential, ClientSecret):
        return credential.value
    # With the certificate MSAL signs with PS256 and names it by SHA-256; with a thumbprint alone it would be SHA-1.
    return {"private_key": credential.private_key_pem, "public_certificate": credential.public_pem}


def claims_in(token: str) -> dict[str, Any]:
    """The claims of an access token; its signature is Graph's to check. Raises Failure("token_rejected")."""
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError) as error:
        raise Failure("token_rejected", "The token could not be read.") from error
    if not isinstance(claims, dict):
        raise Failure("token_rejected", "The token could not be read.")
    return claims


def permissions_in(token: str) -> frozenset[str]:
    """The application permissions named by a token's `roles`. A token without the claim has none."""
    roles = claims_in(token).get("roles")
    return frozenset(str(role) for role in roles) if isinstance(roles, list) else frozenset()


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
