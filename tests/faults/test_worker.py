"""What happens to runs when their worker is killed, stopped, frozen or hangs (fault matrix, section 6.2)."""

import signal

import pytest

from operations.services import cancel_run
from tests.backstage import Backstage
from tests.faults.conftest import LONG_LEASE, Desk
from tests.faults.operations import executions, has_begun, let_go
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_all_runs_of_a_killed_worker_end_by_themselves_and_reads_start_again_once(
    backstage: Backstage, desk: Desk
) -> None:
    """RUN-10, RUN-20 (F10): worker_lost, one notification each; the follow-up of a read completes, a write has none."""
    worker = backstage.worker()
    reads = [desk.start(name, "wait") for name in ("a", "b", "c")]
    write = desk.start("w", "wait", key="fault.write")
    wait_until(lambda: all(map(has_begun, "abcw")))
    backstage.kill(worker)
    sweeper = backstage.sweeper()
    for run in (*reads, write):
        ended = desk.wait_for(run)
        assert (ended.outcome, ended.failure_code, ended.attempt) == ("failed", "worker_lost", 1)
        assert desk.items(run) == {"first": "succeeded"}
        assert desk.endings_told(run) == 1
    for name in "abcw":
        let_go(name)
    backstage.worker(RUN_LEASE_SECONDS=LONG_LEASE)
    for run in reads:
        (again,) = desk.runs(retry_of=run)
        assert desk.wait_for(again).outcome == "succeeded"
        assert desk.items(again) == {"first": "succeeded", "last": "succeeded"}
    assert desk.runs(retry_of=write) == []
    assert [executions(name) for name in "abcw"] == [2, 2, 2, 1]
    assert '"reason": "failed worker_lost"' in backstage.log_of(sweeper)


def test_a_run_that_kills_its_worker_does_so_twice_at_most(backstage: Backstage, desk: Desk) -> None:
    """RUN-10 (F16): poison has an end; a neighbour in the same process comes through."""
    worker = backstage.worker(threads=2)
    neighbour = desk.start("neighbour", "wait")
    wait_until(lambda: has_begun("neighbour"))
    poison = desk.start("poison", "die")
    worker.wait(timeout=60)
    let_go("neighbour")
    backstage.sweeper()
    assert desk.wait_for(poison).failure_code == "worker_lost"
    assert desk.wait_for(neighbour).failure_code == "worker_lost"
    (again,), (spared,) = desk.runs(retry_of=poison), desk.runs(retry_of=neighbour)
    # One thread: the two follow each other, in whichever order; a supervisor starts the worker again when it dies.
    backstage.worker(threads=1, RUN_LEASE_SECONDS=LONG_LEASE).wait(timeout=60)
    worker = backstage.worker(threads=1, RUN_LEASE_SECONDS=LONG_LEASE)
    desk.expire(again)
    assert desk.wait_for(again).failure_code == "worker_lost"
    assert desk.wait_for(spared).outcome == "succeeded"
    assert worker.poll() is None
    assert executions("poison") == 2
    assert desk.runs(retry_of=again) == []


def test_a_worker_told_to_stop_ends_its_runs_and_leaves_the_waiting_ones(backstage: Backstage, desk: Desk) -> None:
    """RUN-16 (F11): without the lease and without the sweeper; what waits, and what only reads, goes on elsewhere."""
    worker = backstage.worker(threads=2, RUN_LEASE_SECONDS=LONG_LEASE)
    read, write = desk.start("read", "wait"), desk.start("write", "wait", key="fault.write")
    wait_until(lambda: has_begun("read") and has_begun("write"))
    waiting = [desk.start(f"waiting-{n}") for n in range(5)]
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=60) == 0
    for run in (read, write):
        ended = desk.read(run)
        assert (ended.outcome, ended.failure_code) == ("partially_succeeded", "worker_stopped")
        assert desk.items(run) == {"first": "succeeded"}
        assert desk.endings_told(run) == 1
    assert {(run.status, run.attempt) for run in map(desk.read, waiting)} == {("queued", 0)}
    let_go("read")
    backstage.sweeper()
    backstage.worker(RUN_LEASE_SECONDS=LONG_LEASE)
    (again,) = desk.runs(retry_of=read)
    for run in (*waiting, again):
        ended = desk.wait_for(run)
        assert (ended.outcome, ended.attempt) == ("succeeded", 1)
    assert desk.runs(retry_of=write) == []


