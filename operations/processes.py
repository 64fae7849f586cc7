"""Signs of life of the background processes, for the health page, and what only one of them may do at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now

from operations.models import ProcessBeat

STALE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Life:
    """One process: how long since its last sign of life."""

    name: str
    kind: str
    age: timedelta
    note: str

    @property
    def is_stale(self) -> bool:
        return self.age > STALE_AFTER


def beat(kind: str, name: str, note: str = "") -> None:
    """Record a sign of life of `name`, a process of `kind` (worker, sweeper, scheduler)."""
    ProcessBeat.objects.bulk_create(
        [ProcessBeat(name=name[:120], kind=kind, beat_at=Now(), note=note[:200])],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["kind", "beat_at", "note"],
    )


def lives() -> list[Life]:
    """All processes seen within the last day, freshest first. Ages are by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, kind, statement_timestamp() - beat_at AS age, note FROM operations_processbeat "
            "WHERE beat_at > statement_timestamp() - interval '1 day' ORDER BY beat_at DESC"
        )
        return [Life(*row) for row in cursor.fetchall()]


def is_alive(kind: str) -> bool:
    """Whether at least one process of `kind` gave a sign of life lately."""
    return any(life.kind == kind and not life.is_stale for life in lives())


@contextmanager
def only_one(lock: int) -> Iterator[bool]:
    """True for one process of the deployment at a time, False for the others; the lock ends with its holder's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        alone: bool = cursor.fetchone()[0]
    try:
        yield alone
    finally:
        # On a connection that is gone the lock is gone as well, and asking would hide what went wrong.
        if alone and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])
