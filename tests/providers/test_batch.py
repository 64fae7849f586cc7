"""`$batch`: twenty requests in one, each of them counted, matched and repeated by itself."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from operations.failures import Failure
from providers.graph import batch
from providers.graph.budget import Budget
from providers.graph.client import BatchRequest, GraphReply
from providers.sandbox.world import SandboxTenant
from tests.providers.script import Script

pytestmark = pytest.mark.django_db
MESSAGES = "/deviceManagement/notificationMessageTemplates"


def parts(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"responses": list(answers)}


def ok(number: int | str, **body: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "status": 200,
        "headers": {"request-id": f"r{number}"},
        "body": body or {"id": str(number)},
    }


def refused(number: int, status: int, **headers: str) -> dict[str, Any]:
    error = {"error": {"code": "X", "message": "no"}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"id": str(number), "status": status, "headers": {"request-id": f"r{number}", **named}, "body": error}


def asked(count: int, path: str = "/groups/{}", **more: Any) -> list[BatchRequest]:
    return [BatchRequest(id=f"a{n}", path=path.format(n), **more) for n in range(count)]


@pytest.fixture
def send(inside_run: Any, make_client: Any) -> Callable[..., dict[str, GraphReply | Failure]]:
    """`send(requests)` is each request's id with its answer."""

    def work(requests: list[BatchRequest], **client: Any) -> dict[str, GraphReply | Failure]:
        def act(run: Any) -> Any:
            return {request.id: answer for request, answer in make_client(**client).batch(requests)}

        return inside_run(act)

    return work


def bodies(script: Script) -> list[list[dict[str, Any]]]:
    return [orjson.loads(one.content)["requests"] for one in script.requests("/v1.0/$batch")]


