"""What Microsoft answers, as failure codes."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from operations.failures import Failure, all_codes
from providers import health
from providers.graph.errors import _AADSTS, failure_of_answer, failure_of_sign_in, read_error, read_retry_after

ACTIVITY = "0d7f3a9e-0000-4000-8000-00000000abcd"


def body(code: str, message: str = "", **more: Any) -> bytes:
    return orjson.dumps({"error": {"code": code, "message": message, **more}})


def wrapped(text: str, **more: Any) -> str:
    """Intune's habit of putting JSON text into `message`."""
    message = f"{text} - Operation ID (for customer support): 0 - Activity ID: {ACTIVITY} - Url: https://fef.example/"
    return orjson.dumps({"_version": 3, "Message": message, **more}).decode()


def fail(status: int, content: bytes, **more: Any) -> Failure:
    return failure_of_answer(status, content, **{"request_id": "req-1", "retry_after": None, **more})


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (400, body("BadRequest", "A type named 'x' could not be resolved by the model."), "bad_request"),
        (400, body("ModelValidationFailure", "The property 'licenseType' does not exist."), "bad_request"),
        (400, body("No method match route template", "No OData route exists."), "bad_request"),
        (400, body("BadRequest", "Request not applicable to target tenant."), "not_licensed"),
        (403, body("AppLifecycle_2210", "Tenant"), "not_licensed"),
        (403, body("Forbidden", "The tenant does not have a valid license."), "not_licensed"),
        (400, body("syncStateNotFound", "The sync state generation is not found"), "paging_expired"),
        (400, body("Directory_ExpiredPageToken", "The specified page token value has expired."), "paging_expired"),
        (410, body("resyncRequired"), "paging_expired"),
        (401, body("InvalidAuthenticationToken", "Lifetime validation failed"), "token_rejected"),
        (
            401,
            body("UnknownError", '{"ErrorCode":"Forbidden","Message":"{\\"Message\\":\\"no\\"}"}'),
            "permission_missing",
        ),
        (403, body("Authorization_RequestDenied", "Insufficient privileges"), "permission_missing"),
        (403, body("Forbidden", wrapped("Application must have one of the following scopes: X")), "permission_missing"),
        (404, body("Request_ResourceNotFound"), "not_found"),
        (409, body("Conflict"), "conflict"),
        (412, body("PreconditionFailed"), "precondition_failed"),
        (423, body("Locked"), "conflict"),
        (429, body("TooManyRequests"), "throttled"),
        (500, body("InternalError", wrapped("An error has occurred")), "graph_unavailable"),
        (503, b"", "graph_unavailable"),
        (504, b"<html>Gateway</html>", "graph_unavailable"),
        (507, body("quotaLimitReached"), "quota_reached"),
        (509, b"", "quota_reached"),
        (418, b"\xff\xfe", "bad_request"),
    ],
)
def test_each_answer_has_its_code_and_carries_graphs_request_id(status: int, content: bytes, code: str) -> None:
    """PRO-21"""
    failure = fail(status, content)
    assert (failure.code, failure.graph_request_id) == (code, "req-1")


def test_the_innermost_text_of_intunes_wrapping_is_shown_without_its_tail() -> None:
    """PRO-21"""
    inner = wrapped("The policy is in use")
    content = body("BadRequest", orjson.dumps({"ErrorCode": "BadRequest", "Message": inner}).decode())
    failure = fail(400, content)
    assert failure.detail == "BadRequest: The policy is in use"


def test_without_a_header_the_request_id_comes_from_the_body() -> None:
    """PRO-21: a support case needs one."""
    nested = body("BadRequest", "no", innerError={"request-id": "from-the-body"})
    assert fail(400, nested, request_id="").graph_request_id == "from-the-body"
    assert fail(500, body("InternalError", wrapped("no")), request_id="").graph_request_id == ACTIVITY


def test_a_wait_that_stands_in_intunes_text_is_honoured() -> None:
    """PRO-16"""
    content = body("TooManyRequests", wrapped("Slow down", RetryAfter="7"))
    assert fail(429, content).retry_after == 7
    assert fail(429, content, retry_after=2.0).retry_after == 2


