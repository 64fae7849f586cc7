"""Rows for the pages to show, written the quick way: the engine has its own tests."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from operations.models import Notification, OperationItem, OperationRun
from providers.models import ProviderConnection
from rbac.models import Tenant, User
from rbac.scope import scope


@pytest.fixture(autouse=True)
def _unhashed_static_files(settings: Any) -> None:
    """Pages name static files by hash, which exist after `collectstatic` only."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def make_runs(tenant: Tenant, count: int, *, initiator: User | None = None, **fields: Any) -> list[OperationRun]:
    """`count` ended runs, or whatever `fields` say."""
    now = timezone.now()
    ended: dict[str, Any] = {
        "status": "completed",
        "outcome": "succeeded",
        "attempt": 1,
        "started_at": now - timedelta(minutes=2),
        "completed_at": now - timedelta(minutes=1),
        "total": 4,
        "processed": 4,
        "succeeded": 4,
    }
    base: dict[str, Any] = {
        "type": "inventory.sync",
        "inputs_hash": "0" * 64,
        "initiator": initiator,
        "initiator_name": str(initiator or "TenantPilot"),
        **(fields if "status" in fields else {**ended, **fields}),
    }
    with scope(tenant.pk):
        return OperationRun.objects.bulk_create(
            [OperationRun(tenant=tenant, slot=f"slot:{uuid4()}", **base) for _ in range(count)]
        )


def make_active(tenant: Tenant, *, initiator: User | None = None, **fields: Any) -> OperationRun:
    """One running run."""
    now = timezone.now()
    running = {"status": "running", "attempt": 1, "started_at": now, "lease_until": now + timedelta(minutes=5)}
    return make_runs(tenant, 1, initiator=initiator, **{**running, "total": 10, "processed": 3, **fields})[0]


def make_items(run: OperationRun, count: int, **fields: Any) -> None:
    with scope(run.tenant_id or 0):
        OperationItem.objects.bulk_create(
            [
                OperationItem(
                    tenant_id=run.tenant_id,
                    run=run,
                    key=f"k{n}",
                    label=f"Item {n}",
                    **{"result": "succeeded", **fields},
                )
                for n in range(count)
            ]
        )


def make_notification(run: OperationRun, user: User, *, kind: str = "completed") -> Notification:
    with scope(run.tenant_id or 0):
        return Notification.objects.create(tenant_id=run.tenant_id, user=user, run=run, kind=kind)


def make_connections(tenant: Tenant, count: int = 1, **fields: Any) -> list[ProviderConnection]:
    with scope(tenant.pk):
        return ProviderConnection.objects.bulk_create(
            [
                ProviderConnection(
                    tenant=tenant,
                    display_name=f"{tenant.name} connection {n}",
                    entra_tenant_id=tenant.entra_tenant_id,
                    client_id=uuid4(),
                    **fields,
                )
                for n in range(count)
            ]
        )


@pytest.fixture
def page(sign_in: Any) -> Callable[..., str]:
    """`page(person, address)` is the text of a page that answered 200."""

    def read(person: User, address: str) -> str:
        response = sign_in(person).get(address)
        assert response.status_code == 200, (address, response.status_code, response.headers)
        return response.content.decode()

    return read
