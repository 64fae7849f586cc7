"""Managed devices: no configuration, but the dashboard counts them."""

from providers.sandbox.blueprints.maker import Made, Maker

_SYSTEMS = (
    (
        ("Windows", "10.0.26100.4652"),
        ("Windows", "10.0.22631.5768"),
        ("macOS", "15.6"),
        ("iOS", "18.6"),
        ("Android", "15"),
    ),
    (45, 20, 12, 15, 8),
)
_STATES = (("compliant", "noncompliant", "inGracePeriod", "unknown"), (84, 9, 4, 3))


def managed(make: Maker, number: int) -> Made:
    system, version = make.chance.choices(*_SYSTEMS)[0]
    body = {
        "id": make.id(),
        "deviceName": f"{system[:3].upper()}-{number:05}",
        "operatingSystem": system,
        "osVersion": version,
        "complianceState": make.chance.choices(*_STATES)[0],
        "managedDeviceOwnerType": "company",
        "enrolledDateTime": make.moment(2024),
        "lastSyncDateTime": make.moment(2026),
        "managementAgent": "mdm",
        "serialNumber": f"SN{number:07}",
        "isEncrypted": True,
    }
    return body, {}
