"""The one way out: httpx, fenced in. Only `providers.graph.client` imports this, and only this imports httpx.

Every call passes the guard (a run or a delegated action, no page, no transaction), goes to a pinned host, follows no
redirect, ends by its deadline and reads at most a bounded body.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from operations.context import RunContext
from operations.failures import Failure
from operations.guard import check_outside_call
from providers.clouds import CLOUDS, Cloud

DEADLINE_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is decompressed; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        return self.headers.get("request-id", "")[:64]


@lru_cache(maxsize=1)
def _pool() -> httpx.Client:
    """One pool per process. Environment proxies are not trusted: they would see every token."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=60)
    return httpx.Client(follow_redirects=False, trust_env=False, limits=limits, http2=False)


def pool() -> httpx.Client:
    with _lock:
        return _pool()


def send(
    cloud: Cloud,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    deadline: float = DEADLINE_SECONDS,
) -> Answer:
    """Send one request and read its whole answer. `deadline` is in seconds and covers everything.

    Raises Failure (`timed_out_request`, `graph_unavailable`, `response_too_large`, `foreign_link`) and OutsideCallForbidden.
    """
    allowed = check_outside_call()
    if isinstance(allowed, RunContext):
        allowed.beat()
    target = _address(cloud, url)
    ends_at = time.monotonic() + deadline
    timeout = httpx.Timeout(min(deadline, 30.0), connect=min(deadline, _CONNECT_SECONDS))
    try:
        with pool().stream(method, target, headers=dict(headers), content=content, timeout=timeout) as response:
            answer = Answer(response.status_code, dict(response.headers), _read(response, ends_at))
    except httpx.TimeoutException as error:
        raise Failure("timed_out_request", f"No answer within {deadline:.0f} s.") from error
    except httpx.DecodingError as error:
        raise Failure("response_malformed", "The answer could not be decompressed.") from error
    except httpx.HTTPError as error:
        raise Failure("graph_unavailable", type(error).__name__) from error
    if 300 <= answer.status < 400:
        where = urlsplit(answer.headers.get("location", "")).netloc
        raise Failure("foreign_link", f"A redirect to {where[:80] or 'nowhere'}.", graph_request_id=answer.request_id)
    return answer


def _address(cloud: Cloud, url: str) -> str:
    """`url`, on a host of this cloud; for the sandbox, turned to where it runs."""
    parts = urlsplit(url)
    hosts = CLOUDS[cloud]
    if parts.scheme != "https" or parts.netloc.lower() not in (hosts.graph_host, hosts.login_host):
        raise Failure("foreign_link", parts.netloc[:80])
    if cloud != Cloud.SANDBOX:
        return url
    if not settings.SANDBOX_URL:
        raise Failure("sandbox_not_configured")
    return settings.SANDBOX_URL + url[len(f"https://{parts.netloc}") :]


def _read(response: httpx.Response, ends_at: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes(65_536):
        size += len(chunk)
        if size > settings.GRAPH_MAX_BODY_BYTES:
            raise Failure(
                "response_too_large",
                f"More than {settings.GRAPH_MAX_BODY_BYTES:,} bytes.",
                graph_request_id=_id_of(response),
            )
        if time.monotonic() > ends_at:
            raise Failure("timed_out_request", "The answer came too slowly.", graph_request_id=_id_of(response))
        chunks.append(chunk)
    return b"".join(chunks)


def _id_of(response: httpx.Response) -> str:
    return response.headers.get("request-id", "")[:64]
