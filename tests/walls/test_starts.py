"""Start surfaces queue a run and do nothing else: no outside call, no work, a message with two ids."""

import base64
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.test import Client
from django.urls import reverse
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from operations.models import Notification, OperationItem, OperationRun
from operations.registry import all_operations
from rbac.models import AuditEvent
from rbac.scope import scope
from tests.walls.addresses import all_addresses
from tests.walls.test_addresses import alarm  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)
QUEUE = "celery"
ACTIONS = [address for address in all_addresses() if hasattr(getattr(address.page, address.view, None), "dialog")]


@pytest.fixture
def queue() -> redis.Redis:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(QUEUE)
    return client


def runs(both: SimpleNamespace) -> dict[int, OperationRun]:
    with scope(both.contoso.pk, both.fabrikam.pk):
        return {run.pk: run for run in OperationRun.objects.all()}


def press(client: Client, both: SimpleNamespace, address: Any) -> Any:
    return client.post(f"/t/contoso{address.path(both.mine[address.model].pk)}", {"_form_submitted": "on"})


def test_every_button_that_starts_something_queues_one_run_and_does_nothing_else(
    both: SimpleNamespace,
    cast: SimpleNamespace,
    sign_in: Any,
    alarm: list[str],  # noqa: F811
    queue: redis.Redis,
) -> None:
    """ISO-12"""
    assert ACTIONS
    client, started = sign_in(cast.operator), set()
    with scope(both.contoso.pk):
        # What can be retried is a run of an operation that exists.
        retried = OperationRun.objects.filter(type="inventory.sync", status="completed").get()
        sync = {"connection_id": int(retried.target_id)}
        OperationRun.objects.filter(status="running").update(
            status="completed", outcome="succeeded", completed_at=retried.completed_at, lease_until=None
        )
        both.mine[OperationRun] = OperationRun.objects.create(
            tenant=both.contoso, type="inventory.sync", slot="past", inputs=sync, inputs_hash="", initiator_name="x",
            status="completed", outcome="failed", completed_at=retried.completed_at,
        )  # fmt: skip
    for address in ACTIONS:
        before, messages = runs(both), queue.llen(QUEUE)
        answer = press(client, both, address)
        new = [run for key, run in runs(both).items() if key not in before]
        if not new:
            assert queue.llen(QUEUE) == messages, address.name
            continue
        (run,) = new
        started.add(address.view)
        assert answer.status_code == 204, address.name
        _check_run(run, both, cast)
        _check_message(queue, messages, run)
        _check_toast(client, run)
        with scope(both.contoso.pk):
            OperationRun.objects.filter(pk=run.pk).update(
                status="completed", outcome="cancelled", completed_at=retried.completed_at
            )
    assert started == {"check_connection", "sync", "snapshot", "retry"}
    assert alarm == []


def _check_run(run: OperationRun, both: SimpleNamespace, cast: SimpleNamespace) -> None:
    assert (run.tenant_id, run.status, run.outcome, run.attempt) == (both.contoso.pk, "queued", "pending", 0)
    assert (run.initiator_id, run.initiator_name) == (cast.operator.pk, "operator")
    with scope(both.contoso.pk):
        assert not OperationItem.objects.filter(run=run).exists()
        told = Notification.objects.filter(run=run).values_list("user_id", "kind")
        assert list(told) == [(cast.operator.pk, "queued")]
        assert AuditEvent.objects.filter(run_id=run.pk).values_list("verb", "actor_name").get() == (
            "run.started",
            "operator",
        )


def _check_message(queue: redis.Redis, before: int, run: OperationRun) -> None:
    assert queue.llen(QUEUE) == before + 1
    message = orjson.loads(queue.lindex(QUEUE, 0))  # type: ignore[arg-type]
    arguments, keywords, _embedded = orjson.loads(base64.b64decode(message["body"]))
    assert (arguments, keywords) == ([run.tenant_id, run.pk], {})
    assert message["headers"]["argsrepr"] == f"[{run.tenant_id}, {run.pk}]"
    assert message["content-type"] == "application/json"


def _check_toast(client: Client, run: OperationRun) -> None:
    page = client.get("/t/contoso/health/").content.decode()
    link = "/t/contoso" + reverse("admin:operations_operationrun_change", args=[run.pk])
    assert f'<a href="{link}">View run</a>' in page
    assert "queued" in page.lower()


def test_every_operation_that_exists_can_be_started_from_a_page() -> None:
    """ISO-12: so that the test above covers each; a new one needs its button, or a line here that says why not."""
    ours = {key for key, known in all_operations().items() if not known.function.__module__.startswith("tests.")}
    assert ours == {"connection.check", "inventory.sync", "compliance.snapshot"}


def test_a_message_in_another_form_than_ours_is_not_even_read() -> None:
    """ISO-12: a pickled one would run what it holds."""
    assert list(current_app.conf.accept_content) == ["json"]
    with pytest.raises(ContentDisallowed):
        loads(b"", "application/x-python-serialize", "binary", accept=current_app.conf.accept_content)


def test_opening_a_dialog_starts_nothing(
    both: SimpleNamespace, cast: SimpleNamespace, sign_in: Any, queue: redis.Redis
) -> None:
    """ISO-12: neither does any method but POST, nor a form that was not confirmed."""
    client, before = sign_in(cast.owner), set(runs(both))
    for address in ACTIONS:
        path = f"/t/contoso{address.path(both.mine[address.model].pk)}"
        for method in (client.get, client.head, client.put, client.delete, client.post):
            method(path)
        client.get(path, {"_form_submitted": "on"})
    assert set(runs(both)) == before
    assert queue.llen(QUEUE) == 0
