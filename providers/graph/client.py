"""The Graph client: the only way from an operation to Microsoft Graph."""

import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from django.conf import settings

from operations.failures import Failure
from operations.guard import current_run
from providers.clouds import Cloud
from providers.graph import batch as batches
from providers.graph import transport
from providers.graph.batch import BatchRequest
from providers.graph.budget import Budget, family_of, pause
from providers.graph.errors import RETRY_LATER, failure_of_answer, read_retry_after
from providers.graph.tokens import Credential, TokenSource, permissions_in, source_for
from providers.graph.urls import check_link, graph_url, relative_to_version

TRIES = 6
_LONGEST_TOTAL_WAIT = 600.0
_DEEPEST = 100
__all__ = ["BatchRequest", "GraphClient", "GraphReply"]


@dataclass(frozen=True, slots=True)
class GraphReply:
    """A successful answer. `body` is the parsed JSON object ({} for an empty body), `raw` its bytes as they came."""

    status: int
    body: dict[str, Any]
    raw: bytes
    request_id: str

    @property
    def next_link(self) -> str | None:
        link = self.body.get("@odata.nextLink")
        return link if isinstance(link, str) and link else None

    @property
    def values(self) -> list[Any]:
        """The members of a list answer. Raises Failure when it is none."""
        found = self.body.get("value")
        if not isinstance(found, list):
            raise Failure(
                "response_malformed", "A list was answered without “value”.", graph_request_id=self.request_id
            )
        return found


