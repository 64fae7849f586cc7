"""Windows update profiles. Rings are device configurations and stand there."""

from typing import Any

from inventory.types.base import ASSIGNMENTS, Category, Child, Listing, ObjectType, Platform, assumed, intune
from inventory.types.references import ASSIGNED
from inventory.types.writing import GROUPS, Assign, Create, Update

_ROOT = "/deviceManagement/"
# More than 200 to a page is refused here.
_QUERY = "$top=200"
FEATURE = Listing(
    "feature_update_profile",
    "Feature updates",
    f"{_ROOT}windowsFeatureUpdateProfiles",
    query=_QUERY,
    children=(ASSIGNMENTS,),
)
EXPEDITED = Listing(
    "quality_update_profile",
    "Expedited updates",
    f"{_ROOT}windowsQualityUpdateProfiles",
    query=_QUERY,
    children=(ASSIGNMENTS,),
)
QUALITY = Listing(
    "quality_update_policy",
    "Quality updates",
    f"{_ROOT}windowsQualityUpdatePolicies",
    query=_QUERY,
    children=(ASSIGNMENTS,),
)
DRIVER = Listing(
    "driver_update_profile",
    "Driver updates",
    f"{_ROOT}windowsDriverUpdateProfiles",
    query=_QUERY,
    children=(ASSIGNMENTS, Child("driverInventories")),
)

_CONFIGURATION = intune("Configuration")
_LICENCE = "Windows Enterprise E3 or the like"


def _profile(
    key: str, label: str, listing: Listing, odata_type: str, computed: tuple[str, ...], **more: Any
) -> ObjectType:
    """`computed` are properties that the service sets."""
    defaults: dict[str, Any] = {
        "permissions": _CONFIGURATION,
        "create": Create(strip=computed),
        "update": Update(strip=computed),
    }
    return ObjectType(
        key=key,
        label=label,
        category=Category.UPDATES,
        platform=Platform.WINDOWS,
        listing=listing,
        restore_order=151,
        odata_types=(odata_type,),
        volatile=computed,
        references=ASSIGNED,
        assign=Assign(targets=GROUPS),
        licence=_LICENCE,
        **{**defaults, **more},
    )


_FEATURE_COMPUTED = ("deployableContentDisplayName", "endOfSupportDate")
_DRIVER_COMPUTED = ("newUpdates", "inventorySyncStatus", "deviceReporting")

TYPES = (
    _profile(
        "feature_update_profile",
        "Feature update profile",
        FEATURE,
        "windowsFeatureUpdateProfile",
        _FEATURE_COMPUTED,
        create=Create(strip=_FEATURE_COMPUTED, requires=("displayName", "featureUpdateVersion")),
        update=Update(strip=(*_FEATURE_COMPUTED, "installLatestWindows10OnWindows11IneligibleDevice")),
    ),
    _profile(
        "quality_update_profile",
        "Expedited quality update profile",
        EXPEDITED,
        "windowsQualityUpdateProfile",
        ("releaseDateDisplayName", "deployableContentDisplayName"),
        create=Create(
            strip=("releaseDateDisplayName", "deployableContentDisplayName"),
            requires=("displayName", "expeditedUpdateSettings"),
        ),
    ),
    _profile(
        "quality_update_policy",
        "Quality update policy",
        QUALITY,
        "windowsQualityUpdatePolicy",
        (),
        permissions=assumed(_CONFIGURATION),
    ),
    _profile(
        "driver_update_profile",
        "Driver update profile",
        DRIVER,
        "windowsDriverUpdateProfile",
        (*_DRIVER_COMPUTED, "driverInventories.applicableDeviceCount"),
        unordered=("driverInventories",),
        # Which drivers are on offer depends on the devices of the tenant.
        create=Create(strip=(*_DRIVER_COMPUTED, "driverInventories"), requires=("displayName", "approvalType")),
        update=Update(strip=(*_DRIVER_COMPUTED, "driverInventories"), fixed=("approvalType",)),
    ),
)
