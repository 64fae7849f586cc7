"""Bodies of generated objects, second part: apps, enrolment, updates, administration, Entra."""

from typing import Any

from providers.sandbox.blueprints import GRAPH, Body, Made, Maker, named

_WINDOWS_APP = {
    "installCommandLine": "setup.exe /quiet",
    "uninstallCommandLine": "setup.exe /uninstall",
    "fileName": "setup.intunewin",
    "size": 1_048_576,
}


def group(make: Maker, number: int) -> Made:
    dynamic = number % 4 == 0
    object_id = make.guid()
    make.groups.append(object_id)
    body: Body = {
        "id": object_id,
        "displayName": f"{('Devices', 'Users', 'Pilot', 'Exclude')[number % 4]} {make.topic()} {number:03}",
        "description": None,
        "groupTypes": ["DynamicMembership"] if dynamic else [],
        "mailEnabled": False,
        "mailNickname": f"group{number:04}",
        "securityEnabled": True,
        "membershipRule": '(device.deviceOSType -eq "Windows")' if dynamic else None,
        "membershipRuleProcessingState": "On" if dynamic else None,
        "isAssignableToRole": None,
        "onPremisesSyncEnabled": None,
        "visibility": None,
        "createdDateTime": make.moment(2023),
        "deletedDateTime": None,
        "renewedDateTime": make.moment(),
        "securityIdentifier": f"S-1-12-1-{make.chance.randrange(10**9)}",
    }
    return body, {"members": [], "owners": []}


def assignment_filter(make: Maker, number: int) -> Made:
    body = named(
        make,
        f"Filter {number}",
        platform="windows10AndLater",
        rule='(device.deviceOwnership -eq "Corporate")',
        payloads=[],
    )
    body |= {"assignmentFilterManagementType": "devices", "roleScopeTags": body.pop("roleScopeTagIds")}
    make.filters.append(body["id"])
    return body, {}


def scope_tag(make: Maker, number: int) -> Made:
    body = {
        "id": str(number),
        "displayName": "Default" if number == 0 else f"Site {number}",
        "description": "",
        "isBuiltIn": number == 0,
    }
    return body, {"assignments": []}


def role(make: Maker, number: int) -> Made:
    builtin = number < 2
    body = {
        "@odata.type": f"{GRAPH}deviceAndAppManagementRoleDefinition",
        "id": make.guid(),
        "displayName": ("Policy and Profile Manager", "Help Desk Operator")[number]
        if builtin
        else f"Custom role {number}",
        "description": "What this role may do",
        "isBuiltInRoleDefinition": builtin,
        "isBuiltIn": builtin,
        "roleScopeTagIds": ["0"],
        "permissions": [],
        "rolePermissions": [
            {
                "resourceActions": [
                    {"allowedResourceActions": ["Microsoft.Intune_Organization_Read"], "notAllowedResourceActions": []}
                ]
            }
        ],
    }
    return body, {"roleAssignments": []}


def notification(make: Maker, number: int) -> Made:
    body = named(make, f"Notification {number}", defaultLocale="en-us", brandingOptions="includeCompanyLogo")
    message = {
        "id": f"{body['id']}_en-us",
        "lastModifiedDateTime": make.moment(),
        "locale": "en-us",
        "subject": "Your device",
        "messageTemplate": "Please update.",
        "isDefault": True,
    }
    return body, {"localizedNotificationMessages": [message]}


_ENROLLMENT: tuple[tuple[str, str, str, Body], ...] = (
    ("deviceEnrollmentLimitConfiguration", "DefaultLimit", "limit", {"limit": 5}),
    (
        "deviceEnrollmentPlatformRestrictionsConfiguration",
        "DefaultPlatformRestrictions",
        "platformRestrictions",
        {
            "iosRestriction": {
                "platformBlocked": False,
                "personalDeviceEnrollmentBlocked": False,
                "osMinimumVersion": None,
                "osMaximumVersion": None,
                "blockedManufacturers": [],
                "blockedSkus": [],
            }
        },
    ),
    (
        "deviceEnrollmentWindowsHelloForBusinessConfiguration",
        "DefaultWindowsHelloForBusiness",
        "windowsHelloForBusiness",
        {"state": "notConfigured", "pinMinimumLength": 6},
    ),
    (
        "windows10EnrollmentCompletionPageConfiguration",
        "DefaultWindows10EnrollmentCompletionPageConfiguration",
        "defaultWindows10EnrollmentCompletionPageConfiguration",
        {"showInstallationProgress": True, "selectedMobileAppIds": []},
    ),
    (
        "deviceEnrollmentPlatformRestrictionConfiguration",
        "SinglePlatformRestriction",
        "singlePlatformRestriction",
        {
            "platformType": "ios",
            "platformRestriction": {"platformBlocked": False, "personalDeviceEnrollmentBlocked": True},
        },
    ),
)


