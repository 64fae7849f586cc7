"""The demo organisation of `./dev up`: what it announces works."""

import http.cookiejar
import json
import signal
import stat
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.launcher.conftest import Running

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends orphans")]
Launch = Callable[..., Running]


def _sign_in(address: str, username: str, password: str) -> str:
    """The address a person lands on after signing in."""
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    opener.open(f"{address}/login/", timeout=20).read()
    token = next(cookie.value for cookie in cookies if "csrf" in cookie.name)
    form = {"username": username, "password": password, "csrfmiddlewaretoken": token or "", "next": "/"}
    body = urllib.parse.urlencode(form).encode()
    with opener.open(f"{address}/login/", body, timeout=20) as response:
        return str(response.url)


def test_up_announces_accounts_that_can_sign_in_and_stay_the_same(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = launch("up", "--port", "0", "--data", str(folder))
    address = first.wait_until_ready()
    accounts = json.loads((folder / "demo-accounts.json").read_text())
    assert stat.S_IMODE((folder / "demo-accounts.json").stat().st_mode) == 0o600
    assert {"owner", "operator"} <= {account["role"] for account in accounts}
    for account in accounts:
        assert f"{account['username']} / {account['password']}" in first.text
    assert "/login/" not in _sign_in(address, accounts[0]["username"], accounts[0]["password"])
    first.process.send_signal(signal.SIGINT)
    assert first.wait() == 0

    second = launch("up", "--port", "0", "--data", str(folder))
    second.wait_until_ready()
    assert json.loads((folder / "demo-accounts.json").read_text()) == accounts


def test_a_folder_of_exports_becomes_the_first_demo_tenant_and_names_what_it_could_not_read(
    launch: Launch, tmp_path: Path
) -> None:
    exports = tmp_path / "exports" / "ConditionalAccess"
    exports.mkdir(parents=True)
    policy = {
        "@odata.type": "#microsoft.graph.conditionalAccessPolicy",
        "id": "5d1a7f52-4f0e-4f5e-9a55-6f6a3f6f2b11",
        "displayName": "Block legacy sign-in",
        "state": "enabled",
        "conditions": {"clientAppTypes": ["other"], "users": {"includeUsers": ["All"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    }
    (exports / "Block legacy sign-in.json").write_text(json.dumps(policy))
    (exports / "broken.json").write_text("{ not json")
    folder = tmp_path / "data"
    running = launch("up", "--port", "0", "--data", str(folder), "--world", str(exports.parent))
    running.wait_until_ready()
    assert "broken.json" in running.text
    tenants = json.loads((folder / "sandbox.json").read_text())["tenants"]
    assert tenants[0]["apps"]["full"]["client_id"]


def test_a_world_that_does_not_exist_is_refused(launch: Launch, tmp_path: Path) -> None:
    running = launch("up", "--data", str(tmp_path / "data"), "--world", "enormous")
    assert running.wait() == 2
    assert "'enormous' is neither small, medium or large nor a folder" in running.text
