"""The client against a sandbox that misbehaves: what is repeated, what fails with which code, and what never leaves."""

import gzip
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from operations.context import RunCancelled, RunLost
from operations.failures import Failure
from operations.models import OperationRun
from providers.graph import budget, transport
from providers.graph.budget import Budget
from providers.graph.client import ADVANCED_QUERY, BatchRequest, GraphClient, GraphReply
from providers.graph.patience import TRIES, Allowance, Patience
from providers.sandbox.errors import Response
from providers.sandbox.faults import KINDS
from providers.sandbox.world import SandboxTenant
from rbac.models import Tenant
from rbac.scope import scope
from tests.providers.script import Script

pytestmark = pytest.mark.django_db
GROUPS = "/groups"


@pytest.fixture
def ask(inside_run: Any, make_client: Any) -> Callable[..., Any]:
    """`ask(function)` is `function(client)` inside a run."""

    def work(function: Callable[[GraphClient], Any], **fields: Any) -> Any:
        return inside_run(lambda run: function(make_client(**fields)))

    return work


def names(client: GraphClient) -> list[str]:
    return [group["displayName"] for group in client.items(GROUPS, params={"$top": 10})]


# -- reading ---------------------------------------------------------------------------------------------------------


def test_a_list_is_read_over_all_its_pages(ask: Any, sandbox_tenant: SandboxTenant) -> None:
    """PRO-19"""
    stored = sandbox_tenant.collection("groups").objects.values()
    assert ask(names) == [group["displayName"] for group in stored]


def test_every_page_carries_the_headers_of_the_first(ask: Any, script: Script) -> None:
    """PRO-19: a link does not carry them, and without them values are lost or the page is refused."""
    params = {"$top": 5, "$count": "true"}
    found = ask(lambda client: list(client.items(GROUPS, params=params, headers=ADVANCED_QUERY)))
    pages = script.requests("/v1.0/groups")
    assert found
    assert len(pages) > 1
    for page in pages:
        assert page.headers["consistencylevel"] == "eventual"
        assert page.headers["prefer"] == "include-unknown-enum-members"


def test_each_request_has_an_id_of_its_own(ask: Any, script: Script) -> None:
    """PRO-21: it finds the request at Microsoft even when no answer came."""
    ask(names)
    sent = [one.headers["client-request-id"] for one in script.requests("/v1.0")]
    assert len({uuid.UUID(text) for text in sent}) == len(sent) > 1


def test_an_empty_page_in_the_middle_is_no_end(ask: Any, fault: Any, sandbox_tenant: SandboxTenant) -> None:
    """PRO-19"""
    fault("empty_page", GROUPS, times=1)
    assert len(ask(names)) == len(sandbox_tenant.collection("groups").objects)


@pytest.mark.parametrize("answer", [{"value": {}}, {"value": None}, {}, {"value": ["text"]}, {"value": [None]}])
def test_a_list_that_is_none_is_a_failure_and_never_empty(ask: Any, script: Script, answer: Any) -> None:
    """PRO-20: F34. What was left out would look absent."""
    script.say("/v1.0/groups", answer)
    with pytest.raises(Failure) as found:
        ask(names)
    assert found.value.code == "response_malformed"


def test_a_list_that_leads_back_ends_as_a_loop(ask: Any, script: Script) -> None:
    """PRO-19: F35, A → B → A."""
    links = [f"https://graph.microsoft.com/v1.0/groups?$skiptoken={name}" for name in "AB"]
    answers = [{"value": [], "@odata.nextLink": links[n % 2]} for n in range(9)]
    script.say("/v1.0/groups", *answers)
    with pytest.raises(Failure) as found:
        ask(names)
    assert found.value.code == "paging_loop"
    assert len(script.requests("/v1.0/groups")) == 3


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/groups",
        "https://graph.microsoft.com@evil.example/v1.0/groups",
        "http://graph.microsoft.com/v1.0/groups",
        "https://graph.microsoft.com:444/v1.0/groups",
        "https://graph.microsoft.com/beta/groups",
    ],
)
def test_no_request_and_no_token_follows_a_foreign_link(ask: Any, script: Script, link: str) -> None:
    """PRO-19: F35."""
    script.say("/v1.0/groups", {"value": [], "@odata.nextLink": link})
    with pytest.raises(Failure) as found:
        ask(names)
    assert found.value.code == "foreign_link"
    assert [one.method for one in script.heard] == ["GET", "POST", "GET"]


# -- faults ----------------------------------------------------------------------------------------------------------