def test_a_worker_that_wakes_up_after_its_run_was_ended_writes_nothing(backstage: Backstage, desk: Desk) -> None:
    """RUN-9 (F12): stopped for longer than its lease, then continued: zero rows, and on to the next run."""
    worker = backstage.worker()
    run = desk.start("a", "wait", key="fault.write")
    wait_until(lambda: has_begun("a"))
    worker.send_signal(signal.SIGSTOP)
    sweeper = backstage.sweeper()
    ended = desk.wait_for(run)
    assert ended.failure_code == "worker_lost"
    # With it away, nobody can end the next run for its slowness.
    sweeper.terminate()
    sweeper.wait(timeout=60)
    let_go("a")
    worker.send_signal(signal.SIGCONT)
    wait_until(lambda: "run.lost" in backstage.log_of(worker))
    assert {name: getattr(desk.read(run), name) for name in ("processed", "completed_at", "attempt")} == {
        name: getattr(ended, name) for name in ("processed", "completed_at", "attempt")
    }
    assert desk.items(run) == {"first": "succeeded"}
    assert desk.endings_told(run) == 1
    assert desk.wait_for(desk.start("b")).outcome == "succeeded"


def test_a_run_that_shows_no_life_ends_while_its_worker_lives(backstage: Backstage, desk: Desk) -> None:
    """RUN-21 (F18, F24): also where it hangs inside a transaction and holds the row that the sweep wants."""
    worker = backstage.worker()
    hanging = desk.start("hang", "hang", key="fault.write")
    holding = desk.start("hold", "hang_in_transaction", key="fault.write")
    wait_until(lambda: has_begun("hang") and has_begun("hold"))
    sweeper = backstage.sweeper()
    for run in (hanging, holding):
        assert desk.wait_for(run).failure_code == "worker_lost"
        assert desk.endings_told(run) == 1
    sweeper.terminate()
    sweeper.wait(timeout=60)
    let_go("hang")
    let_go("hold")
    wait_until(
        lambda: backstage.log_of(worker).count("run.lost") + backstage.log_of(worker).count("storage_failed") >= 2
    )
    assert desk.items(hanging) == desk.items(holding) == {}
    assert desk.wait_for(desk.start("fresh")).outcome == "succeeded"
    assert worker.poll() is None


def test_a_kill_between_mark_and_settlement_leaves_the_object_to_look_at(backstage: Backstage, desk: Desk) -> None:
    """RUN-18 (F52, F53): the item stays unknown, nothing writes again, and the run waits for a person."""
    worker = backstage.worker()
    run = desk.start("a", "write_and_die", key="fault.write")
    worker.wait(timeout=60)
    backstage.sweeper()
    ended = desk.wait_for(run)
    assert (ended.outcome, ended.failure_code, ended.failed) == ("failed", "worker_lost", 1)
    assert desk.items(run) == {"object": "unknown"}
    assert desk.runs(retry_of=run) == []
    assert executions("a") == 1


def test_a_cancelled_run_whose_worker_dies_ends_as_cancelled(backstage: Backstage, desk: Desk) -> None:
    """RUN-14 (F48): what somebody stopped does not start again by itself."""
    worker = backstage.worker()
    run = desk.start("a", "wait")
    wait_until(lambda: has_begun("a"))
    worker.send_signal(signal.SIGSTOP)
    cancel_run(desk.read(run), actor=desk.operator)
    backstage.kill(worker)
    backstage.sweeper()
    ended = desk.wait_for(run)
    assert (ended.outcome, ended.failure_code, ended.succeeded) == ("cancelled", "cancelled", 1)
    assert desk.runs(retry_of=run) == []
