"""`manage.py run`: an operation started without the console, and its exit code (specs/005-commands)."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection as database

from operations import dispatch, processes
from operations.context import RunCancelled, RunContext
from operations.executor import execute
from operations.management.commands import run as run_command
from operations.models import Notification, OperationRun
from operations.registry import Reason
from operations.services import Started, cancel_run, retry_run, start_operation
from providers.models import ProviderConnection
from providers.sandbox.server import Sandbox
from providers.services import set_enabled
from rbac.models import AuditEvent, Tenant
from rbac.scope import scope
from rbac.services import COMMAND_LINE
from tests.commands.conftest import TypeIn
from tests.operations.sample import stage, three_items
from tests.processes import manage, working
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_work(contoso: Tenant) -> Iterator[Callable[[], None]]:
    """`at_work()` lets a thread do the first run of Contoso that is queued, as a worker would."""
    threads: list[threading.Thread] = []

    def find_and_execute() -> None:
        try:
            with scope(contoso.pk):
                queued = OperationRun.objects.filter(status="queued")
                wait_until(queued.exists)
                run = queued.get()
            execute(contoso.pk, run.pk)
        finally:
            database.close()

    def begin() -> None:
        processes.beat("worker", "a thread of the test")
        threads.append(threading.Thread(target=find_and_execute))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join(20)


def runs_of(tenant: Tenant) -> list[OperationRun]:
    with scope(tenant.pk):
        return list(OperationRun.objects.order_by("pk"))


def told(tenant: Tenant) -> list[tuple[str, str]]:
    with scope(tenant.pk):
        return sorted((one.user.username, one.kind) for one in Notification.objects.select_related("user"))


def cancelled(_run: RunContext, _inputs: Any) -> None:
    raise RunCancelled


def failing(*keys: str) -> Callable[[RunContext, Any], None]:
    return lambda run, inputs: three_items(run, inputs, failing=dict.fromkeys(keys, "sample_item"))


@pytest.mark.parametrize(
    ("act", "outcome", "exit_code", "failure_code"),
    [
        (three_items, "succeeded", 0, None),
        (failing("b"), "partially_succeeded", 3, "items_failed"),
        (failing("a", "b", "c"), "failed", 4, "sample_item"),
        (cancelled, "cancelled", 5, "cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_exit_code_says_how_the_run_ended(
    type_in: TypeIn,
    contoso: Tenant,
    at_work: Callable[[], None],
    act: Any,
    outcome: str,
    exit_code: int,
    failure_code: str | None,
) -> None:
    """CMD-5"""
    stage.act = act
    at_work()
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--wait", "--json")
    assert answer.code == exit_code, answer.err
    assert answer.data["outcome"] == outcome
    assert answer.data["failure_code"] == failure_code
    assert (answer.data["failure_hint"] is None) == (failure_code is None)


def test_a_run_that_the_gate_refuses_when_it_is_its_turn_is_blocked(
    type_in: TypeIn, contoso: Tenant, at_work: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMD-5"""
    # The first question is the start's, the second the worker's.
    answers = iter([None, Reason("connection_disabled")])
    monkeypatch.setattr(
        type(stage), "refuse", property(lambda self: next(answers), lambda self, value: None), raising=False
    )
    at_work()
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--wait")
    assert answer.code == 6, answer.err
    assert "blocked" in answer.out
    assert "The connection is disabled. Enable it on its page, then start again." in answer.out


