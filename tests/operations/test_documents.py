"""The pages about runs say what is so: their example runs, their names exist, their requirements are proved."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from inventory.models import InventoryItem
from operations import executor, failures, registry, schedule
from operations.models import OperationItem, OperationRun
from operations.services import Refused, Started
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope

ROOT = Path(settings.BASE_DIR)


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """The example declares itself; what it declared goes with the test."""
    before = dict(registry._operations), dict(failures._codes), list(schedule._schedules)
    yield
    registry._operations.clear()
    registry._operations.update(before[0])
    failures._codes.clear()
    failures._codes.update(before[1])
    schedule._schedules[:] = before[2]


@pytest.fixture
def link(contoso: Tenant) -> ProviderConnection:
    with scope(contoso.pk):
        return ProviderConnection.objects.create(
            tenant=contoso,
            display_name="Contoso",
            entra_tenant_id=contoso.entra_tenant_id,
            client_id="99999999-2222-4333-8444-555555555555",
        )


def put(link: ProviderConnection, kind: str, *names: str) -> None:
    with scope(link.tenant_id):
        InventoryItem.objects.bulk_create(
            InventoryItem(
                tenant=link.tenant, connection=link, type=kind, external_id=f"{kind}-{n}", name=name, content_hash=b""
            )
            for n, name in enumerate(names)
        )


@pytest.mark.django_db(transaction=True)
def test_the_example_of_add_an_operation_runs(
    contoso: Tenant, cast: Any, link: ProviderConnection, as_it_was: None
) -> None:
    """RUN-2, RUN-29: declared, refused while there is nothing, started, ended as the page says, scheduled."""
    declaration, start, schedules = blocks("docs/add-an-operation.md")
    names: dict[str, Any] = {"__name__": "inventory.example", "operator": cast.operator, "tenant": contoso}
    exec(declaration, names)  # noqa: S102 (our own page)
    exec(start, names)  # noqa: S102
    assert isinstance(names["result"], Refused) and names["result"].reasons[0].code == "inventory_empty"
    put(link, "assignment_filter", "Windows", "Windows", "Phones")
    put(link, "scope_tag", "Default", "Berlin")
    exec(start, names)  # noqa: S102
    assert isinstance(names["result"], Started)
    executor.execute(contoso.pk, names["result"].run.pk)
    with scope(contoso.pk):
        run = OperationRun.objects.get(pk=names["result"].run.pk)
        items = {item.key: item for item in OperationItem.objects.filter(run=run)}
    assert (run.outcome, run.failure_code) == ("partially_succeeded", "items_failed")
    assert (items["assignment_filter"].result, items["scope_tag"].result) == ("failed", "succeeded")
    assert items["assignment_filter"].code == "duplicate_names" and "Windows" in items["assignment_filter"].message
    exec(schedules, names)  # noqa: S102
    assert schedule._schedules[-1].operation == "inventory.find_duplicates"


def test_the_events_that_the_life_of_a_run_names_are_logged_somewhere() -> None:
    """RUN-33: whoever filters the log by them finds something."""
    page = (ROOT / "docs/life-of-a-run.md").read_text()
    named = set(re.findall(r"`((?:run|sweep|schedule)\.[a-z_]+)`", page))
    source = "".join(path.read_text() for path in sorted((ROOT / "operations").rglob("*.py")))
    logged = set(re.findall(r'log\.[a-z]+,?\(?\s*"([a-z_.]+)"', source))
    assert named <= logged and len(named) > 8
    assert {event for event in logged if event.startswith(("run.", "sweep.", "schedule."))} <= named


def test_the_codes_that_the_pages_name_exist() -> None:
    """RUN-3: a page must not send anybody to look for a code that no run can have."""
    for page in ("docs/life-of-a-run.md", "specs/002-unified-runs/spec.md"):
        table = (ROOT / page).read_text()
        for code in ("dispatch_failed", "dispatch_lost", "worker_lost", "worker_stopped", "tenant_archived"):
            assert code in table and code in failures.all_codes()
    spec = (ROOT / "specs/002-unified-runs/spec.md").read_text()
    endings = spec[spec.index("## How a run ends") : spec.index("## Bad input")]
    assert set(re.findall(r"`([a-z_]+)`", endings)) <= failures.all_codes().keys()


def test_every_requirement_is_named_by_a_test() -> None:
    """RUN-34: and no test names one that does not exist."""
    spec = (ROOT / "specs/002-unified-runs/spec.md").read_text()
    required = set(re.findall(r"^\| (RUN-\d+) \|", spec, re.MULTILINE))
    named: set[str] = set()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        named |= set(re.findall(r"RUN-\d+", path.read_text()))
    assert named == required


def test_every_fault_of_the_matrix_has_a_test_or_a_reason() -> None:
    """RUN-27: F1 to F55, each in one row of the checklist; a test that a row names exists and names the fault."""
    checklist = (ROOT / "specs/002-unified-runs/checklist.md").read_text()
    rows = dict(re.findall(r"^\| (F\d+) \| .*? \| (.*) \|$", checklist, re.MULTILINE))
    assert list(rows) == [f"F{number}" for number in range(1, 56)]
    for fault, proof in rows.items():
        files = re.findall(r"`(tests/[a-z_/]+\.py)`", proof)
        for file in files:
            assert re.search(rf"\b{fault}\b", (ROOT / file).read_text()), f"{file} does not name {fault}"
        assert files or proof.startswith(("not yet: ", "elsewhere: ")), fault
