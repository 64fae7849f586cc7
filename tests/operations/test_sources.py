"""What the source may not do, read from the source (requirement RUN-34)."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from operations.models import OperationRun
from operations.services import Started, retry_run
from providers.graph import transport
from providers.models import ProviderConnection
from providers.services import create_connection, set_credential
from rbac.models import Tenant
from rbac.scope import scope
from tests.console.conftest import make_runs

APPS = ("rbac", "operations", "providers", "inventory", "restore", "tenantpilot")


@cache
def sources() -> list[tuple[str, ast.Module]]:
    root = Path(settings.BASE_DIR)
    paths = [path for app in APPS for path in sorted((root / app).rglob("*.py")) if "migrations" not in path.parts]
    return [(str(path.relative_to(root)), ast.parse(path.read_text())) for path in paths]


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the dotted text of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_only_the_executor_writes_status_and_outcome_of_a_run() -> None:
    """RUN-34: whoever else did could end a run without its notification, or twice."""
    writers = set()
    for name, tree in sources():
        about_runs = name.startswith("operations/")
        for called, call in calls(tree):
            names = {keyword.arg for keyword in call.keywords}
            is_write = called.endswith((".update", ".create", ".update_or_create", ".get_or_create"))
            if is_write and names & {"status", "outcome"} and (about_runs or "OperationRun" in called):
                writers.add(name)
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else []
            flat = [part for target in targets for part in ast.walk(target)]
            if about_runs and any(
                isinstance(part, ast.Attribute) and part.attr in ("status", "outcome") for part in flat
            ):
                writers.add(name)
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and "UPDATE operations_operationrun" in node.value
            ):
                assert "SET lease_until" in node.value and "outcome" not in node.value, name
    assert writers == {"operations/executor.py"}


def test_only_the_engine_tells_anybody_about_a_run() -> None:
    """RUN-34: no job writes a notification of its own."""
    importers, makers, callers = set(), set(), set()
    for name, tree in sources():
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        found = [alias.name for node in imports if node.module == "operations.notifications" for alias in node.names]
        if "notify" in found:
            importers.add(name)
        for called, _call in calls(tree):
            if called.split(".")[-1] == "notify":
                callers.add(name)
            if called == "Notification" or called.endswith(
                ("Notification.objects.create", "Notification.objects.bulk_create")
            ):
                makers.add(name)
    assert importers == callers == {"operations/executor.py", "operations/services.py"}
    assert makers == {"operations/notifications.py"}


def test_only_a_worker_executes() -> None:
    """RUN-34: start surfaces enqueue; no page, command or schedule calls the function of an operation."""
    executing, performing = set(), set()
    for name, tree in sources():
        for called, _call in calls(tree):
            if called in ("executor.execute", "execute_run", "execute_run.delay", "execute_run.apply"):
                executing.add(name)
            if called.endswith("operation.function"):
                performing.add(name)
    assert executing == {"operations/tasks.py"}
    assert performing == {"operations/executor.py"}


@pytest.fixture
def link(contoso: Tenant, cast: Any) -> ProviderConnection:
    with scope(contoso.pk):
        connection = create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Contoso",
            entra_tenant_id=str(contoso.entra_tenant_id),
            client_id="99999999-2222-4333-8444-555555555555",
        )
        set_credential(connection, actor=cast.owner, secret="canary-" * 6)
        ProviderConnection.objects.filter(pk=connection.pk).update(status="connected")
    return connection


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["check", "sync", "snapshot"])
def test_a_button_that_starts_work_leaves_a_queued_run_and_asks_nobody_outside(
    sign_in: Any, cast: Any, contoso: Tenant, link: ProviderConnection, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """RUN-34: with a way out that explodes."""

    def explode(*args: Any, **options: Any) -> Any:
        raise AssertionError("a page went out")

    monkeypatch.setattr(transport, "send", explode)
    client = sign_in(cast.operator)
    answer = client.post(f"/t/contoso/providers/providerconnection/{link.pk}/{action}/", {"_form_submitted": "on"})
    assert answer.status_code == 204
    with scope(contoso.pk):
        run = OperationRun.objects.get()
    assert (run.status, run.attempt, run.target_id) == ("queued", 0, str(link.pk))
    page = client.get(f"/t/contoso/providers/providerconnection/{link.pk}/change/").content.decode()
    assert "queued." in page and f"/t/contoso/operations/operationrun/{run.pk}/change/" in page


@pytest.mark.django_db(transaction=True)
def test_a_retry_is_queued_as_well(cast: Any, contoso: Tenant, link: ProviderConnection) -> None:
    """RUN-34, RUN-36."""
    run = make_runs(contoso, 1, type="connection.check", inputs={"connection_id": link.pk})[0]
    result = retry_run(run, actor=cast.operator)
    assert isinstance(result, Started) and result.run.status == "queued"