def test_the_json_holds_the_run_and_what_failed(type_in: TypeIn, contoso: Tenant, at_work: Callable[[], None]) -> None:
    """CMD-7"""
    stage.act = failing("b")
    at_work()
    line = ["--input", "name=x", "--input", "number=4", "--input", "types=one,two"]
    answer = type_in("run", "sample.read", "--tenant", "contoso", *line, "--wait", "--json")
    (run,) = runs_of(contoso)
    data = answer.data
    assert {name: data[name] for name in ("id", "type", "label", "tenant", "status", "trigger", "initiator")} == {
        "id": run.pk,
        "type": "sample.read",
        "label": "Sample",
        "tenant": "contoso",
        "status": "completed",
        "trigger": "manual",
        "initiator": "Command line",
    }
    assert data["inputs"] == {"name": "x", "number": 4, "types": ["one", "two"]}
    assert data["counts"] == {
        "total": 3, "processed": 3, "succeeded": 2, "failed": 1, "skipped": 0,
        "created": 0, "updated": 0, "deleted": 0, "unchanged": 0,
    }  # fmt: skip
    assert data["failure_message"] == "Some items could not be processed."
    assert data["failed_items"] == [
        {
            "key": "b",
            "label": "b",
            "result": "failed",
            "code": "sample_item",
            "message": "The sample item failed.",
            "hint": "Look at the test.",
            "graph_request_id": "req-1",
        }
    ]
    assert data["queued_at"] <= data["started_at"] <= data["completed_at"]
    assert data["url"].endswith(f"/t/contoso/operations/operationrun/{run.pk}/change/")


def test_for_people_it_says_the_same_in_words(type_in: TypeIn, contoso: Tenant, at_work: Callable[[], None]) -> None:
    """CMD-5"""
    stage.act = failing("b")
    at_work()
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--wait")
    assert ": sample.read: partially succeeded after " in answer.out
    assert "Some items could not be processed. Open the run and look at its failed items." in answer.out
    assert "3 total, 3 processed, 2 succeeded, 1 failed" in answer.out
    assert "b: The sample item failed." in answer.out


def test_without_wait_the_run_is_queued_and_nobody_waits(type_in: TypeIn, contoso: Tenant) -> None:
    """CMD-4"""
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--json")
    assert (answer.code, answer.data["status"], answer.data["outcome"]) == (0, "queued", "pending")
    (run,) = runs_of(contoso)
    assert (run.pk, run.publish_tries) == (answer.data["id"], 1)


def test_the_run_is_of_the_named_person_who_alone_is_told(
    type_in: TypeIn, contoso: Tenant, cast: SimpleNamespace, at_work: Callable[[], None]
) -> None:
    """CMD-4"""
    at_work()
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--as", "operator", "--wait", "--json")
    assert (answer.code, answer.data["initiator"]) == (0, "operator")
    assert told(contoso) == [("operator", "completed"), ("operator", "queued")]
    with scope(contoso.pk):
        start = AuditEvent.objects.get(verb="run.started")
    assert start.actor_id == cast.operator.pk
    assert start.request_id.startswith("command-"), "that it was typed, and not clicked, stays visible"


def test_without_a_name_it_is_the_command_line_s_and_nobody_is_told(
    type_in: TypeIn, contoso: Tenant, cast: SimpleNamespace, at_work: Callable[[], None]
) -> None:
    """CMD-4"""
    at_work()
    assert type_in("run", "sample.read", "--tenant", "contoso", "--wait").code == 0
    (run,) = runs_of(contoso)
    assert (run.initiator, run.initiator_name) == (None, "Command line")
    assert told(contoso) == []


@pytest.mark.parametrize(
    ("person", "code", "sentence"),
    [
        ("read_only", 6, "Not started. Your role does not allow this."),
        ("stranger", 6, "Not started. Your role does not allow this."),
        ("platform", 6, "Not started. Your role does not allow this."),
        ("nobody", 2, "There is no account 'nobody'."),
    ],
)
def test_who_may_not_do_it_in_the_console_may_not_do_it_here(
    type_in: TypeIn, contoso: Tenant, cast: SimpleNamespace, person: str, code: int, sentence: str
) -> None:
    """CMD-4"""
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--as", person)
    assert answer.code == code
    assert sentence in answer.err
    assert runs_of(contoso) == []


