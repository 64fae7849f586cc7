"""A run in hand without Graph: for what stores and compares."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from operations.context import RunContext
from operations.executor import execute
from operations.models import OperationRun
from operations.services import Started, start_operation
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope
from tests.operations.sample import SampleInputs, stage

Inside = Callable[[Callable[[RunContext], Any]], OperationRun]


@pytest.fixture
def link(contoso: Tenant) -> ProviderConnection:
    """A connection of Contoso that nothing is sent through."""
    with scope(contoso.pk):
        return ProviderConnection.objects.create(
            tenant=contoso,
            cloud="sandbox",
            display_name="Contoso",
            entra_tenant_id="c0c0c0c0-0000-4000-8000-000000000001",
            client_id="c1c1c1c1-0000-4000-8000-000000000001",
        )


@pytest.fixture
def inside_run(contoso: Tenant, cast: SimpleNamespace) -> Inside:
    """`inside_run(function)` calls `function(run)` as the work of a real run and returns the ended run."""

    def perform(function: Callable[[RunContext], Any]) -> OperationRun:
        stage.reset()
        stage.act = lambda run, _inputs: function(run)
        started = start_operation("sample.read", SampleInputs(), actor=cast.operator, tenant=contoso)
        assert isinstance(started, Started), started
        execute(contoso.pk, started.run.pk)
        stage.reset()
        with scope(contoso.pk):
            return OperationRun.objects.get(pk=started.run.pk)

    return perform