# Every kind of fault of the sandbox, for ever: the code it ends with, and how often the request is sent.
ENDS = {
    "throttle": ({}, "throttled", TRIES),
    "status": ({"status": 500}, "graph_unavailable", TRIES),
    "outage": ({}, "graph_unavailable", TRIES),
    "reset": ({}, "graph_unavailable", TRIES),
    "slow": ({"seconds": 3}, "timed_out_request", 2),
    "drip": ({"seconds": 8}, "timed_out_request", 2),
    "truncated": ({}, "response_malformed", 2),
    "malformed": ({}, "response_malformed", 2),
    "html": ({"status": 200}, "response_malformed", 2),
    "empty": ({"status": 502}, "graph_unavailable", TRIES),
    "deep": ({"size": 101}, "response_malformed", 2),
    "huge": ({"size": 200_000}, "response_too_large", 1),
    "foreign_link": ({}, "foreign_link", 1),
    "loop": ({}, "paging_loop", 2),
    "empty_page": ({}, "paging_loop", 2),
    "redirect": ({}, "foreign_link", 1),
    "expired_token": ({}, "token_rejected", 2),
    "permission_removed": ({}, "permission_missing", 1),
    "unlicensed": ({}, "not_licensed", 1),
    "sign_in": ({"code": 7000222}, "credential_expired", 0),
}
# Those that end nothing, and where they are proved.
HARMLESS = {
    "cut_expand": "tests/inventory/test_sync.py: the rest is fetched from its own link",
    "future_enums": "below",
}


def test_every_kind_of_fault_has_its_ending() -> None:
    """PRO-21: a new kind of fault needs its line in ENDS or HARMLESS."""
    assert set(KINDS) == set(ENDS) | set(HARMLESS)


