"""The Graph client: the only way from an operation to Microsoft Graph."""

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import orjson
import structlog
from django.conf import settings

from operations.failures import Failure
from operations.guard import current_run
from providers.clouds import Cloud
from providers.graph import batch as batches
from providers.graph import transport
from providers.graph.answers import ADVANCED_QUERY, GraphReply, parse, read_headers
from providers.graph.batch import BatchRequest
from providers.graph.budget import Budget, family_of, pause
from providers.graph.errors import failure_of_answer, read_retry_after
from providers.graph.patience import LONGEST_TOTAL_WAIT, Allowance, Patience
from providers.graph.tokens import Credential, TokenSource, permissions_in, source_for
from providers.graph.urls import Address, check_link, graph_url, sign_in_url

__all__ = ["ADVANCED_QUERY", "BatchRequest", "GraphClient", "GraphReply"]
log = structlog.get_logger(__name__)
_CLAIMS = re.compile(r'claims="([A-Za-z0-9+/=_-]+)"')
_SIGN_IN_SECONDS = 30.0


class GraphClient:
    """One connection's requests. Made once per run; its methods may be called from several threads of the run.

    Reads are repeated after throttling, passing outages and broken connections; writes only after throttling, when Graph
    has said that it did nothing. Every failure is an `operations.failures.Failure`.

    `credential` may be a function that reads the present one. `budget_key` names whose request budget is used, `cache_key`
    (connection and credential version) what the token is kept under; without it the token is this client's alone.
    """

    def __init__(
        self,
        *,
        cloud: Cloud,
        entra_tenant_id: str,
        client_id: str,
        credential: Credential | Callable[[], Credential],
        budget_key: str,
        cache_key: tuple[str, ...] = (),
    ) -> None:
        self.cloud = Cloud(cloud)
        self.requests_sent = 0
        # Whether anything was answered as asked: then the connection works, whatever failed besides.
        self.answered = False
        self._tenant = entra_tenant_id
        self._budget = Budget(budget_key)
        self._allowance = Allowance()

        def make() -> TokenSource:
            return TokenSource(
                cloud=self.cloud,
                entra_tenant_id=entra_tenant_id,
                client_id=client_id,
                load=credential if callable(credential) else lambda: credential,
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
        """The pages after `reply`, with the same headers: a link does not carry them."""
        seen: set[str] = set()
        while link := reply.next_link:
            if link in seen:
                raise Failure("paging_loop", graph_request_id=reply.request_id)
            seen.add(link)
            try:
                address = check_link(self.cloud, link, version=reply.version)
            except Failure as failure:
                failure.graph_request_id = reply.request_id
                raise
            reply = self._request("GET", address, headers=headers)
            yield reply

    def items(
        self,
        path: str,
        *,
        version: str = "v1.0",
        params: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Every member of a list. One that is no object is a failure: left out, it would look absent."""
        for page in self.pages(path, version=version, params=params, headers=headers):
            for member in page.values:
                if not isinstance(member, dict):
                    raise Failure(
                        "response_malformed", "A member of a list is no object.", graph_request_id=page.request_id
                    )
                yield member

    def granted_permissions(self) -> frozenset[str]:
        """The application permissions in the access token."""
        return permissions_in(self._tokens.token())

    def renew_token(self) -> None:
        """Forget the token: permissions granted a moment ago show only in a new one."""
        self._tokens.renew()

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
        left, patience, renewed = requests, Patience(self._allowance), False
        while left:
            token = self._tokens.token()
            try:
                answers = self._send_batch(left)
            except Failure as failure:
                if failure.code not in ("response_malformed", "response_too_large") or not all(r.is_read for r in left):
                    raise
                # One unreadable part spoils the answers of all; asked for alone, only that one fails.
                yield from self._one_by_one(left)
                return
            rejected = [] if renewed else [r for r, answer in answers if _code_of(answer) == "token_rejected"]
            passing = [(r, answer) for r, answer in answers if isinstance(answer, Failure) and _is_passing(r, answer)]
            if passing and not patience.may_repeat(_first_throttled(passing), read=True):
                passing = []
            left = rejected + [request for request, _failure in passing]
            yield from (pair for pair in answers if not any(pair[0] is request for request in left))
            if rejected:
                renewed = True
                self._tokens.renew(token)
            if passing:
                self._wait_for_parts(patience, passing)

    def _send_batch(self, requests: list[BatchRequest]) -> list[tuple[BatchRequest, GraphReply | Failure]]:
        costs: dict[tuple[str, bool], int] = {}
        for request in requests:
            bucket = (family_of(request.path), not request.is_read)
            costs[bucket] = costs.get(bucket, 0) + 1
        reply = self._request(
            "POST",
            graph_url(self.cloud, requests[0].version, "/$batch"),
            content=orjson.dumps(batches.compose(requests)),
            headers={"Content-Type": "application/json"},
            costs=costs,
        )
        parts = batches.match(requests, reply.body)
        return [(r, self._read_part(r, parts.get(number), reply.request_id)) for number, r in enumerate(requests)]

    def _read_part(self, request: BatchRequest, part: dict[str, Any] | None, outer_id: str) -> GraphReply | Failure:
        if part is None:
            return Failure("response_malformed", "The batch's answer lacks this request.", graph_request_id=outer_id)
        given = part.get("headers")
        headers = {str(name).lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
        request_id = headers.get("request-id", outer_id)
        body, status = part.get("body"), part["status"]
        if 200 <= status < 300:
            return GraphReply(status, body if isinstance(body, dict) else {}, b"", request_id, request.version)
        wait = read_retry_after(headers)
        return failure_of_answer(status, orjson.dumps(body), request_id=request_id, retry_after=wait)

    def _one_by_one(self, requests: list[BatchRequest]) -> Iterator[tuple[BatchRequest, GraphReply | Failure]]:
        for request in requests:
            address = graph_url(self.cloud, request.version, request.path)
            try:
                yield request, self._request("GET", address, headers=request.headers)
            except Failure as failure:
                if failure.fatal:
                    raise
                yield request, failure

    def _wait_for_parts(self, patience: Patience, passing: list[tuple[BatchRequest, Failure]]) -> None:
        stated = max((f.retry_after for _r, f in passing if f.retry_after is not None), default=None)
        throttled = {(family_of(r.path), not r.is_read) for r, f in passing if f.code == "throttled"}
        self._wait(patience, stated, throttled)

    # -- one request -------------------------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        address: Address,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        costs: Mapping[tuple[str, bool], int] | None = None,
    ) -> GraphReply:
        """Send until it succeeds or may not be repeated. `costs`: requests by (service area, whether it writes)."""
        costs = costs or {(family_of(address.relative), method != "GET"): 1}
        read = not any(write for _family, write in costs)
        patience, renewed = Patience(self._allowance), False
        while True:
            # Before the lease is renewed: a sign-in may take as long as a lease.
            token = self._tokens.token()
            for (family, write), cost in costs.items():
                self._budget.take(family, write=write, cost=cost)
            if not read and (run := current_run()):
                run.renew()
            try:
                return self._once(method, address, token, content, headers, read=read)
            except _TokenRejected as rejected:
                if renewed:
                    raise
                renewed = True
                self._tokens.renew(token, claims=rejected.claims)
            except Failure as failure:
                if not patience.may_repeat(failure, read=read):
                    raise
                self._wait(patience, failure.retry_after, costs if failure.code == "throttled" else ())

    def _once(
        self,
        method: str,
        address: Address,
        token: str,
        content: bytes | None,
        headers: Mapping[str, str] | None,
        *,
        read: bool,
    ) -> GraphReply:
        own_id = str(uuid.uuid4())
        sent = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "client-request-id": own_id,
            "User-Agent": "TenantPilot",
            **(read_headers(headers) if method == "GET" else headers or {}),
        }
        # A write must have ended before somebody else may own the run.
        longest = transport.DEADLINE_SECONDS if read else settings.RUN_LEASE_SECONDS * 0.8
        self.requests_sent += 1
        try:
            answer = transport.send(
                self.cloud,
                method,
                address,
                headers=sent,
                content=content,
                deadline=min(longest, transport.DEADLINE_SECONDS),
            )
            if not 200 <= answer.status < 300:
                raise _failure_of(answer)
            body = parse(answer.body, request_id=answer.request_id)
        except Failure as failure:
            # Without an answer there is no id of Graph's; the one it was sent finds the request as well.
            failure.graph_request_id = failure.graph_request_id or f"client-request-id {own_id}"
            log.info(
                "graph.failed",
                method=method,
                path=address.target.partition("?")[0],
                code=failure.code,
                graph_request_id=failure.graph_request_id,
                client_request_id=own_id,
            )
            raise
        self.answered = True
        return GraphReply(answer.status, body, answer.body, answer.request_id, address.version)

    def _wait(self, patience: Patience, stated: float | None, throttled: Iterable[tuple[str, bool]]) -> None:
        """Wait before the next try, and let nobody else send meanwhile where Graph refused."""
        buckets = list(throttled)
        try:
            seconds = patience.wait_for(stated)
        except Failure:
            for family, write in buckets:
                self._budget.hold(family, LONGEST_TOTAL_WAIT, write=write)
            raise
        for family, write in buckets:
            self._budget.hold(family, seconds, write=write)
        pause(seconds)

    def _send_sign_in(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        address = sign_in_url(self.cloud, self._tenant, url)
        answer = transport.send(
            self.cloud, method, address, headers=headers, content=content, deadline=_SIGN_IN_SECONDS
        )
        return answer.status, answer.headers, answer.body


class _TokenRejected(Failure):
    """Graph did not take the token. `claims` is what it demands of the next one (continuous access evaluation)."""

    claims = ""


def _failure_of(answer: transport.Answer) -> Failure:
    wait = read_retry_after(answer.headers)
    failure = failure_of_answer(answer.status, answer.body, request_id=answer.request_id, retry_after=wait)
    if failure.code != "token_rejected":
        return failure
    rejected = _TokenRejected(failure.code, failure.detail, graph_request_id=failure.graph_request_id)
    if found := _CLAIMS.search(answer.headers.get("www-authenticate", "")):
        text = found[1]
        try:
            rejected.claims = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            rejected.claims = ""
    return rejected


def _code_of(answer: GraphReply | Failure) -> str:
    return answer.code if isinstance(answer, Failure) else ""


def _is_passing(request: BatchRequest, failure: Failure) -> bool:
    return failure.code == "throttled" or (request.is_read and failure.code == "graph_unavailable")


def _first_throttled(passing: list[tuple[BatchRequest, Failure]]) -> Failure:
    return next((failure for _request, failure in passing if failure.code == "throttled"), passing[0][1])
