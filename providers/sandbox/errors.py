"""Answers, and Graph's own words for what is wrong with a request."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson


@dataclass(slots=True)
class Response:
    """What goes back over the wire. `body` None means no content; `raw` stands in for a body that is no JSON.

    `spoil` names what happens to the connection while the answer is sent: see `server`.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    spoil: tuple[str, float] | None = None

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else orjson.dumps(self.body)


class GraphError(Exception):
    """A refusal in Graph's form: status, `error.code` and `error.message`."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}
        super().__init__(message)

    def text(self, request_id: str) -> str:
        return self.message

    def response(self, request_id: str, client_request_id: str) -> Response:
        # No zone in the date, and the ids of the headers once more: so it comes from Graph.
        inner = {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        body = {"error": {"code": self.code, "message": self.text(request_id), "innerError": inner}}
        return Response(self.status, body, dict(self.headers))


class IntuneError(GraphError):
    """Intune puts JSON text into `message`, with the request's id as activity id; `twice` wraps that once more."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, *, twice: bool = False
    ) -> None:
        super().__init__(status, "UnknownError" if twice else code, message, headers)
        self._inner_code = code if twice else ""

    def text(self, request_id: str) -> str:
        operation = uuid.UUID(int=0)
        wrapped = {
            "_version": 3,
            "Message": f"{self.message} - Operation ID (for customer support): {operation} - Activity ID: {request_id}"
            " - Url: https://fef.msub01.manage.microsoft.com/StatelessGraphService/",
            "CustomApiErrorPhrase": "",
            "RetryAfter": None,
            "ErrorSourceService": "",
            "HttpHeaders": "{}",
        }
        inner = orjson.dumps(wrapped).decode()
        if not self._inner_code:
            return inner
        return orjson.dumps({"ErrorCode": self._inner_code, "Message": inner, "Target": None, "Details": None}).decode()


def new_id() -> str:
    return str(uuid.uuid4())


def unknown_segment(segment: str) -> GraphError:
    """The gateway knows no such segment. For paths of Intune, too, this is 400 and not 404."""
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def no_route(method: str, segments: list[str]) -> GraphError:
    """A path that metadata knows and Intune does not route."""
    steps = "/".join("key" if number % 2 == 0 else "navigation" for number in range(1, len(segments)))
    text = f"No OData route exists that match template ~/singleton/{steps} with http verb {method} for request /{'/'.join(segments)}."
    return IntuneError(400, "No method match route template", text)


def wrong_verb() -> GraphError:
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def unknown_property(name: str, type_name: str) -> GraphError:
    text = f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'."
    return GraphError(400, "BadRequest", text)
