"""Misbehaviour on demand. A fault applies to requests that match it, for ever or `times` times.

{"kind": "throttle", "path": "/deviceManagement/intents", "tenant": "contoso", "method": "GET", "times": 2, "retry_after": "1"}
"""

import threading
import time
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from providers.sandbox.auth import SignInRefused
from providers.sandbox.errors import GraphError, IntuneError, Response

KINDS = {
    "throttle": "429; retry_after is seconds, a fraction, “date”, “milliseconds” or “none”",
    "status": "the given status in Graph's error form",
    "slow": "waits `seconds` before answering",
    "drip": "sends the body in small pieces over `seconds`",
    "truncated": "ends the connection in the middle of the body",
    "malformed": "answers something that is no JSON",
    "html": "answers a gateway's page with the given status",
    "empty": "answers the given status without a body",
    "huge": "answers `size` bytes of JSON",
    "deep": "answers JSON nested `size` levels deep",
    "foreign_link": "lets nextLink lead to another host",
    "loop": "lets nextLink lead to the same page",
    "empty_page": "puts an empty page with a nextLink first",
    "cut_expand": "cuts expanded collections after `size` members and says where the rest is",
    "redirect": "answers a redirect to another host",
    "expired_token": "treats the token as expired; a new one works",
    "permission_removed": "answers 403 as if the permission had been taken away",
    "unlicensed": "answers that the service is not there for this tenant",
    "outage": "answers 503",
    "future_enums": "shows enumeration members that are newer than the client as unknownFutureValue",
    "reset": "closes the connection without an answer",
    "sign_in": "refuses the sign-in with the AADSTS number `code`",
}
_CODES = {
    404: "ResourceNotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    423: "Locked",
    500: "InternalError",
    507: "quotaLimitReached",
}
_TOKEN_PATH = "/oauth2/token"  # noqa: S105


@dataclass(slots=True)
class Fault:
    """`path` is a prefix below the version root ("/oauth2/token" is the token endpoint); `times` None means for ever; empty
    fields match everything.
    """

    kind: str
    path: str = "/"
    method: str = ""
    tenant: str = ""
    times: int | None = None
    retry_after: str = "1"
    status: int = 500
    seconds: float = 0.0
    size: int = 0
    code: int = 0

    def matches(self, method: str, path: str, tenant: str) -> bool:
        # Sign-in goes wrong only where it is meant: a fault of "/" is about Graph.
        meant = self.path != "/" or path != _TOKEN_PATH or self.kind == "sign_in"
        return (
            meant
            and (not self.method or self.method == method)
            and (not self.tenant or self.tenant == tenant)
            and (path.startswith(self.path) or (self.kind == "sign_in" and path == _TOKEN_PATH))
            and (self.times is None or self.times > 0)
        )