def test_tokens_in_an_error_text_do_not_reach_the_failure() -> None:
    """PRO-4"""
    failure = fail(400, body("BadRequest", "Authorization: Bearer eyJhbGciOi.secret.part was refused"))
    assert "secret" not in failure.message


@given(st.binary(max_size=400))
def test_no_error_body_whatever_breaks_the_reading(content: bytes) -> None:
    """PRO-21"""
    told = read_error(content)
    assert len(told.text) <= 400


KEYS = st.sampled_from(["error", "message", "code", "innerError", "Message", "RetryAfter"])
SHAPES = st.recursive(
    st.none() | st.text(max_size=20) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(SHAPES)
def test_no_shape_of_an_error_body_breaks_the_reading(value: Any) -> None:
    """PRO-21"""
    assert fail(400, json.dumps(value).encode()).code in ("bad_request", "not_licensed")


# -- Retry-After -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "10"}, 10),
        ({"retry-after": "2.128"}, 2.128),
        ({"RETRY-AFTER": " 0 "}, 0),
        ({"x-ms-retry-after-ms": "300"}, 0.3),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"Retry-After": "86400"}, 86_400),
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "99999999"}, None),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1_000"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Thu, 99 Foo 2026 00:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_each_of_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    """PRO-16"""
    assert read_retry_after(headers) == seconds


def test_a_date_is_compared_with_the_answers_own_clock() -> None:
    """PRO-16: this machine's clock may be an hour off."""
    theirs = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(seconds=30), usegmt=True),
    }
    with time_machine.travel(theirs + timedelta(hours=1)):
        assert read_retry_after(headers) == 30
    with time_machine.travel(theirs, tick=False):
        assert read_retry_after({"Retry-After": headers["Retry-After"]}) == 30
        assert read_retry_after({"Retry-After": format_datetime(theirs - timedelta(days=1), usegmt=True)}) == 0


@given(st.text(max_size=40))
def test_no_retry_after_whatever_gives_a_senseless_wait(text: str) -> None:
    """PRO-16"""
    seconds = read_retry_after({"Retry-After": text})
    assert seconds is None or 0 <= seconds <= 86_400


# -- sign-in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "number"), [(code, n) for code, numbers in _AADSTS.items() for n in sorted(numbers)])
def test_each_known_aadsts_number_has_a_stable_code_with_a_remedy(code: str, number: int) -> None:
    """PRO-15"""
    text = f"AADSTS{number}: Some words. Trace ID: 1 Correlation ID: 2 Timestamp: 3"
    for answer in ({"error": "x", "error_description": text}, {"error": "x", "error_codes": [number]}):
        assert failure_of_sign_in(answer).code == code
    assert all_codes()[code].hint.endswith(".")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": "invalid_client", "error_description": "AADSTS9999999: new"}, "credential_invalid"),
        ({"error": "temporarily_unavailable"}, "graph_unavailable"),
        ({"error": "invalid_grant", "error_description": "AADSTS9999999: new"}, "sign_in_failed"),
        ({"error": "invalid_client", "error_description": "AADSTS700027: … [Reason - The key used is expired.]"}, "credential_expired"),
        ({"error_codes": "7000215"}, "sign_in_failed"),
        ({"error_codes": [None, "x", 7000215]}, "credential_invalid"),
        ({}, "sign_in_failed"),
    ],
)  # fmt: skip
def test_an_unknown_number_falls_back_on_the_error_name(answer: dict[str, Any], code: str) -> None:
    """PRO-15: numbers may change; the error name is the interface."""
    assert failure_of_sign_in(answer).code == code


def test_a_sign_in_failure_shows_the_sentence_and_keeps_the_correlation_id() -> None:
    """PRO-21"""
    answer = {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided. Trace ID: t Correlation ID: c Timestamp: x",
        "correlation_id": "c",
    }
    failure = failure_of_sign_in(answer)
    assert failure.detail == "AADSTS7000215: Invalid client secret provided."
    assert failure.graph_request_id == "c"


def test_every_code_that_marks_a_connection_is_declared() -> None:
    """PRO-3"""
    assert set(health.STATUS_AFTER) | set(health.HEALTH_AFTER) <= set(all_codes())
