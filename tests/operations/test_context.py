"""What the function of an operation holds: items, counters, the lease, threads (requirements RUN-18, RUN-32)."""

import contextvars
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from operations import executor
from operations.context import RunContext
from operations.failures import Failure
from operations.models import OperationItem, OperationRun
from operations.services import cancel_run
from rbac.models import Membership, Tenant
from rbac.scope import scope
from tests.operations.conftest import Start
from tests.operations.sample import stage
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def items_of(run: OperationRun, tenant: Tenant) -> dict[str, tuple[str, str]]:
    with scope(tenant.pk):
        return {item.key: (item.result, item.code) for item in OperationItem.objects.filter(run=run)}


def test_items_survive_a_transaction_that_is_rolled_back(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-32 (G13): they are forgotten only once they are stored."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("a"):
            pass
        with pytest.raises(ZeroDivisionError), run.transaction():
            run.write_pending()
            raise ZeroDivisionError
        assert not OperationItem.objects.exists()
        run.flush()
        assert OperationItem.objects.count() == 1

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).outcome == "succeeded"


def test_counters_and_items_are_right_when_many_threads_work(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-32: eight threads, two hundred items, none lost and none counted twice, repeats included."""

    def work(number: int) -> None:
        with contexts[0].step(f"item-{number % 150}"):
            contexts[0].count(created=1)
            if number % 10 == 0:
                raise Failure("sample_item")

    contexts: list[RunContext] = []

    def act(run: RunContext, _inputs: Any) -> None:
        contexts.append(run)
        run.expect(150)
        list(run.map(work, range(200), workers=8))

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    ended, items = reread(run), items_of(run, contoso)
    assert (ended.total, ended.processed, len(items)) == (150, 150, 150)
    assert ended.created == 200
    assert ended.failed == sum(result == "failed" for result, _code in items.values())
    assert ended.succeeded + ended.failed == 150


def test_a_thread_that_records_does_not_hold_off_the_one_that_stores(
    start: Start, reread: Any, contoso: Tenant
) -> None:
    """RUN-32: one holds the row and wants the items, the other holds the items and wants the row: nobody would ever go on."""

    def act(run: RunContext, _inputs: Any) -> None:
        def record() -> None:
            # The fifth one flushes, and waits for the row that the transaction below has locked.
            for number in range(5):
                with run.step(f"item-{number}"):
                    pass
            connection.close()

        thread = threading.Thread(target=contextvars.copy_context().run, args=(record,), daemon=True)
        with run.transaction():
            thread.start()
            with connection.cursor() as cursor:

                def is_waiting() -> bool:
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                    return bool(cursor.fetchone()[0])

                wait_until(is_waiting)
            storing = threading.Thread(target=run.results, daemon=True)
            storing.start()
            storing.join(timeout=10)
            assert not storing.is_alive(), "held off by the thread that waits for the row"
            run.write_pending()
        thread.join(timeout=10)
        assert not thread.is_alive()

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).succeeded) == ("succeeded", 5)


def test_names_from_outside_can_be_stored(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-32 (F44): control characters, lone surrogates and length in a key, a name or an id lose no item."""
    evil = "a\x00b\ud800\u202e<b>" + "x" * 400

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step(evil, evil) as step:
            step.ref = evil
            raise Failure("sample_item", evil, graph_request_id=evil)

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code) == ("failed", "sample_item")
    with scope(contoso.pk):
        item = OperationItem.objects.get(run=run)
    assert "\\x00" in item.label and "<b>" in item.label and len(item.label) == 300 and len(item.ref) == 200


def test_work_in_threads_shares_the_run_and_its_first_error_ends_it(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-32: results in order of completion; the first exception stops the others and is raised here."""

    def act(run: RunContext, _inputs: Any) -> None:
        assert sorted(run.map(lambda n: (n * n, OperationRun.objects.count()), range(50), workers=4)) == [
            (n * n, 1) for n in range(50)
        ]
        with pytest.raises(ZeroDivisionError):
            list(run.map(lambda n: 1 // (n - 3), range(50), workers=4))

    stage.act = act
    run = start()
    executor.execute(contoso.pk, run.pk)
    assert reread(run).outcome == "succeeded"


def test_unknown_is_written_before_an_outside_write(start: Start, reread: Any, contoso: Tenant) -> None:
    """RUN-18: a crash between write and settlement leaves the exact object to check."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("object-1") as step:
            step.mark_unknown()
            stored = OperationItem.objects.get(run_id=run.id, key="object-1")
            assert stored.result == "unknown"
            step.ref = "new-id"

    stage.act = act
    run = start("sample.write")
    executor.execute(contoso.pk, run.pk)
    with scope(contoso.pk):
        item = OperationItem.objects.get(run=run)
    assert (item.result, item.ref) == ("succeeded", "new-id")


@pytest.mark.parametrize(
    ("error", "item", "outcome"),
    [
        (None, ("succeeded", ""), "succeeded"),
        # No answer: the write may have happened.
        (Failure("sample_item"), ("unknown", "sample_item"), "failed"),
        # Whoever raises it knows that nothing was done.
        (Failure("sample_item", no_effect=True), ("failed", "sample_item"), "failed"),
        (ZeroDivisionError(), ("unknown", "internal_error"), "failed"),
    ],
)
def test_an_item_marked_unknown_is_settled_only_by_who_knows(
    start: Start, reread: Any, contoso: Tenant, error: Exception | None, item: tuple[str, str], outcome: str
) -> None:
    """RUN-18 (F52): a failure after the mark is no proof that nothing happened."""

    def act(run: RunContext, _inputs: Any) -> None:
        with run.step("object") as step:
            step.mark_unknown()
            if error is not None:
                raise error

    stage.act = act
    run = start("sample.write")
    executor.execute(contoso.pk, run.pk)
    assert items_of(run, contoso) == {"object": item}
    assert reread(run).outcome == outcome


def _cancel(run: RunContext, cast: SimpleNamespace) -> None:
    cancel_run(OperationRun.objects.get(pk=run.id), actor=cast.operator)


def _demote(_run: RunContext, cast: SimpleNamespace) -> None:
    Membership.objects.filter(user=cast.operator).update(role="read_only")


@pytest.mark.parametrize(
    ("happens", "items", "ending"),
    [
        (_cancel, {}, ("cancelled", "cancelled")),
        (_demote, {"object": ("failed", "not_permitted")}, ("failed", "not_permitted")),
    ],
)
def test_who_wants_a_run_to_stop_is_heard_before_the_mark_and_not_after(
    start: Start,
    reread: Any,
    contoso: Tenant,
    cast: SimpleNamespace,
    happens: Callable[[RunContext, SimpleNamespace], None],
    items: dict[str, tuple[str, str]],
    ending: tuple[str, str],
) -> None:
    """RUN-6, RUN-14 (F47, F48): rights are asked once more before the first write; nothing unknown is left behind."""
    written: list[str] = []

    def act(run: RunContext, _inputs: Any) -> None:
        happens(run, cast)
        with run.step("object") as step:
            step.mark_unknown()
            written.append("object")

    stage.act = act
    run = start("sample.write")
    executor.execute(contoso.pk, run.pk)
    assert (reread(run).outcome, reread(run).failure_code) == ending
    assert (written, items_of(run, contoso)) == ([], items)
