"""Background work on a connection: checking it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from django.db import IntegrityError

from operations.context import RunContext
from operations.failures import Failure, FailureCode, register_codes
from operations.guard import current_run
from operations.registry import Reason, operation
from operations.schedule import register_schedule
from providers import health, registry, services
from providers.models import ProviderConnection

register_codes(
    FailureCode(
        "no_connection",
        "Which connection to use is not clear.",
        "Connect the tenant, or make one of its connections the default.",
        fatal=True,
    ),
)


class UsesConnection(Protocol):
    """Inputs of an operation that works through a connection."""

    @property
    def connection_id(self) -> int: ...


@dataclass(frozen=True)
class CheckInputs:
    connection_id: int


def connection_is_usable(inputs: UsesConnection) -> Reason | None:
    """For `needs=`: the connection exists, is enabled, has a valid credential, and its last check did not fail."""
    return services.find_reason(inputs.connection_id)


def connection_can_be_checked(inputs: UsesConnection) -> Reason | None:
    """For `needs=`: as above, but a failed connection may be tried again."""
    return services.find_reason(inputs.connection_id, to_check=True)


def default_connection_id() -> int:
    """For `defaults=`: the default connection of the tenant in scope, or its only one. Raises Failure("no_connection")."""
    found = list(ProviderConnection.objects.order_by("-is_default", "pk").values_list("pk", "is_default")[:2])
    if not found:
        raise Failure("no_connection", "The tenant has none.")
    pk, is_default = found[0]
    if not is_default and len(found) > 1:
        raise Failure("no_connection", "The tenant has several, and none is the default.")
    return int(pk)


# For `target=`.
ITS_CONNECTION = ("providers.providerconnection", "connection_id")


@contextmanager
def using(connection_id: int) -> Iterator[tuple[ProviderConnection, Any]]:
    """The connection and its client; a failure that tells about the connection marks it on the way out.

    Raises Failure("connection_missing") when somebody deleted the connection since the start.
    """
    connection = ProviderConnection.objects.filter(pk=connection_id).first()
    if connection is None:
        raise Failure("connection_missing")
    try:
        with services.open_client(connection) as client:
            yield connection, client
    except Failure as failure:
        with _owned_run() as run_id:
            health.mark_failed(connection_id, failure, run_id=run_id)
        raise
    except IntegrityError as error:
        # What is stored points at the connection, so the database is the first to notice that it was deleted.
        if ProviderConnection.objects.filter(pk=connection_id).exists():
            raise
        raise Failure("connection_missing") from error
    if client.answered:
        with _owned_run() as run_id:
            health.mark_working(connection_id, run_id=run_id)


@contextmanager
def _owned_run() -> Iterator[int]:
    """A transaction that proves the run to be this worker's still: another's verdict is not overwritten."""
    run = current_run()
    if run is None:
        raise RuntimeError("A connection is used inside a run only.")
    with run.transaction():
        yield run.id


@operation(
    "connection.check",
    label="Connection check",
    inputs=CheckInputs,
    capability="connection.check",
    slot=lambda inputs: f"check:{inputs.connection_id}",
    needs=[connection_can_be_checked],
    soft_limit=timedelta(minutes=5),
    defaults={"connection_id": default_connection_id},
    target=ITS_CONNECTION,
)
def check_connection(run: RunContext, inputs: CheckInputs) -> None:
    """Sign in, read the organization and compare the granted permissions with the needed ones."""
    with using(inputs.connection_id) as (connection, client):
        registry.get(connection.provider).check(run, connection, client)


def usable_connection_ids() -> Iterator[int]:
    """For schedules: every enabled connection of the tenant in scope that has a credential."""
    rows = ProviderConnection.objects.exclude(status=ProviderConnection.Status.DISABLED).filter(
        credential__isnull=False
    )
    yield from rows.values_list("pk", flat=True)


register_schedule(
    "connection.check",
    every=timedelta(days=1),
    targets=lambda: (CheckInputs(connection_id=pk) for pk in usable_connection_ids()),
)
