"""A sandbox on a real socket, asked by plain httpx: no code of ours stands between a test and an answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from providers.sandbox.generate import build_world
from providers.sandbox.server import Sandbox
from providers.sandbox.tenants import empty_tenant
from providers.sandbox.world import Children, GraphObject, SandboxTenant, World

HOST = "https://graph.microsoft.com"
CATALOG = "deviceManagement/configurationPolicies"


@dataclass
class Probe:
    """Asks a sandbox as one app of one tenant. Paths start after the host: "/beta/groups"."""

    sandbox: Sandbox
    tenant: SandboxTenant
    http: httpx.Client
    token: str

    def send(self, method: str, path: str, *, body: Any = None, **headers: str) -> httpx.Response:
        """Header names are written with underscores: `consistencylevel="eventual"`, `client_request_id="…"`."""
        sent = {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.http.request(method, path.removeprefix(HOST), headers=sent, json=body)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.send("GET", path, **headers)

    def body(self, path: str, **headers: str) -> dict[str, Any]:
        """The body of a successful answer."""
        response = self.get(path, **headers)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def members(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """Every member of a list, over all pages."""
        found: list[dict[str, Any]] = []
        link: str | None = path
        while link:
            page = self.body(link, **headers)
            found += page["value"]
            link = page.get("@odata.nextLink")
        return found

    def error(self, path: str, **headers: str) -> tuple[int, str, str]:
        """(status, code, innermost message) of a refusal."""
        return read_error(self.get(path, **headers))

    def batch(self, *requests: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The parts of a batch's answer by id."""
        response = self.send("POST", "/beta/$batch", body={"requests": list(requests)})
        assert response.status_code == 200, response.text
        return {part["id"]: part for part in response.json()["responses"]}

    def control(self, method: str, what: str, body: Any = None) -> httpx.Response:
        return self.http.request(method, f"/_control/{what}", json=body)

    def fault(self, kind: str, **details: Any) -> None:
        self.control("POST", "faults", {"kind": kind, **details}).raise_for_status()

    def first(self, path: str, **wanted: Any) -> dict[str, Any]:
        """An object of the tenant, as it is stored."""
        rows = self.tenant.collection(path).objects.values()
        return next(row for row in rows if all(row.get(name) == value for name, value in wanted.items()))

    def put(self, path: str, body: GraphObject, children: Children | None = None) -> None:
        collection = self.tenant.collection(path)
        collection.objects[body["id"]] = body
        collection.children[body["id"]] = children or {}


def read_error(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    code, message = error["code"], error["message"]
    while message.startswith("{"):
        inner = httpx.Response(200, text=message).json()
        code, message = inner.get("ErrorCode") or code, inner.get("Message") or ""
    return response.status_code, code, message.split(" - Operation ID")[0]


def sign_in(http: httpx.Client, tenant: SandboxTenant, app: str = "full") -> str:
    """An access token, asked for as any client does."""
    form = {
        "grant_type": "client_credentials",
        "client_id": tenant.apps[app].client_id,
        "client_secret": tenant.apps[app].secret,
        "scope": "https://graph.microsoft.com/.default",
    }
    response = http.post(f"/{tenant.entra_tenant_id}/oauth2/v2.0/token", data=form)
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


def _probe(sandbox: Sandbox, app: str = "full", number: int = 0) -> Probe:
    http = httpx.Client(base_url=sandbox.base_url, trust_env=False, timeout=30)
    tenant = sandbox.world.tenants[number]
    return Probe(sandbox, tenant, http, sign_in(http, tenant, app))


@pytest.fixture(scope="session")
def _running() -> Iterator[Sandbox]:
    sandbox = Sandbox(build_world("small"))
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def probe(_running: Sandbox) -> Iterator[Probe]:
    """The full app of Contoso in the small world. Nothing in it is changed; limits are off, faults end with the test."""
    _running.app.throttle.configure(enabled=False)
    found = _probe(_running)
    yield found
    found.control("DELETE", "").raise_for_status()
    found.http.close()


@pytest.fixture
def as_app(_running: Sandbox, probe: Probe) -> Callable[..., Probe]:
    """`as_app("lacking")` asks as another app, `as_app("full", 1)` in another tenant."""
    return lambda app, number=0: _probe(_running, app, number)


@pytest.fixture
def own() -> Iterator[Probe]:
    """A tenant of the test's own, empty, with limits."""
    sandbox = Sandbox(World([empty_tenant("own", "Own"), empty_tenant("other", "Other")]))
    sandbox.start()
    found = _probe(sandbox)
    yield found
    found.http.close()
    sandbox.stop()


def policy(number: int, **more: Any) -> GraphObject:
    """A settings catalog policy as it is stored."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": f"Policy {number}",
        "platforms": "windows10",
        "technologies": "mdm",
        "roleScopeTagIds": ["0"],
        "settingCount": 0,
        **more,
    }


def settings(count: int) -> list[GraphObject]:
    return [{"id": str(i), "settingInstance": {"settingDefinitionId": f"s{i}"}} for i in range(count)]
