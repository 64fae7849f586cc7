"""Policies about apps: protection and configuration."""

from typing import Any

from inventory.types.base import (
    ASSIGNED,
    Body,
    Category,
    Child,
    Listing,
    ObjectType,
    Platform,
    Reference,
    Restore,
    intune,
)
from inventory.types.settings_catalog import UNORDERED_SETTINGS

_ROOT = "/deviceAppManagement/"
# The common list of all protection policies has neither apps nor assignments, so each kind is read from its own list.
_QUERY = "$expand=assignments,apps"
IOS = Listing("app_protection_ios", "App protection (iOS)", f"{_ROOT}iosManagedAppProtections", query=_QUERY)
ANDROID = Listing(
    "app_protection_android", "App protection (Android)", f"{_ROOT}androidManagedAppProtections", query=_QUERY
)
WINDOWS = Listing(
    "app_protection_windows", "App protection (Windows)", f"{_ROOT}windowsManagedAppProtections", query=_QUERY
)
MANAGED_APPS = Listing(
    "app_config_managed_apps",
    "App configuration (managed apps)",
    f"{_ROOT}targetedManagedAppConfigurations",
    query=_QUERY,
    children=(Child("settings"),),
)
MANAGED_DEVICES = Listing(
    "mobile_app_configurations",
    "App configuration (managed devices)",
    f"{_ROOT}mobileAppConfigurations",
    query="$expand=assignments",
)


def _is_oem(body: Body) -> bool:
    return body.get("appSupportsOemConfig") is True


def _protection(key: str, label: str, platform: Platform, listing: Listing, odata_type: str) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.APP_PROTECTION,
        platform=platform,
        listing=listing,
        permissions=intune("Apps"),
        restore=Restore.FULL,
        restore_order=400,
        odata_types=(odata_type,),
        volatile=("deployedAppCount",),
        unordered=("apps", "exemptedAppPackages", "exemptedAppProtocols"),
        references=ASSIGNED,
    )


def _device_configuration(key: str, label: str, platform: Platform, category: Category, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=category,
        platform=platform,
        listing=MANAGED_DEVICES,
        permissions=intune("Apps"),
        restore=Restore.FULL,
        restore_order=405,
        unordered=("targetedMobileApps",),
        references=(*ASSIGNED, Reference("targetedMobileApps", "*")),
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
    ObjectType(
        key="app_config_managed_apps",
        label="App configuration (managed apps)",
        category=Category.APP_CONFIGURATION,
        platform=Platform.ALL,
        listing=MANAGED_APPS,
        permissions=intune("Apps"),
        restore=Restore.FULL,
        restore_order=400,
        odata_types=("targetedManagedAppConfiguration",),
        volatile=("deployedAppCount", "settings.id"),
        unordered=("apps", "customSettings", *UNORDERED_SETTINGS),
        references=ASSIGNED,
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
    ),
    _device_configuration(
        "android_oem_config",
        "OEMConfig profile",
        Platform.ANDROID,
        Category.CONFIGURATION,
        matches=_is_oem,
    ),
)
