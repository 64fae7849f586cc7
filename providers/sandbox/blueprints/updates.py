"""Windows update profiles. Rings are device configurations."""

from providers.sandbox.blueprints.maker import Made, Maker, named


def _name(make: Maker, number: int, what: str) -> str:
    return make.names.policy(number, topic=what, purpose="Updates")


def feature(make: Maker, number: int) -> Made:
    body = named(
        make,
        _name(make, number, "Feature update"),
        featureUpdateVersion="Windows 11, version 25H2",
        rolloutSettings={
            "offerStartDateTimeInUTC": None,
            "offerEndDateTimeInUTC": None,
            "offerIntervalInDays": None,
        },
        endOfSupportDate="2027-10-12T00:00:00Z",
        deployableContentDisplayName="Windows 11, version 25H2",
        installLatestWindows10OnWindows11IneligibleDevice=True,
    )
    return body, {"assignments": make.assignments(body["id"])}


def quality(make: Maker, number: int) -> Made:
    expedited = {"qualityUpdateRelease": "2026-10-13T00:00:00Z", "daysUntilForcedReboot": 2}
    body = named(
        make,
        _name(make, number, "Expedited update"),
        expeditedUpdateSettings=expedited,
        releaseDateDisplayName="10/13/2026 – 2026.10 B",
        deployableContentDisplayName="2026-10 security update",
    )
    return body, {"assignments": make.assignments(body["id"])}


def quality_policy(make: Maker, number: int) -> Made:
    body = named(make, _name(make, number, "Hotpatch"), hotpatchEnabled=True, approvalSettings=[])
    return body, {"assignments": make.assignments(body["id"])}


def driver(make: Maker, number: int) -> Made:
    body = named(
        make,
        _name(make, number, "Drivers"),
        approvalType="automatic" if number % 2 else "manual",
        deploymentDeferralInDays=7 if number % 2 else None,
        newUpdates=0,
        deviceReporting=12,
        inventorySyncStatus={
            "lastSuccessfulSyncDateTime": "0001-01-01T00:00:00Z",
            "driverInventorySyncState": "success",
        },
    )
    drivers = [
        {
            "id": make.id(),
            "name": f"Contoso Firmware {release}",
            "version": f"1.{release}.0",
            "manufacturer": "Contoso",
            "releaseDateTime": make.moment(2025),
            "driverClass": "Firmware",
            "applicableDeviceCount": 3,
            "approvalStatus": "needsReview",
            "category": "recommended",
            "deployDateTime": None,
        }
        for release in range(number % 3)
    ]
    return body, {"assignments": make.assignments(body["id"]), "driverInventories": drivers}