def test_a_hundred_reads_take_five_requests_and_keep_their_objects(
    send: Any, script: Script, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-18: the sandbox answers in any order."""
    ids = list(sandbox_tenant.collection("groups").objects)[:25] * 4
    answers = send([BatchRequest(id=f"{n}", path=f"/groups/{identity}") for n, identity in enumerate(ids)])
    assert len(script.requests("/v1.0/$batch")) == 5
    assert [answers[str(n)].body["id"] for n in range(100)] == ids


def test_a_batch_of_mixed_versions_is_two(send: Any, script: Script) -> None:
    """PRO-18"""
    send([*asked(2), *asked(2, version="beta")])
    assert [one.target for one in script.requests() if "batch" in one.target] == ["/v1.0/$batch", "/beta/$batch"]


def test_only_the_throttled_parts_are_sent_again_after_the_longest_wait(
    send: Any, script: Script, waits: list[float]
) -> None:
    """PRO-18, PRO-16: F29."""
    throttled = [refused(n, 429, retry_after=str(n)) for n in (2, 5, 7)]
    script.say(
        "/v1.0/$batch", parts(*(ok(n) for n in (0, 1, 3, 4, 6, 8, 9)), *throttled), parts(*(ok(n) for n in range(3)))
    )
    answers = send(asked(10))
    assert all(isinstance(answer, GraphReply) for answer in answers.values())
    assert [part["url"] for part in bodies(script)[1]] == ["/groups/2", "/groups/5", "/groups/7"]
    assert waits == [7.0]


def test_a_throttled_part_without_a_stated_wait_backs_off_longer_each_time(
    send: Any, script: Script, waits: list[float]
) -> None:
    """PRO-16: usual in Intune and for Conditional Access."""
    script.say("/v1.0/$batch", *[parts(refused(0, 429))] * 3, parts(ok(0)))
    assert isinstance(send(asked(1))["a0"], GraphReply)
    assert len(waits) == 3
    assert 0.7 <= waits[0] < 1.4 <= waits[1] < 2.7 <= waits[2] < 5.3


def test_a_part_that_stays_throttled_fails_and_the_others_do_not(send: Any, script: Script, waits: list[float]) -> None:
    """PRO-18"""
    script.say(
        "/v1.0/$batch", parts(ok(0), refused(1, 429, retry_after="1")), *[parts(refused(0, 429, retry_after="1"))] * 9
    )
    answers = send(asked(2))
    assert isinstance(answers["a0"], GraphReply)
    assert (answers["a1"].code, answers["a1"].graph_request_id) == ("throttled", "r0")
    assert len(waits) == 5


def test_each_part_that_fails_has_its_own_code_and_request_id(send: Any, script: Script) -> None:
    """PRO-21"""
    script.say("/v1.0/$batch", parts(refused(2, 403), refused(1, 404), ok(0)))
    answers = send(asked(3))
    assert [(answers[f"a{n}"].code, answers[f"a{n}"].graph_request_id) for n in (1, 2)] == [
        ("not_found", "r1"),
        ("permission_missing", "r2"),
    ]


def test_a_missing_part_is_a_failure_and_a_doubled_or_foreign_one_disturbs_nobody(send: Any, script: Script) -> None:
    """PRO-18: F30. An answer is never given to another object."""
    script.say("/v1.0/$batch", parts(ok(2), ok(0), ok(0), ok("17"), ok("x"), {"id": "1"}, "nonsense"), status=200)  # type: ignore[arg-type]
    answers = send(asked(3))
    assert [answers[f"a{n}"].body["id"] for n in (0, 2)] == ["0", "2"]
    assert answers["a1"].code == "response_malformed"


def test_a_passing_outage_of_a_part_is_read_again_but_never_written_again(
    send: Any, script: Script, waits: list[float]
) -> None:
    """PRO-22"""
    script.say("/v1.0/$batch", parts(ok(0), refused(1, 503)), parts(ok(0)))
    assert all(isinstance(answer, GraphReply) for answer in send(asked(2)).values())
    script.say("/v1.0/$batch", parts(refused(0, 503), refused(1, 429, retry_after="1")), parts(ok(0)))
    answers = send(asked(2, method="POST", body={"displayName": "x"}))
    assert answers["a0"].code == "graph_unavailable"
    assert isinstance(answers["a1"], GraphReply)


def test_a_batch_that_writes_is_not_sent_again_when_its_answer_is_lost(send: Any, script: Script, fault: Any) -> None:
    """PRO-22: which of the parts happened, nobody knows."""
    fault("reset", "/$batch", times=1)
    with pytest.raises(Failure) as found:
        send(asked(2, method="POST", body={"displayName": "x"}))
    assert found.value.code == "graph_unavailable"
    assert len(script.requests("/v1.0/$batch")) == 1


def test_one_unreadable_part_does_not_spoil_the_others(send: Any, script: Script, waits: list[float]) -> None:
    """PRO-20: a lone surrogate in one policy makes the whole answer unreadable; asked for alone, only that one fails."""
    script.say("/v1.0/$batch", *[b'{"responses": [{"id": "0", "status": 200, "body": {"name": "\\ud800"}}]}'] * 2)
    script.say("/v1.0/groups/0", *[b'{"id": "0", "name": "\\ud800"}'] * 2)
    script.say("/v1.0/groups/1", {"id": "1"})
    answers = send(asked(2))
    assert answers["a1"].body["id"] == "1"
    assert answers["a0"].code == "response_malformed"


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"responses": {}}', b'{"responses": "x"}'])
def test_an_answer_that_is_no_batch_is_asked_for_one_by_one(
    send: Any, script: Script, waits: list[float], answer: bytes
) -> None:
    """PRO-20"""
    script.say("/v1.0/$batch", answer, answer)
    script.say("/v1.0/groups/0", {"id": "0"})
    assert send(asked(1))["a0"].body == {"id": "0"}


def test_a_token_rejected_inside_a_batch_is_renewed_once(send: Any, script: Script) -> None:
    """PRO-14"""
    script.say("/v1.0/$batch", parts(ok(0), refused(1, 401)), parts(ok(0)))
    answers = send(asked(2))
    assert all(isinstance(answer, GraphReply) for answer in answers.values())
    assert len([one for one in script.heard if one.target.endswith("/token")]) == 2
    script.say("/v1.0/$batch", *[parts(refused(0, 401))] * 3)
    assert send(asked(1))["a0"].code == "token_rejected"


def test_reads_in_a_batch_ask_for_every_value_and_writes_carry_their_content_type() -> None:
    """PRO-19: the headers of the batch do not reach its parts."""
    composed = batch.compose(
        [
            BatchRequest(id="r", path="/groups", headers={"ConsistencyLevel": "eventual"}),
            BatchRequest(id="w", path="/groups", method="POST", body={"a": 1}),
        ]
    )
    read, written = composed["requests"]
    assert read["headers"] == {"ConsistencyLevel": "eventual", "Prefer": "include-unknown-enum-members"}
    assert written["headers"] == {"Content-Type": "application/json"}


def test_parts_count_in_the_budget_of_their_own_area(
    send: Any, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRO-17"""
    counted: list[tuple[str, bool, int]] = []

    def ask(self: Budget, family: str, *, write: bool = False, cost: int = 1) -> float:
        counted.append((family, write, cost))
        return 0

    monkeypatch.setattr(Budget, "ask", ask)
    script.say("/v1.0/$batch", parts(*(ok(n) for n in range(5))))
    send(
        [*asked(3), *asked(1, path="/deviceManagement/intents/{}"), BatchRequest(id="w", path="/groups", method="POST")]
    )
    assert sorted(counted) == [("deviceManagement.intents", False, 1), ("directory", False, 3), ("directory", True, 1)]