@pytest.mark.parametrize("kind", ENDS)
def test_each_fault_that_stays_ends_with_its_code_after_so_many_tries(
    kind: str,
    ask: Any,
    fault: Any,
    script: Script,
    waits: list[float],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PRO-16, PRO-20, PRO-21: F28, F31–F37."""
    if kind in ("slow", "drip"):
        monkeypatch.setattr(transport, "DEADLINE_SECONDS", 1.0)
    settings.GRAPH_MAX_BODY_BYTES = 100_000
    details, code, tries = ENDS[kind]
    fault(kind, GROUPS, **details)
    with pytest.raises(Failure) as found:
        ask(names)
    assert found.value.code == code
    assert len(script.requests("/v1.0/groups")) == tries
    assert found.value.graph_request_id
    assert len([one for one in script.heard if one.target.endswith("/token")]) == (2 if kind == "expired_token" else 1)


def test_values_newer_than_the_client_are_read_as_they_are(ask: Any, fault: Any, sandbox_tenant: SandboxTenant) -> None:
    """PRO-19: otherwise Graph shows them as “unknownFutureValue”, and a backup loses them."""
    policies = sandbox_tenant.collection("deviceManagement/configurationPolicies").objects
    identity = next(iter(policies))
    policies[identity]["platforms"] = "visionOS"
    path = f"/deviceManagement/configurationPolicies/{identity}"
    fault("future_enums", "/deviceManagement")

    def read(client: GraphClient) -> list[str]:
        listed = {one["id"]: one for one in client.items("/deviceManagement/configurationPolicies", version="beta")}
        (_request, part), *_ = client.batch([BatchRequest(id="1", path=path, version="beta")])
        assert isinstance(part, GraphReply)
        one = client.get(path, version="beta").body
        return [found["platforms"] for found in (listed[identity], part.body, one)]

    assert ask(read) == ["visionOS"] * 3


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("throttle", {"times": TRIES - 1}),
        ("status", {"status": 500, "times": 3}),
        ("status", {"status": 502, "times": 3}),
        ("status", {"status": 504, "times": 3}),
        ("outage", {"times": TRIES - 1}),
        ("html", {"status": 502, "times": 2}),
        ("reset", {"times": 3}),
        ("truncated", {"times": 1}),
        ("malformed", {"times": 1}),
        ("slow", {"seconds": 4, "times": 1}),
        ("expired_token", {"times": 1}),
    ],
)
def test_a_fault_that_passes_leaves_the_whole_list(
    kind: str, details: Any, ask: Any, fault: Any, waits: list[float], sandbox_tenant: SandboxTenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """PRO-16: F31, F33, F37."""
    if kind == "slow":
        monkeypatch.setattr(transport, "DEADLINE_SECONDS", 2.0)
    fault(kind, GROUPS, **details)
    assert len(ask(names)) == len(sandbox_tenant.collection("groups").objects)


@pytest.mark.parametrize(
    ("stated", "least", "most"),
    [
        ("3", 3, 3),
        ("2.128", 2.128, 2.128),
        ("milliseconds", 0.3, 0.3),
        ("date", 0, 2),
        ("none", 0.7, 1.3),
        ("-5", 0.7, 1.3),
    ],
)
def test_retry_after_is_waited_in_each_of_its_forms(
    stated: str, least: float, most: float, ask: Any, fault: Any, waits: list[float]
) -> None:
    """PRO-16: F28."""
    fault("throttle", GROUPS, times=1, retry_after=stated)
    ask(names)
    assert len(waits) == 1
    assert least <= waits[0] <= most


def test_a_wait_of_a_day_ends_the_request_at_once_and_holds_the_others_off(
    ask: Any, fault: Any, waits: list[float], script: Script
) -> None:
    """PRO-16: the run tells at once, instead of sitting through it; and nobody prolongs the wait."""
    fault("throttle", GROUPS, retry_after="86400")
    with pytest.raises(Failure) as found:
        ask(names)
    assert (found.value.code, waits) == ("throttled", [])
    assert len(script.requests("/v1.0/groups")) == 1
    assert Budget("test").ask("directory") > 500


def test_while_graph_wants_us_to_wait_nobody_sends_to_that_area(ask: Any, fault: Any) -> None:
    """PRO-16: a request before the time is over would begin the wait anew, for all."""
    fault("throttle", GROUPS, times=1, retry_after="1")
    held: list[int] = []

    def look() -> None:
        # Not by asking, which would count as a request.
        until = time.monotonic() + 10
        while time.monotonic() < until and not held:
            left = int(budget._redis().pttl("tp:budget:test:directory:r:hold"))  # type: ignore[arg-type]
            held.extend([left] if left > 0 else [])

    looker = threading.Thread(target=look)
    looker.start()
    ask(names)
    looker.join()
    assert 0 < held[0] <= 1_000
    assert budget._redis().keys("tp:budget:test:*:hold") in ([], [b"tp:budget:test:directory:r:hold"])


def test_a_long_wait_shows_life_and_ends_with_the_run(
    inside_run: Any, make_client: Any, fault: Any, contoso: Tenant
) -> None:
    """PRO-16: cancelling must not take as long as Microsoft's wait."""
    fault("throttle", GROUPS, retry_after="500")

    def act(run: Any) -> None:
        with scope(contoso.pk):
            OperationRun.objects.filter(pk=run.id).update(cancel_requested_at="2026-01-01T00:00:00Z")
        names(make_client())

    started = time.monotonic()
    with pytest.raises(RunCancelled):
        inside_run(act)
    assert time.monotonic() - started < 15


def test_an_outage_is_not_multiplied(ask: Any, fault: Any, script: Script, waits: list[float]) -> None:
    """PRO-16: F31. A service that is down gets a fifth more requests and not six times as many."""
    fault("outage", GROUPS)

    def all_fail(client: GraphClient) -> int:
        failed = 0
        for number in range(60):
            try:
                client.get(f"{GROUPS}/{number}")
            except Failure:
                failed += 1
        return failed

    assert ask(all_fail) == 60
    assert 60 < len(script.requests("/v1.0/groups")) <= 60 + 20 + 60 * 0.2


# -- limits ----------------------------------------------------------------------------------------------------------


def test_a_compressed_bomb_is_stopped_while_it_unpacks(ask: Any, script: Script, settings: Any) -> None:
    """PRO-20: F33. The limit counts what came out."""
    settings.GRAPH_MAX_BODY_BYTES = 1_000_000
    bomb = gzip.compress(b'{"value":["' + b"x" * 30_000_000 + b'"]}')
    assert len(bomb) < 100_000
    script.say("/v1.0/groups", bomb, Content_Encoding="gzip")
    with pytest.raises(Failure) as found:
        ask(names)
    assert found.value.code == "response_too_large"


def test_a_body_that_is_declared_too_large_is_not_read_at_all(ask: Any, script: Script, settings: Any) -> None:
    """PRO-20"""
    settings.GRAPH_MAX_BODY_BYTES = 50_000
    script.say("/v1.0/groups", b"x" * 50_001, request_id="r-1")
    with pytest.raises(Failure) as found:
        ask(names)
    assert (found.value.code, found.value.graph_request_id) == ("response_too_large", "r-1")


def test_a_damaged_compression_is_a_failure(ask: Any, script: Script, waits: list[float]) -> None:
    """PRO-20"""
    script.say("/v1.0/groups", *[b"no gzip"] * 2, Content_Encoding="gzip")
    with pytest.raises(Failure) as found:
        ask(names)
    assert found.value.code == "response_malformed"


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"value":[{"n":"\\ud800"}]}',
        b'{"value":[{"n":1e400}]}',
        b'{"value":[{"n":NaN}]}',
        b'{"value":[{"n":Infinity}]}',
        b'\xef\xbb\xbf{"value":[]}',
        b'{"value":[{"n":"\xff\xfe"}]}',
        b'{"value":[' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}",
        b'{"value":[' + b'{"a":' * 1_024 + b"1" + b"}" * 1_024 + b"]}",
        b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"value":[{"n":18446744073709551616}]}',
        b'{"value":[{"n": -9223372036854775809 }]}',
        b'{"value":[' + b"9" * 5_000 + b"]}",
        b"[]",
        b'"text"',
        b"null",
        b"{",
    ],
)
def test_json_that_postgres_could_not_keep_is_refused_at_the_door(
    ask: Any, script: Script, waits: list[float], hostile: bytes
) -> None:
    """PRO-20: F44."""
    script.say("/v1.0/groups", hostile, hostile)
    with pytest.raises(Failure) as found:
        ask(names)
    assert found.value.code == "response_malformed"


