"""`manage.py sandbox`, as it is typed."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from django.conf import settings as project

from tests.sandbox.conftest import CATALOG, HOST
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

# What other processes of the tests need and this command must not: it runs where nothing is configured.
_SERVERS = ("DATABASE_URL", "MIGRATE_DATABASE_URL", "REDIS_URL", "SECRET_KEY", "CREDENTIAL_KEYS")
Start = Callable[..., "Started"]


class Started:
    """A running command; `lines` are what it printed, `said` what it wrote on standard error."""

    def __init__(self, folder: Path, words: tuple[object, ...], environment: dict[str, str]) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            command = [sys.executable, str(Path(project.BASE_DIR) / "manage.py"), "sandbox", *map(str, words)]
            self.process = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder, env=environment)

    @property
    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    @property
    def said(self) -> str:
        return self._err.read_text()

    def ready(self) -> dict[str, Any]:
        wait_until(lambda: bool(self.lines) or self.process.poll() is not None, seconds=60)
        assert self.process.poll() is None, self.said
        found: dict[str, Any] = json.loads(self.lines[0])
        return found

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        return self.process.wait(20)

    def failed(self) -> str:
        assert self.process.wait(60) != 0
        return self.said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Started] = []

    def make(*words: object, **more: str) -> Started:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        environment = {name: value for name, value in os.environ.items() if name not in (*_SERVERS, "SANDBOX_LOG")}
        running.append(Started(folder, words, environment | more))
        return running[-1]

    yield make
    for started in running:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait(10)


def read(ready: dict[str, Any], app: str = "full", path: str = f"/beta/{CATALOG}", number: int = 0) -> httpx.Response:
    """Sign in as the ready line says, and read."""
    tenant = ready["tenants"][number]
    form = {"grant_type": "client_credentials", "scope": f"{HOST}/.default", **tenant["apps"][app]}
    answer = httpx.post(
        f"{ready['base_url']}/{tenant['entra_tenant_id']}/oauth2/v2.0/token", data=form, trust_env=False
    )
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return httpx.get(ready["base_url"] + path, headers=headers, trust_env=False, timeout=30)


def test_it_prints_one_line_that_names_all_a_client_needs(start: Start, tmp_path: Path) -> None:
    """SBX-12, SBX-13"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = start("--port", port, "--log", tmp_path / "requests")
    ready = running.ready()
    assert ready["base_url"] == f"http://127.0.0.1:{port}" and "loaded" not in ready
    assert [tenant["slug"] for tenant in ready["tenants"]] == ["contoso", "fabrikam", "northwind"]
    for tenant in ready["tenants"]:
        assert tenant["apps"].keys() == {"full", "read_only", "lacking"}
        assert all(app.keys() == {"client_id", "client_secret"} for app in tenant["apps"].values())
    assert read(ready).status_code == 200
    assert read(ready, "lacking", "/beta/deviceAppManagement/mobileApps").status_code == 403
    lines = [orjson.loads(line) for line in (tmp_path / "requests").read_bytes().splitlines()]
    assert [line.keys() for line in lines] == [{"method", "url", "body", "status"}] * 4
    assert running.end() == 0 and len(running.lines) == 1 and running.said == ""


def test_a_folder_alone_is_served_alone_and_what_was_refused_is_said(start: Start, tmp_path: Path) -> None:
    """SBX-12, SBX-14"""
    export = tmp_path / "My export"
    export.mkdir()
    (export / "policy.json").write_text(json.dumps({"name": "P", "technologies": "mdm", "settings": []}))
    (export / "broken.json").write_text("{")
    running = start("--load", export)
    ready = running.ready()
    (tenant,) = ready["tenants"]
    assert (tenant["slug"], tenant["name"]) == ("imported", "My export")
    assert ready["loaded"] == {CATALOG: 1}
    assert [entry["file"] for entry in ready["refused"]] == ["broken.json"]
    assert "not loaded: broken.json: Not JSON" in running.said
    assert [row["name"] for row in read(ready).json()["value"]] == ["P"]
    assert running.end(signal.SIGINT) == 0


def test_a_folder_with_nothing_in_it_is_an_empty_tenant_and_a_world_may_stand_beside(
    start: Start, tmp_path: Path
) -> None:
    """SBX-12"""
    export = tmp_path / "empty"
    export.mkdir()
    running = start("--load", export, "--world", "small")
    ready = running.ready()
    assert [tenant["slug"] for tenant in ready["tenants"]] == ["imported", "contoso", "fabrikam", "northwind"]
    assert "could be loaded" in running.said and read(ready).json()["value"] == []
    assert len(read(ready, number=1).json()["value"]) == 25


def test_the_environment_names_a_log_for_every_sandbox(start: Start, tmp_path: Path) -> None:
    """SBX-13"""
    running = start(SANDBOX_LOG=str(tmp_path / "everywhere"))
    read(running.ready())
    assert len((tmp_path / "everywhere").read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("--port", "99999"), "99999 is no port", 2),
        (("--port", "many"), "invalid int value", 2),
        (("--load", "nowhere"), "nowhere is not a folder", 2),
        (("--world", "enormous"), "invalid choice: 'enormous'", 2),
        (("--log", "nowhere/requests"), "The log", 1),
    ],
)
def test_faulty_words_are_refused_in_a_sentence(start: Start, words: tuple[str, ...], says: str, code: int) -> None:
    """SBX-12"""
    running = start(*words)
    said = running.failed()
    assert running.process.returncode == code
    assert says in said and "Traceback" not in said and running.lines == []


def test_a_port_that_is_taken_is_named(start: Start) -> None:
    """SBX-12"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = start("--port", port).failed()
    assert f"Port {port} cannot be used" in said and "Traceback" not in said
