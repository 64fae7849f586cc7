"""Starting a run while the broker answers and while it is frozen (P14), and how soon a dead worker's run has ended (P15)."""

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.conf import settings
from django.db import connections
from django.test import Client

from benchmarks.ground import make_tenant
from benchmarks.report import Report, percentile
from operations.models import OperationRun
from operations.services import Started, start_operation
from operations.sweep import sweep
from providers.models import ProviderConnection
from providers.services import create_connection, set_credential
from rbac.models import Tenant, User
from rbac.scope import scope
from tenantpilot.celery import app
from tenantpilot.servers import Valkey


def run(*, quick: bool) -> Report:
    report = Report("starts")
    tenant, owner = make_tenant()
    with scope(tenant.pk):
        connection = create_connection(
            actor=owner, tenant=tenant, display_name="Bench", cloud="global",
            entra_tenant_id=str(tenant.entra_tenant_id), client_id="99999999-2222-4333-8444-555555555555",
        )  # fmt: skip
        set_credential(connection, actor=owner, secret="bench-" * 6)
        ProviderConnection.objects.filter(pk=connection.pk).update(status="connected")
    with tempfile.TemporaryDirectory() as folder, _own_broker(Path(folder)) as broker:
        answering = _starts(tenant, owner, connection, 10 if quick else 60)
        report.add(
            "P14",
            "start of a run, broker answers, p95",
            percentile(answering, 0.95),
            note=f"p50 {statistics.median(answering):.1f} ms",
        )
        pid = redis.Redis.from_url(broker.url).info()["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            frozen = _starts(tenant, owner, connection, 3 if quick else 10)
        finally:
            os.kill(pid, signal.SIGCONT)
        row = report.add("P14", "start of a run, broker frozen, p95", percentile(frozen, 0.95), floor="≤ 3,000 ms")
        row.met = row.ours <= 3000
        _dead_worker(report, tenant, owner, connection)
    return report


@contextmanager
def _own_broker(folder: Path) -> Iterator[Valkey]:
    """A broker that may be frozen without harming anybody else's."""
    broker = Valkey(folder / "valkey", password="bench", throw_away=True)  # noqa: S106
    broker.start()
    before = app.conf.broker_url
    app.conf.broker_url = app.conf.broker_write_url = app.conf.broker_read_url = broker.url
    try:
        yield broker
    finally:
        app.conf.broker_url = app.conf.broker_write_url = app.conf.broker_read_url = before
        broker.stop()


def _starts(tenant: Tenant, owner: User, connection: ProviderConnection, rounds: int) -> list[float]:
    """Milliseconds from the click on the confirmation to the answer, whatever became of the run."""
    client = Client(raise_request_exception=True, SERVER_NAME="localhost")
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/t/{tenant.slug}/providers/providerconnection/{connection.pk}/check/"
    taken = []
    for _ in range(rounds):
        _end_all()
        started = time.perf_counter()
        response = client.post(address, {"_form_submitted": "True"}, secure=True)
        taken.append((time.perf_counter() - started) * 1000)
        if response.status_code not in (204, 302):
            raise RuntimeError(f"The start answered {response.status_code}.")
    _end_all()
    return taken


def _end_all() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE operations_operationrun SET status='completed', outcome='succeeded', lease_until=NULL, completed_at=now() "
            "WHERE status <> 'completed'"
        )


def _dead_worker(report: Report, tenant: Tenant, owner: User, connection: ProviderConnection) -> None:
    """A run whose worker died right after renewing its lease; the sweeper passes in its usual rhythm."""
    with scope(tenant.pk):
        result = start_operation("connection.check", {"connection_id": connection.pk}, actor=owner, tenant=tenant)
        assert isinstance(result, Started)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE operations_operationrun SET status='running', attempt=1, worker='dead', started_at=now(), "
                "lease_until=now() + make_interval(secs => %s) WHERE id=%s",
                [settings.RUN_LEASE_SECONDS, result.run.pk],
            )
        began = time.perf_counter()
        while OperationRun.objects.get(pk=result.run.pk).status != "completed":
            time.sleep(settings.RUN_SWEEP_SECONDS)
            sweep()
    seconds = time.perf_counter() - began
    note = f"lease {settings.RUN_LEASE_SECONDS} s, sweep every {settings.RUN_SWEEP_SECONDS} s"
    report.add(
        "P15", "dead worker → its run has ended", seconds, unit="s", floor="≤ 90 s", met=seconds <= 90, note=note
    )
