"""Faults at random, then only what must hold whatever happened (invariants I1–I6 of the reliability facts, in miniature).

`CHAOS_SEED` repeats a failure, `CHAOS_STEPS` makes it longer.
"""

import os
import random
import signal
from collections import Counter
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from operations import dispatch
from operations.models import Notification, OperationItem, OperationRun
from operations.services import cancel_run, start_operation
from rbac.models import Tenant
from rbac.scope import scope
from tests.backstage import Backstage
from tests.faults.conftest import Broker
from tests.faults.operations import FaultInputs, executed
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NAMES = [f"slot-{n}" for n in range(6)]
ACTIONS = {"start": 10, "cancel": 2, "double": 3, "empty": 1, "freeze": 2, "thaw": 4, "stop": 2, "go_on": 4, "kill": 1}
AT_MOST_KILLS = 2


class Chaos:
    """Does one random thing at a time, and remembers what for the report of a failure."""

    def __init__(self, backstage: Backstage, broker: Broker, people: dict[Tenant, Any], dice: random.Random) -> None:
        self.backstage, self.broker, self.people, self.dice = backstage, broker, people, dice
        self.workers = [backstage.worker(), backstage.worker()]
        self.said: list[str] = []
        self.kills = 0

    def step(self) -> None:
        action = self.dice.choices(list(ACTIONS), weights=list(ACTIONS.values()))[0]
        tenant = self.dice.choice(list(self.people))
        self.said.append(f"{action} {tenant.slug}")
        getattr(self, f"_{action}")(tenant)

    def settle(self) -> None:
        """The faults end: everything runs again, and what was begun comes to its end."""
        self._thaw()
        self._go_on()
        for n, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.workers[n] = self.backstage.worker()

    def runs(self) -> list[OperationRun]:
        found = []
        for tenant in self.people:
            with scope(tenant.pk):
                found += list(OperationRun.objects.order_by("pk"))
        return found

    def _start(self, tenant: Tenant) -> None:
        inputs = FaultInputs(self.dice.choice(NAMES), self.dice.choice(["work", "nap", "nap"]))
        key = self.dice.choice(["fault.read", "fault.write"])
        start_operation(key, inputs, actor=self.people[tenant], tenant=tenant)

    def _some_run(self, tenant: Tenant) -> OperationRun | None:
        with scope(tenant.pk):
            runs = list(OperationRun.objects.order_by("-pk")[:5])
        return self.dice.choice(runs) if runs else None

    def _cancel(self, tenant: Tenant) -> None:
        run = self._some_run(tenant)
        if run is not None:
            cancel_run(run, actor=self.people[tenant])

    def _double(self, tenant: Tenant) -> None:
        run = self._some_run(tenant)
        if run is not None:
            with scope(tenant.pk):
                try:
                    dispatch.publish(tenant.pk, run.pk)
                except dispatch.PublishFailed:
                    self.said.append("(not published)")

    def _empty(self, _tenant: Tenant) -> None:
        if "freeze" not in self._weather():
            self.broker.empty()

    def _weather(self) -> str:
        """The last of freeze and thaw."""
        return next((said for said in reversed(self.said) if said.split()[0] in ("freeze", "thaw")), "thaw")

    def _freeze(self, _tenant: Tenant) -> None:
        self.broker.freeze()

    def _thaw(self, _tenant: Any = None) -> None:
        self.broker.thaw()

    def _stop(self, _tenant: Tenant) -> None:
        self.dice.choice(self.workers).send_signal(signal.SIGSTOP)

    def _go_on(self, _tenant: Any = None) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)

    def _kill(self, _tenant: Tenant) -> None:
        if self.kills < AT_MOST_KILLS:
            self.kills += 1
            self.backstage.kill(self.dice.choice(self.workers))


def test_whatever_happens_the_invariants_hold(
    backstage: Backstage,
    broker: Broker,
    contoso: Tenant,
    fabrikam: Tenant,
    cast: SimpleNamespace,
    owner_connection: psycopg.Connection[Any],
) -> None:
    """RUN-27: each run ends, once, is executed at most once, and its initiator hears of it once."""
    seed = int(os.environ.get("CHAOS_SEED", "7"))
    backstage.sweeper()
    chaos = Chaos(backstage, broker, {contoso: cast.operator, fabrikam: cast.stranger}, random.Random(seed))
    for _step in range(int(os.environ.get("CHAOS_STEPS", "80"))):
        chaos.step()
        doubled = owner_connection.execute(
            "SELECT slot FROM operations_operationrun WHERE status <> 'completed' "
            "GROUP BY tenant_id, slot HAVING count(*) > 1"
        ).fetchall()
        assert doubled == [], "two active runs in one slot"
    chaos.settle()
    report = f"CHAOS_SEED={seed}: " + ", ".join(chaos.said)
    wait_until(lambda: not any(run.is_active for run in chaos.runs()), seconds=90)
    runs = chaos.runs()
    assert len(runs) >= 12, report
    times = Counter(number for name in NAMES for number in executed(name))
    for run in runs:
        with scope(run.tenant_id):  # type: ignore[arg-type]
            told = Notification.objects.filter(run=run, kind="completed").count()
            results = list(OperationItem.objects.filter(run=run).values_list("result", flat=True))
        assert (run.status, told) == ("completed", 1), (run, report)
        assert run.attempt <= 1 and times[run.pk] <= run.attempt, (run, report)
        assert run.processed == len(results) and run.succeeded == results.count("succeeded"), (run, report)
        if run.outcome == "succeeded":
            assert times[run.pk] == 1 and run.succeeded in (3, 8), (run, report)
    followed = Counter(run.retry_of_id for run in runs if run.retry_of_id)
    assert set(followed.values()) <= {1}, report
    by_number = {run.pk: run for run in runs}
    for number in followed:
        origin = by_number[number]
        assert origin.type == "fault.read" and origin.failure_code in ("worker_lost", "worker_stopped"), report
        assert origin.cancel_requested_at is None and origin.retry_of_id is None, report