@pytest.mark.parametrize(
    ("harmless", "value"),
    [
        (b'{"value":[{"n":"a\\u0000b"}]}', "a\x00b"),
        (b'{"value":[{"n":1,"n":2}]}', 2),
        (b'{"value":[{"n":-0.0}]}', -0.0),
        (b'{"value":[{"n":18446744073709551615}]}', 18_446_744_073_709_551_615),
        (b'{"value":[{"n":-9223372036854775808}]}', -9_223_372_036_854_775_808),
        (b'{"value":[{"n":"id, 99999999999999999999, text"}]}', "id, 99999999999999999999, text"),
        (b'{"value":[{"n":0.12345678901234567890123}]}', 0.12345678901234568),
        ('{"value":[{"n":"<script>‮é é"}]}'.encode(), "<script>‮é é"),
        (b'{"value":[{"n":' + b"[" * 90 + b"]" * 90 + b"}]}", None),
    ],
)
def test_odd_but_sound_json_comes_through_as_it_is(ask: Any, script: Script, harmless: bytes, value: Any) -> None:
    """PRO-20: what can be stored is not refused, and the bytes stay beside what was read of them."""
    script.say("/v1.0/groups", harmless)
    reply: GraphReply = ask(lambda client: client.get(GROUPS))
    assert reply.raw == harmless
    assert value is None or reply.values[0]["n"] == value


# -- tokens on the way -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_rejected_token_is_renewed_once_for_all_threads(
    inside_run: Any, make_client: Any, fault: Any, script: Script
) -> None:
    """PRO-14: F37. Six lists at once must not sign in six times."""
    client = make_client()

    def act(run: Any) -> list[int]:
        client.get(GROUPS)
        together = threading.Barrier(6)

        def read(number: int) -> int:
            together.wait(10)
            return len(client.get(GROUPS).values)

        fault("expired_token", GROUPS, times=1)
        return list(run.map(read, range(6), workers=6))

    assert len(inside_run(act)) == 6
    assert len([one for one in script.heard if one.target.endswith("/token")]) == 2


def test_a_claims_challenge_is_answered_in_the_next_sign_in(ask: Any, script: Script) -> None:
    """PRO-14: continuous access evaluation."""
    # {"access_token":{"nbf":{"essential":true,"value":"1"}}}
    claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ=="
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{claims}"'
    error = {"error": {"code": "InvalidAuthenticationToken", "message": "Continuous access evaluation"}}
    script.say("/v1.0/groups", Response(401, error, {"WWW-Authenticate": challenge}))
    assert ask(names)
    sign_ins = [one for one in script.heard if one.target.endswith("/token")]
    assert len(sign_ins) == 2
    assert b"claims=" not in sign_ins[0].content
    assert b"essential" in sign_ins[1].content


# -- writing ---------------------------------------------------------------------------------------------------------


def create(client: GraphClient) -> GraphReply:
    return client.send("POST", GROUPS, body={"displayName": "Made", "mailEnabled": False})


