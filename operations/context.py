"""What the function of an operation holds in its hands: its run."""

import contextvars
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DataError, InterfaceError, InternalError, OperationalError, connection, transaction

from operations.failures import Failure
from operations.gate import find_reasons_again
from operations.models import COUNTERS, OperationItem, OperationRun
from operations.registry import Operation
from rbac.redaction import redact_and_cut, show_controls

Result = OperationItem.Result


class RunInterrupted(Exception):
    """Ends the function of an operation from outside, between two items or in a wait. `code` says how the run ends."""

    code = ""


class RunLost(RunInterrupted):
    """The run is no longer this worker's. Stop at once, write nothing, tell nobody."""


class RunCancelled(RunInterrupted):
    """Somebody asked for the run to stop."""

    code = "cancelled"


class RunTimedOut(RunInterrupted):
    """The run reached its soft limit."""

    code = "timed_out"


class WorkerStopping(RunInterrupted):
    """The worker process is being stopped (deployment)."""

    code = "worker_stopped"


class TenantArchived(RunInterrupted):
    """The tenant was archived while the run was at work."""

    code = "tenant_archived"


# Set when the process is asked to stop; every run sees it at its next beat.
stopping = threading.Event()

# One statement proves the attempt, renews, and locks the row until commit, so that the sweep waits. A transaction that then
# does nothing for a whole lease hangs: Postgres ends it, since the sweep passes over a locked row and would do so for ever.
_RENEW = """
UPDATE operations_operationrun SET lease_until = statement_timestamp() + %s, {counters}
WHERE id = %s AND attempt = %s AND status = 'running'
RETURNING cancel_requested_at IS NOT NULL,
  EXISTS (SELECT FROM rbac_tenant WHERE rbac_tenant.id = tenant_id AND rbac_tenant.status <> 'active'),
  set_config('idle_in_transaction_session_timeout', %s, true)
""".format(counters=", ".join(f"{name} = %s" for name in COUNTERS))


def code_of(error: Exception) -> str:
    """The failure code of an exception that nobody expected."""
    # InternalError is how Postgres says that it ended a transaction which idled too long.
    storage = (DataError, OperationalError, InterfaceError, InternalError)
    return "storage_failed" if isinstance(error, storage) else "internal_error"


class Step:
    """One item of work. Leaving the block records it: a known failure marks the item and the run goes on."""

    def __init__(self, run: "RunContext", key: str, label: str) -> None:
        self._run, self.key = run, show_controls(key[:200])[:200]
        self.label = show_controls((label or key)[:300])[:300]
        self.result: str = Result.SUCCEEDED
        self.code = self.message = self.graph_request_id = self.ref = ""
        self._is_unknown = False

    def skip(self, code: str, message: str = "") -> None:
        """Record the item as skipped, for the reason `code`."""
        self.result, self.code, self.message = Result.SKIPPED, code, redact_and_cut(message, 500)

    def fail(self, failure: Failure) -> None:
        """Record the item as failed without leaving the block; as unknown after `mark_unknown`, unless nothing was done."""
        is_open = self._is_unknown and not failure.no_effect
        self.result, self.code, self.message = (
            Result.UNKNOWN if is_open else Result.FAILED,
            failure.code,
            failure.message,
        )
        self.graph_request_id = failure.graph_request_id

    def mark_unknown(self) -> None:
        """Record, before a write to the tenant, that its result is not known yet. Committed at once.

        Whoever wants the run to stop is heard before, not between this mark and the write. Only a block that ends well, or
        a Failure with `no_effect`, settles the item; anything else leaves it unknown, for somebody to look at the object.
        """
        self._run.renew()
        self._is_unknown = True
        self._run.record(self, Result.UNKNOWN, now=True)

    def __enter__(self) -> "Step":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if isinstance(error, RunInterrupted) or (error is not None and not isinstance(error, Exception)):
            return False
        if error is not None:
            self.fail(error if isinstance(error, Failure) else Failure(code_of(error)))
        self._run.record(self)
        return isinstance(error, Failure) and not error.fatal


