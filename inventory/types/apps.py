"""Apps: one list, told apart by `@odata.type`; and what stands around them: categories, books, profiles, S mode policies."""

from typing import Any

from inventory.types.base import (
    Body,
    Builtin,
    BuiltinRule,
    Capability,
    Category,
    Child,
    Confidence,
    Detail,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Restore,
    Unclassified,
    assumed,
    intune,
)
from inventory.types.documents import of_type, where
from inventory.types.references import APP, ASSIGNED, STORE_ID, Reference, Secret
from inventory.types.writing import Approval, Assign, Create, Part, Style, Target, Update


def _has_relations(body: Body) -> bool:
    return any(body.get(name) for name in ("dependentAppCount", "supersedingAppCount", "supersededAppCount"))


_ROOT = "/deviceAppManagement/"
APPS = Listing(
    "mobile_apps",
    "Apps",
    f"{_ROOT}mobileApps",
    query="$top=1000",
    detail=Detail("The list has no scope tags, rules, scripts or icon", "$expand=assignments,categories"),
    children=(Child("relationships", when=_has_relations),),
    others=Unclassified("app_other", "Other app"),
)
CATEGORIES = Listing("mobile_app_category", "App categories", f"{_ROOT}mobileAppCategories")
BOOKS = Listing("managed_ebook", "Books", f"{_ROOT}managedEBooks", children=(Child("assignments"),))
PROVISIONING = Listing(
    "ios_lob_provisioning_profile",
    "iOS app provisioning profiles",
    f"{_ROOT}iosLobAppProvisioningConfigurations",
    detail=Detail("The list has no payload"),
    children=(Child("assignments"),),
)
SUPPLEMENTAL = Listing(
    "wdac_supplemental_policy",
    "S mode supplemental policies",
    f"{_ROOT}wdacSupplementalPolicies",
    detail=Detail("The list has no content"),
    children=(Child("assignments"),),
)

_PERMISSIONS = intune("Apps")
_COUNTED = (
    "uploadState",
    "publishingState",
    "dependentAppCount",
    "supersedingAppCount",
    "supersededAppCount",
    "committedContentVersion",
    "size",
)
_VOLATILE = (*_COUNTED, "usedLicenseCount", "totalLicenseCount", "largeIcon")
# Not isFeatured in an update: there it can be set.
_STRIP = (*_COUNTED, "isFeatured", "usedLicenseCount", "totalLicenseCount")
_REFERENCES = (*ASSIGNED, Reference("categories.id", "mobile_app_category"), Reference("relationships.targetId", APP))
_TYPED = ("@odata.type", "displayName", "publisher")
_PARTS = (
    Part("categories", Style.LINKS),
    Part("relationships", Style.ACTION, call="updateRelationships", key="relationships", second_pass=True),
)
_NO_STORE_ADDRESS = Update(strip=(*_COUNTED, "appStoreUrl"))


def _is_published(body: Body) -> bool:
    """Before that, assignments are refused."""
    return body.get("publishingState") == "published"


def _default_file_format(body: dict[str, Any]) -> dict[str, Any]:
    """Microsoft 365 Apps are read with no default format, and refused with none."""
    if body.get("officeSuiteAppDefaultFileFormat") == "notConfigured":
        body["officeSuiteAppDefaultFileFormat"] = "officeOpenXMLFormat"
    return body


def _app(key: str, label: str, platform: Platform, *odata_types: str, **more: Any) -> ObjectType:
    defaults: dict[str, Any] = {
        "references": _REFERENCES,
        "match": ("displayName", "@odata.type"),
        "create": Create(strip=_STRIP, requires=_TYPED),
        "update": _NO_STORE_ADDRESS,
        "assign": Assign("mobileAppAssignments", keeps=("intent", "settings")),
    }
    return ObjectType(
        key=key,
        label=label,
        category=Category.APPS,
        platform=platform,
        listing=APPS,
        permissions=_PERMISSIONS,
        restore_order=60,
        odata_types=odata_types,
        volatile=_VOLATILE,
        unordered=("categories", "relationships"),
        parts=_PARTS,
        approval=Approval.APP,
        **{**defaults, **more},
    )


