"""Policies about apps: protection and configuration."""

from typing import Any

from inventory.types.base import (
    ASSIGNMENTS,
    Body,
    Capability,
    Category,
    Child,
    Limit,
    Listing,
    ObjectType,
    Platform,
    intune,
)
from inventory.types.references import ALL_USERS, APP, ASSIGNED, STORE_ID, Reference, Secret
from inventory.types.settings_catalog import UNORDERED_SETTINGS
from inventory.types.writing import GROUPS, Assign, Create, Part, Style, Update

_ROOT = "/deviceAppManagement/"
# The common list of all protection policies has neither apps nor assignments, so each kind is read from its own list.
_APPS = Child("apps", inline=True)
_LOCKER_FILES = tuple(Child(f"{kind}AppLockerFiles", inline=True) for kind in ("protected", "exempt"))
IOS = Listing(
    "app_protection_ios",
    "App protection (iOS)",
    f"{_ROOT}iosManagedAppProtections",
    children=(ASSIGNMENTS, _APPS),
)
ANDROID = Listing(
    "app_protection_android",
    "App protection (Android)",
    f"{_ROOT}androidManagedAppProtections",
    children=(ASSIGNMENTS, _APPS),
)
WINDOWS = Listing(
    "app_protection_windows",
    "App protection (Windows)",
    f"{_ROOT}windowsManagedAppProtections",
    children=(ASSIGNMENTS, _APPS),
)
WIP_ENROLLED = Listing(
    "wip_mdm_policy",
    "Windows Information Protection (enrolled)",
    f"{_ROOT}mdmWindowsInformationProtectionPolicies",
    children=(ASSIGNMENTS, *_LOCKER_FILES),
)
WIP = Listing(
    "wip_without_enrollment_policy",
    "Windows Information Protection (not enrolled)",
    f"{_ROOT}windowsInformationProtectionPolicies",
    children=(ASSIGNMENTS, *_LOCKER_FILES),
)
MANAGED_APPS = Listing(
    "app_config_managed_apps",
    "App configuration (managed apps)",
    f"{_ROOT}targetedManagedAppConfigurations",
    children=(ASSIGNMENTS, _APPS, Child("settings")),
)
MANAGED_DEVICES = Listing(
    "mobile_app_configurations",
    "App configuration (managed devices)",
    f"{_ROOT}mobileAppConfigurations",
    children=(ASSIGNMENTS,),
)

_PERMISSIONS = intune("Apps")
_TARGET_APPS = Part("apps", Style.ACTION, call="targetApps", key="apps", also=("appGroupType",))
_STORE_APPS = tuple(
    Reference(f"apps.mobileAppIdentifier.{name}", STORE_ID) for name in ("bundleId", "packageId", "windowsAppId")
)
_COMPUTED = ("deployedAppCount", "deploymentSummary")
# The service behind these refuses every other target; a virtual group stands for all users.
_GROUPS_ALONE = Assign(targets=GROUPS, all_users=ALL_USERS)
_TYPED = ("displayName", "@odata.type")


def _is_oem(body: Body) -> bool:
    return body.get("appSupportsOemConfig") is True


def _protection(key: str, label: str, platform: Platform, listing: Listing, odata_type: str, **more: Any) -> ObjectType:
    defaults: dict[str, Any] = {
        "category": Category.APP_PROTECTION,
        "unordered": ("apps", "exemptedAppPackages", "exemptedAppProtocols"),
        "volatile": ("deployedAppCount",),
        "match": (*_TYPED, "targetedAppManagementLevels"),
        "parts": (_TARGET_APPS,),
    }
    return ObjectType(
        key=key,
        label=label,
        platform=platform,
        listing=listing,
        permissions=_PERMISSIONS,
        restore_order=400,
        odata_types=(odata_type,),
        references=(*ASSIGNED, *_STORE_APPS),
        create=Create(strip=_COMPUTED),
        update=Update(strip=_COMPUTED),
        assign=_GROUPS_ALONE,
        **{**defaults, **more},
    )


_WIP: dict[str, Any] = {
    "match": _TYPED,
    "unordered": ("protectedAppLockerFiles", "exemptAppLockerFiles"),
    "parts": (
        _TARGET_APPS,
        Part("protectedAppLockerFiles", Style.MEMBERS),
        Part("exemptAppLockerFiles", Style.MEMBERS),
    ),
    "secrets": (Secret("The private key behind the data recovery certificate"),),
    "limits": (Limit(Capability.RESTORE, "Windows has retired this protection; new devices ignore it", partly=True),),
}


def _device_configuration(key: str, label: str, platform: Platform, category: Category, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=category,
        platform=platform,
        listing=MANAGED_DEVICES,
        permissions=_PERMISSIONS,
        restore_order=405,
        unordered=("targetedMobileApps",),
        references=(*ASSIGNED, Reference("targetedMobileApps", APP)),
        create=Create(requires=("@odata.type", "displayName", "targetedMobileApps")),
        update=Update(strip=("targetedMobileApps",)),
        # Without the name of the type in its address, the action is refused.
        assign=Assign(action="microsoft.graph.managedDeviceMobileAppConfiguration/assign"),
        **more,
    )


TYPES = (
    _protection("app_protection_ios", "App protection (iOS)", Platform.IOS, IOS, "iosManagedAppProtection"),
    _protection(
        "app_protection_android", "App protection (Android)", Platform.ANDROID, ANDROID, "androidManagedAppProtection"
    ),
    _protection(
        "app_protection_windows", "App protection (Windows)", Platform.WINDOWS, WINDOWS, "windowsManagedAppProtection"
    ),
    _protection(
        "wip_mdm_policy",
        "Windows Information Protection (enrolled)",
        Platform.WINDOWS,
        WIP_ENROLLED,
        "mdmWindowsInformationProtectionPolicy",
        **_WIP,
    ),
    _protection(
        "wip_without_enrollment_policy",
        "Windows Information Protection (not enrolled)",
        Platform.WINDOWS,
        WIP,
        "windowsInformationProtectionPolicy",
        **_WIP,
    ),
    _protection(
        "app_config_managed_apps",
        "App configuration (managed apps)",
        Platform.ALL,
        MANAGED_APPS,
        "targetedManagedAppConfiguration",
        category=Category.APP_CONFIGURATION,
        volatile=("deployedAppCount", "settings.id"),
        unordered=("apps", "customSettings", *UNORDERED_SETTINGS),
    ),
    _device_configuration(
        "app_config_managed_devices",
        "App configuration (managed devices)",
        Platform.ALL,
        Category.APP_CONFIGURATION,
        odata_types=(
            "iosMobileAppConfiguration",
            "androidManagedStoreAppConfiguration",
            "androidForWorkMobileAppConfiguration",
        ),
        fallback=True,
        match=("displayName", "@odata.type"),
    ),
    _device_configuration(
        "android_oem_config",
        "OEMConfig profile",
        Platform.ANDROID,
        Category.CONFIGURATION,
        matches=_is_oem,
        limits=(
            Limit(Capability.RESTORE, "Managed Google Play must be bound, and the maker's app be there", partly=True),
        ),
    ),
)
