"""A fresh stage for each test, and runs started the way pages start them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now

from operations import context
from operations.models import Notification, OperationRun
from operations.services import Started, start_operation
from rbac.models import Tenant
from rbac.scope import scope
from tests.operations.sample import SampleInputs, stage

Start = Callable[..., OperationRun]


def notifications(tenant: Tenant) -> list[tuple[str, str]]:
    with scope(tenant.pk):
        return sorted((n.user.username, n.kind) for n in Notification.objects.select_related("user"))


def expire_lease(run: OperationRun, tenant: Tenant) -> None:
    with scope(tenant.pk):
        OperationRun.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))


@pytest.fixture(autouse=True)
def _fresh_stage(settings: Any) -> Iterator[None]:
    # Leases end when a test says so, not when the machine is slow.
    settings.RUN_LEASE_SECONDS = 60.0
    stage.reset()
    context.stopping.clear()
    yield
    context.stopping.clear()


@pytest.fixture
def start(contoso: Tenant, cast: SimpleNamespace) -> Callable[..., OperationRun]:
    """`start(**inputs)` starts the sample operation in Contoso as its operator and returns the queued run."""

    def make(key: str = "sample.read", actor: Any = None, **inputs: Any) -> OperationRun:
        result = start_operation(key, SampleInputs(**inputs), actor=actor or cast.operator, tenant=contoso)
        assert isinstance(result, Started), result
        return result.run

    return make


@pytest.fixture
def reread(contoso: Tenant) -> Callable[[OperationRun], OperationRun]:
    def read(run: OperationRun) -> OperationRun:
        with scope(contoso.pk):
            return OperationRun.objects.get(pk=run.pk)

    return read
