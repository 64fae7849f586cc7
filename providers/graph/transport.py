"""The one way out: httpx, fenced in. Only `providers.graph.client` imports this, and only this imports httpx.

Every call passes the guard (a run or a delegated action, no page, no transaction), goes to a pinned host, follows no
redirect, ends by its deadline and reads at most a bounded body.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from django.conf import settings

from operations.context import RunContext
from operations.failures import Failure
from operations.guard import check_outside_call
from providers.clouds import CLOUDS, Cloud
from providers.graph.urls import Address

DEADLINE_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_lock = threading.Lock()
_ends_at: ContextVar[float] = ContextVar("request_ends_at")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is decompressed; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        return self.headers.get("request-id", "")[:64]


def send(
    cloud: Cloud,
    method: str,
    address: Address,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    deadline: float = DEADLINE_SECONDS,
) -> Answer:
    """Send one request and read its whole answer. `deadline` is in seconds and covers everything.

    Raises Failure (`timed_out_request`, `graph_unavailable`, `response_malformed`, `response_too_large`, `foreign_link`,
    `sandbox_not_configured`) and OutsideCallForbidden.
    """
    allowed = check_outside_call()
    if isinstance(allowed, RunContext):
        allowed.beat()
    target = _target(cloud, address)
    timeout = httpx.Timeout(deadline, connect=min(deadline, _CONNECT_SECONDS))
    try:
        with (
            _bounded(deadline),
            pool().stream(method, target, headers=dict(headers), content=content, timeout=timeout) as response,
        ):
            answer = Answer(response.status_code, dict(response.headers), _read(response))
    except httpx.TimeoutException as error:
        raise Failure("timed_out_request", f"No whole answer within {deadline:.0f} s.") from error
    except httpx.DecodingError as error:
        raise Failure("response_malformed", "The answer could not be decompressed.") from error
    except httpx.HTTPError as error:
        raise Failure("graph_unavailable", type(error).__name__) from error
    if 300 <= answer.status < 400:
        where = urlsplit(answer.headers.get("location", "")).netloc
        raise Failure("foreign_link", f"A redirect to {where[:80] or 'nowhere'}.", graph_request_id=answer.request_id)
    return answer


def _target(cloud: Cloud, address: Address) -> str:
    """The text of `address`, on a host of this cloud; for the sandbox, turned to where it runs."""
    hosts = CLOUDS[cloud]
    if not isinstance(address, Address) or address.host not in (hosts.graph_host, hosts.login_host):
        raise Failure("foreign_link", str(address)[:80])
    if cloud != Cloud.SANDBOX:
        return str(address)
    if not settings.SANDBOX_URL:
        raise Failure("sandbox_not_configured")
    return f"{settings.SANDBOX_URL}{address.target}"


def _read(response: httpx.Response) -> bytes:
    """The body, as long as it is not too large: declared or found."""
    request_id = response.headers.get("request-id", "")[:64]
    limit = settings.GRAPH_MAX_BODY_BYTES
    declared = response.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < 19 else 0
    chunks: list[bytes] = []
    if size <= limit:
        size = 0
        try:
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > limit:
                    break
                chunks.append(chunk)
        except httpx.RemoteProtocolError as error:
            raise Failure("response_malformed", "The answer ended early.", graph_request_id=request_id) from error
    if size > limit:
        raise Failure("response_too_large", f"More than {limit:,} bytes.", graph_request_id=request_id)
    return b"".join(chunks)


# -- the deadline ----------------------------------------------------------------------------------------------------------
# httpx bounds each read, not the sum of them: a server that sends one byte every 20 seconds would hold a worker for ever.


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    left = _ends_at.get(float("inf")) - time.monotonic()
    if left <= 0:
        raise late("The request's deadline has passed.")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A socket whose every read and write ends with the request's deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Sockets(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Transport(httpx.HTTPTransport):
    """httpx's own transport, on sockets with a deadline."""

    def __init__(self) -> None:
        super().__init__()
        # httpx hands no network backend through; a test with a dripping server notices when this stops working.
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=64,
            max_keepalive_connections=32,
            keepalive_expiry=60,
            network_backend=_Sockets(),
        )


@lru_cache(maxsize=1)
def _pool() -> httpx.Client:
    """One pool per process. Environment proxies are not trusted: they would see every token."""
    return httpx.Client(transport=_Transport(), follow_redirects=False, trust_env=False)


def pool() -> httpx.Client:
    with _lock:
        return _pool()
