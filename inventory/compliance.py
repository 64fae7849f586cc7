"""Device compliance over time: managed devices counted by platform and compliance state."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from inventory.models import ComplianceSnapshot
from inventory.store import database_now, tenant_of
from operations.context import RunContext
from operations.failures import Failure
from operations.registry import operation
from operations.schedule import register_schedule
from providers.graph.client import GraphClient, GraphReply
from providers.models import ProviderConnection
from providers.operations import (
    ITS_CONNECTION,
    connection_is_usable,
    default_connection_id,
    usable_connection_ids,
    using,
)
from providers.permissions import register_need

_PLATFORMS = {
    "windows": "Windows",
    "macos": "macOS",
    "ios": "iOS",
    "ipados": "iOS",
    "android": "Android",
    "linux": "Linux",
    "chromeos": "ChromeOS",
}
_OTHER = "Other"
# complianceState of Graph's managedDevice; what it newly invents counts as unknown.
_STATES = {"compliant", "noncompliant", "conflict", "error", "inGracePeriod", "configManager", "unknown"}
_DEVICES = "/deviceManagement/managedDevices"

register_need(
    any_of=("DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All"),
    capability="compliance.snapshot",
    used_for="Device counts by platform and compliance state",
)


@dataclass(frozen=True)
class SnapshotInputs:
    connection_id: int


@operation(
    "compliance.snapshot",
    label="Compliance snapshot",
    inputs=SnapshotInputs,
    capability="compliance.snapshot",
    slot=lambda inputs: f"compliance:{inputs.connection_id}",
    needs=[connection_is_usable],
    soft_limit=timedelta(minutes=30),
    defaults={"connection_id": default_connection_id},
    target=ITS_CONNECTION,
)
def take_snapshot(run: RunContext, inputs: SnapshotInputs) -> None:
    """Count the managed devices of a tenant by platform and compliance state."""
    run.expect(1)
    with using(inputs.connection_id) as (connection, client), run.step("devices", "Managed devices") as step:
        # A snapshot is whole or not at all: half a count would look like devices that left.
        counted: Counter[tuple[str, str]] = Counter()
        for platform, state in _devices(run, client):
            counted[platform, state] += 1
        step.ref = f"{counted.total()} devices"
        _store(run, connection.pk, counted)


def _devices(run: RunContext, client: GraphClient) -> Iterator[tuple[str, str]]:
    """Each device as it is counted. Only two pages of ids are in memory, however many devices there are."""
    params = {"$select": "id,operatingSystem,complianceState"}
    before: set[str] = set()
    for page in client.pages(_DEVICES, version="v1.0", params=params):
        seen: set[str] = set()
        for device in page.values:
            identity = _id_of(device, page)
            # A list that changes while it is read overlaps at the edges of its pages.
            if identity not in before and identity not in seen:
                yield classify(device.get("operatingSystem"), device.get("complianceState"))
            seen.add(identity)
        before = seen or before
        run.beat()


def _id_of(device: object, page: GraphReply) -> str:
    identity = device.get("id") if isinstance(device, dict) else None
    if not isinstance(identity, str) or not identity:
        raise Failure("response_malformed", "A device of the list has no id.", graph_request_id=page.request_id)
    return identity


def classify(system: object, state: object) -> tuple[str, str]:
    """(platform, compliance state) as they are counted; what Graph newly invents is "Other" and "unknown"."""
    name = str(system or "").lower().replace(" ", "")
    platform = next((label for mark, label in _PLATFORMS.items() if name.startswith(mark)), _OTHER)
    return platform, state if isinstance(state, str) and state in _STATES else "unknown"


def _store(run: RunContext, connection_id: int, counted: Counter[tuple[str, str]]) -> None:
    with run.transaction():
        if not ProviderConnection.objects.filter(pk=connection_id).exists():
            raise Failure("connection_missing")
        taken_at = database_now()
        ComplianceSnapshot.objects.bulk_create(
            ComplianceSnapshot(
                tenant_id=tenant_of(run),
                run_id=run.id,
                connection_id=connection_id,
                taken_at=taken_at,
                platform=platform,
                state=state,
                devices=devices,
            )
            # Without any device the series still has its point: zero, and not a gap.
            for (platform, state), devices in sorted(counted.items()) or [((_OTHER, "unknown"), 0)]
        )


register_schedule(
    "compliance.snapshot",
    every=timedelta(days=1),
    targets=lambda: (SnapshotInputs(connection_id=pk) for pk in usable_connection_ids()),
)
