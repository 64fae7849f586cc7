"""A broker of its own for each test, which may be frozen, emptied and killed, and processes that may die."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.db.models.functions import Now

from operations import context
from operations.models import Notification, OperationItem, OperationRun
from operations.services import Started, start_operation
from rbac.models import Tenant
from rbac.scope import scope
from tenantpilot.celery import app
from tenantpilot.processes import spawn
from tenantpilot.servers import Valkey, find_valkey
from tests.backstage import Backstage
from tests.faults.operations import FaultInputs
from tests.operations.sample import stage
from tests.waiting import wait_until

# Seconds. A dead worker's run is ended within lease + sweep + one pass.
LEASE, SWEEP, REPUBLISH = 2.0, 0.3, 1.0
# For runs that must not be lost, however busy the machine is.
LONG_LEASE = "60"
_BROKER_URLS = ("broker_url", "broker_write_url", "broker_read_url")


class Broker(Valkey):
    """A Valkey that tests may do anything to."""

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def use(self, url: str) -> None:
        """Let this process publish to `url`."""
        for name in _BROKER_URLS:
            setattr(app.conf, name, url)

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def waiting(self) -> int:
        """Messages that no worker has fetched."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.llen("celery"))  # type: ignore[arg-type]

    def restart(self) -> None:
        """Killed, and there again at the same address with nothing in it."""
        self.kill()
        assert self._process is not None
        self._process.wait()
        with self.log.open("ab") as log:
            command = [find_valkey(), self.folder / "valkey.conf"]
            self._process = spawn(command, death_signal=signal.SIGTERM, stdout=log.fileno())
        wait_until(self._answers)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@pytest.fixture(scope="session")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker") / "valkey", password="faults", throw_away=True)
    broker.start()
    yield broker
    broker.thaw()
    broker.stop()


@pytest.fixture
def broker(_broker: Broker, settings: Any) -> Iterator[Broker]:
    """The broker of this test's starts and processes; empty, and well again afterwards."""
    before = {name: getattr(app.conf, name) for name in _BROKER_URLS}
    _broker.empty()
    settings.REDIS_URL = _broker.url
    _broker.use(_broker.url)
    yield _broker
    for name, value in before.items():
        setattr(app.conf, name, value)
    _broker.thaw()


@pytest.fixture(autouse=True)
def _fresh_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    # In this process; the short one is for those that a test starts and kills.
    settings.RUN_LEASE_SECONDS = float(LONG_LEASE)
    monkeypatch.setenv("FAULTS_FOLDER", str(tmp_path))
    stage.reset()
    context.stopping.clear()
    yield
    stage.reset()
    context.stopping.clear()


@pytest.fixture
def backstage(transactional_db: None, broker: Broker, tmp_path: Path) -> Iterator[Backstage]:
    environment = {
        "RUN_LEASE_SECONDS": str(LEASE),
        "RUN_SWEEP_SECONDS": str(SWEEP),
        "RUN_REPUBLISH_SECONDS": str(REPUBLISH),
        "FAULTS_FOLDER": os.environ["FAULTS_FOLDER"],
        "LOG_LEVEL": "INFO",
    }
    backstage = Backstage(tmp_path, environment, app="tests.faults.app", manage="tests.faults.manage")
    yield backstage
    backstage.end()


class Desk:
    """What a person sees and does: starts runs in Contoso as its operator, and looks at what became of them."""

    def __init__(self, tenant: Tenant, operator: Any) -> None:
        self.tenant, self.operator = tenant, operator

    def start(self, name: str = "a", how: str = "work", *, key: str = "fault.read", actor: Any = None) -> OperationRun:
        started = start_operation(key, FaultInputs(name, how), actor=actor or self.operator, tenant=self.tenant)
        assert isinstance(started, Started), started
        return started.run

    def read(self, run: OperationRun) -> OperationRun:
        with scope(self.tenant.pk):
            return OperationRun.objects.get(pk=run.pk)

    def runs(self, **which: Any) -> list[OperationRun]:
        with scope(self.tenant.pk):
            return list(OperationRun.objects.filter(**which).order_by("pk"))

    def items(self, run: OperationRun) -> dict[str, str]:
        with scope(self.tenant.pk):
            return dict(OperationItem.objects.filter(run=run).order_by("key").values_list("key", "result"))

    def endings_told(self, run: OperationRun) -> int:
        with scope(self.tenant.pk):
            return int(Notification.objects.filter(run=run, kind="completed").count())

    def expire(self, run: OperationRun) -> None:
        """As if its lease had ended just now."""
        with scope(self.tenant.pk):
            OperationRun.objects.filter(pk=run.pk, status="running").update(lease_until=Now())

    def wait_for(self, run: OperationRun, *, seconds: float = 60) -> OperationRun:
        """The run, once it has ended."""
        wait_until(lambda: not self.read(run).is_active, seconds=seconds)
        return self.read(run)


@pytest.fixture
def desk(contoso: Tenant, cast: SimpleNamespace) -> Desk:
    return Desk(contoso, cast.operator)
