"""What Microsoft answers, as failures that people can act on. HTTP status codes end here."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from operations.failures import Failure
from providers.graph import codes as _codes  # noqa: F401  (declares the codes used here)

RETRY_LATER = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 900.0


# AADSTS numbers by cause (Microsoft Entra authentication error codes). Unknown ones stay sign_in_failed.
_AADSTS = {
    "credential_invalid": {7000215, 70002, 7000218, 7000216, 700027, 700030, 7000213},
    "credential_expired": {7000222, 700024},
    "app_not_found": {700016, 700011, 650051},
    "tenant_not_found": {90002, 90038, 50059, 50128, 9001023, 90130, 900023, 5000224, 900021},
    "consent_missing": {65001, 65005, 650052, 650056, 90008, 90094, 90095},
    "app_disabled": {7000112, 70001, 1000031, 7000114},
    "throttled": {90055, 50196},
    "graph_unavailable": {90006, 90012, 90024, 90033, 50033},
}
_CAUSE_OF = {number: code for code, numbers in _AADSTS.items() for number in numbers}
_LICENCE = re.compile(r"not applicable to target tenant|AppLifecycle_2210|license|licence|not licensed", re.IGNORECASE)


def failure_of_sign_in(answer: Mapping[str, Any]) -> Failure:
    """The failure behind MSAL's error answer. Branches on the AADSTS number, then on `error`."""
    description = str(answer.get("error_description") or answer.get("error") or "")
    found = [int(n) for n in re.findall(r"AADSTS(\d{5,7})", description)]
    numbers = [n for n in answer.get("error_codes") or [] if isinstance(n, int)] + found
    code = next((_CAUSE_OF[n] for n in numbers if n in _CAUSE_OF), None)
    if code is None:
        code = {"invalid_client": "credential_invalid", "temporarily_unavailable": "graph_unavailable"}.get(
            str(answer.get("error")), "sign_in_failed"
        )
    sentence = description.split(" Trace ID:")[0].split("\r\n")[0]
    return Failure(code, sentence, graph_request_id=str(answer.get("correlation_id") or ""))


def failure_of_answer(status: int, body: bytes, *, request_id: str, retry_after: float | None) -> Failure:
    """The failure behind an unsuccessful Graph answer."""
    error_code, text = read_error(body)
    code = _code_of(status, error_code, text)
    detail = f"{error_code}: {text}" if error_code and text else text or error_code or f"Status {status}."
    return Failure(code, detail, graph_request_id=request_id, retry_after=retry_after)


def _code_of(status: int, error_code: str, text: str) -> str:
    if status == 429:
        return "throttled"
    if status == 401 and "forbidden" not in error_code.lower():
        return "token_rejected"
    if _LICENCE.search(f"{error_code} {text}") and status in (400, 403):
        return "not_licensed"
    if status in (401, 403):
        return "permission_missing"
    if status >= 500:
        return "graph_unavailable"
    return {404: "not_found", 409: "conflict", 412: "precondition_failed", 423: "conflict"}.get(status, "bad_request")


def read_error(body: bytes) -> tuple[str, str]:
    """(code, innermost text). Intune wraps JSON text in `message`, sometimes twice; gateways answer HTML or nothing."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    code, text = "", ""
    for _ in range(6):
        if not isinstance(value, dict):
            break
        wrapped = value.get("error")
        inner = wrapped if isinstance(wrapped, dict) else value
        code = str(inner.get("code") or inner.get("ErrorCode") or code)
        text = str(inner.get("message") or inner.get("Message") or text)
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            break
    return code[:100], text.split(" - Operation ID")[0][:400]


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: whole or fractional seconds, milliseconds, or an HTTP date. Absurd values count as missing."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    seconds: float | None = None
    if milliseconds := lower.get("x-ms-retry-after-ms") or lower.get("retry-after-ms"):
        seconds = _number(milliseconds, 0.001)
    if seconds is None and (stated := lower.get("retry-after")):
        seconds = _number(stated, 1.0)
        if seconds is None:
            seconds = _until(stated)
    return seconds if seconds is not None and 0 <= seconds <= _LONGEST_WAIT else None


def _number(text: str, factor: float) -> float | None:
    try:
        return float(text) * factor
    except ValueError:
        return None


def _until(text: str) -> float | None:
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