def enrollment(make: Maker, number: int) -> Made:
    kind, suffix, sort, rest = _ENROLLMENT[number % len(_ENROLLMENT)]
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, "All users and all devices" if number < 4 else f"Enrollment {number}"),
    }
    body |= {
        "id": f"{body['id']}_{suffix}",
        "priority": 0 if number < 4 else number,
        "version": 1,
        "deviceEnrollmentConfigurationType": sort,
        **rest,
    }
    return body, {"assignments": make.assignments(body["id"])}


def autopilot(make: Maker, number: int) -> Made:
    body = named(
        make,
        f"Autopilot {number}",
        locale="os-default",
        deviceNameTemplate="PC-%SERIAL%",
        deviceType="windowsPc",
        preprovisioningAllowed=True,
    )
    body |= {
        "@odata.type": f"{GRAPH}azureADWindowsAutopilotDeploymentProfile",
        "outOfBoxExperienceSetting": {
            "privacySettingsHidden": True,
            "eulaHidden": True,
            "userType": "standard",
            "deviceUsageType": "singleUser",
        },
        "hardwareHashExtractionEnabled": True,
        "managementServiceAppId": None,
    }
    return body, {"assignments": make.assignments(body["id"])}


def feature_update(make: Maker, number: int) -> Made:
    rollout = {"offerStartDateTimeInUTC": None, "offerEndDateTimeInUTC": None, "offerIntervalInDays": None}
    body = named(
        make,
        f"Feature update {number}",
        featureUpdateVersion="Windows 11, version 25H2",
        rolloutSettings=rollout,
        endOfSupportDate="2027-10-12T00:00:00Z",
    )
    return body, {"assignments": make.assignments(body["id"])}


def quality_update(make: Maker, number: int) -> Made:
    expedited = {"qualityUpdateRelease": "2026-10-13T00:00:00Z", "daysUntilForcedReboot": 2}
    body = named(
        make,
        f"Expedited update {number}",
        expeditedUpdateSettings=expedited,
        releaseDateDisplayName="10/13/2026 – 2026.10 B",
    )
    return body, {"assignments": make.assignments(body["id"])}


def quality_policy(make: Maker, number: int) -> Made:
    body = named(make, f"Hotpatch {number}", hotpatchEnabled=True, approvalSettings=[])
    return body, {"assignments": make.assignments(body["id"])}


def driver_update(make: Maker, number: int) -> Made:
    body = named(
        make,
        f"Drivers {number}",
        approvalType="automatic",
        deploymentDeferralInDays=7,
        newUpdates=0,
        deviceReporting=12,
        inventorySyncStatus=None,
    )
    return body, {"assignments": make.assignments(body["id"]), "driverInventories": []}


_APPS: tuple[tuple[str, Body], ...] = (
    (
        "win32LobApp",
        {
            **_WINDOWS_APP,
            "rules": [
                {
                    "@odata.type": f"{GRAPH}win32LobAppFileSystemRule",
                    "ruleType": "detection",
                    "path": "C:\\Program Files\\Sample",
                    "fileOrFolderName": "sample.exe",
                }
            ],
        },
    ),
    (
        "winGetApp",
        {"packageIdentifier": "9WZDNCRFJ3PZ", "manifestHash": None, "installExperience": {"runAsAccount": "user"}},
    ),
    (
        "officeSuiteApp",
        {
            "productIds": ["o365ProPlusRetail"],
            "updateChannel": "current",
            "localesToInstall": ["de-de"],
            "excludedApps": {"access": True},
        },
    ),
    ("webApp", {"appUrl": "https://contoso.example/", "useManagedBrowser": False}),
    (
        "iosStoreApp",
        {
            "bundleId": "com.microsoft.sample",
            "appStoreUrl": "https://apps.apple.com/app/id1",
            "minimumSupportedOperatingSystem": {"v14_0": True},
        },
    ),
    (
        "androidManagedStoreApp",
        {
            "packageId": "com.contoso.sample",
            "appIdentifier": "app:com.contoso.sample",
            "usedLicenseCount": 0,
            "totalLicenseCount": 0,
        },
    ),
    ("macOSPkgApp", {"primaryBundleId": "com.contoso.pkg", "primaryBundleVersion": "1.0", "includedApps": []}),
    ("managedIOSStoreApp", {"bundleId": "com.microsoft.office", "appAvailability": "global", "version": "1"}),
)