@pytest.mark.parametrize(
    ("kind", "details", "code"),
    [
        ("outage", {}, "graph_unavailable"),
        ("status", {"status": 500}, "graph_unavailable"),
        ("reset", {}, "graph_unavailable"),
        ("truncated", {}, "response_malformed"),
        ("malformed", {}, "response_malformed"),
    ],
)
def test_a_write_that_may_have_happened_is_never_repeated(
    kind: str, details: Any, code: str, ask: Any, fault: Any, script: Script, waits: list[float]
) -> None:
    """PRO-22: a second POST makes a twin."""
    fault(kind, GROUPS, method="POST", **details)
    with pytest.raises(Failure) as found:
        ask(create)
    assert found.value.code == code
    assert len([one for one in script.requests("/v1.0/groups") if one.method == "POST"]) == 1
    assert waits == []


def test_a_throttled_write_is_sent_again_because_graph_did_nothing(
    ask: Any, fault: Any, script: Script, waits: list[float]
) -> None:
    """PRO-22"""
    fault("throttle", GROUPS, method="POST", times=2, retry_after="4")
    assert ask(create).body["displayName"] == "Made"
    assert waits == [4, 4]
    assert len(script.requests("/v1.0/groups")) == 3


def test_a_write_ends_before_somebody_else_may_own_the_run(
    ask: Any, fault: Any, script: Script, settings: Any, waits: list[float]
) -> None:
    """PRO-22: the lease was renewed right before it."""
    settings.RUN_LEASE_SECONDS = 1.5
    fault("slow", GROUPS, method="POST", seconds=3)
    started = time.monotonic()
    with pytest.raises(Failure) as found:
        ask(create)
    assert found.value.code == "timed_out_request"
    assert time.monotonic() - started < 2.9
    assert len(script.requests("/v1.0/groups")) == 1


def test_a_worker_that_lost_its_run_begins_no_write(
    inside_run: Any, make_client: Any, script: Script, contoso: Tenant
) -> None:
    """PRO-22: F12."""

    def act(run: Any) -> None:
        with scope(contoso.pk):
            OperationRun.objects.filter(pk=run.id).update(attempt=run.attempt + 1)
        create(make_client())

    with pytest.raises(RunLost):
        inside_run(act)
    assert script.requests("/v1.0/groups") == []


def test_the_lease_is_renewed_between_the_sign_in_and_the_write(
    inside_run: Any, make_client: Any, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRO-22: a sign-in may take as long as a lease."""
    order: list[str] = []

    def act(run: Any) -> None:
        renew = run.renew

        def look() -> None:
            order.extend(one.method for one in script.heard)
            renew()

        monkeypatch.setattr(run, "renew", look)
        create(make_client())

    inside_run(act)
    # Discovery and token had been sent when it was renewed, the write had not.
    assert order == ["GET", "POST"]
    assert len(script.heard) == 3


def test_any_success_will_do_and_a_body_is_not_relied_on(ask: Any, script: Script) -> None:
    """PRO-22: documents and service disagree about 200, 201 and 204."""
    for status in (200, 201, 202, 204):
        script.say("/v1.0/groups", Response(status))
    assert [ask(create).status for _ in range(4)] == [200, 201, 202, 204]


# -- the rules by themselves -----------------------------------------------------------------------------------------


def test_patience_waits_longer_each_time_and_gives_up_in_sum() -> None:
    """PRO-16"""
    patience = Patience(Allowance())
    failure = Failure("throttled")
    waited = []
    while patience.may_repeat(failure, read=False):
        waited.append(patience.wait_for(None))
    assert len(waited) == TRIES - 1
    assert waited == sorted(waited)
    patience = Patience(Allowance())
    assert patience.may_repeat(failure, read=True)
    assert patience.wait_for(590) == 590
    with pytest.raises(Failure) as found:
        patience.wait_for(11)
    assert found.value.code == "throttled"


def test_the_allowance_grows_by_a_fifth_of_the_requests() -> None:
    """PRO-16"""
    allowance = Allowance(start=1)
    for _ in range(50):
        allowance.earn()
    spent = 0
    while allowance.spend():
        spent += 1
    assert spent in (10, 11)


@pytest.mark.parametrize(
    "code", ["not_found", "permission_missing", "bad_request", "foreign_link", "response_too_large"]
)
def test_what_will_not_get_better_is_not_repeated(code: str) -> None:
    """PRO-16"""
    assert not Patience(Allowance()).may_repeat(Failure(code), read=True)