def test_an_account_that_is_switched_off_starts_nothing(
    type_in: TypeIn, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """CMD-4"""
    cast.operator.is_active = False
    cast.operator.save()
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--as", "operator")
    assert (answer.code, runs_of(contoso)) == (2, [])
    assert "is switched off" in answer.err


MISTAKES: list[tuple[list[str], str]] = [
    (["no.such", "--tenant", "contoso"], "There is no operation 'no.such'. Known: "),
    (["sample.read", "--tenant", "nowhere"], "There is no tenant 'nowhere'. `manage.py tenants` lists them."),
    (["sample.read"], "the following arguments are required: --tenant"),
    (["sample.read", "--tenant", "contoso", "--input", "name"], "an input has the form NAME=VALUE"),
    (["sample.read", "--tenant", "contoso", "--input", "=1"], "an input has the form NAME=VALUE"),
    (
        ["sample.read", "--tenant", "contoso", "--input", "no_such=1"],
        "has no input no_such; it has name, number, types.",
    ),
    (["sample.read", "--tenant", "contoso", "--input", "number=four"], "number: “four” is not a whole number."),
    (["sample.read", "--tenant", "contoso", "--input", "number=" + "9" * 30], "is not a whole number."),
    (["sample.read", "--tenant", "contoso", "--input", "name=a", "--input", "name=b"], "An input is given twice."),
    (["sample.read", "--tenant", "contoso", "--timeout", "0"], "a number of seconds, more than 0"),
    (["sample.read", "--tenant", "contoso", "--timeout", "nan"], "a number of seconds, more than 0"),
    (["sample.read", "--tenant", "contoso", "--timeout", "soon"], "a number of seconds, more than 0"),
    (["inventory.sync", "--tenant", "contoso", "--input", "types=no_such_type"], "no_such_type"),
]


@pytest.mark.parametrize(("line", "sentence"), MISTAKES, ids=lambda value: str(value)[-40:])
def test_a_mistake_is_said_in_one_sentence_and_nothing_starts(
    type_in: TypeIn, contoso: Tenant, connection: ProviderConnection, line: list[str], sentence: str
) -> None:
    """CMD-1"""
    answer = type_in("run", *line)
    assert (answer.code, runs_of(contoso)) == (2, [])
    assert sentence in answer.err


def test_a_connection_is_filled_in_when_there_is_no_doubt_which(
    type_in: TypeIn, contoso: Tenant, connection: ProviderConnection
) -> None:
    """CMD-4"""
    for operation in ("connection.check", "inventory.sync", "compliance.snapshot"):
        answer = type_in("run", operation, "--tenant", "contoso", "--json")
        assert (answer.code, answer.data["inputs"]["connection_id"]) == (0, connection.pk), answer.err


def test_the_run_is_found_from_its_connection_and_so_is_its_retry(
    type_in: TypeIn, contoso: Tenant, connection: ProviderConnection, cast: SimpleNamespace
) -> None:
    """CMD-4: however it was started."""
    type_in("run", "connection.check", "--tenant", "contoso")
    first = cancel_run(runs_of(contoso)[0], actor=cast.operator)
    assert isinstance(retry_run(first, actor=cast.operator), Started)
    on = ("providers.providerconnection", str(connection.pk))
    assert [(run.target_type, run.target_id) for run in runs_of(contoso)] == [on, on]


def test_the_default_connection_wins_and_without_one_the_choice_is_left_to_the_person(
    type_in: TypeIn, contoso: Tenant, connection: ProviderConnection
) -> None:
    """CMD-4"""
    with scope(contoso.pk):
        ProviderConnection.objects.update(is_default=False)
        copied = {name: getattr(connection, name) for name in ("tenant", "entra_tenant_id", "cloud")}
        other = ProviderConnection.objects.create(
            **copied, client_id="2d0a9c53-7f21-4f80-9b7e-5c3f4e6d7081", display_name="Other"
        )
    answer = type_in("run", "connection.check", "--tenant", "contoso")
    assert answer.code == 6
    assert "The tenant has several, and none is the default." in answer.err
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=other.pk).delete()
    assert type_in("run", "connection.check", "--tenant", "contoso").code == 0


def test_a_tenant_without_a_connection_is_told_to_connect_first(type_in: TypeIn, contoso: Tenant) -> None:
    """CMD-4"""
    answer = type_in("run", "inventory.sync", "--tenant", "contoso", "--wait", "--json")
    assert (answer.code, answer.data["failure_code"]) == (6, "no_connection")
    assert "Connect the tenant" in answer.err
    assert runs_of(contoso) == []


def test_a_connection_of_another_tenant_is_as_good_as_none(
    type_in: TypeIn, fabrikam: Tenant, connection: ProviderConnection
) -> None:
    """CMD-4"""
    answer = type_in("run", "inventory.sync", "--tenant", "fabrikam", "--input", f"connection_id={connection.pk}")
    assert answer.code == 6
    assert "The connection no longer exists." in answer.err


