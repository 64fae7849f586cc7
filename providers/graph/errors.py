"""What Microsoft answers, as failures that people can act on. HTTP status codes end here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from operations.failures import Failure
from providers.graph import codes as _codes  # noqa: F401  (declares the codes used here)

# What asks for more than a day says nothing.
_LONGEST_WAIT = 86_400.0

# AADSTS numbers by cause (Microsoft Entra authentication error codes). Unknown ones stay sign_in_failed.
_AADSTS = {
    "credential_invalid": {7000215, 70002, 7000218, 7000216, 700027, 700030, 7000213},
    "credential_expired": {7000222},
    "clock_skew": {700024},
    "app_not_found": {700016, 700011, 650051},
    "tenant_not_found": {90002, 90038, 50059, 50128, 9001023, 90130, 900023, 5000224, 900021},
    "consent_missing": {65001, 65005, 650052, 650056, 90008, 90094, 90095},
    "app_disabled": {7000112, 70001, 1000031, 7000114},
    "sign_in_blocked": {53003, 530032, 530035, 53000, 53001, 53002, 50131},
    "throttled": {90055, 50196},
    "graph_unavailable": {90006, 90012, 90024, 90033, 50033},
}
_CAUSE_OF = {number: code for code, numbers in _AADSTS.items() for number in numbers}
_LICENCE = re.compile(
    r"not applicable to target tenant|AppLifecycle_2210|(no|not|without|valid|requires an?) (valid )?licen[cs]ed?\b",
    re.IGNORECASE,
)
# The place in a list, or since the last reading, that Graph no longer remembers.
_EXPIRED_PLACE = frozenset({"syncstatenotfound", "resyncrequired", "directory_expiredpagetoken"})
_ACTIVITY = re.compile(r"Activity ID: ([0-9a-f-]{36})", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def failure_of_sign_in(answer: Mapping[str, Any]) -> Failure:
    """The failure behind the sign-in service's error answer. Branches on the AADSTS number, then on `error`."""
    description = str(answer.get("error_description") or answer.get("error") or "")
    given = answer.get("error_codes")
    numbers = [number for number in given if isinstance(number, int)] if isinstance(given, list) else []
    numbers += [int(number) for number in re.findall(r"AADSTS(\d{5,7})", description)]
    code = next((_CAUSE_OF[number] for number in numbers if number in _CAUSE_OF), None)
    if code is None:
        by_error = {"invalid_client": "credential_invalid", "temporarily_unavailable": "graph_unavailable"}
        code = by_error.get(str(answer.get("error")), "sign_in_failed")
    if code == "credential_invalid" and "expired" in description.lower():
        # One number stands for every fault of a certificate; the reason is in the text.
        code = "credential_expired"
    sentence = description.split(" Trace ID:")[0].split("\r\n")[0]
    return Failure(code, sentence, graph_request_id=str(answer.get("correlation_id") or ""))


def failure_of_answer(status: int, body: bytes, *, request_id: str, retry_after: float | None) -> Failure:
    """The failure behind an unsuccessful Graph answer."""
    told = read_error(body)
    code = _code_of(status, told)
    detail = f"{told.code}: {told.text}" if told.code and told.text else told.text or told.code or f"Status {status}."
    wait = retry_after if retry_after is not None else told.retry_after
    return Failure(code, detail, graph_request_id=request_id or told.request_id, retry_after=wait)


def _code_of(status: int, told: "GraphError") -> str:
    if status == 429:
        return "throttled"
    if status == 401 and "forbidden" not in told.code.lower():
        return "token_rejected"
    if status in (400, 403) and _LICENCE.search(f"{told.code} {told.text}"):
        return "not_licensed"
    if status in (401, 403):
        return "permission_missing"
    if status == 410 or (status == 400 and told.code.lower() in _EXPIRED_PLACE):
        return "paging_expired"
    if status in (507, 509):
        return "quota_reached"
    if status >= 500:
        return "graph_unavailable"
    if status == 404 and not told.code:
        # Not in Graph's form: something in between answered, and knows nothing of the tenant.
        return "response_malformed"
    return {404: "not_found", 409: "conflict", 412: "precondition_failed", 423: "conflict"}.get(status, "bad_request")


@dataclass(frozen=True, slots=True)
class GraphError:
    """What an error body says: `code`, the innermost `text`, the id for a support case, and seconds to wait, if stated."""

    code: str = ""
    text: str = ""
    request_id: str = ""
    retry_after: float | None = None


def read_error(body: bytes) -> GraphError:
    """Take an error body apart. Intune wraps JSON text in `message`, sometimes twice; gateways answer HTML or nothing."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return GraphError()
    code = text = request_id = ""
    wait: float | None = None
    for _ in range(6):
        if not isinstance(value, dict):
            break
        wrapped = value.get("error")
        inner = wrapped if isinstance(wrapped, dict) else value
        code = str(inner.get("code") or inner.get("ErrorCode") or code)
        text = str(inner.get("message") or inner.get("Message") or text)
        more = inner.get("innerError") or inner.get("innererror")
        if isinstance(more, dict):
            request_id = str(more.get("request-id") or request_id)
        wait = _wait(str(inner.get("RetryAfter") or "")) or wait
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            break
    if found := _ACTIVITY.search(text):
        request_id = request_id or found[1]
    return GraphError(code[:100], text.split(" - Operation ID")[0][:400], request_id[:64], wait)


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: whole or fractional seconds, milliseconds, or an HTTP date. Absurd values count as missing.

    A date is compared with the answer's own `Date`: this machine's clock may be wrong.
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = lower.get("x-ms-retry-after-ms") or lower.get("retry-after-ms") or ""
    if _SECONDS.fullmatch(milliseconds):
        return _sensible(float(milliseconds) / 1000)
    stated = lower.get("retry-after", "")
    if _SECONDS.fullmatch(stated):
        return _sensible(float(stated))
    until, now = _date(stated), _date(lower.get("date", "")) or datetime.now(UTC)
    return _sensible(max(0.0, (until - now).total_seconds())) if until else None


def _wait(text: str) -> float | None:
    return _sensible(float(text)) if _SECONDS.fullmatch(text) else None


def _sensible(seconds: float) -> float | None:
    return seconds if seconds <= _LONGEST_WAIT else None


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
