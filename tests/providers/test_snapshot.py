"""Device compliance over time."""

import gc
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from inventory import compliance
from inventory.compliance import classify
from inventory.models import ComplianceSnapshot
from operations.models import OperationRun
from providers.graph.client import GraphReply
from providers.models import ProviderConnection
from providers.sandbox.world import SandboxTenant
from rbac.models import Tenant
from rbac.scope import scope
from tests.providers.script import Script

pytestmark = pytest.mark.django_db(transaction=True)
DEVICES = "deviceManagement/managedDevices"


@pytest.fixture
def take(perform: Callable[..., OperationRun], connection: ProviderConnection) -> Callable[[], OperationRun]:
    return lambda: perform("compliance.snapshot", connection_id=connection.pk)


@pytest.fixture
def stored(contoso: Tenant) -> Callable[[], list[ComplianceSnapshot]]:
    def read() -> list[ComplianceSnapshot]:
        with scope(contoso.pk):
            return list(ComplianceSnapshot.objects.order_by("taken_at", "platform", "state"))

    return read


def test_every_device_is_counted_once_by_platform_and_state(
    take: Any, stored: Any, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-12"""
    run = take()
    devices = sandbox_tenant.collection(DEVICES).objects.values()
    expected = Counter((classify(device["operatingSystem"], device["complianceState"])) for device in devices)
    assert run.outcome == "succeeded"
    assert {(row.platform, row.state): row.devices for row in stored()} == expected
    assert len(expected) > 4


def test_each_snapshot_adds_a_point_to_the_series(take: Any, stored: Any, connection: ProviderConnection) -> None:
    """PRO-12"""
    first, second = take(), take()
    rows = stored()
    assert len({row.taken_at for row in rows}) == 2
    assert {row.run_id for row in rows} == {first.pk, second.pk}
    assert {row.connection_id for row in rows} == {connection.pk}


def test_a_tenant_without_devices_is_a_zero_and_not_a_gap(
    take: Any, stored: Any, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-12"""
    take()
    sandbox_tenant.collection(DEVICES).objects.clear()
    assert take().outcome == "succeeded"
    last = stored()[-1].taken_at
    assert sum(row.devices for row in stored() if row.taken_at == last) == 0
    assert [row.devices for row in stored() if row.taken_at == last] == [0]


@pytest.mark.parametrize(
    ("kind", "details", "code"),
    [
        ("outage", {}, "graph_unavailable"),
        ("throttle", {}, "throttled"),
        ("permission_removed", {}, "permission_missing"),
        ("malformed", {}, "response_malformed"),
        ("foreign_link", {}, "foreign_link"),
        ("loop", {}, "paging_loop"),
    ],
)
def test_a_reading_that_fails_stores_nothing_and_says_why(
    kind: str, details: Any, code: str, take: Any, stored: Any, fault: Any, waits: Any, items_of: Any
) -> None:
    """PRO-12: half a count would look like devices that left."""
    fault(kind, f"/{DEVICES}", **details)
    run = take()
    assert (run.outcome, run.failure_code, stored()) == ("failed", code, [])
    assert items_of(run)["devices"].code == code
    assert items_of(run)["devices"].graph_request_id


def test_a_failure_on_a_later_page_stores_nothing_either(take: Any, stored: Any, script: Script, waits: Any) -> None:
    """PRO-12"""
    device = {"id": "d1", "operatingSystem": "Windows", "complianceState": "compliant"}
    link = f"https://graph.microsoft.com/v1.0/{DEVICES}?$skiptoken=2"
    script.say(f"/v1.0/{DEVICES}?$select", {"value": [device], "@odata.nextLink": link})
    script.say(f"/v1.0/{DEVICES}?$skiptoken", {"error": {"code": "x"}}, status=403)
    assert take().failure_code == "permission_missing"
    assert stored() == []


def test_a_device_on_two_pages_is_one(take: Any, stored: Any, script: Script) -> None:
    """PRO-12: F41. A list that changes while it is read overlaps at the edges of its pages."""

    def device(name: str) -> dict[str, str]:
        return {"id": name, "operatingSystem": "Windows", "complianceState": "compliant"}

    link = f"https://graph.microsoft.com/v1.0/{DEVICES}?$skiptoken="
    script.say(
        f"/v1.0/{DEVICES}?$select", {"value": [device("a"), device("b"), device("b")], "@odata.nextLink": f"{link}1"}
    )
    script.say(f"/v1.0/{DEVICES}?$skiptoken=1", {"value": [], "@odata.nextLink": f"{link}2"})
    script.say(f"/v1.0/{DEVICES}?$skiptoken=2", {"value": [device("b"), device("c")]})
    take()
    assert [(row.platform, row.state, row.devices) for row in stored()] == [("Windows", "compliant", 3)]


@pytest.mark.parametrize("member", ["text", None, {}, {"id": None}, {"id": ""}, {"id": 5}])
def test_a_device_that_is_none_fails_the_snapshot(member: Any, take: Any, stored: Any, script: Script) -> None:
    """PRO-12, PRO-20"""
    script.say(f"/v1.0/{DEVICES}", {"value": [member]})
    run = take()
    assert (run.outcome, run.failure_code, stored()) == ("failed", "response_malformed", [])


@pytest.mark.parametrize(
    ("system", "state", "expected"),
    [
        ("Windows", "compliant", ("Windows", "compliant")),
        ("windowsRT", "noncompliant", ("Windows", "noncompliant")),
        ("macOS", "inGracePeriod", ("macOS", "inGracePeriod")),
        ("iPadOS", "error", ("iOS", "error")),
        ("iOS", "conflict", ("iOS", "conflict")),
        ("AndroidForWork", "configManager", ("Android", "configManager")),
        ("Chrome OS", "unknown", ("ChromeOS", "unknown")),
        ("Linux (ubuntu)", "unknownFutureValue", ("Linux", "unknown")),
        ("Holo <script>", "newState", ("Other", "unknown")),
        (None, None, ("Other", "unknown")),
        (5, ["x"], ("Other", "unknown")),
    ],
)
def test_what_graph_newly_invents_is_other_and_unknown(system: Any, state: Any, expected: tuple[str, str]) -> None:
    """PRO-12"""
    assert classify(system, state) == expected


def test_many_devices_are_counted_page_by_page(
    take: Any, stored: Any, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRO-12: what is in memory does not grow with the number of devices."""
    pages, on_page = 12, 200
    for number in range(pages):
        rows = [{"id": f"{number}-{n}", "operatingSystem": "iOS", "complianceState": "error"} for n in range(on_page)]
        following = f"https://graph.microsoft.com/v1.0/{DEVICES}?$skiptoken={number + 1}"
        path = f"/v1.0/{DEVICES}?" + (f"$skiptoken={number}" if number else "$select")
        script.say(path, {"value": rows, **({"@odata.nextLink": following} if number < pages - 1 else {})})
    held: list[int] = []
    original = compliance._id_of

    def look(device: Any, page: Any) -> str:
        if device["id"].endswith("-0"):
            held.append(sum(type(one) is GraphReply for one in gc.get_objects()))
        return original(device, page)

    monkeypatch.setattr(compliance, "_id_of", look)
    take()
    assert stored()[0].devices == pages * on_page
    assert len(held) == pages
    # Beyond the first page there may be one more: the one that is being replaced.
    assert max(held) <= held[0] + 1
