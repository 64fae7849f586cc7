"""A connection of Contoso to its sandbox tenant, the client in a real run, and a sandbox that says what a test wants."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from operations import context
from operations.context import RunContext
from operations.executor import execute
from operations.models import OperationItem, OperationRun
from operations.services import Started, start_operation
from providers import services
from providers.graph import budget, client, tokens
from providers.graph.client import GraphClient
from providers.graph.tokens import ClientSecret
from providers.models import ProviderConnection
from providers.sandbox.server import Sandbox
from providers.sandbox.world import SandboxTenant
from rbac.models import Tenant, User
from rbac.scope import scope
from tests.operations.sample import SampleInputs, stage
from tests.providers.script import Script

Inside = Callable[[Callable[[RunContext], Any]], Any]


@pytest.fixture(autouse=True)
def _fresh_budget() -> Iterator[None]:
    """Requests of another test are not counted, and no worker is stopping."""
    context.stopping.clear()
    forget_requests()
    yield
    forget_requests()


def forget_requests(pattern: str = "tp:budget:*") -> None:
    store = budget._redis()
    if keys := store.keys(pattern):
        store.delete(*keys)  # type: ignore[arg-type]
    budget.Budget._free_at.clear()
    budget.Budget._ask_again_at = 0.0


@pytest.fixture
def connect(contoso: Tenant, cast: SimpleNamespace, sandbox_tenant: SandboxTenant) -> Callable[..., ProviderConnection]:
    """`connect(app="full", **fields)` is a connection of Contoso to its sandbox tenant, with the app's secret."""

    def make(app: str = "full", *, secret: str = "", **fields: Any) -> ProviderConnection:
        found = sandbox_tenant.apps[app]
        values = {
            "display_name": "Contoso",
            "cloud": "sandbox",
            "entra_tenant_id": sandbox_tenant.entra_tenant_id,
            "client_id": found.client_id,
            **fields,
        }
        with scope(contoso.pk):
            made = services.create_connection(actor=cast.owner, tenant=contoso, **values)
            services.set_credential(made, actor=cast.owner, secret=secret or found.secret)
            return ProviderConnection.objects.get(pk=made.pk)

    return make


@pytest.fixture
def connection(connect: Callable[..., ProviderConnection]) -> ProviderConnection:
    return connect()


@pytest.fixture
def reread(contoso: Tenant) -> Callable[[ProviderConnection], ProviderConnection]:
    def read(row: ProviderConnection) -> ProviderConnection:
        with scope(contoso.pk):
            return ProviderConnection.objects.select_related("credential").get(pk=row.pk)

    return read


@pytest.fixture
def perform(contoso: Tenant, cast: SimpleNamespace) -> Callable[..., OperationRun]:
    """`perform(key, **inputs)` starts an operation as Contoso's operator, works it off and returns the ended run."""

    def work(key: str, *, meanwhile: Callable[[], None] | None = None, **inputs: Any) -> OperationRun:
        started = start_operation(key, inputs, actor=cast.operator, tenant=contoso)
        assert isinstance(started, Started), started
        if meanwhile is not None:
            meanwhile()
        execute(contoso.pk, started.run.pk)
        with scope(contoso.pk):
            return OperationRun.objects.get(pk=started.run.pk)

    return work


@pytest.fixture
def items_of(contoso: Tenant) -> Callable[[OperationRun], dict[str, OperationItem]]:
    def read(run: OperationRun) -> dict[str, OperationItem]:
        with scope(contoso.pk):
            return {item.key: item for item in OperationItem.objects.filter(run=run)}

    return read


@pytest.fixture
def inside_run(contoso: Tenant, cast: SimpleNamespace) -> Inside:
    """`inside_run(function)` calls `function(run)` as the work of a real run; its result comes back, its exception is raised."""

    def work(function: Callable[[RunContext], Any], *, key: str = "sample.read") -> Any:
        told: dict[str, Any] = {}

        def act(run: RunContext, _inputs: Any) -> None:
            try:
                told["result"] = function(run)
            except BaseException as error:
                told["error"] = error
                raise

        stage.reset()
        stage.act = act
        started = start_operation(key, SampleInputs(), actor=cast.operator, tenant=contoso)
        assert isinstance(started, Started), started
        execute(contoso.pk, started.run.pk)
        stage.reset()
        if "error" in told:
            raise told["error"]
        return told["result"]

    return work


@pytest.fixture
def make_client(sandbox_tenant: SandboxTenant) -> Callable[..., GraphClient]:
    """`make_client(app="full")` is a client that signs in as an app of the sandbox tenant. Its token is its own."""

    def make(app: str = "full", **fields: Any) -> GraphClient:
        found = sandbox_tenant.apps[app]
        values = {
            "cloud": "sandbox",
            "entra_tenant_id": sandbox_tenant.entra_tenant_id,
            "client_id": found.client_id,
            "credential": ClientSecret(found.secret),
            "budget_key": "test",
            **fields,
        }
        return GraphClient(**values)

    return make


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every wait that was asked for, in seconds. None is waited: it is as if the time had passed."""
    asked: list[float] = []

    def pause(seconds: float) -> None:
        asked.append(seconds)
        forget_requests()

    for module in (budget, client, tokens):
        monkeypatch.setattr(module, "pause", pause)
    return asked


@pytest.fixture
def script(sandbox: Sandbox) -> Iterator[Script]:
    """The sandbox's requests, and answers in place of its own."""
    script = Script(sandbox.app)
    yield script
    script.stop()


@pytest.fixture
def fault(sandbox: Sandbox) -> Callable[..., None]:
    """`fault(kind, path, **details)` switches a fault of the sandbox on."""

    def add(kind: str, path: str = "/groups", **details: Any) -> None:
        sandbox.fault(kind, path=path, **details)

    return add


@pytest.fixture
def page(sign_in: Any) -> Callable[..., str]:
    """`page(person, address)` is the text of a page that answered 200."""

    def read(person: User, address: str) -> str:
        response = sign_in(person).get(address)
        assert response.status_code == 200, (address, response.status_code, response.headers)
        return response.content.decode()

    return read
