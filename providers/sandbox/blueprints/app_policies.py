"""Policies about apps: protection and configuration. Their lists leave `@odata.type` out, as Graph does."""

from typing import Any

from providers.sandbox import schema
from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker, base64_of, named

_COMMON: Body = {
    "periodOfflineBeforeAccessCheck": "PT12H",
    "periodOnlineBeforeAccessCheck": "PT30M",
    "periodOfflineBeforeWipeIsEnforced": "P90D",
    "allowedInboundDataTransferSources": "allApps",
    "allowedOutboundDataTransferDestinations": "managedApps",
    "allowedOutboundClipboardSharingLevel": "managedAppsWithPasteIn",
    "organizationalCredentialsRequired": False,
    "dataBackupBlocked": True,
    "deviceComplianceRequired": True,
    "managedBrowserToOpenLinksRequired": True,
    "saveAsBlocked": True,
    "pinRequired": True,
    "maximumPinRetries": 5,
    "simplePinBlocked": True,
    "minimumPinLength": 6,
    "pinCharacterSet": "numeric",
    "contactSyncBlocked": False,
    "printBlocked": True,
    "fingerprintBlocked": False,
    "appActionIfDeviceComplianceRequired": "block",
    "appActionIfMaximumPinRetriesExceeded": "wipe",
    "appGroupType": "selectedPublicApps",
    "targetedAppManagementLevels": "unspecified",
}


def _protection(make: Maker, number: int, kind: str, platform: str, **rest: Any) -> Made:
    head = named(make, make.names.policy(number, platform, topic="App protection", purpose="MAM"))
    object_id = f"T_{head['id']}"
    assignments = make.assignments(object_id, groups_only=True, filters=make.mam_filters)
    known = schema.properties(f"{kind}ManagedAppProtection")
    common = {name: value for name, value in _COMMON.items() if name in known}
    body = head | {"id": object_id, "version": f'"{make.id()}"', "isAssigned": bool(assignments)} | common | rest
    body["deployedAppCount"] = 2
    key = {"ios": "bundleId", "android": "packageId", "windows": "windowsAppId"}[kind]
    apps = [
        {
            "id": f"com.contoso.{name}.{kind}",
            "version": "1",
            "mobileAppIdentifier": {"@odata.type": f"{GRAPH}{kind}MobileAppIdentifier", key: f"com.contoso.{name}"},
        }
        for name in ("mail", "files")
    ]
    return body, {"assignments": assignments, "apps": apps}


def ios(make: Maker, number: int) -> Made:
    return _protection(make, number, "ios", "iOS", faceIdBlocked=False, appDataEncryptionType="whenDeviceLocked")


def android(make: Maker, number: int) -> Made:
    return _protection(make, number, "android", "android", screenCaptureBlocked=True, encryptAppData=True)


def windows(make: Maker, number: int) -> Made:
    return _protection(make, number, "windows", "windows10", allowedOutboundClipboardSharingLevel="none")


def managed_apps(make: Maker, number: int) -> Made:
    head = named(make, make.names.policy(number, "iOS", topic="Edge", purpose="App configuration"))
    assignments = make.assignments(head["id"], groups_only=True, filters=make.mam_filters)
    body = head | {
        "version": f'"{make.id()}"',
        "customSettings": [
            {"name": "com.microsoft.intune.mam.managedbrowser.homepage", "value": "https://contoso.example"}
        ],
        "deployedAppCount": 1,
        "isAssigned": bool(assignments),
        "appGroupType": "selectedPublicApps",
        "targetedAppManagementLevels": "unspecified",
    }
    identifier = {"@odata.type": f"{GRAPH}iosMobileAppIdentifier", "bundleId": "com.microsoft.msedge"}
    apps = [{"id": "com.microsoft.msedge.ios", "version": "1", "mobileAppIdentifier": identifier}]
    return body, {"assignments": assignments, "apps": apps, "settings": []}


def managed_devices(make: Maker, number: int) -> Made:
    ios_kind = number % 2 == 0
    kind = "iosMobileAppConfiguration" if ios_kind else "androidManagedStoreAppConfiguration"
    rest: Body = {
        "settings": [
            {"appConfigKey": "url", "appConfigKeyType": "stringType", "appConfigKeyValue": "https://contoso.example"}
        ]
    }
    if not ios_kind:
        rest = {
            "packageId": "app:com.contoso.sample",
            "payloadJson": base64_of('{"kind":"androidenterprise#managedConfiguration","managedProperty":[]}'),
            "appSupportsOemConfig": number % 5 == 1,
            "permissionActions": [],
            "profileApplicability": "default",
            "connectedAppsEnabled": False,
        }
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, make.names.policy(number, "iOS" if ios_kind else "android", purpose="App configuration")),
        "version": 1,
        "targetedMobileApps": make.apps[number % 5 : number % 5 + 1],
        **rest,
    }
    return body, {"assignments": make.assignments(body["id"])}