class RunContext:
    """A claimed run: its identity, its items and counters, its lease.

    Every write proves with the attempt number that the run is still this worker's; zero rows raise RunLost.
    """

    def __init__(self, run: OperationRun, operation: Operation) -> None:
        self.id: int = run.pk
        self.tenant_id: int | None = run.tenant_id
        self.attempt: int = run.attempt
        self.operation = operation
        self._run = run
        self._may_write = False
        self._lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
        self._renew_every = min(settings.RUN_LEASE_SECONDS / 4, 5.0)
        self._ends_at = time.monotonic() + operation.soft_limit.total_seconds()
        self._renewed_at = time.monotonic()
        self._interruption: type[RunInterrupted] | None = None
        # Guards what follows. Never held while the database is asked: a thread that waits for the run's row would hold off
        # the one that has locked it, for ever, because Postgres sees no deadlock there.
        self._lock = threading.Lock()
        self._pending: dict[str, OperationItem] = {}
        self._results: dict[str, tuple[str, str]] = {}
        self._tally: Counter[str] = Counter()
        self.counters: dict[str, int | None] = {name: None if name == "total" else 0 for name in COUNTERS}

    # -- items and counters ------------------------------------------------------------------------------------------

    def step(self, key: str, label: str = "") -> Step:
        return Step(self, key, label)

    def each(
        self,
        items: Iterable[Any],
        *,
        key: Callable[[Any], str],
        label: Callable[[Any], str] = str,
        total: int | None = None,
    ) -> Iterator[tuple[Step, Any]]:
        """Yield `(step, item)` for each item, beating between them. Sized collections announce their total."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        if total is not None:
            self.expect(total)
        for item in items:
            self.beat()
            yield self.step(key(item), label(item)), item

    def expect(self, more: int) -> None:
        """Announce `more` items to come, for the progress bar."""
        with self._lock:
            self.counters["total"] = (self.counters["total"] or 0) + more

    def count(self, **more: int) -> None:
        """Add to the counters created, updated, deleted, unchanged."""
        with self._lock:
            for name, number in more.items():
                if name not in ("created", "updated", "deleted", "unchanged"):
                    raise ValueError(f"{name!r} is not a counter of a run.")
                self.counters[name] = (self.counters[name] or 0) + number

    def record(self, step: Step, result: str | None = None, *, now: bool = False) -> None:
        """Keep the result of an item, to be stored with the next flush; `now` stores it before this returns."""
        item = OperationItem(
            tenant_id=self.tenant_id,
            run_id=self.id,
            key=step.key,
            label=step.label,
            result=result or step.result,
            code=step.code,
            message=step.message,
            graph_request_id=step.graph_request_id,
            ref=show_controls(step.ref[:200])[:200],
        )
        with self._lock:
            before = self._results.get(step.key)
            if before is not None:
                self._tally[before[0]] -= 1
            self._tally[item.result] += 1
            self._results[step.key] = (item.result, item.code)
            self._pending[step.key] = item
            is_full = len(self._pending) >= self.operation.flush_every
        if now or is_full:
            self.flush()

    def results(self) -> list[tuple[str, str]]:
        """(result, code) of every item so far."""
        with self._lock:
            return list(self._results.values())

    # -- the lease ---------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Show life, between two items and in every wait; renews when due.

        Raises RunLost, RunCancelled, TenantArchived, RunTimedOut, WorkerStopping.
        """
        # A stopping worker asks once more: a run that somebody cancelled ends as cancelled, and is not started again.
        if stopping.is_set() or time.monotonic() - self._renewed_at >= self._renew_every:
            self.flush()
        self._heed()

    def renew(self) -> None:
        """Renew now: right before a write to the tenant, so that only the owner of the run begins one.

        Before the first write of an operation that writes, the gate is asked once more. Raises what `beat` raises, and
        Failure with the gate's reason.
        """
        if self.operation.writes and not self._may_write:
            self._ask_gate()
        self.flush()
        self._heed()

    def flush(self) -> None:
        """Write pending items and counters together with the renewal that proves they may be written. Raises RunLost."""
        try:
            self._flush()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            # The connection was cut while we waited for Graph (a failover, a restarted pooler). Once more, on a new one: nothing
            # is doubled by it, and the renewal shows whether the run is still ours.
            connection.close()
            self._flush()

    def _flush(self) -> None:
        with self.transaction():
            self.write_pending()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction whose first statement renews the lease: it proves the attempt and holds off the sweep until commit.

        Every write of an operation to our database stands in one. Raises RunLost.
        """
        # Inside somebody else's transaction a limit would outlive ours.
        idle_limit = timedelta() if connection.in_atomic_block else self._lease
        with transaction.atomic():
            self._renew(idle_limit)
            yield

    def _renew(self, idle_limit: timedelta) -> None:
        counters = self.final_counters()
        values = [self._lease, *counters.values(), self.id, self.attempt, f"{idle_limit // timedelta(milliseconds=1)}"]
        with connection.cursor() as cursor:
            cursor.execute(_RENEW, values)  # type: ignore[arg-type]
            row = cursor.fetchone()
        if row is None:
            raise RunLost
        self._renewed_at = time.monotonic()
        is_cancelled, is_archived, _limit = row
        self._interruption = RunCancelled if is_cancelled else TenantArchived if is_archived else None

    def _heed(self) -> None:
        if self._interruption is not None:
            raise self._interruption
        if stopping.is_set():
            raise WorkerStopping
        if time.monotonic() > self._ends_at:
            raise RunTimedOut

    def _ask_gate(self) -> None:
        reasons = find_reasons_again(self._run, self.operation)
        if reasons:
            raise Failure(reasons[0].code, reasons[0].detail, no_effect=True)
        self._may_write = True

    def final_counters(self) -> dict[str, int | None]:
        """The counters as they stand, by name, in the order of COUNTERS."""
        with self._lock:
            self.counters["succeeded"] = self._tally[Result.SUCCEEDED]
            self.counters["failed"] = self._tally[Result.FAILED] + self._tally[Result.UNKNOWN]
            self.counters["skipped"] = self._tally[Result.SKIPPED]
            self.counters["processed"] = len(self._results)
            return dict(self.counters)

    def write_pending(self) -> None:
        """Store the recorded items, inside a transaction that has proved the attempt."""
        with self._lock:
            items = sorted(self._pending.values(), key=lambda item: item.key)
        if not items:
            return
        OperationItem.objects.bulk_create(
            items,
            update_conflicts=True,
            unique_fields=["tenant", "run", "key"],
            update_fields=["label", "result", "code", "message", "graph_request_id", "ref"],
        )
        # Forgotten only once they are stored: a rollback must not lose them.
        transaction.on_commit(partial(self._forget, items))

    def _forget(self, items: list[OperationItem]) -> None:
        with self._lock:
            for item in items:
                if self._pending.get(item.key) is item:
                    del self._pending[item.key]

    # -- waiting and threads -----------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Wait in slices, each a beat, so that a long Retry-After neither loses the lease nor delays a cancel."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.beat()
            stopping.wait(min(left, 1.0, self._renew_every))

    def map(self, function: Callable[[Any], Any], items: Iterable[Any], *, workers: int = 8) -> Iterator[Any]:
        """`function(item)` for each item in `workers` threads that share this run's scope; results in order of completion.

        At most twice as many items as workers are in flight. The first exception stops the others and is raised here.
        """
        source, results = iter(items), queue.Queue[Any](maxsize=workers * 2)
        source_lock, halt, done = threading.Lock(), threading.Event(), object()

        def put(value: Any) -> None:
            while not halt.is_set():
                try:
                    return results.put(value, timeout=0.2)
                except queue.Full:
                    continue

        def work() -> None:
            try:
                while not halt.is_set():
                    with source_lock:
                        item = next(source, done)
                    if item is done:
                        break
                    put((function(item), None))
            except BaseException as error:
                put((None, error))
            finally:
                put(done)
                connection.close()

        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True) for _ in range(workers)
        ]
        for thread in threads:
            thread.start()
        try:
            open_ends = workers
            while open_ends:
                value = results.get()
                if value is done:
                    open_ends -= 1
                    continue
                result, error = value
                if error is not None:
                    raise error
                yield result
        finally:
            halt.set()
            for thread in threads:
                thread.join()