def app(make: Maker, number: int) -> Made:
    kind, rest = _APPS[number % len(_APPS)]
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, f"{make.topic()} app {number:03}"),
        "publisher": "Contoso",
        "largeIcon": None,
    }
    body |= {
        "isFeatured": False,
        "privacyInformationUrl": None,
        "informationUrl": None,
        "owner": "",
        "developer": "",
        "notes": "",
        "uploadState": 1,
    }
    body |= {
        "publishingState": "published",
        "isAssigned": True,
        "dependentAppCount": 0,
        "supersedingAppCount": 0,
        "supersededAppCount": 0,
        **rest,
    }
    make.apps.append(body["id"])
    return body, {"assignments": make.assignments(body["id"], intent=True), "categories": [], "relationships": []}


def _protection(make: Maker, number: int, kind: str, **rest: Any) -> Made:
    body = {
        **named(make, f"App protection {number}"),
        "version": f'"{make.guid()}"',
        "isAssigned": True,
        "pinRequired": True,
        **rest,
    }
    body |= {
        "id": f"T_{body['id']}",
        "periodOfflineBeforeAccessCheck": "PT12H",
        "minimumPinLength": 6,
        "deployedAppCount": 1,
    }
    apps = [
        {
            "id": f"app{number}.{kind}",
            "version": "1",
            "mobileAppIdentifier": {
                "@odata.type": f"{GRAPH}{kind}MobileAppIdentifier",
                "bundleId" if kind == "ios" else "packageId": "com.contoso.sample",
            },
        }
    ]
    return body, {"assignments": make.assignments(body["id"]), "apps": apps}


def protection_ios(make: Maker, number: int) -> Made:
    return _protection(make, number, "ios", faceIdBlocked=False, minimumRequiredSdkVersion=None)


def protection_android(make: Maker, number: int) -> Made:
    return _protection(make, number, "android", screenCaptureBlocked=True, minimumRequiredPatchVersion=None)


def protection_windows(make: Maker, number: int) -> Made:
    return _protection(make, number, "windows", printBlocked=True)


def config_apps(make: Maker, number: int) -> Made:
    body = {
        **named(make, f"Edge configuration {number}"),
        "version": "1",
        "customSettings": [{"name": "homepage", "value": "https://contoso.example"}],
    }
    body |= {
        "deployedAppCount": 0,
        "isAssigned": True,
        "appGroupType": "selectedPublicApps",
        "targetedAppManagementLevels": "unspecified",
    }
    return body, {"assignments": make.assignments(body["id"]), "apps": [], "settings": []}


def config_devices(make: Maker, number: int) -> Made:
    kind = ("iosMobileAppConfiguration", "androidManagedStoreAppConfiguration")[number % 2]
    rest: Body = {
        "encodedSettingXml": None,
        "settings": [{"appConfigKey": "url", "appConfigKeyType": "stringType", "appConfigKeyValue": "x"}],
    }
    if number % 2:
        rest = {
            "packageId": "app:com.contoso.sample",
            "payloadJson": "e30=",
            "appSupportsOemConfig": False,
            "permissionActions": [],
        }
    targets = make.apps[:1]
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, f"App configuration {number}"),
        "version": 1,
        "targetedMobileApps": targets,
        **rest,
    }
    return body, {"assignments": make.assignments(body["id"])}


def policy_set(make: Maker, number: int) -> Made:
    body = {
        **named(make, f"Policy set {number}"),
        "status": "success",
        "errorCode": "noError",
        "guidedDeploymentTags": [],
    }
    body["roleScopeTags"] = body.pop("roleScopeTagIds")
    item = {
        "@odata.type": f"{GRAPH}mobileAppPolicySetItem",
        "id": make.guid(),
        "payloadId": (make.apps or [make.guid()])[0],
        "itemType": f"{GRAPH}win32LobApp",
    }
    return body, {"assignments": make.assignments(body["id"]), "items": [item]}