def test_a_disabled_connection_refuses_and_the_answer_is_json_too(
    type_in: TypeIn, contoso: Tenant, connection: ProviderConnection
) -> None:
    """CMD-5"""
    with scope(contoso.pk):
        set_enabled(connection, actor=COMMAND_LINE, enabled=False)
    answer = type_in("run", "inventory.sync", "--tenant", "contoso", "--json")
    assert answer.code == 6
    expected = {"id": None, "status": "refused", "outcome": "blocked", "failure_code": "connection_disabled"}
    assert {name: answer.data[name] for name in expected} == expected
    assert "Enable it on its page" in answer.err


def test_the_same_run_that_is_going_is_joined_and_another_in_its_place_refused(
    type_in: TypeIn, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """CMD-5"""
    going = start_operation("sample.read", {}, actor=cast.operator, tenant=contoso)
    assert isinstance(going, Started)
    joined = type_in("run", "sample.read", "--tenant", "contoso", "--json")
    assert (joined.code, joined.data["id"], joined.data["joined"]) == (0, going.run.pk, True)
    busy = type_in("run", "sample.read", "--tenant", "contoso", "--input", "number=7", "--json")
    assert (busy.code, busy.data["failure_code"], busy.data["in_the_way"]) == (6, "busy", going.run.pk)


def test_a_run_that_no_worker_takes_ends_the_wait_and_says_so(
    type_in: TypeIn, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMD-6: the run is shown as it is, queued, and stays."""
    monkeypatch.setattr(run_command, "WORKER_GRACE_SECONDS", 0.0)
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--wait", "--json")
    (run,) = runs_of(contoso)
    assert (answer.code, answer.data["status"], run.status) == (7, "queued", "queued")
    assert f"No worker is running, so run {run.pk} stays queued: start one" in answer.err


def test_the_wait_ends_with_its_limit(type_in: TypeIn, contoso: Tenant) -> None:
    """CMD-6"""
    processes.beat("worker", "busy elsewhere")
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--wait", "--timeout", "0.2", "--json")
    assert (answer.code, answer.data["status"]) == (7, "queued")
    assert "is still queued after 0.2 seconds, and goes on" in answer.err


def test_ctrl_c_ends_the_wait_and_not_the_run(
    type_in: TypeIn, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMD-6"""

    def interrupt(_kind: str) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_command, "WORKER_GRACE_SECONDS", 0.0)
    monkeypatch.setattr(processes, "is_alive", interrupt)
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--wait", "--json")
    (run,) = runs_of(contoso)
    assert (answer.code, answer.data["id"], run.status) == (130, run.pk, "queued")
    assert f"Run {run.pk} goes on without us." in answer.err


def test_a_run_that_cannot_be_handed_over_has_failed_at_once(
    type_in: TypeIn, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMD-5: also without waiting."""

    def fail(_tenant_id: int, _run_id: int) -> None:
        raise dispatch.PublishFailed

    monkeypatch.setattr(dispatch, "publish", fail)
    answer = type_in("run", "sample.read", "--tenant", "contoso", "--json")
    assert (answer.code, answer.data["failure_code"]) == (4, "dispatch_failed")


@pytest.mark.slow
def test_a_real_worker_does_what_a_real_command_starts(
    contoso: Tenant, connection: ProviderConnection, cast: SimpleNamespace, sandbox: Sandbox, tmp_path: Path
) -> None:
    """CMD-4, CMD-5: processes of their own, from `run` to the exit code."""

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return manage("run", "inventory.sync", "--tenant", "contoso", "--wait", *more)

    with working(tmp_path / "worker.log"):
        done = run("--json", "--as", "operator")
        assert done.returncode == 0, done.stderr
        assert '"outcome": "succeeded"' in done.stdout
        sandbox.fault("outage", path="/deviceManagement/intents")
        part = run()
        assert part.returncode == 3, part.stderr
        assert "partially succeeded" in part.stdout
    assert told(contoso) == [("operator", "completed"), ("operator", "queued")]
