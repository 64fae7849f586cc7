"""Answers, and Graph's own words for what is wrong with a request."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson


@dataclass(slots=True)
class Response:
    """What goes back over the wire. `body` None means no content."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else orjson.dumps(self.body)


class GraphError(Exception):
    """A refusal in Graph's form: status, `error.code` and `error.message`."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}
        super().__init__(message)

    def response(self, request_id: str) -> Response:
        inner = {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": request_id,
        }
        body = {"error": {"code": self.code, "message": self.message, "innerError": inner}}
        return Response(self.status, body, dict(self.headers))


def new_id() -> str:
    return str(uuid.uuid4())


def unknown_segment(segment: str) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def no_route(method: str, path: str) -> GraphError:
    text = f"No OData route exists that match template ~/singleton/navigation/key with http verb {method} for request /{path}."
    return GraphError(400, "No method match route template", text)


def not_there(entra: bool, object_id: str) -> GraphError:
    if entra:
        text = (
            f"Resource '{object_id}' does not exist or one of its queried reference-property objects are not present."
        )
        return GraphError(404, "Request_ResourceNotFound", text)
    return GraphError(404, "ResourceNotFound", f"The resource with id '{object_id}' was not found.")


def intune_message(text: str, activity: str) -> str:
    """Intune's habit of putting JSON text into `message`."""
    wrapped = {
        "_version": 3,
        "Message": f"{text} - Operation ID (for customer support): {uuid.UUID(int=0)} - Activity ID: {activity} - Url: https://fef.msua01.manage.microsoft.com/",
        "CustomApiErrorPhrase": "",
        "RetryAfter": None,
        "ErrorSourceService": "",
        "HttpHeaders": "{}",
    }
    return orjson.dumps(wrapped).decode()