def terms(make: Maker, number: int) -> Made:
    body = named(
        make,
        f"Terms {number}",
        title="Terms of use",
        bodyText="Please read.",
        acceptanceStatement="I accept.",
        version=1,
    )
    return body, {"assignments": []}


def category(make: Maker, number: int) -> Made:
    return {"id": make.guid(), "displayName": f"Category {number}", "description": None, "roleScopeTagIds": ["0"]}, {}


def conditional_access(make: Maker, number: int) -> Made:
    excluded = [make.chance.choice(make.groups)] if make.groups else []
    body: Body = {
        "id": make.guid(),
        "templateId": None,
        "displayName": f"CA{number:03} {make.chance.choice(('Require MFA', 'Block legacy sign-in', 'Require compliant device', 'Limit sessions'))}",
        "createdDateTime": make.moment(2024),
        "modifiedDateTime": make.moment(),
        "state": make.chance.choice(("enabled", "enabledForReportingButNotEnforced", "disabled")),
        "sessionControls": None,
        "conditions": {
            "userRiskLevels": [],
            "signInRiskLevels": [],
            "clientAppTypes": ["all"],
            "platforms": None,
            "locations": None,
            "devices": None,
            "clientApplications": None,
            "applications": {"includeApplications": ["All"], "excludeApplications": [], "includeUserActions": []},
            "users": {
                "includeUsers": ["All"],
                "excludeUsers": [],
                "includeGroups": [],
                "excludeGroups": excluded,
                "includeRoles": [],
                "excludeRoles": [],
            },
        },
        "grantControls": {
            "operator": "OR",
            "builtInControls": ["mfa"],
            "customAuthenticationFactors": [],
            "termsOfUse": [],
            "authenticationStrength": None,
        },
    }
    return body, {}


def named_location(make: Maker, number: int) -> Made:
    stamps = {"createdDateTime": make.moment(2024), "modifiedDateTime": make.moment()}
    if number % 2:
        body = {
            "@odata.type": f"{GRAPH}countryNamedLocation",
            "id": make.guid(),
            "displayName": f"Countries {number}",
            **stamps,
        }
        return {
            **body,
            "countriesAndRegions": ["DE", "AT", "CH"],
            "includeUnknownCountriesAndRegions": False,
            "countryLookupMethod": "clientIpAddress",
        }, {}
    ranges = [{"@odata.type": f"{GRAPH}iPv4CidrRange", "cidrAddress": f"192.0.2.{number % 250}/32"}]
    return {
        "@odata.type": f"{GRAPH}ipNamedLocation",
        "id": make.guid(),
        "displayName": f"Office {number}",
        **stamps,
        "isTrusted": True,
        "ipRanges": ranges,
    }, {}


def strength(make: Maker, number: int) -> Made:
    builtin = number < 3
    body = {
        "id": f"00000000-0000-0000-0000-00000000000{number + 2}" if builtin else make.guid(),
        "createdDateTime": "2021-12-01T00:00:00Z",
        "modifiedDateTime": "2021-12-01T00:00:00Z",
        "displayName": ("Multifactor authentication", "Passwordless MFA", "Phishing-resistant MFA")[number]
        if builtin
        else f"Strength {number}",
        "description": "",
        "policyType": "builtIn" if builtin else "custom",
        "requirementsSatisfied": "mfa",
        "allowedCombinations": ["fido2", "windowsHelloForBusiness"],
    }
    return body, {"combinationConfigurations": []}


def managed_device(make: Maker, number: int) -> Made:
    system, version = make.chance.choice(
        (
            ("Windows", "10.0.26100.1"),
            ("Windows", "10.0.22631.9"),
            ("macOS", "15.1"),
            ("iOS", "18.1"),
            ("Android", "15"),
        )
    )
    return {
        "id": make.guid(),
        "deviceName": f"PC-{number:05}",
        "operatingSystem": system,
        "osVersion": version,
        "complianceState": make.chance.choices(
            ("compliant", "noncompliant", "inGracePeriod", "unknown"), (84, 9, 4, 3)
        )[0],
        "managedDeviceOwnerType": "company",
        "enrolledDateTime": make.moment(2024),
        "lastSyncDateTime": make.moment(),
        "managementAgent": "mdm",
        "serialNumber": f"SN{number:07}",
        "isEncrypted": True,
    }, {}
