"""The sandbox as one function from a request to an answer; `server` puts it on a socket."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from providers.sandbox import faults as switches
from providers.sandbox import schema, sign_in
from providers.sandbox.annotations import annotate
from providers.sandbox.auth import LOGIN, Authority, Caller, SignInRefused
from providers.sandbox.batch import answer_batch
from providers.sandbox.control import Control
from providers.sandbox.errors import GraphError, Response, new_id, wrong_verb
from providers.sandbox.faults import Fault, Faults
from providers.sandbox.odata import HOST, parse_query, split_path
from providers.sandbox.places import find_place
from providers.sandbox.reading import read
from providers.sandbox.sign_in import SignIn
from providers.sandbox.throttle import Throttle
from providers.sandbox.world import World
from providers.sandbox.writes import write

_VERSIONS = ("v1.0", "beta")
_VERBS = ("GET", "POST", "PATCH", "PUT", "DELETE")
# Method, address on Microsoft's host, parsed body, status.
Entry = tuple[str, str, Any, int]
Log = Callable[[list[Entry]], None]


@dataclass(slots=True)
class _Request:
    """One request to Graph: alone, or a part of a batch. `path` is below the version."""

    caller: Caller
    method: str
    version: str
    path: str
    query: str
    headers: dict[str, str]
    content: bytes

    @property
    def address(self) -> str:
        return f"{HOST}/{self.version}/{self.path}" + (f"?{self.query}" if self.query else "")


class App:
    """One sandbox: a world, its sign-in, its limits, its faults."""

    def __init__(self, world: World, *, log: Log | None = None) -> None:
        self.world, self.faults, self.throttle = world, Faults(), Throttle()
        self.authority = Authority(world)
        self._sign_in = SignIn(world, self.authority)
        self._control = Control(self.world, self.faults, self.throttle, self.authority)
        self._log = log
        # Seeded: two runs shuffle batches alike, so that a failure can be repeated.
        self._shuffle = random.Random(1)  # noqa: S311

    def handle(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Response:
        """Answer one request. `headers` have lower-case names, `target` is path and query."""
        path, _, query = target.partition("?")
        if path.startswith("/_control"):
            return self._control.answer(method, path, query, content)
        started = time.perf_counter()
        request_id = new_id()
        client_id = headers.get("client-request-id") or request_id
        entries: list[Entry] = []
        if sign_in.is_sign_in(path):
            response = self._answer_sign_in(method, path, query, headers, content)
            entries.append((method, f"{LOGIN}{target}", None, response.status))
        else:
            response = self._answer_graph(method, path, query, headers, content, (request_id, client_id), entries)
            entries.insert(0, (method, f"{HOST}{target}", _readable(content), response.status))
        if self._log is not None:
            self._log(entries)
        response.headers.setdefault("request-id", request_id)
        response.headers.setdefault("client-request-id", client_id)
        response.headers["x-ms-ags-diagnostic"] = _diagnostic(time.perf_counter() - started)
        return response

    # -- sign-in -------------------------------------------------------------------------------------------------------

    def _answer_sign_in(self, method: str, path: str, query: str, headers: dict[str, str], content: bytes) -> Response:
        tenant = self.world.tenant(sign_in.tenant_of(path))
        found: list[Fault] = []
        if sign_in.is_token_request(path):
            found = self.faults.take_sign_in(tenant.slug if tenant else "")
        try:
            for fault in found:
                switches.refuse_sign_in(fault)
        except SignInRefused as refused:
            return sign_in.refusal(refused, headers)
        response = self._sign_in.answer(method, path, query, headers, content)
        for fault in found:
            response = switches.spoil(fault, response, f"{LOGIN}{path}")
        return response

    # -- Graph ---------------------------------------------------------------------------------------------------------

    def _answer_graph(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        content: bytes,
        ids: tuple[str, str],
        entries: list[Entry],
    ) -> Response:
        version, _, below = path.lstrip("/").partition("/")
        try:
            if version not in _VERSIONS:
                raise GraphError(400, "BadRequest", f"Invalid version: {version[:40]}.")
            caller = self.authority.check(headers.get("authorization", ""))
            request = _Request(caller, method, version, below.strip("/"), query, headers, content)
            if request.path.lower() == "$batch":
                return self._batch(request, entries)
            return self._one(request)
        except GraphError as error:
            return error.response(*ids)

    def _batch(self, request: _Request, entries: list[Entry]) -> Response:
        if request.method != "POST":
            raise wrong_verb()
        found = self._meet_faults(request, "/$batch")

        def handle(method: str, url: str, own: dict[str, str], body: Any) -> Response:
            path, _, query = url.partition("?")
            content = b"" if body is None else orjson.dumps(body)
            part = _Request(
                request.caller, method, request.version, path.strip("/"), query, {**request.headers, **own}, content
            )
            part_id = new_id()
            try:
                if part.path.lower() == "$batch":
                    raise GraphError(400, "BadRequest", "A batch cannot hold a batch.")
                response = self._one(part)
            except GraphError as error:
                response = error.response(part_id, own.get("client-request-id", part_id))
            response.headers |= {"request-id": part_id, "Cache-Control": "no-cache", "OData-Version": "4.0"}
            response.headers.setdefault("Content-Type", "application/json")
            entries.append((method, f"{HOST}/{request.version}{url}", body, response.status))
            return response

        response = answer_batch(_parse(request.content), handle, self._shuffle)
        return _spoil(found, response, request)

    def _one(self, request: _Request) -> Response:
        if request.method not in _VERBS:
            raise wrong_verb()
        segments = split_path(request.path)
        tenant = request.caller.tenant
        use = self.throttle.count(
            tenant=tenant.slug,
            client=request.caller.app.client_id,
            method=request.method,
            segments=segments,
            query=request.query,
            users=len(tenant.collection("users").objects),
        )
        found = self._meet_faults(request, f"/{'/'.join(segments)}")
        place = find_place(request.caller, segments, request.version, request.method)
        for fault in found:
            place.empty_page = place.empty_page or fault.kind == "empty_page"
            place.cut_at = fault.size if fault.kind == "cut_expand" else place.cut_at
        if request.method == "GET":
            place.query = parse_query(request.query)
            response = read(place, consistency=request.headers.get("consistencylevel", ""))
            self._dress(request, response, place.listing.type, found)
        else:
            response = write(place, _parse(request.content) if request.content else None)
        response.headers |= use
        return _spoil(found, response, request)

    def _dress(self, request: _Request, response: Response, type_name: str, found: list[Fault]) -> None:
        """What the caller's Accept and Prefer make of an answer."""
        preferred = "include-unknown-enum-members" in request.headers.get("prefer", "").lower()
        if preferred:
            response.headers["Preference-Applied"] = "include-unknown-enum-members"
        elif any(fault.kind == "future_enums" for fault in found) and isinstance(response.body, dict):
            members = response.body.get("value")
            if isinstance(members, list):
                response.body["value"] = [schema.mask_future(member, type_name) for member in members]
            else:
                response.body = schema.mask_future(response.body, type_name)
        annotate(request.headers.get("accept", ""), request.path, type_name, response)

    def _meet_faults(self, request: _Request, path: str) -> list[Fault]:
        """Raise what replaces the answer; return what will alter it."""
        found = self.faults.take(request.method, path, request.caller.tenant.slug)
        for fault in found:
            if fault.kind == "expired_token":
                self.authority.revoke(request.headers.get("authorization", ""))
                raise GraphError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
            switches.refuse(fault, intune=path.lower().startswith(("/devicemanagement", "/deviceappmanagement")))
        return found


def _spoil(found: list[Fault], response: Response, request: _Request) -> Response:
    for fault in found:
        response = switches.spoil(fault, response, request.address)
    return response


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        text = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
        raise GraphError(400, "BadRequest", text) from error


def _readable(content: bytes) -> Any:
    """The body for the log; what is no JSON as text."""
    if not content:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")


def _diagnostic(seconds: float) -> str:
    server = {"DataCenter": "Sandbox", "Slice": "E", "Ring": "5", "ScaleUnit": "001", "RoleInstance": "SB1PEPF00000001"}
    return orjson.dumps({"ServerInfo": server, "Duration": round(seconds * 1000, 1)}).decode()
