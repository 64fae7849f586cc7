"""Device compliance over time: managed devices counted by platform and compliance state."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from inventory.models import ComplianceSnapshot
from inventory.store import database_now, tenant_of
from operations.context import RunContext
from operations.registry import operation
from operations.schedule import register_schedule
from providers.operations import (
    ITS_CONNECTION,
    connection_is_usable,
    default_connection_id,
    usable_connection_ids,
    using,
)

_PLATFORMS = {
    "windows": "Windows",
    "macos": "macOS",
    "ios": "iOS",
    "ipados": "iOS",
    "android": "Android",
    "linux": "Linux",
    "chromeos": "ChromeOS",
}
_STATES = {"compliant", "noncompliant", "conflict", "error", "inGracePeriod", "configManager", "unknown"}


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
    counted: Counter[tuple[str, str]] = Counter()
    with using(inputs.connection_id) as (connection, client), run.step("devices", "Managed devices") as step:
        # A snapshot is whole or not at all: half a count would look like devices that left.
        params = {"$select": "id,operatingSystem,complianceState"}
        for page in client.pages("/deviceManagement/managedDevices", version="v1.0", params=params):
            for device in page.values:
                counted[classify(device.get("operatingSystem"), device.get("complianceState"))] += 1
            run.beat()
        step.ref = f"{counted.total()} devices"
        _store(run, connection.pk, counted)


def classify(system: object, state: object) -> tuple[str, str]:
    """(platform, compliance state) as they are counted; what Graph newly invents is "Other" and "unknown"."""
    platform = next(
        (label for mark, label in _PLATFORMS.items() if str(system or "").lower().startswith(mark)), "Other"
    )
    return platform, str(state) if state in _STATES else "unknown"


def _store(run: RunContext, connection_id: int, counted: Counter[tuple[str, str]]) -> None:
    with run.transaction():
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
            for (platform, state), devices in sorted(counted.items())
        )


register_schedule(
    "compliance.snapshot",
    every=timedelta(days=1),
    targets=lambda: (SnapshotInputs(connection_id=pk) for pk in usable_connection_ids()),
)