class Faults:
    """The switches of one sandbox."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, *descriptions: dict[str, Any]) -> None:
        """Raises ValueError for an unknown kind, an unknown field, or a value of the wrong kind."""
        known = {f.name: f.type for f in fields(Fault)}
        faults = []
        for description in descriptions:
            if not isinstance(description, dict):
                raise ValueError("A fault is an object.")
            if unknown := set(description) - set(known):
                raise ValueError(f"A fault has no {', '.join(sorted(unknown))}; it has {', '.join(known)}.")
            if description.get("kind") not in KINDS:
                raise ValueError(f"Unknown fault {description.get('kind')!r}; there are {', '.join(KINDS)}.")
            for name, value in description.items():
                wanted = (int, float) if known[name] is float else str if known[name] is str else int
                if not isinstance(value, wanted) and not (name == "times" and value is None):
                    raise ValueError(f"{name} cannot be {value!r}.")
            faults.append(Fault(**description))
        with self._lock:
            self._faults += faults

    def clear(self, tenant: str = "") -> None:
        """Of the tenant of this slug, or all."""
        with self._lock:
            self._faults = [fault for fault in self._faults if tenant and fault.tenant != tenant]

    def listed(self, tenant: str = "") -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults if not tenant or fault.tenant in ("", tenant)]

    def take(self, method: str, path: str, tenant: str) -> list[Fault]:
        """The faults of this request, each counted down. `path` starts with a slash."""
        if not self._faults:
            return []
        with self._lock:
            found = [fault for fault in self._faults if fault.matches(method, path, tenant)]
            for fault in found:
                if fault.times is not None:
                    fault.times -= 1
            return found

    def take_sign_in(self, tenant: str) -> list[Fault]:
        return self.take("POST", _TOKEN_PATH, tenant)


def refuse_sign_in(fault: Fault) -> None:
    """Raise the refusal of a fault at the token endpoint."""
    if fault.kind == "slow":
        time.sleep(fault.seconds)
    elif fault.kind == "sign_in":
        error = {7000215: "invalid_client", 7000222: "invalid_client"}.get(fault.code, "invalid_request")
        raise SignInRefused(401 if error == "invalid_client" else 400, error, fault.code, "Refused on demand.")
    elif fault.kind == "throttle":
        raise SignInRefused(429, "temporarily_unavailable", 90055, "Too many requests of this tenant.")
    elif fault.kind in ("outage", "status"):
        raise SignInRefused(503, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again.")


def refuse(fault: Fault, *, intune: bool) -> None:
    """Raise the refusal of a fault that replaces the answer of Graph; others return."""
    error = IntuneError if intune else GraphError
    if fault.kind == "slow":
        time.sleep(fault.seconds)
    elif fault.kind == "throttle":
        raise error(429, "TooManyRequests", "Too many requests.", _retry_headers(fault.retry_after))
    elif fault.kind == "outage":
        text = "The service is temporarily unavailable."
        raise error(503, "ServiceUnavailable", text, _retry_headers(fault.retry_after))
    elif fault.kind == "status":
        raise error(fault.status, _CODES.get(fault.status, "UnknownError"), "Refused on demand.")
    elif fault.kind == "unlicensed":
        raise error(400, "BadRequest", "Request not applicable to target tenant.")
    elif fault.kind == "permission_removed" and intune:
        text = "Application is not authorized to perform this operation."
        # The form in which the message is wrapped twice and the code says nothing.
        raise IntuneError(403, "Forbidden", text, twice=True)
    elif fault.kind == "permission_removed":
        raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _retry_headers(stated: str) -> dict[str, str]:
    if stated == "none":
        return {}
    if stated == "date":
        return {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)}
    if stated == "milliseconds":
        return {"x-ms-retry-after-ms": "300"}
    # In lower case, as gateways send it at times.
    return {"retry-after": stated}


def spoil(fault: Fault, response: Response, address: str) -> Response:
    """The answer as the fault alters it. `address` is the request's own."""
    body, headers = response.body, response.headers
    match fault.kind:
        case "malformed":
            return Response(200, raw=b'{"value": [', headers=headers)
        case "html":
            page = b"<html><body><h1>Bad gateway</h1></body></html>"
            return Response(fault.status, raw=page, headers={**headers, "Content-Type": "text/html"})
        case "empty":
            return Response(fault.status, raw=b"", headers=headers)
        case "huge":
            return Response(200, raw=b'{"value":["' + b"x" * fault.size + b'"]}', headers=headers)
        case "deep":
            nested = b'{"value":' + b"[" * fault.size + b"]" * fault.size + b"}"
            return Response(200, raw=nested, headers=headers)
        case "foreign_link" if isinstance(body, dict):
            body["@odata.nextLink"] = "https://graph.microsoft.com.example.net/beta/next"
        case "loop" if isinstance(body, dict) and "value" in body:
            body["@odata.nextLink"] = address
        case "redirect":
            return Response(302, headers={**headers, "Location": "https://example.net/"})
        case "truncated" | "drip" | "reset":
            response.spoil = (fault.kind, fault.seconds)
    return response
