"""Windows update profiles. Rings are device configurations and stand there."""

from typing import Any

from inventory.types.base import ASSIGNED, Category, Child, Listing, ObjectType, Platform, Restore, intune

_QUERY = "$expand=assignments&$top=200"
FEATURE = Listing(
    "feature_update_profile", "Feature updates", "/deviceManagement/windowsFeatureUpdateProfiles", query=_QUERY
)
EXPEDITED = Listing(
    "quality_update_profile", "Expedited updates", "/deviceManagement/windowsQualityUpdateProfiles", query=_QUERY
)
QUALITY = Listing(
    "quality_update_policy", "Quality updates", "/deviceManagement/windowsQualityUpdatePolicies", query=_QUERY
)
DRIVER = Listing(
    "driver_update_profile",
    "Driver updates",
    "/deviceManagement/windowsDriverUpdateProfiles",
    query=_QUERY,
    children=(Child("driverInventories"),),
)


def _profile(key: str, label: str, listing: Listing, odata_type: str, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.UPDATES,
        platform=Platform.WINDOWS,
        listing=listing,
        permissions=intune("Configuration"),
        restore=Restore.FULL,
        restore_order=151,
        odata_types=(odata_type,),
        references=ASSIGNED,
        **more,
    )


TYPES = (
    _profile(
        "feature_update_profile",
        "Feature update profile",
        FEATURE,
        "windowsFeatureUpdateProfile",
        volatile=("deployableContentDisplayName", "endOfSupportDate"),
    ),
    _profile(
        "quality_update_profile",
        "Expedited quality update profile",
        EXPEDITED,
        "windowsQualityUpdateProfile",
        volatile=("releaseDateDisplayName", "deployableContentDisplayName"),
    ),
    _profile("quality_update_policy", "Quality update policy", QUALITY, "windowsQualityUpdatePolicy"),
    _profile(
        "driver_update_profile",
        "Driver update profile",
        DRIVER,
        "windowsDriverUpdateProfile",
        volatile=("newUpdates", "inventorySyncStatus", "deviceReporting", "driverInventories.applicableDeviceCount"),
        unordered=("driverInventories",),
    ),
)
