"""Misbehaviour on demand, through the control endpoint."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from providers.sandbox.faults import KINDS
from tests.sandbox.conftest import CATALOG, HOST, Probe, policy, read_error, sign_in

PATH = f"/{CATALOG}"
ADDRESS = f"/beta/{CATALOG}"


@pytest.mark.parametrize(
    ("stated", "header"), [("7", "7"), ("2.5", "2.5"), ("none", None), ("-3", "-3"), ("soon", "soon"), ("99999999", "99999999")]
)  # fmt: skip
def test_throttling_with_each_form_of_a_wait(probe: Probe, stated: str, header: str | None) -> None:
    """SBX-11"""
    probe.fault("throttle", path=PATH, retry_after=stated, times=1)
    answer = probe.get(ADDRESS)
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, header)
    assert read_error(answer)[1] == "TooManyRequests"
    assert probe.get(ADDRESS).status_code == 200


def test_throttling_with_a_date_and_with_milliseconds(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("throttle", path=PATH, retry_after="date", times=1)
    until = parsedate_to_datetime(probe.get(ADDRESS).headers["retry-after"])
    assert 0 < (until - datetime.now(UTC)).total_seconds() <= 3
    probe.fault("throttle", path=PATH, retry_after="milliseconds", times=1)
    answer = probe.get(ADDRESS)
    assert answer.headers["x-ms-retry-after-ms"] == "300" and "retry-after" not in answer.headers


@pytest.mark.parametrize("status", [500, 502, 503, 504, 507, 409, 412, 404])
def test_a_burst_of_failures_ends_after_the_stated_number(probe: Probe, status: int) -> None:
    """SBX-11"""
    probe.fault("status", path=PATH, status=status, times=2)
    assert [probe.get(ADDRESS).status_code for _ in range(3)] == [status, status, 200]


def test_an_outage_of_one_list_leaves_the_others(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("outage", path=PATH, retry_after="1")
    assert [probe.get(ADDRESS).status_code for _ in range(3)] == [503] * 3
    assert probe.get("/beta/deviceManagement/intents").status_code == 200


def test_a_fault_meets_one_verb_and_one_tenant(probe: Probe, as_app: Callable[..., Probe]) -> None:
    """SBX-11"""
    probe.fault("outage", path=PATH, method="POST")
    assert probe.get(ADDRESS).status_code == 200
    assert probe.send("POST", ADDRESS, body={}).status_code == 503
    probe.fault("outage", path="/groups", tenant="fabrikam")
    assert probe.get("/v1.0/groups").status_code == 200
    assert as_app("full", 1).get("/v1.0/groups").status_code == 503


def test_slow_answers_take_their_time(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("slow", path=PATH, seconds=0.3, times=1)
    started = time.monotonic()
    assert probe.get(ADDRESS).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_a_body_in_small_pieces_arrives_whole(probe: Probe) -> None:
    """SBX-11"""
    wanted = probe.body(ADDRESS)["value"]
    probe.fault("drip", path=PATH, seconds=0.2, times=1)
    assert probe.body(ADDRESS)["value"] == wanted


@pytest.mark.parametrize("kind", ["truncated", "reset"])
def test_broken_connections(probe: Probe, kind: str) -> None:
    """SBX-11"""
    probe.fault(kind, path=PATH, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        probe.get(ADDRESS)
    assert probe.get(ADDRESS).status_code == 200


def test_answers_that_are_no_json(probe: Probe) -> None:
    """SBX-11"""
    for kind, more, status in (("malformed", {}, 200), ("html", {"status": 502}, 502), ("empty", {"status": 504}, 504)):
        probe.fault(kind, path=PATH, times=1, **more)
        answer = probe.get(ADDRESS)
        assert answer.status_code == status
        with pytest.raises(ValueError):  # noqa: PT011 (each JSON library has its own)
            answer.json()


def test_answers_that_are_too_large_or_too_deep(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("huge", path=PATH, size=3_000_000, times=1)
    assert len(probe.get(ADDRESS).content) > 3_000_000
    probe.fault("deep", path=PATH, size=500, times=1)
    assert probe.get(ADDRESS).text.count("[") == 500


def test_links_that_lead_astray(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("foreign_link", path=PATH, times=1)
    assert not probe.body(ADDRESS)["@odata.nextLink"].startswith(f"{HOST}/")
    probe.fault("loop", path=PATH)
    first = probe.body(f"{ADDRESS}?$top=5")
    assert first["@odata.nextLink"] == f"{HOST}{ADDRESS}?$top=5"
    assert probe.body(first["@odata.nextLink"])["@odata.nextLink"] == first["@odata.nextLink"]


def test_redirects_to_somewhere_else(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("redirect", path=PATH, times=1)
    answer = probe.get(ADDRESS)
    assert answer.status_code == 302 and answer.headers["location"] == "https://example.net/"


def test_a_token_that_expires_early_is_refused_and_a_new_one_works(own: Probe) -> None:
    """SBX-11"""
    own.fault("expired_token", path=PATH, times=1)
    assert own.error(ADDRESS)[:2] == (401, "InvalidAuthenticationToken")
    assert own.get("/v1.0/groups").status_code == 401
    own.token = sign_in(own.http, own.tenant)
    assert own.get(ADDRESS).status_code == 200


def test_a_permission_taken_away_is_said_in_the_words_of_each_service(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("permission_removed")
    answer = probe.get(ADDRESS)
    assert answer.json()["error"]["code"] == "UnknownError" and read_error(answer)[:2] == (403, "Forbidden")
    assert probe.error("/v1.0/groups")[:2] == (403, "Authorization_RequestDenied")


def test_a_service_without_a_licence(probe: Probe) -> None:
    """SBX-11"""
    probe.fault("unlicensed", path="/deviceManagement")
    assert probe.error(ADDRESS) == (400, "BadRequest", "Request not applicable to target tenant.")


def test_faults_meet_parts_of_a_batch(own: Probe) -> None:
    """SBX-11"""
    own.put(CATALOG, policy(1))
    own.fault("throttle", path=f"{PATH}/{policy(1)['id']}", retry_after="9", times=1)
    part = {"id": "1", "method": "GET", "url": f"{PATH}/{policy(1)['id']}"}
    refused = own.batch(part)["1"]
    assert refused["status"] == 429 and refused["headers"]["retry-after"] == "9"
    assert own.batch(part)["1"]["status"] == 200
    own.fault("status", path="/$batch", status=503, times=1)
    assert own.send("POST", "/beta/$batch", body={"requests": [part]}).status_code == 503


def test_every_kind_of_fault_can_be_switched_on_and_is_listed(own: Probe) -> None:
    """SBX-11"""
    for kind in KINDS:
        own.fault(kind, path="/nowhere", tenant="own")
    state = own.control("GET", "state").json()
    assert [fault["kind"] for fault in state["faults"]] == list(KINDS) and state["kinds"] == KINDS


def test_faults_of_one_tenant_are_cleared_alone(own: Probe) -> None:
    """SBX-11"""
    own.fault("outage", tenant="own", path="/x")
    own.fault("outage", tenant="other", path="/x")
    own.fault("outage", path="/y")
    own.control("DELETE", "faults?tenant=own").raise_for_status()
    assert [fault["tenant"] for fault in own.control("GET", "state").json()["faults"]] == ["other", ""]
    own.control("DELETE", "faults").raise_for_status()
    assert own.control("GET", "state").json()["faults"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "nonsense"},
        {"kind": "slow", "colour": "red"},
        {"kind": "slow", "seconds": "long"},
        {"kind": "status", "status": "500"},
        {"kind": "outage", "tenant": "nobody"},
        ["outage"],
        "outage",
        {},
    ],
)
def test_faulty_faults_are_refused_with_what_there_is(own: Probe, given: Any) -> None:
    """SBX-11"""
    answer = own.control("POST", "faults", given)
    assert answer.status_code == 400 and answer.json()["error"]
    assert own.control("GET", "state").json()["faults"] == []


def test_control_says_what_it_has_when_asked_for_something_else(own: Probe) -> None:
    """SBX-11"""
    assert own.control("GET", "nonsense").status_code == 404
    assert own.control("GET", "state?tenant=nobody").status_code == 400
    broken = own.http.post("/_control/faults", content=b"{")
    assert broken.status_code == 400
    assert own.control("POST", "apps", {"tenant": "own", "app": "nobody"}).status_code == 400
    assert own.control("POST", "apps", {"tenant": "own", "app": "full", "secret": "mine"}).status_code == 400
    assert own.control("POST", "tokens", {"lifetime": "long"}).status_code == 400
