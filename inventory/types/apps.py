"""Apps: one list, told apart by `@odata.type`."""

from typing import Any

from inventory.types.base import (
    ASSIGNED,
    Body,
    Capability,
    Category,
    Child,
    Detail,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Reference,
    Restore,
    intune,
)


def _has_relations(body: Body) -> bool:
    return any(body.get(name) for name in ("dependentAppCount", "supersedingAppCount", "supersededAppCount"))


APPS = Listing(
    "mobile_apps",
    "Apps",
    "/deviceAppManagement/mobileApps",
    query="$top=1000",
    detail=Detail("The list has no scope tags, rules, scripts or icon", "$expand=assignments,categories"),
    children=(Child("relationships", when=_has_relations),),
)

_VOLATILE = (
    "uploadState",
    "publishingState",
    "dependentAppCount",
    "supersedingAppCount",
    "supersededAppCount",
    "committedContentVersion",
    "size",
    "usedLicenseCount",
    "totalLicenseCount",
)
_REFERENCES = (*ASSIGNED, Reference("categories.id", "mobile_app_category"), Reference("relationships.targetId", "*"))
_DEFAULTS: dict[str, Any] = {"restore": Restore.FULL, "references": _REFERENCES}
_NO_BINARY: dict[str, Any] = {
    "restore": Restore.METADATA_ONLY,
    "secrets": ("The package itself: Graph has it encrypted and never gives out the key",),
    "limits": (Limit(Capability.RESTORE, "The package must come from elsewhere", partly=True),),
}
_LICENSED: dict[str, Any] = {
    "restore": Restore.METADATA_ONLY,
    "limits": (Limit(Capability.RESTORE, "The store makes these apps, not Graph", partly=True),),
}


def _is_global(body: Body) -> bool:
    return body.get("appAvailability") == "global"


def _app(key: str, label: str, platform: Platform, *odata_types: str, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.APPS,
        platform=platform,
        listing=APPS,
        permissions=intune("Apps"),
        restore_order=60,
        odata_types=odata_types,
        volatile=_VOLATILE,
        unordered=("categories", "relationships"),
        **{**_DEFAULTS, **more},
    )


TYPES = (
    _app("app_win32", "Win32 app", Platform.WINDOWS, "win32LobApp", **_NO_BINARY),
    _app(
        "app_win32_catalog",
        "Enterprise catalog app",
        Platform.WINDOWS,
        "win32CatalogApp",
        **_LICENSED,
        low_confidence=True,
    ),
    _app("app_windows_msi", "Windows MSI app", Platform.WINDOWS, "windowsMobileMSI", **_NO_BINARY),
    _app(
        "app_windows_appx",
        "Windows AppX/MSIX app",
        Platform.WINDOWS,
        "windowsUniversalAppX",
        "windowsAppX",
        **_NO_BINARY,
    ),
    _app("app_winget", "Microsoft Store app", Platform.WINDOWS, "winGetApp"),
    _app(
        "app_microsoft_store_business",
        "Microsoft Store for Business app",
        Platform.WINDOWS,
        "microsoftStoreForBusinessApp",
        restore=Restore.METADATA_ONLY,
        limits=(Limit(Capability.RESTORE, "Microsoft has retired this store"),),
    ),
    _app("app_windows_store_link", "Windows Store link", Platform.WINDOWS, "windowsStoreApp", low_confidence=True),
    _app("app_m365_windows", "Microsoft 365 Apps", Platform.WINDOWS, "officeSuiteApp"),
    _app("app_edge_windows", "Microsoft Edge", Platform.WINDOWS, "windowsMicrosoftEdgeApp"),
    _app("app_web_link", "Web link", Platform.ALL, "webApp", "windowsWebApp", "iosiPadOSWebClip", "macOSWebClip"),
    _app("app_ios_store", "iOS store app", Platform.IOS, "iosStoreApp"),
    _app("app_ios_lob", "iOS line-of-business app", Platform.IOS, "iosLobApp", **_NO_BINARY),
    _app(
        "app_ios_vpp",
        "iOS volume-purchased app",
        Platform.IOS,
        "iosVppApp",
        **_LICENSED,
        references=(*_REFERENCES, Reference("vppTokenId", "vpp_token")),
    ),
    _app(
        "app_macos_vpp",
        "macOS volume-purchased app",
        Platform.MACOS,
        "macOsVppApp",
        **_LICENSED,
        references=(*_REFERENCES, Reference("vppTokenId", "vpp_token")),
    ),
    _app(
        "app_macos_lob", "macOS PKG/DMG app", Platform.MACOS, "macOSLobApp", "macOSPkgApp", "macOSDmgApp", **_NO_BINARY
    ),
    _app(
        "app_macos_microsoft",
        "Microsoft app for macOS",
        Platform.MACOS,
        "macOSOfficeSuiteApp",
        "macOSMicrosoftEdgeApp",
        "macOSMicrosoftDefenderApp",
    ),
    _app("app_android_store", "Android store app", Platform.ANDROID, "androidStoreApp"),
    _app(
        "app_android_managed_store",
        "Managed Google Play app",
        Platform.ANDROID,
        "androidManagedStoreApp",
        "androidManagedStoreWebApp",
        "androidForWorkApp",
        **_LICENSED,
    ),
    _app("app_android_lob", "Android line-of-business app", Platform.ANDROID, "androidLobApp", **_NO_BINARY),
    _app(
        "app_builtin_managed",
        "Built-in managed app",
        Platform.ALL,
        "managedIOSStoreApp",
        "managedAndroidStoreApp",
        "managedIOSLobApp",
        "managedAndroidLobApp",
        restore=Restore.METADATA_ONLY,
        limits=(Limit(Capability.RESTORE, "Exists in every tenant", partly=True),),
        is_builtin=_is_global,
        builtin="Globally available apps exist in every tenant",
    ),
    _app(
        "app_other",
        "Other app",
        Platform.ALL,
        fallback=True,
        restore=Restore.METADATA_ONLY,
        low_confidence=True,
        limits=(Limit(Capability.RESTORE, "TenantPilot does not know this kind"),),
    ),
)
