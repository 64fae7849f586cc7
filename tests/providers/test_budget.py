"""The request budget that all workers share."""

import os
import subprocess
import sys
import threading
from typing import Any

import pytest
import redis
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from providers.graph import budget
from providers.graph.budget import _LIMITS, Budget, Limit, family_of
from tests.providers.conftest import forget_requests

# Long enough that no slow machine passes through a whole window during a test.
LONG = {False: Limit(40, 600), True: Limit(10, 600)}


@pytest.fixture
def long_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_LIMITS, "long", LONG)


def taken(number: int, *, write: bool = False, key: str = "test") -> int:
    return sum(Budget(key).ask("long", write=write) == 0 for _ in range(number))


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/identity/conditionalAccess/policies", "conditional_access"),
        ("/identity/conditionalAccess/namedLocations?$top=5", "conditional_access"),
        ("/identityProtection/riskyUsers", "conditional_access"),
        ("/groups/1/members", "directory"),
        ("/organization", "directory"),
        ("/policies/authenticationStrengthPolicies", "directory"),
        ("/deviceManagement/configurationPolicies/1/settings", "configuration_v2"),
        ("/deviceManagement/managedDevices", "devices"),
        ("/deviceManagement/deviceConfigurations", "deviceManagement.deviceConfigurations"),
        ("/deviceAppManagement/mobileApps?$filter=a", "deviceAppManagement.mobileApps"),
        ("/", "."),
    ],
)
def test_each_service_area_has_a_bucket_of_its_own(path: str, family: str) -> None:
    """PRO-17"""
    assert family_of(path) == family


def test_the_limit_holds_and_says_how_long_to_wait(long_window: None) -> None:
    """PRO-17"""
    assert taken(60) == 40
    assert 0 < Budget("test").ask("long") <= 600 * 21 / 20


def test_reads_never_starve_writes_and_tenants_not_each_other(long_window: None) -> None:
    """PRO-17"""
    assert taken(60) == 40
    assert taken(60, write=True) == 10
    assert taken(60, key="another tenant") == 40


def test_a_batch_is_counted_by_its_parts(long_window: None) -> None:
    """PRO-17"""
    asked = [Budget("test").ask("long", cost=15) for _ in range(3)]
    assert [wait == 0 for wait in asked] == [True, True, False]
    assert Budget("test").ask("long", cost=10) == 0


def test_a_batch_larger_than_the_limit_waits_for_an_empty_window_and_not_for_ever(long_window: None) -> None:
    """PRO-17"""
    assert Budget("test").ask("long", cost=1_000) == 0
    assert Budget("test").ask("long", cost=1) > 0


def test_conditional_access_is_asked_one_at_a_time_reads_and_writes_together() -> None:
    """PRO-17: Microsoft allows one request a second there, over all apps."""
    tenant = Budget("test")
    assert tenant.ask("conditional_access") == 0
    assert 0.5 < tenant.ask("conditional_access", write=True) < 1.2


def test_a_held_bucket_lets_nobody_through_and_a_shorter_hold_does_not_shorten_it(long_window: None) -> None:
    """PRO-16"""
    tenant = Budget("test")
    tenant.hold("long", 300)
    tenant.hold("long", 5)
    assert 200 < Budget("test").ask("long") <= 300
    assert Budget("test").ask("long", write=True) == 0


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 6)), min_size=20, max_size=60))
def test_no_window_of_any_beginning_ever_holds_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[int, int]]
) -> None:
    """PRO-17: a window that only adds up fixed ones lets nearly twice the limit through at its edge."""
    limit = Limit(12, 1.0)
    monkeypatch.setitem(_LIMITS, "short", {False: limit, True: limit})
    # The script reads the server's clock; here it is given one, so that hours pass in no time.
    monkeypatch.setattr(budget, "_TAKE", budget._TAKE.replace("redis.call('TIME')", "{0, ARGV[4] * 1000}"))
    forget_requests()
    store, now, sent = budget._redis(), 1_000_000, []
    for passed, cost in steps:
        now += passed
        store.delete("short:hold")
        wait = int(store.eval(budget._TAKE, 2, "short", "short:hold", limit.count, 1_000, cost, now))  # type: ignore[arg-type]
        if wait == 0:
            sent += [now] * cost
        else:
            assert 0 < wait <= 1_050
    store.delete("short")
    for begin in sent:
        assert sum(begin <= at < begin + 1_000 for at in sent) <= limit.count


