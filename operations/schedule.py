"""Work that nobody starts: each schedule says how often, and for whom. A tick starts what is due through `start_operation`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from operations import registry
from operations.models import OperationRun
from operations.services import Started, start_operation
from rbac.models import Tenant
from rbac.scope import scope
from rbac.services import SYSTEM


@dataclass(frozen=True, slots=True)
class Schedule:
    """`targets()` yields the inputs to start with, read in the scope of one tenant."""

    operation: str
    every: timedelta
    targets: Callable[[], Iterable[Any]]


_schedules: list[Schedule] = []


def register_schedule(operation: str, *, every: timedelta, targets: Callable[[], Iterable[Any]]) -> None:
    """Start `operation` for each of `targets()` of each active tenant whenever its last run is older than `every`."""
    _schedules.append(Schedule(operation, every, targets))


def tick() -> int:
    """Start everything that is due; the number of runs started. Two ticks at once are harmless: the slot lets one through."""
    started = 0
    for tenant in Tenant.objects.filter(status=Tenant.Status.ACTIVE):
        with scope(tenant.pk):
            for schedule in _schedules:
                operation = registry.get(schedule.operation)
                for inputs in schedule.targets():
                    if not _is_due(operation, inputs, schedule.every):
                        continue
                    start = start_operation(
                        operation, inputs, actor=SYSTEM, tenant=tenant, trigger=OperationRun.Trigger.SCHEDULE
                    )
                    started += isinstance(start, Started)
    return started


def _is_due(operation: registry.Operation, inputs: Any, every: timedelta) -> bool:
    # Any run counts, also a refused or a manual one: a tick after an outage catches up once, not once per missed tick.
    hashed = registry.hash_inputs(operation.dump(inputs))
    recent = OperationRun.objects.filter(type=operation.key, inputs_hash=hashed, queued_at__gte=Now() - every)
    return not recent.exists()
