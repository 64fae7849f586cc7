"""Requests as JSON lines (`--log`, SANDBOX_LOG)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from providers.sandbox.server import Sandbox
from providers.sandbox.tenants import empty_tenant
from providers.sandbox.world import World
from tests.sandbox.conftest import CATALOG, HOST, _probe

LOGIN = "https://login.microsoftonline.com"


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """(probe, function that reads both logs: the one given, and the one that the environment names)."""
    monkeypatch.setenv("SANDBOX_LOG", str(tmp_path / "everywhere"))
    sandbox = Sandbox(World([empty_tenant("own", "Own")]), log=tmp_path / "mine")
    sandbox.start()

    def read() -> list[dict[str, Any]]:
        mine, everywhere = (tmp_path / "mine").read_bytes(), (tmp_path / "everywhere").read_bytes()
        assert mine == everywhere
        return [orjson.loads(line) for line in mine.splitlines()]

    yield _probe(sandbox), read
    sandbox.stop()


def test_a_line_has_four_fields_and_no_secret(logged: Any) -> None:
    """SBX-13"""
    probe, read = logged
    probe.get("/v1.0/groups?$top=1")
    probe.send("POST", f"/beta/{CATALOG}", body={"name": "P"})
    sign_in_line, groups, made = read()
    token = f"{LOGIN}/{probe.tenant.entra_tenant_id}/oauth2/v2.0/token"
    assert sign_in_line == {"method": "POST", "url": token, "body": None, "status": 200}
    assert groups == {"method": "GET", "url": f"{HOST}/v1.0/groups?$top=1", "body": None, "status": 200}
    assert made == {"method": "POST", "url": f"{HOST}/beta/{CATALOG}", "body": {"name": "P"}, "status": 201}
    assert all(app.secret not in str(read()) for app in probe.tenant.apps.values())


def test_the_parts_of_a_batch_follow_it_in_the_order_sent(logged: Any) -> None:
    """SBX-13"""
    probe, read = logged
    body = {"displayName": "C"}
    post = {
        "id": "2",
        "method": "POST",
        "url": "deviceManagement/deviceCategories",
        "body": body,
        "headers": {"Content-Type": "application/json"},
    }
    requests = [
        {"id": "1", "method": "GET", "url": "/groups?$top=1"},
        post,
        {"id": "3", "method": "GET", "url": "/nonsense"},
    ]
    probe.send("POST", "/beta/$batch", body={"requests": requests})
    _, whole, *parts = read()
    assert whole == {"method": "POST", "url": f"{HOST}/beta/$batch", "body": {"requests": requests}, "status": 200}
    assert parts == [
        {"method": "GET", "url": f"{HOST}/beta/groups?$top=1", "body": None, "status": 200},
        {"method": "POST", "url": f"{HOST}/beta/deviceManagement/deviceCategories", "body": body, "status": 201},
        {"method": "GET", "url": f"{HOST}/beta/nonsense", "body": None, "status": 400},
    ]


def test_refused_requests_and_bodies_that_are_no_json_are_logged_too(logged: Any) -> None:
    """SBX-13"""
    probe, read = logged
    probe.http.get("/v1.0/groups")
    probe.http.post(f"/beta/{CATALOG}", content=b"{ broken", headers={"Authorization": f"Bearer {probe.token}"})
    assert [(line["status"], line["body"]) for line in read()[1:]] == [(401, None), (400, "{ broken")]


def test_control_is_not_logged_and_the_file_is_there_from_the_start(logged: Any, tmp_path: Path) -> None:
    """SBX-13"""
    probe, read = logged
    before = len(read())
    probe.control("GET", "state").raise_for_status()
    assert len(read()) == before
    quiet = Sandbox(World([]), log=tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""
    quiet.start()
    quiet.stop()


def test_requests_of_many_threads_do_not_mix(logged: Any) -> None:
    """SBX-13"""
    probe, read = logged
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: httpx.get(f"{probe.sandbox.base_url}/beta/x{number}"), range(200)))
    assert {line["url"] for line in read()[1:]} == {f"{HOST}/beta/x{number}" for number in range(200)}
