"""A fresh stage for each test, and runs started the way pages start them."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from operations import context
from operations.models import OperationRun
from operations.services import Started, start_operation
from rbac.models import Tenant
from rbac.scope import scope
from tests.operations.sample import SampleInputs, stage


@pytest.fixture(autouse=True)
def _fresh_stage() -> Iterator[None]:
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