class GraphClient:
    """One connection's requests. Made once per run; its methods may be called from several threads of the run.

    Reads are repeated after throttling, passing outages and broken connections; writes only after throttling, when Graph
    has said that it did nothing. Every failure is an `operations.failures.Failure`.
    """

    def __init__(
        self,
        *,
        cloud: Cloud,
        entra_tenant_id: str,
        client_id: str,
        credential: Credential,
        budget_key: str,
        cache_key: tuple[str, ...] = (),
    ) -> None:
        self.cloud = Cloud(cloud)
        self.requests_sent = 0
        self._budget = Budget(budget_key)

        def make() -> TokenSource:
            return TokenSource(
                cloud=self.cloud,
                entra_tenant_id=entra_tenant_id,
                client_id=client_id,
                credential=credential,
                send=self._send_sign_in,
            )

        # The sandbox's address belongs to the key: a new sandbox does not know the tokens of the last.
        self._tokens = source_for((*cache_key, settings.SANDBOX_URL), make) if cache_key else make()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(
        self,
        path: str,
        *,
        version: str = "v1.0",
        params: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> GraphReply:
        return self._request("GET", graph_url(self.cloud, version, path, params), headers=headers)

    def pages(
        self,
        path: str,
        *,
        version: str = "v1.0",
        params: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[GraphReply]:
        """Every page of a list. A link to a foreign host or seen before is a failure, never a quiet end."""
        reply = self.get(path, version=version, params=params, headers=headers)
        yield reply
        yield from self.follow(reply, headers=headers)

    def follow(self, reply: GraphReply, *, headers: Mapping[str, str] | None = None) -> Iterator[GraphReply]:
        """The pages after `reply`."""
        seen: set[str] = set()
        while link := reply.next_link:
            if link in seen:
                raise Failure(
                    "response_malformed",
                    "The list leads back to a page already read.",
                    graph_request_id=reply.request_id,
                )
            seen.add(link)
            reply = self._request("GET", check_link(self.cloud, link), headers=headers)
            yield reply

    def items(
        self,
        path: str,
        *,
        version: str = "v1.0",
        params: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        for page in self.pages(path, version=version, params=params, headers=headers):
            yield from (member for member in page.values if isinstance(member, dict))

    def granted_permissions(self) -> frozenset[str]:
        """The application permissions in the access token."""
        return permissions_in(self._tokens.token())

    def renew_token(self) -> None:
        """Forget the token: permissions granted a moment ago show only in a new one."""
        self._tokens.token(renew=True)

    # -- writing -----------------------------------------------------------------------------------------------------

    def send(
        self,
        method: str,
        path: str,
        *,
        version: str = "v1.0",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> GraphReply:
        """One write. The run's lease is renewed right before it, so that only the owner of the run begins one."""
        content = None if body is None else orjson.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})} if content is not None else headers
        return self._request(method, graph_url(self.cloud, version, path), content=content, headers=sent)

    # -- batches -----------------------------------------------------------------------------------------------------

    def batch(self, requests: Iterable[BatchRequest]) -> Iterator[tuple[BatchRequest, GraphReply | Failure]]:
        """Each request with its answer or failure, in no promised order. Requests of different versions do not mix."""
        waiting: dict[str, list[BatchRequest]] = {}
        for request in requests:
            part = waiting.setdefault(request.version, [])
            part.append(request)
            if len(part) == batches.AT_MOST:
                yield from self._batch(part)
                waiting[request.version] = []
        for part in waiting.values():
            if part:
                yield from self._batch(part)

    def _batch(self, requests: list[BatchRequest]) -> Iterator[tuple[BatchRequest, GraphReply | Failure]]:
        left = requests
        waited = 0.0
        for number in range(TRIES):
            last = number == TRIES - 1
            again: list[BatchRequest] = []
            longest: float | None = None
            parts, outer_id = self._send_batch(left)
            for position, request in enumerate(left):
                answer = self._read_part(parts.get(position), outer_id)
                if isinstance(answer, Failure) and not last and self._may_repeat(request, answer):
                    again.append(request)
                    longest = max(longest or 0.0, answer.retry_after) if answer.retry_after is not None else longest
                else:
                    yield request, answer
            if not again:
                return
            waited += self._back_off(number, longest, family_of(again[0].path), waited)
            left = again

    def _send_batch(self, requests: list[BatchRequest]) -> tuple[dict[int, dict[str, Any]], str]:
        costs: dict[tuple[str, bool], int] = {}
        for request in requests:
            bucket = (family_of(request.path), not request.is_read)
            costs[bucket] = costs.get(bucket, 0) + 1
        for (family, write), cost in costs.items():
            self._budget.take(family, write=write, cost=cost)
        reads_only = all(request.is_read for request in requests)
        reply = self._request(
            "POST",
            graph_url(self.cloud, requests[0].version, "/$batch"),
            content=orjson.dumps(batches.compose(requests)),
            headers={"Content-Type": "application/json"},
            counted=True,
            repeatable=reads_only,
        )
        return batches.match(requests, reply.body), reply.request_id

    def _read_part(self, part: dict[str, Any] | None, outer_id: str) -> GraphReply | Failure:
        if part is None:
            return Failure("response_malformed", "The batch's answer lacks this request.", graph_request_id=outer_id)
        headers = (
            {str(k).lower(): str(v) for k, v in part["headers"].items()}
            if isinstance(part.get("headers"), dict)
            else {}
        )
        request_id = headers.get("request-id", outer_id)
        body, status = part.get("body"), part["status"]
        if 200 <= status < 300:
            return GraphReply(status, body if isinstance(body, dict) else {}, b"", request_id)
        return failure_of_answer(
            status, orjson.dumps(body), request_id=request_id, retry_after=read_retry_after(headers)
        )

    def _may_repeat(self, request: BatchRequest, failure: Failure) -> bool:
        return failure.code == "throttled" or (request.is_read and failure.code == "graph_unavailable")

    # -- one request -------------------------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        counted: bool = False,
        repeatable: bool | None = None,
    ) -> GraphReply:
        """Send until it succeeds or may not be repeated. `counted`: the budget was taken by the caller."""
        family = family_of(relative_to_version(url)[1])
        repeatable = method == "GET" if repeatable is None else repeatable
        write = method != "GET" and not repeatable
        waited, renewed = 0.0, False
        for number in range(TRIES):
            if not counted or number:
                self._budget.take(family, write=write)
            if write and (run := current_run()):
                run.renew()
            try:
                return self._once(method, url, content, headers)
            except _Refused as refused:
                failure = refused.failure
                if refused.status == 401 and failure.code == "token_rejected" and not renewed:
                    renewed = True
                    self._tokens.token(renew=True)
                    continue
                again = refused.status == 429 or (repeatable and refused.status in RETRY_LATER)
            except Failure as found:
                failure = found
                again = repeatable and found.code in ("graph_unavailable", "timed_out_request", "response_malformed")
            if not again or number == TRIES - 1:
                raise failure
            waited += self._back_off(number, failure.retry_after, family, waited, write=write)
        raise failure

    def _once(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str] | None) -> GraphReply:
        sent = {
            "Authorization": f"Bearer {self._tokens.token()}",
            "Accept": "application/json",
            "client-request-id": str(uuid.uuid4()),
            "User-Agent": "TenantPilot",
            **(headers or {}),
        }
        self.requests_sent += 1
        answer = transport.send(self.cloud, method, url, headers=sent, content=content)
        if not 200 <= answer.status < 300:
            wait = read_retry_after(answer.headers)
            failure = failure_of_answer(answer.status, answer.body, request_id=answer.request_id, retry_after=wait)
            raise _Refused(answer.status, failure)
        return GraphReply(answer.status, _parse(answer), answer.body, answer.request_id)

    def _back_off(self, number: int, stated: float | None, family: str, waited: float, *, write: bool = False) -> float:
        """Wait before the next try, at least as long as Graph stated. Raises when the waits add up to too much."""
        seconds = stated if stated is not None else min(60.0, 2.0**number) * random.uniform(0.7, 1.3)  # noqa: S311
        if waited + seconds > _LONGEST_TOTAL_WAIT:
            raise Failure("throttled", f"Graph asked for more than {_LONGEST_TOTAL_WAIT:.0f} s of waiting.")
        if stated is not None:
            self._budget.hold(family, seconds, write=write)
        started = time.monotonic()
        pause(seconds)
        return time.monotonic() - started

    def _send_sign_in(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        answer = transport.send(self.cloud, method, url, headers=headers, content=content, deadline=30)
        return answer.status, answer.headers, answer.body


class _Refused(Exception):
    """An answer that was not a success, with its status: for the retry rules of this module alone."""

    def __init__(self, status: int, failure: Failure) -> None:
        self.status, self.failure = status, failure
        super().__init__(str(failure))


def _parse(answer: transport.Answer) -> dict[str, Any]:
    if not answer.body:
        return {}
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise Failure("response_malformed", "The answer is no JSON.", graph_request_id=answer.request_id) from error
    if not isinstance(body, dict):
        raise Failure("response_malformed", "The answer is no JSON object.", graph_request_id=answer.request_id)
    if _is_too_deep(body):
        raise Failure(
            "response_malformed",
            f"The answer is nested deeper than {_DEEPEST} levels.",
            graph_request_id=answer.request_id,
        )
    return body


def _is_too_deep(value: Any) -> bool:
    """Without recursion: recursion is what a hostile document wants to exhaust."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list) and inner
        ]
        if not level:
            return False
    return True
