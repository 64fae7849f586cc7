"""`$batch` (chapter 5)."""

import base64
from typing import Any

import pytest

from tests.sandbox.conftest import CATALOG, HOST, Probe, policy, read_error


def get(identity: Any, url: str, **more: Any) -> dict[str, Any]:
    return {"id": identity, "method": "GET", "url": url, **more}


def test_each_part_has_status_headers_and_a_body_with_its_own_context(probe: Probe) -> None:
    """SBX-5"""
    key = probe.first(CATALOG)["id"]
    parts = probe.batch(
        get("1", f"/{CATALOG}/{key}/assignments"),
        get("2", f"{CATALOG}/{key}/settings?&top=1000"),
        get("3", "/nonsense"),
    )
    assert {number: part["status"] for number, part in parts.items()} == {"1": 200, "2": 200, "3": 400}
    assert all(part["headers"]["Content-Type"].startswith("application/json") for part in parts.values())
    for number, name in (("1", "assignments"), ("2", "settings")):
        assert parts[number]["body"]["@odata.context"] == f"{HOST}/beta/$metadata#{CATALOG}('{key}')/{name}"
    assert parts["3"]["body"]["error"]["code"] == "BadRequest"


def test_the_whole_is_200_even_when_every_part_fails(probe: Probe) -> None:
    """SBX-5"""
    assert {p["status"] for p in probe.batch(get("1", "/nonsense"), get("2", f"/{CATALOG}/nobody")).values()} == {
        400,
        404,
    }


def test_numbers_as_ids_come_back_as_texts(probe: Probe) -> None:
    """SBX-5"""
    assert set(probe.batch(get(1, "/groups?$top=1"), get(2, "/groups?$top=1"))) == {"1", "2"}


def test_answers_come_in_any_order(probe: Probe) -> None:
    """SBX-5"""
    requests = [get(str(number), "/groups?$top=1&$select=id") for number in range(20)]
    orders = set()
    for _ in range(3):
        answer = probe.send("POST", "/v1.0/$batch", body={"requests": requests}).json()["responses"]
        orders.add(tuple(part["id"] for part in answer))
    assert len(orders) > 1 and all(sorted(order, key=int) == [str(n) for n in range(20)] for order in orders)


@pytest.mark.parametrize(
    "requests",
    [
        [],
        "text",
        [get(str(number), "/groups") for number in range(21)],
        [get("a", "/groups"), get("A", "/groups")],
        [get("1", "/groups"), "text"],
        [{"method": "GET", "url": "/groups"}],
        [{"id": "1", "url": "/groups"}],
        [{"id": "1", "method": "FETCH", "url": "/groups"}],
        [{"id": "1", "method": "GET"}],
        [get("1", "https://graph.microsoft.com/v1.0/groups")],
        [{"id": "1", "method": "POST", "url": f"/{CATALOG}", "body": {"name": "x"}}],
        [get("1", "/groups", dependsOn=["2"]), get("2", "/groups")],
        [get("1", "/groups"), get("2", "/groups"), get("3", "/groups", dependsOn=["1", "2"])],
        [get("1", "/groups"), get("2", "/groups", dependsOn=["1"]), get("3", "/groups", dependsOn=["2"]), get("4", "/groups", dependsOn=["1"])],
        [get("1", "/groups", headers="text")],
    ],
)  # fmt: skip
def test_a_faulty_batch_is_refused_as_a_whole(probe: Probe, requests: Any) -> None:
    """SBX-5"""
    assert read_error(probe.send("POST", "/beta/$batch", body={"requests": requests}))[:2] == (400, "BadRequest")


def test_twenty_parts_are_accepted(probe: Probe) -> None:
    """SBX-5"""
    assert len(probe.batch(*(get(str(number), "/groups?$top=1") for number in range(20)))) == 20


def test_what_depends_on_a_failure_fails_without_being_tried(own: Probe) -> None:
    """SBX-5"""
    body = {"displayName": "Never"}
    create = {
        "method": "POST",
        "url": "/deviceManagement/deviceCategories",
        "body": body,
        "headers": {"Content-Type": "application/json"},
    }
    parts = own.batch(
        get("1", "/nonsense"), {"id": "2", **create, "dependsOn": ["1"]}, {"id": "3", **create, "dependsOn": ["2"]}
    )
    assert [parts[number]["status"] for number in "123"] == [400, 424, 424]
    assert own.members("/beta/deviceManagement/deviceCategories") == []
    parts = own.batch(get("a", "/groups"), {"id": "b", **create, "dependsOn": ["A"]})
    assert parts["b"]["status"] == 201


def test_a_batch_in_a_batch_is_refused(probe: Probe) -> None:
    """SBX-5"""
    part = {"id": "1", "method": "POST", "url": "/$batch", "body": {}, "headers": {"content-type": "application/json"}}
    assert probe.batch(part)["1"]["status"] == 400


def test_a_deleted_object_has_no_body_and_text_is_base64(own: Probe) -> None:
    """SBX-5"""
    own.put(CATALOG, policy(1))
    parts = own.batch(get("1", f"/{CATALOG}/$count"))
    assert base64.b64decode(parts["1"]["body"]) == b"1"
    removed = own.batch({"id": "1", "method": "DELETE", "url": f"/{CATALOG}/{policy(1)['id']}"})["1"]
    assert removed["status"] == 204 and "body" not in removed


def test_the_next_page_of_a_part_is_an_absolute_link(own: Probe) -> None:
    """SBX-5"""
    for number in range(30):
        own.put(CATALOG, policy(number))
    link = own.batch(get("1", f"/{CATALOG}"))["1"]["body"]["@odata.nextLink"]
    assert link.startswith(f"{HOST}/beta/{CATALOG}?")
    rest = own.batch(get("1", link.removeprefix(f"{HOST}/beta")))["1"]["body"]["value"]
    assert len(rest) == 5


def test_a_part_has_headers_of_its_own(probe: Probe) -> None:
    """SBX-5"""
    search = '/groups?$search="displayName:users"'
    parts = probe.batch(get("1", search), get("2", search, headers={"ConsistencyLevel": "eventual"}))
    assert (parts["1"]["status"], parts["2"]["status"]) == (400, 200)


def test_one_part_is_throttled_alone_and_says_how_long(own: Probe) -> None:
    """SBX-5, SBX-6"""
    own.put(CATALOG, policy(1))
    limits = {"device configuration v2": {"count": 2, "seconds": 30}}
    own.control("POST", "throttle", {"limits": limits}).raise_for_status()
    parts = own.batch(
        *(get(str(number), f"/{CATALOG}/{policy(1)['id']}") for number in range(3)), get("g", "/groups?$top=1")
    )
    refused = [part for part in parts.values() if part["status"] == 429]
    assert len(refused) == 1 and parts["g"]["status"] == 200
    assert 1 <= int(refused[0]["headers"]["Retry-After"]) <= 30
    assert refused[0]["body"]["error"]["code"] == "TooManyRequests"


def test_a_token_that_is_none_fails_the_whole(probe: Probe) -> None:
    """SBX-5"""
    probe.token = "nonsense"
    assert probe.send("POST", "/beta/$batch", body={"requests": [get("1", "/groups")]}).status_code == 401


def test_only_post_makes_a_batch(probe: Probe) -> None:
    """SBX-7"""
    assert probe.get("/beta/$batch").status_code == 405