_NO_BINARY: dict[str, Any] = {
    "restore": Restore.METADATA_ONLY,
    "secrets": (Secret("The package itself: Graph has it encrypted and never gives out the key"),),
    "limits": (
        Limit(
            Capability.RESTORE, "The package must come from elsewhere; until then nobody can be assigned", partly=True
        ),
    ),
}


def _from_a_store(reason: str, **more: Any) -> dict[str, Any]:
    """An app that a store brings into the tenant: found again and assigned, never made."""
    return {
        "restore": Restore.METADATA_ONLY,
        "limits": (Limit(Capability.RESTORE, reason, partly=True),),
        "create": None,
        **more,
    }


_TOKEN = (*_REFERENCES, Reference("vppTokenId", "vpp_token"))
_BY_TOKEN: dict[str, Any] = _from_a_store(
    "Apple's store brings it, by a location token",
    references=_TOKEN,
    match=("displayName", "vppTokenAppleId", "@odata.type"),
)

TYPES = (
    _app(
        "app_win32",
        "Win32 app",
        Platform.WINDOWS,
        "win32LobApp",
        match=("displayName", "displayVersion", "@odata.type"),
        create=Create(
            strip=_STRIP, requires=(*_TYPED, "fileName", "setupFilePath", "installCommandLine", "uninstallCommandLine")
        ),
        **_NO_BINARY,
    ),
    _app(
        "app_win32_catalog",
        "Enterprise catalog app",
        Platform.WINDOWS,
        "win32CatalogApp",
        restore=Restore.METADATA_ONLY,
        create=Create(strip=_STRIP, requires=("mobileAppCatalogPackageId",)),
        limits=(Limit(Capability.RESTORE, "The package comes from Microsoft's catalogue", partly=True),),
        licence="Enterprise Application Management",
        confidence=Confidence.SCHEMA,
    ),
    _app(
        "app_windows_msi",
        "Windows MSI app",
        Platform.WINDOWS,
        "windowsMobileMSI",
        match=("displayName", "productVersion", "@odata.type"),
        update=Update(strip=(*_COUNTED, "appStoreUrl"), fixed=("useDeviceContext",)),
        **_NO_BINARY,
    ),
    _app(
        "app_windows_appx",
        "Windows AppX/MSIX app",
        Platform.WINDOWS,
        "windowsUniversalAppX",
        "windowsAppX",
        **_NO_BINARY,
    ),
    _app(
        "app_winget",
        "Microsoft Store app",
        Platform.WINDOWS,
        "winGetApp",
        create=Create(
            strip=(*_STRIP, "manifestHash"),
            requires=("@odata.type", "displayName", "publisher", "packageIdentifier", "installExperience"),
            ready=_is_published,
        ),
        update=Update(strip=(*_COUNTED, "appStoreUrl", "manifestHash")),
    ),
    _app(
        "app_microsoft_store_business",
        "Microsoft Store for Business app",
        Platform.WINDOWS,
        "microsoftStoreForBusinessApp",
        restore=Restore.METADATA_ONLY,
        create=None,
        delete=None,
        builtin=Builtin(
            of_type("microsoftStoreForBusinessApp"), "The store that made these apps is gone", BuiltinRule.ASSIGN
        ),
        limits=(Limit(Capability.RESTORE, "Microsoft has retired this store"),),
    ),
    _app(
        "app_windows_store_link",
        "Windows Store link",
        Platform.WINDOWS,
        "windowsStoreApp",
        create=Create(strip=_STRIP, requires=(*_TYPED, "appStoreUrl")),
        confidence=Confidence.SCHEMA_MOSTLY,
    ),
    _app(
        "app_m365_windows",
        "Microsoft 365 Apps",
        Platform.WINDOWS,
        "officeSuiteApp",
        create=Create(strip=_STRIP, requires=_TYPED, prepare=_default_file_format),
        update=Update(
            strip=(*_COUNTED, "appStoreUrl"),
            fixed=("officeConfigurationXml", "officePlatformArchitecture", "developer", "owner", "publisher"),
        ),
    ),
    _app(
        "app_edge_windows",
        "Microsoft Edge",
        Platform.WINDOWS,
        "windowsMicrosoftEdgeApp",
        create=Create(strip=_STRIP, requires=(*_TYPED, "channel")),
        assign=Assign("mobileAppAssignments", keeps=("intent", "settings"), filters=False),
    ),
    _app(
        "app_web_link",
        "Web link",
        Platform.ALL,
        "webApp",
        "windowsWebApp",
        "iosiPadOSWebClip",
        "macOSWebClip",
        create=Create(strip=_STRIP, requires=(*_TYPED, "appUrl")),
    ),
    _app(
        "app_ios_store",
        "iOS store app",
        Platform.IOS,
        "iosStoreApp",
        create=Create(strip=_STRIP, requires=(*_TYPED, "bundleId", "appStoreUrl", "applicableDeviceType")),
    ),
    _app("app_ios_lob", "iOS line-of-business app", Platform.IOS, "iosLobApp", **_NO_BINARY),
    _app("app_ios_vpp", "iOS volume-purchased app", Platform.IOS, "iosVppApp", **_BY_TOKEN),
    _app("app_macos_vpp", "macOS volume-purchased app", Platform.MACOS, "macOsVppApp", **_BY_TOKEN),
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
    _app(
        "app_android_store",
        "Android store app",
        Platform.ANDROID,
        "androidStoreApp",
        create=Create(strip=_STRIP, requires=(*_TYPED, "appStoreUrl", "packageId")),
        limits=(Limit(Capability.RESTORE, "It may be refused when it is made", partly=True),),
    ),
    _app(
        "app_android_managed_store",
        "Managed Google Play app",
        Platform.ANDROID,
        "androidManagedStoreApp",
        "androidManagedStoreWebApp",
        "androidForWorkApp",
        **_from_a_store(
            "Google's store brings it, once it is approved there",
            references=(*_REFERENCES, Reference("packageId", STORE_ID)),
            match=("packageId", "@odata.type"),
        ),
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
        **_from_a_store(
            "It exists in every tenant, or its own store brings it",
            builtin=Builtin(
                where("appAvailability", "global"),
                "Globally available apps exist in every tenant",
                BuiltinRule.ASSIGN,
                lambda body: str(body.get("bundleId") or body.get("packageId") or ""),
            ),
        ),
    ),
    ObjectType(
        key="mobile_app_category",
        label="App category",
        category=Category.APPS,
        platform=Platform.ALL,
        listing=CATEGORIES,
        permissions=_PERMISSIONS,
        restore_order=34,
        odata_types=("mobileAppCategory",),
    ),
    ObjectType(
        key="managed_ebook",
        label="Book",
        category=Category.APPS,
        platform=Platform.IOS,
        listing=BOOKS,
        permissions=_PERMISSIONS,
        restore_order=66,
        odata_types=("iosVppEBook",),
        volatile=("usedLicenseCount", "totalLicenseCount"),
        references=(*ASSIGNED, Reference("vppTokenId", "vpp_token")),
        assign=Assign("managedEBookAssignments", keeps=("installIntent",)),
        confidence=Confidence.DOCUMENTED,
        **_from_a_store("Apple's store brings it, by a location token"),
    ),
    ObjectType(
        key="ios_lob_provisioning_profile",
        label="iOS app provisioning profile",
        category=Category.APPS,
        platform=Platform.IOS,
        listing=PROVISIONING,
        permissions=assumed(_PERMISSIONS),
        restore_order=59,
        odata_types=("iosLobAppProvisioningConfiguration",),
        volatile=("expirationDateTime",),
        references=ASSIGNED,
        create=Create(strip=("expirationDateTime",), requires=("displayName", "payload", "payloadFileName")),
        update=Update(strip=("expirationDateTime",)),
        assign=Assign("iOSLobAppProvisioningConfigAssignments", targets=(Target.GROUP,)),
        confidence=Confidence.DOCUMENTED,
    ),
    ObjectType(
        key="wdac_supplemental_policy",
        label="S mode supplemental policy",
        category=Category.APPS,
        platform=Platform.WINDOWS,
        listing=SUPPLEMENTAL,
        permissions=_PERMISSIONS,
        restore_order=137,
        odata_types=("windowsDefenderApplicationControlSupplementalPolicy",),
        references=ASSIGNED,
        create=Create(requires=("displayName", "content", "contentFileName")),
        assign=Assign("wdacPolicyAssignments"),
        confidence=Confidence.DOCUMENTED,
    ),
)
