"""What the function of an operation holds in its hands: its run."""

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from operations.failures import Failure
from operations.models import COUNTERS, OperationItem, OperationRun
from operations.registry import Operation

Result = OperationItem.Result


class RunLost(Exception):
    """The run is no longer this worker's. Stop at once, write nothing, tell nobody."""


class RunCancelled(Exception):
    """Somebody asked for the run to stop."""


class RunTimedOut(Exception):
    """The run reached its soft limit."""


class WorkerStopping(Exception):
    """The worker process is being stopped (deployment)."""


# Set when the process is asked to stop; every run sees it at its next beat.
stopping = threading.Event()

_RENEW = """
UPDATE operations_operationrun SET lease_until = statement_timestamp() + %s, {counters}
WHERE id = %s AND attempt = %s AND status = 'running'
RETURNING cancel_requested_at IS NOT NULL
""".format(counters=", ".join(f"{name} = %s" for name in COUNTERS))


class Step:
    """One item of work. Leaving the block records it: a known failure marks the item and the run goes on."""

    def __init__(self, run: "RunContext", key: str, label: str) -> None:
        self._run, self.key, self.label = run, key[:200], label[:300] or key[:300]
        self.result: str = Result.SUCCEEDED
        self.code = self.message = self.graph_request_id = self.ref = ""

    def skip(self, code: str, message: str = "") -> None:
        """Record the item as skipped, for the reason `code`."""
        self.result, self.code, self.message = Result.SKIPPED, code, message[:500]

    def fail(self, failure: Failure) -> None:
        """Record the item as failed without leaving the block."""
        self.result, self.code, self.message = Result.FAILED, failure.code, failure.message
        self.graph_request_id = failure.graph_request_id

    def mark_unknown(self) -> None:
        """Record, before a write to the tenant, that its result is not known yet. Committed at once."""
        self._run.record(self, Result.UNKNOWN)
        self._run.flush()

    def __enter__(self) -> "Step":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if isinstance(error, Failure):
            self.fail(error)
            self._run.record(self)
            return not error.fatal
        if error is None:
            self._run.record(self)
        elif isinstance(error, Exception) and not isinstance(
            error, (RunLost, RunCancelled, RunTimedOut, WorkerStopping)
        ):
            self.fail(Failure("internal_error"))
            self._run.record(self)
        return False


class RunContext:
    """A claimed run: its identity, its items and counters, its lease.

    Every write proves with the attempt number that the run is still this worker's; zero rows raise RunLost.
    """

    def __init__(self, run: OperationRun, operation: Operation) -> None:
        self.id: int = run.pk
        self.tenant_id: int | None = run.tenant_id
        self.attempt: int = run.attempt
        self.operation = operation
        self.writes = operation.writes
        self._lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
        self._renew_every = min(settings.RUN_LEASE_SECONDS / 4, 5.0)
        self._ends_at = time.monotonic() + operation.soft_limit.total_seconds()
        self._renewed_at = time.monotonic()
        self._lock = threading.RLock()
        self._pending: dict[str, OperationItem] = {}
        self._results: dict[str, tuple[str, str]] = {}
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

    def record(self, step: Step, result: str | None = None) -> None:
        item = OperationItem(
            tenant_id=self.tenant_id,
            run_id=self.id,
            key=step.key,
            label=step.label,
            result=result or step.result,
            code=step.code,
            message=step.message,
            graph_request_id=step.graph_request_id,
            ref=step.ref[:200],
        )
        with self._lock:
            self._pending[step.key] = item
            self._results[step.key] = (item.result, item.code)
            if len(self._pending) >= self.operation.flush_every:
                self.flush()

    def results(self) -> list[tuple[str, str]]:
        """(result, code) of every item so far."""
        with self._lock:
            return list(self._results.values())

    # -- the lease ---------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Show life, between two items and in every wait. Renews when due. Raises RunLost, RunCancelled, RunTimedOut, WorkerStopping."""
        if stopping.is_set():
            raise WorkerStopping
        if time.monotonic() > self._ends_at:
            raise RunTimedOut
        if time.monotonic() - self._renewed_at >= self._renew_every:
            self.flush()

    def renew(self) -> None:
        """Renew now: right before a write to the tenant, so that only the owner of the run begins one."""
        self.beat()
        self.flush()

    def flush(self) -> None:
        """Write pending items and counters together with the renewal that proves they may be written."""
        with self.transaction():
            self.write_pending()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction whose first statement renews the lease: it proves the attempt and holds off the sweep until commit."""
        cancelled = False
        with transaction.atomic():
            cancelled = self._renew()
            yield
        if cancelled:
            raise RunCancelled

    def _renew(self) -> bool:
        with self._lock:
            self._tally()
            values: list[Any] = [self.counters[name] for name in COUNTERS]
        with connection.cursor() as cursor:
            cursor.execute(_RENEW, [self._lease, *values, self.id, self.attempt])  # type: ignore[list-item]
            row = cursor.fetchone()
        if row is None:
            raise RunLost
        self._renewed_at = time.monotonic()
        return bool(row[0])

    def _tally(self) -> None:
        results = [result for result, _code in self._results.values()]
        self.counters["succeeded"] = results.count(Result.SUCCEEDED)
        self.counters["failed"] = results.count(Result.FAILED) + results.count(Result.UNKNOWN)
        self.counters["skipped"] = results.count(Result.SKIPPED)
        self.counters["processed"] = len(results)

    def final_counters(self) -> dict[str, int | None]:
        with self._lock:
            self._tally()
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
        transaction.on_commit(lambda: self._forget(items))

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