def test_the_wait_that_is_named_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """PRO-17: a waiting worker asks once more, and not a hundred times."""
    script = budget._TAKE.replace("redis.call('TIME')", "{0, ARGV[4] * 1000}")
    store = budget._redis()
    store.delete("w", "w:hold")

    def ask(cost: int, now: int) -> int:
        return int(store.eval(script, 2, "w", "w:hold", 10, 1_000, cost, now))  # type: ignore[arg-type]

    assert [ask(4, 100), ask(4, 300), ask(1, 700)] == [0, 0, 0]
    wait = ask(5, 800)
    assert wait > 0
    assert ask(5, 800 + wait - 1) > 0
    assert ask(5, 800 + wait) == 0
    store.delete("w")


_OTHER = """
import django
django.setup()
from providers.graph import budget
budget._LIMITS["long"] = {False: budget.Limit(40, 600), True: budget.Limit(10, 600)}
print(sum(budget.Budget("test").ask("long") == 0 for _ in range(30)))
"""


@pytest.mark.slow
def test_two_processes_share_one_budget(long_window: None) -> None:
    """PRO-17"""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tenantpilot.settings"}
    processes = [
        subprocess.Popen([sys.executable, "-c", _OTHER], env=environment, stdout=subprocess.PIPE) for _ in range(2)
    ]
    found = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(found) == 40
    assert taken(5) == 0


def test_threads_share_one_budget(long_window: None) -> None:
    """PRO-17"""
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(taken(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 40


@pytest.fixture
def no_redis(settings: Any) -> Any:
    """A Redis that refuses connections."""
    before, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    budget._redis.cache_clear()
    yield
    settings.REDIS_URL = before
    budget._redis.cache_clear()


def test_without_redis_a_process_takes_a_tenth_evenly_spaced(no_redis: None, long_window: None) -> None:
    """PRO-17: slow and safe. Nobody knows what the other workers send."""
    tenant = Budget("test")
    # 40 in 600 s, a tenth of it: one each 150 s.
    assert tenant.ask("long") == 0
    assert 140 < tenant.ask("long") <= 150
    assert tenant.ask("long", write=True) == 0
    assert 590 < tenant.ask("long", write=True) <= 600


def test_without_redis_a_hold_holds_in_this_process(no_redis: None, long_window: None) -> None:
    """PRO-16"""
    tenant = Budget("test")
    tenant.hold("long", 400)
    assert 390 < tenant.ask("long") <= 400


def test_redis_that_failed_is_left_alone_for_a_while(
    no_redis: None, long_window: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRO-17: a frozen Redis costs its time-out once, not at each request."""
    asked: list[str] = []

    class Frozen:
        def eval(self, script: str, *_: Any) -> None:
            asked.append(script)
            raise redis.TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(budget, "_redis", Frozen)
        for _ in range(3):
            Budget("test").ask("long")
        assert len(asked) == 1
        Budget._ask_again_at = 0.0
        Budget("test").ask("long")
        assert len(asked) == 2


def test_waiting_for_the_budget_shows_life_to_the_run(inside_run: Any, db: None) -> None:
    """PRO-17: a run that only waits must keep its lease, and see that it was cancelled."""

    def wait(run: Any) -> list[float]:
        slept: list[float] = []
        run.sleep = slept.append
        Budget("test").hold("long", 0.05)
        Budget("test").take("long")
        return slept

    assert inside_run(wait)[0] > 0


def test_the_clock_of_the_worker_does_not_matter(long_window: None) -> None:
    """PRO-17: times are Redis' own."""
    assert taken(40) == 40
    with time_machine.travel("2050-01-01"):
        assert taken(5) == 0
