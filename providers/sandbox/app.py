"""The sandbox as one function from a request to an answer; `server` puts it on a socket."""

import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import orjson

from providers.sandbox import faults as switches
from providers.sandbox.auth import Authority, Caller
from providers.sandbox.batch import answer_batch
from providers.sandbox.errors import GraphError, Response, new_id
from providers.sandbox.faults import Fault, Faults
from providers.sandbox.odata import HOST, parse_query, split_path
from providers.sandbox.routes import find_place, read
from providers.sandbox.throttle import Throttle
from providers.sandbox.world import World
from providers.sandbox.writes import write

_SIGN_IN = re.compile(r"^/([^/]+)/(v2\.0/\.well-known/openid-configuration|oauth2/v2\.0/token)$")
# (method, url, body, status)
Log = Callable[[str, str, Any, int], None]


class App:
    """One sandbox: a world, its sign-in, its limits, its faults."""

    def __init__(self, world: World, *, log: Log | None = None) -> None:
        self.world, self.faults, self.throttle = world, Faults(), Throttle()
        self.authority = Authority(world)
        self._log = log
        # Seeded: two runs shuffle batches alike, so that a failure can be repeated.
        self._shuffle = random.Random(1)  # noqa: S311

    def handle(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Response:
        """Answer one request. `headers` have lower-case names, `target` is path and query."""
        path, _, query = target.partition("?")
        request_id = new_id()
        if path.startswith("/_control/"):
            return self._control(method, path.removeprefix("/_control/"), content)
        if found := _SIGN_IN.match(path):
            response = self._sign_in(found[1], found[2], content, request_id)
        elif path.startswith("/common/discovery/instance"):
            response = self.authority.instances()
        else:
            response = self._graph(method, path, query, headers, content, request_id)
        self._note(method, target, None if "/oauth2/" in path else _parse_quietly(content), response.status)
        client_id = headers.get("client-request-id") or request_id
        response.headers.setdefault("request-id", request_id)
        response.headers.setdefault("client-request-id", client_id)
        return response

    def _sign_in(self, tenant: str, kind: str, content: bytes, request_id: str) -> Response:
        found = self.world.tenant(tenant)
        try:
            for fault in self.faults.take("POST", "oauth2/token", found.slug if found else ""):
                switches.refuse(fault)
        except GraphError as error:
            return error.response(request_id)
        return self.authority.token(tenant, content) if kind.endswith("token") else self.authority.discovery(tenant)

    def _graph(
        self, method: str, path: str, query: str, headers: dict[str, str], content: bytes, request_id: str
    ) -> Response:
        _, version, *rest = [*path.split("/"), ""]
        try:
            if version not in ("v1.0", "beta"):
                raise GraphError(400, "BadRequest", f"Invalid version: {version[:40]}.")
            caller = self._caller(headers)
            if rest[0] == "$batch" and method == "POST":
                return self._batch(caller, version, content, headers)
            return self._one(caller, method, version, "/".join(rest), query, headers, content)
        except GraphError as error:
            return error.response(request_id)

    def _caller(self, headers: dict[str, str]) -> Caller:
        return self.authority.check(headers.get("authorization", ""))

    def _batch(self, caller: Caller, version: str, content: bytes, headers: dict[str, str]) -> Response:
        spoiled = self._meet_faults(caller, "POST", "$batch", headers)

        def handle(method: str, url: str, own: dict[str, str], body: Any) -> Response:
            path, _, query = url.partition("?")
            part_id = new_id()
            try:
                merged = {**headers, **own}
                response = self._one(
                    caller, method, version, path, query, merged, b"" if body is None else orjson.dumps(body)
                )
            except GraphError as error:
                response = error.response(part_id)
            response.headers["request-id"] = part_id
            response.headers.setdefault("Content-Type", "application/json")
            self._note(method, f"/{version}{url}", body, response.status, part=True)
            return response

        response = answer_batch(_parse(content), handle, self._shuffle)
        return _spoil(spoiled, response, f"{HOST}/{version}/$batch")

    def _one(
        self, caller: Caller, method: str, version: str, path: str, query: str, headers: dict[str, str], content: bytes
    ) -> Response:
        path = unquote(path).strip("/")
        segments = split_path(path)
        self.throttle.count(
            tenant=caller.tenant.entra_tenant_id,
            client=caller.app.client_id,
            path="/".join(segments),
            write=method != "GET",
        )
        spoiled = self._meet_faults(caller, method, path, headers)
        place = find_place(caller, segments, version, method)
        options = parse_query(query)
        if method == "GET":
            response = read(caller, place, options, version=version, consistency=headers.get("consistencylevel", ""))
        else:
            response = write(place, method, _parse(content) if content else None, version=version)
        return _spoil(spoiled, response, f"{HOST}/{version}/{path}" + (f"?{query}" if query else ""))

    def _meet_faults(self, caller: Caller, method: str, path: str, headers: dict[str, str]) -> list[Fault]:
        """Raise what replaces the answer; return what will alter it."""
        found = self.faults.take(method, path, caller.tenant.slug)
        for fault in found:
            if fault.kind == "expired_token":
                self.authority.revoke(headers.get("authorization", ""))
                raise GraphError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
            switches.refuse(fault)
        return found

    def _note(self, method: str, url: str, body: Any, status: int, *, part: bool = False) -> None:
        if self._log is not None:
            self._log(method, f"{HOST}{url}", body, status) if not part else self._log(
                method, f"{HOST}{url}#batch", body, status
            )

    def _control(self, method: str, what: str, content: bytes) -> Response:
        try:
            if what == "faults" and method == "POST":
                given = _parse(content)
                self.faults.add(*(given if isinstance(given, list) else [given]))
            elif what == "faults" and method == "DELETE":
                self.faults.clear()
            elif what == "throttle" and method == "POST":
                self.throttle.enabled = bool(_parse(content).get("enabled", True))
                self.throttle.reset()
            elif what != "state" or method != "GET":
                return Response(404, {"error": f"There is no {method} {what}."})
        except (ValueError, TypeError, AttributeError, GraphError) as error:
            return Response(400, {"error": str(error)})
        return Response(
            200, {"faults": self.faults.listed(), "throttled": self.throttle.refused, "throttle": self.throttle.enabled}
        )


def _spoil(faults: list[Fault], response: Response, address: str) -> Response:
    for fault in faults:
        response.headers["x-request-address"] = address
        response = switches.spoil(fault, response)
        response.headers.pop("x-request-address", None)
        if fault.kind in ("truncated", "drip", "reset"):
            response.headers[f"x-fault-{fault.kind}"] = str(fault.seconds)
    return response


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.") from error


def _parse_quietly(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None
