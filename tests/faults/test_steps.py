"""A death, a cancel and a loss at every step of every operation (fault matrix F2–F4, F9, F12, F48; the crash sweep).

A run is recorded once undisturbed; what it passed are the steps. A step or an operation that is new tomorrow joins by itself.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now

from operations import executor, registry
from operations.executor import Ending
from operations.models import OperationItem, OperationRun
from operations.registry import Operation
from operations.services import Started, cancel_run, start_operation
from operations.sweep import sweep
from providers.models import ProviderConnection
from providers.sandbox.world import SandboxTenant
from providers.services import create_connection, set_credential
from rbac.models import Tenant
from rbac.scope import scope
from tests.faults.conftest import Broker, Desk
from tests.faults.forks import INSIDE, Step, Steps, die, lay_steps, lay_steps_of_start, run_in_fork

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux may fork a process with threads"),
]

# A sync of the whole world would have the same steps more often.
ONLY = {"inventory.sync": {"types": ("assignment_filter", "notification_message_template", "scope_tag")}}
KILLED = -9


@pytest.fixture
def steps() -> Steps:
    return Steps()


@dataclass
class Laboratory:
    """Contoso, connected to the sandbox, in which one operation is run again and again from the same beginnings."""

    tenant: Tenant
    operator: Any
    link: ProviderConnection
    steps: Steps
    owner: psycopg.Connection[Any]

    def start(self, operation: Operation) -> OperationRun:
        inputs = {"connection_id": self.link.pk, **ONLY.get(operation.key, {})}
        started = start_operation(operation, inputs, actor=self.operator, tenant=self.tenant)
        assert isinstance(started, Started), started
        return started.run

    def execute(self, run: OperationRun) -> None:
        executor.execute(self.tenant.pk, run.pk)

    def forget(self) -> None:
        """Back to the beginnings: no runs, nothing read."""
        self.owner.execute(
            "ALTER TABLE rbac_auditevent DISABLE TRIGGER USER;"
            "TRUNCATE operations_operationrun, inventory_content, inventory_inventoryitem, rbac_auditevent CASCADE;"
            "ALTER TABLE rbac_auditevent ENABLE TRIGGER USER"
        )
        with scope(self.tenant.pk):
            ProviderConnection.objects.filter(pk=self.link.pk).update(
                status="connected", health="healthy", granted_permissions=[], last_failure_code=""
            )

    def record(self, operation: Operation) -> tuple[list[Step], "Snapshot"]:
        """The steps of an undisturbed run, and what it leaves."""
        # Twice: the first one also signs in, the token then stays in memory.
        for _time in range(2):
            self.forget()
            run = self.start(operation)
            self.steps.reset()
            self.execute(run)
        assert self.read(run).outcome in ("succeeded", "partially_succeeded"), self.read(run).failure_message
        return [(name, n) for name, times in self.steps.passed.items() for n in _some(times)], self.snapshot()

    def read(self, run: OperationRun) -> OperationRun:
        with scope(self.tenant.pk):
            return OperationRun.objects.get(pk=run.pk)

    def lose(self, run: OperationRun) -> None:
        """What the sweeper does to a run whose worker is silent."""
        with scope(self.tenant.pk):
            OperationRun.objects.filter(pk=run.pk, status="running").update(lease_until=Now() - timedelta(seconds=1))
        assert sweep() is not None

    def take_away(self, run: OperationRun) -> None:
        """As `lose`, at once: in a run with threads another one may renew meanwhile, and then nothing is lost."""
        with scope(self.tenant.pk):
            assert executor.finish(
                run.pk, Ending.of("failed", "worker_lost"), status="running", attempt=run.attempt + 1
            )

    def snapshot(self) -> "Snapshot":
        """Everything stored that is not about runs, without numbers and times."""
        tables = {
            "inventory_inventoryitem": "type, external_id, name, state, encode(content_hash, 'hex')",
            "inventory_itemversion": "number, encode(content_hash, 'hex')",
            "inventory_content": "encode(sha256, 'hex')",
            "inventory_compliancesnapshot": "platform, state, devices",
            "inventory_typereading": "type, state",
            "providers_providerconnection": "status, health, granted_permissions::text, last_failure_code",
        }
        return {
            table: sorted(self.owner.execute(f"SELECT DISTINCT {columns} FROM {table}").fetchall())
            for table, columns in tables.items()
        }

    def followers(self, run: OperationRun) -> list[OperationRun]:
        with scope(self.tenant.pk):
            return list(OperationRun.objects.filter(retry_of=run))

    def told(self, run: OperationRun) -> int:
        row = self.owner.execute(
            "SELECT count(*) FROM operations_notification WHERE run_id = %s AND kind = 'completed'", [run.pk]
        ).fetchone()
        return int(row[0]) if row else 0


Snapshot = dict[str, list[Any]]


def _some(times: int) -> list[int]:
    """Of a step that is passed often: the first, the second, the middle and the last time."""
    return sorted({1, min(2, times), (times + 1) // 2, times})


@pytest.fixture
def laboratory(
    contoso: Tenant,
    cast: SimpleNamespace,
    broker: Broker,
    sandbox_tenant: SandboxTenant,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
    owner_connection: psycopg.Connection[Any],
) -> Laboratory:
    app = sandbox_tenant.apps["full"]
    with scope(contoso.pk):
        link = create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Contoso",
            cloud="sandbox",
            entra_tenant_id=sandbox_tenant.entra_tenant_id,
            client_id=app.client_id,
        )
        set_credential(link, actor=cast.owner, secret=app.secret)
    lay_steps(steps, monkeypatch)
    return Laboratory(contoso, cast.operator, link, steps, owner_connection)


def operations() -> list[str]:
    """Every operation of the product that needs nothing but a connection."""
    found = []
    for key, operation in registry.all_operations().items():
        needed = {field.name for field in fields(operation.inputs) if field.default is MISSING}
        if needed == {"connection_id"}:
            found.append(key)
    return found


@pytest.mark.parametrize("key", operations())
def test_a_worker_may_die_at_every_step(laboratory: Laboratory, key: str) -> None:
    """RUN-26 (F9): the run ends by itself, is told once, and its follow-up leaves what an undisturbed run leaves."""
    operation = registry.get(key)
    recorded, undisturbed = laboratory.record(operation)
    for at in recorded:
        laboratory.forget()
        run = laboratory.start(operation)
        laboratory.steps.reset(at, die)
        assert run_in_fork(lambda run=run: laboratory.execute(run)) == KILLED, f"{at} was not reached"  # type: ignore[misc]
        laboratory.steps.reset()
        laboratory.lose(run)
        ended = laboratory.read(run)
        if at == ("finished", 1):
            assert (ended.outcome, laboratory.snapshot()) == ("succeeded", undisturbed), at
        else:
            assert (ended.outcome, ended.failure_code) == ("failed", "worker_lost"), at
            (again,) = laboratory.followers(run)
            laboratory.execute(again)
            assert laboratory.snapshot() == undisturbed, at
        assert laboratory.told(run) == 1, at
    assert len(recorded) >= 10


@pytest.mark.parametrize("key", operations())
def test_a_run_may_be_cancelled_at_every_step(laboratory: Laboratory, key: str) -> None:
    """RUN-14 (F48): it ends as cancelled or as it would have ended, with counts that agree with its items."""
    operation = registry.get(key)
    recorded, _undisturbed = laboratory.record(operation)
    for at in [step for step in recorded if step[0] not in INSIDE | {"finished"}]:
        laboratory.forget()
        run = laboratory.start(operation)
        laboratory.steps.reset(at, _elsewhere(lambda run=run: cancel_run(run, actor=laboratory.operator)))  # type: ignore[misc]
        laboratory.execute(run)
        ended = laboratory.read(run)
        assert ended.outcome in ("cancelled", "succeeded", "partially_succeeded"), (at, ended.failure_code)
        with scope(laboratory.tenant.pk):
            results = list(OperationItem.objects.filter(run=run).values_list("result", flat=True))
        assert (ended.processed, ended.succeeded) == (len(results), results.count("succeeded")), at
        assert ended.cancel_requested_by == "operator" and laboratory.told(run) == 1, at
        assert laboratory.followers(run) == []


@pytest.mark.parametrize("key", operations())
def test_a_worker_that_lost_its_run_at_any_step_writes_nothing_more(laboratory: Laboratory, key: str) -> None:
    """RUN-9 (F12): from the moment its run has ended as lost, nothing that the zombie stores is kept."""
    operation = registry.get(key)
    recorded, _undisturbed = laboratory.record(operation)
    for at in [step for step in recorded if step[0] not in INSIDE | {"finished"}]:
        laboratory.forget()
        run = laboratory.start(operation)
        left: list[Any] = []

        def lose_and_look(run: OperationRun = run, left: list[Any] = left) -> None:
            laboratory.take_away(run)
            left += [laboratory.read(run).completed_at, laboratory.snapshot()]

        laboratory.steps.reset(at, _elsewhere(lose_and_look))
        laboratory.execute(run)
        assert [laboratory.read(run).completed_at, laboratory.snapshot()] == left, at
        assert laboratory.read(run).failure_code == "worker_lost" and laboratory.told(run) == 1, at


def _elsewhere(function: Callable[[], Any]) -> Callable[[], None]:
    """`function`, in a thread with a connection of its own: as another process would do it."""

    def act() -> None:
        failures: list[BaseException] = []

        def work() -> None:
            try:
                function()
            except BaseException as failure:
                failures.append(failure)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert not failures, failures

    return act


@pytest.mark.parametrize(("step", "is_there"), [("inserted", False), ("committed", True), ("sent", True)])
def test_a_page_may_die_while_it_starts_a_run(
    desk: Desk, broker: Broker, steps: Steps, monkeypatch: pytest.MonkeyPatch, step: str, is_there: bool
) -> None:
    """RUN-23 (F2, F3, F4): before the commit there is nothing; after it the run is executed, once."""
    lay_steps_of_start(steps, monkeypatch)
    steps.reset((step, 1), die)
    assert run_in_fork(lambda: desk.start("a")) == KILLED
    steps.reset()
    assert broker.waiting() == (1 if step == "sent" else 0)
    runs = desk.runs()
    assert len(runs) == is_there
    for run in runs:
        assert (run.status, run.published_at) == ("queued", None)
        with scope(desk.tenant.pk):
            OperationRun.objects.filter(pk=run.pk).update(queued_at=Now() - timedelta(hours=1))
        done = sweep()
        assert done is not None and done.republished == 1
        for _message in range(broker.waiting()):
            executor.execute(desk.tenant.pk, run.pk)
        assert (desk.read(run).outcome, desk.read(run).attempt) == ("succeeded", 1)
