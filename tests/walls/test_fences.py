"""Pages render from the database. The four fences, each alone: imports, the guard, the transaction, and the alarm (test_addresses.py)."""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction

from operations import context, guard
from operations.executor import execute
from operations.guard import OutsideCallForbidden
from operations.services import Started, start_operation
from providers.services import create_connection, open_client, set_credential
from rbac.models import Tenant
from rbac.scope import scope
from tests.operations.sample import SampleInputs, stage

ROOT = Path(__file__).resolve().parents[2]
APPS = ("rbac", "operations", "providers", "inventory", "restore", "tenantpilot")

# -- imports -----------------------------------------------------------------------------------------------------------

# file → what somebody adds to it, by the contract that has to catch it.
VIOLATIONS: dict[str, dict[str, str]] = {
    "Apps only look down": {"rbac/audit.py": "import operations.models"},
    "Inside an app: pages, operations, services, models": {"operations/services.py": "import operations.admin"},
    "Pages never talk to Graph or to the sandbox": {
        "providers/admin.py": "from providers.graph import client",
        "providers/pages.py": "from providers.graph.client import GraphClient",
        "tenantpilot/dashboard.py": "from providers.sandbox import world",
    },
    "Only the client uses the transport": {"providers/operations.py": "from providers.graph import transport"},
    "Only the transport speaks HTTP": {"inventory/reading.py": "import httpx"},
    "No second HTTP library": {"providers/services.py": "import requests"},
}


@pytest.mark.slow
def test_each_import_contract_catches_its_violation(tmp_path: Path) -> None:
    """ISO-12"""
    for app in APPS:
        shutil.copytree(ROOT / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    added = [(file, line) for files in VIOLATIONS.values() for file, line in files.items()]
    for file, line in added:
        with (tmp_path / file).open("a") as module:
            module.write(f"\n\ndef _careless() -> None:\n    {line}  # noqa\n")
    program = Path(sys.executable).parent / "lint-imports"
    told = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert told.returncode != 0
    names = re.findall(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1:]
    # A new contract is shown to work here, too.
    assert set(VIOLATIONS) == set(names)
    for name in names:
        assert f"{name} BROKEN" in told.stdout, told.stdout
    for file, _line in added:
        assert file.removesuffix(".py").replace("/", ".") in told.stdout.split("Broken contracts")[1], file


def test_no_module_opens_a_connection_of_its_own() -> None:
    """ISO-12: the standard library speaks HTTP as well. The launcher asks whether the product answers, and the sandbox serves."""
    found = [
        str(path.relative_to(ROOT))
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if re.search(
            r"urllib\.request|http\.client|socket\.(socket|create_connection)|asyncio\.open_connection",
            path.read_text(),
        )
        and not path.is_relative_to(ROOT / "providers/sandbox")
    ]
    assert set(found) == {"tenantpilot/up.py", "tenantpilot/servers.py"}


# -- the guard and the transaction -------------------------------------------------------------------------------------


@pytest.fixture
def call(contoso: Tenant, cast: SimpleNamespace, sandbox: Any, sandbox_tenant: Any) -> Iterator[Callable[[], int]]:
    """`call()` reads the organization through the real client and the sandbox, from wherever it is called."""
    app = sandbox_tenant.apps["full"]
    with scope(contoso.pk):
        made = create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Contoso",
            cloud="sandbox",
            entra_tenant_id=sandbox_tenant.entra_tenant_id,
            client_id=app.client_id,
        )
        set_credential(made, actor=cast.owner, secret=app.secret)
        client = open_client(made)
    yield lambda: client.get("/organization").status
    context.stopping.clear()
    stage.reset()


@pytest.fixture
def in_run(contoso: Tenant, cast: SimpleNamespace) -> Callable[[Callable[[Any], Any]], Any]:
    """`in_run(function)` is what `function(run)` returned as the work of a run."""

    def perform(function: Callable[[Any], Any]) -> Any:
        given: list[Any] = []
        stage.reset()
        stage.act = lambda run, _inputs: given.append(function(run))
        started = start_operation("sample.read", SampleInputs(), actor=cast.operator, tenant=contoso)
        assert isinstance(started, Started), started
        execute(contoso.pk, started.run.pk)
        assert given, "The function of the run did not return."
        return given[0]

    return perform


def refusal(call: Callable[[], int]) -> str:
    with pytest.raises(OutsideCallForbidden) as refused:
        call()
    return str(refused.value)


@pytest.mark.django_db(transaction=True)
def test_a_run_may_call_and_its_own_threads_may(call: Callable[[], int], in_run: Any) -> None:
    """ISO-12: the fences below stand around something."""
    assert in_run(lambda run: call()) == 200
    assert in_run(lambda run: list(run.map(lambda _n: call(), [1, 2], workers=2))) == [200, 200]


@pytest.mark.django_db(transaction=True)
def test_nothing_but_a_run_may_call(call: Callable[[], int], in_run: Any) -> None:
    """ISO-12: neither a shell, nor a thread that a run started by itself, nor what is left after the run."""
    assert "belong in an operation" in refusal(call)

    def in_a_thread(run: Any) -> str:
        said: list[str] = []
        thread = threading.Thread(target=lambda: said.append(refusal(call)))
        thread.start()
        thread.join()
        connection.close()
        return said[0]

    assert "belong in an operation" in in_run(in_a_thread)
    assert "belong in an operation" in refusal(call)


@pytest.mark.django_db(transaction=True)
def test_no_call_is_made_inside_a_transaction(call: Callable[[], int], in_run: Any) -> None:
    """ISO-12: also one opened by the run itself, and in a savepoint."""

    def with_a_transaction(run: Any) -> str:
        with transaction.atomic(), transaction.atomic():
            return refusal(call)

    def with_the_runs_transaction(run: Any) -> str:
        with run.transaction():
            return refusal(call)

    assert "inside a database transaction" in in_run(with_a_transaction)
    assert "inside a database transaction" in in_run(with_the_runs_transaction)


@pytest.mark.django_db(transaction=True)
def test_a_page_may_not_call_even_with_a_run_in_hand(call: Callable[[], int], in_run: Any) -> None:
    """ISO-12"""

    def rendering(run: Any) -> str:
        with guard.rendering_page():
            return refusal(call)

    assert "Pages render from the database" in in_run(rendering)


@pytest.mark.django_db(transaction=True)
def test_a_marked_action_of_a_person_may_call_inside_a_page_and_only_while_it_lasts(
    call: Callable[[], int], cast: SimpleNamespace
) -> None:
    """ISO-12"""
    with guard.rendering_page():
        with guard.delegated_action(actor=cast.operator, purpose="group search"):
            assert call() == 200
            with transaction.atomic():
                assert "inside a database transaction" in refusal(call)
        assert "belong in an operation" in refusal(call)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["calling", "streaming", "in_a_thread", "after_commit"])
def test_no_careless_page_reaches_graph(
    contoso: Tenant, cast: SimpleNamespace, sign_in: Any, settings: Any, sandbox: Any, page: str
) -> None:
    """ISO-12: in the view, in what is streamed after it, in a thread it started, in a commit hook."""
    settings.ROOT_URLCONF = "tests.walls.pages"
    answer = sign_in(cast.owner).get(f"/t/contoso/careless/{page}/")
    told = b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()
    assert "refused: Outside calls belong in an operation." in told
