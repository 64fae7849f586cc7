"""Work that nobody starts: each schedule says how often, and for whom. A tick starts what is due through `start_operation`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection
from django.db.models.functions import Now

from operations import registry
from operations.models import OperationRun
from operations.processes import only_one
from operations.services import Started, start_operation
from rbac.models import Tenant
from rbac.scope import scope
from rbac.services import SYSTEM

log = structlog.get_logger(__name__)
Trigger = OperationRun.Trigger


@dataclass(frozen=True, slots=True)
class Schedule:
    """`targets()` yields the inputs to start with, read in the scope of one tenant."""

    operation: str
    every: timedelta
    targets: Callable[[], Iterable[Any]]


_schedules: list[Schedule] = []
_LOCK = 5_701_002


def register_schedule(operation: str, *, every: timedelta, targets: Callable[[], Iterable[Any]]) -> None:
    """Start `operation` for each of `targets()` of each active tenant whenever its last run is older than `every`.

    Raises BadDeclaration for an operation that is not declared.
    """
    if operation not in registry.all_operations():
        raise registry.BadDeclaration(f"A schedule names the operation {operation!r}, which is not declared.")
    _schedules.append(Schedule(operation, every, targets))


def tick() -> int:
    """Start everything that is due; the number of runs started. Of two ticks at once one does nothing."""
    started = 0
    with only_one(_LOCK) as alone:
        if not alone:
            return 0
        for tenant in Tenant.objects.filter(status=Tenant.Status.ACTIVE):
            try:
                for run in _start_due(tenant):
                    started += 1
                    if run.published_at is None:
                        # The broker does not answer. This run waits for the sweep; the rest would only wait for time-outs here.
                        return started
            except Exception:
                # What is wrong with one tenant must not keep the others waiting.
                if not connection.is_usable():
                    raise
                log.exception("schedule.tenant_failed", tenant=tenant.pk)
    return started


def _start_due(tenant: Tenant) -> Iterator[OperationRun]:
    for schedule in _schedules:
        operation = registry.get(schedule.operation)
        with scope(tenant.pk):
            due = [inputs for inputs in schedule.targets() if _is_due(operation, inputs, schedule.every)]
        for inputs in due:
            start = start_operation(operation, inputs, actor=SYSTEM, tenant=tenant, trigger=Trigger.SCHEDULE)
            if isinstance(start, Started):
                yield start.run


def _is_due(operation: registry.Operation, inputs: Any, every: timedelta) -> bool:
    # Any run counts, also a refused or a manual one: a tick after an outage catches up once, not once per missed tick.
    hashed = registry.hash_inputs(operation.dump(inputs))
    recent = OperationRun.objects.filter(type=operation.key, inputs_hash=hashed, queued_at__gte=Now() - every)
    return not recent.exists()
