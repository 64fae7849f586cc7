"""Misbehaviour on demand. A fault applies to requests that match it, for ever or `times` times.

{"kind": "throttle", "path": "/deviceManagement/intents", "tenant": "contoso", "method": "GET", "times": 2, "retry_after": "1"}
"""

import threading
import time
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from providers.sandbox.errors import GraphError, Response

KINDS = {
    "throttle": "429; retry_after is seconds, a fraction, “date”, “milliseconds” or “none”",
    "status": "the given status in Graph's error form",
    "slow": "waits `seconds` before answering",
    "drip": "sends the body in small pieces over `seconds`",
    "truncated": "ends the connection in the middle of the body",
    "malformed": "answers something that is no JSON",
    "html": "answers a gateway's page with the given status",
    "huge": "answers `size` bytes of JSON",
    "deep": "answers JSON nested `size` levels deep",
    "foreign_link": "lets nextLink lead to another host",
    "loop": "lets nextLink lead to the same page",
    "redirect": "answers a redirect to another host",
    "expired_token": "treats the token as expired; a new one works",
    "permission_removed": "answers 403 as if the permission had been taken away",
    "outage": "answers 503",
    "empty_page": "puts an empty page with a nextLink first",
    "reset": "closes the connection without an answer",
}


@dataclass(slots=True)
class Fault:
    """`path` is a prefix below the version root; `times` None means for ever; empty fields match everything."""

    kind: str
    path: str = "/"
    method: str = ""
    tenant: str = ""
    times: int | None = None
    retry_after: str = "1"
    status: int = 500
    seconds: float = 0.0
    size: int = 0

    def matches(self, method: str, path: str, tenant: str) -> bool:
        return (
            (not self.method or self.method == method)
            and (not self.tenant or self.tenant == tenant)
            and f"/{path}".startswith(self.path)
            and (self.times is None or self.times > 0)
        )


class Faults:
    """The switches of one sandbox."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, *descriptions: dict[str, Any]) -> None:
        """Raises ValueError for an unknown kind or field."""
        known = {f.name for f in fields(Fault)}
        faults = []
        for description in descriptions:
            if unknown := set(description) - known:
                raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
            if description.get("kind") not in KINDS:
                raise ValueError(f"Unknown fault {description.get('kind')!r}; there are {', '.join(KINDS)}.")
            faults.append(Fault(**description))
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str, tenant: str) -> list[Fault]:
        """The faults of this request, each counted down."""
        if not self._faults:
            return []
        with self._lock:
            found = [fault for fault in self._faults if fault.matches(method, path, tenant)]
            for fault in found:
                if fault.times is not None:
                    fault.times -= 1
            return found


def refuse(fault: Fault, body_hint: str = "") -> None:
    """Raise the refusal of a fault that replaces the answer; others return."""
    if fault.kind == "slow":
        time.sleep(fault.seconds)
    elif fault.kind == "throttle":
        raise GraphError(429, "TooManyRequests", "Too many requests.", _retry_headers(fault.retry_after))
    elif fault.kind == "outage":
        raise GraphError(
            503, "ServiceUnavailable", "The service is temporarily unavailable.", _retry_headers(fault.retry_after)
        )
    elif fault.kind == "status":
        raise GraphError(
            fault.status,
            {404: "ResourceNotFound", 409: "Conflict", 412: "PreconditionFailed"}.get(fault.status, "UnknownError"),
            "Fault.",
        )
    elif fault.kind == "permission_removed":
        text = "Application is not authorized to perform this operation. Application must have one of the following scopes: "
        raise GraphError(403, "Forbidden", text + (body_hint or "unknown"))


def _retry_headers(stated: str) -> dict[str, str]:
    if stated == "none":
        return {}
    if stated == "date":
        return {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)}
    if stated == "milliseconds":
        return {"x-ms-retry-after-ms": "300"}
    return {"retry-after": stated}


def spoil(fault: Fault, response: Response) -> Response:
    """The answer as the fault alters it."""
    match fault.kind:
        case "malformed":
            return Response(200, raw=b'{"value": [', headers=response.headers)
        case "html":
            return Response(
                fault.status, raw=b"<html><body>Bad gateway</body></html>", headers={"Content-Type": "text/html"}
            )
        case "huge":
            filler = b'{"value":["' + b"x" * fault.size + b'"]}'
            return Response(200, raw=filler, headers=response.headers)
        case "deep":
            return Response(
                200, raw=b'{"value":' + b"[" * fault.size + b"]" * fault.size + b"}", headers=response.headers
            )
        case "foreign_link" if isinstance(response.body, dict):
            response.body["@odata.nextLink"] = "https://graph.microsoft.com.example.net/beta/next"
        case "loop" if isinstance(response.body, dict) and "value" in response.body:
            response.body["@odata.nextLink"] = response.headers.get("x-request-address", "")
        case "empty_page" if isinstance(response.body, dict) and "value" in response.body:
            response.body["value"] = []
            response.body["@odata.nextLink"] = response.headers.get("x-request-address", "")
        case "redirect":
            return Response(302, headers={"Location": "https://example.net/"})
    return response
