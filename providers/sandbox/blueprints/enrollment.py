"""How devices come in: enrollment configurations and Autopilot profiles."""

from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker, named
from providers.sandbox.tenants import stable_id

_PLATFORM: Body = {
    "platformBlocked": False,
    "personalDeviceEnrollmentBlocked": False,
    "osMinimumVersion": None,
    "osMaximumVersion": None,
    "blockedManufacturers": [],
    "blockedSkus": [],
}
_HELLO: Body = {
    "state": "notConfigured",
    "pinMinimumLength": 6,
    "pinMaximumLength": 127,
    "pinUppercaseCharactersUsage": "disallowed",
    "securityDeviceRequired": False,
    "unlockWithBiometricsEnabled": True,
    "enhancedBiometricsState": "notConfigured",
}
_STATUS_PAGE: Body = {
    "showInstallationProgress": True,
    "blockDeviceSetupRetryByUser": True,
    "allowDeviceResetOnInstallFailure": False,
    "allowLogCollectionOnInstallFailure": True,
    "allowNonBlockingAppInstallation": False,
    "customErrorMessage": "Contact your support person for help.",
    "installProgressTimeoutInMinutes": 60,
    "selectedMobileAppIds": [],
}
# Kind, ending of the id, `deviceEnrollmentConfigurationType`, settings. The first four exist in every tenant, all of one name.
DEFAULTS: tuple[tuple[str, str, str, Body], ...] = (
    ("deviceEnrollmentLimitConfiguration", "DefaultLimit", "limit", {"limit": 5}),
    (
        "deviceEnrollmentPlatformRestrictionsConfiguration",
        "DefaultPlatformRestrictions",
        "platformRestrictions",
        {
            f"{name}Restriction": _PLATFORM
            for name in ("ios", "windows", "windowsMobile", "android", "androidForWork", "mac", "macOS")
        },
    ),
    (
        "deviceEnrollmentWindowsHelloForBusinessConfiguration",
        "DefaultWindowsHelloForBusiness",
        "windowsHelloForBusiness",
        _HELLO,
    ),
    (
        "windows10EnrollmentCompletionPageConfiguration",
        "DefaultWindows10EnrollmentCompletionPageConfiguration",
        "defaultWindows10EnrollmentCompletionPageConfiguration",
        _STATUS_PAGE,
    ),
)
_OTHERS: tuple[tuple[str, str, str, Body], ...] = (
    (
        "deviceEnrollmentPlatformRestrictionConfiguration",
        "SinglePlatformRestriction",
        "singlePlatformRestriction",
        {"platformType": "ios", "platformRestriction": {**_PLATFORM, "personalDeviceEnrollmentBlocked": True}},
    ),
    (
        "windows10EnrollmentCompletionPageConfiguration",
        "Windows10EnrollmentCompletionPageConfiguration",
        "windows10EnrollmentCompletionPageConfiguration",
        _STATUS_PAGE,
    ),
    ("deviceEnrollmentLimitConfiguration", "Limit", "limit", {"limit": 15}),
)


def configuration(make: Maker, number: int) -> Made:
    default = number < len(DEFAULTS)
    kind, ending, sort, settings = DEFAULTS[number] if default else _OTHERS[(number - len(DEFAULTS)) % len(_OTHERS)]
    body = named(make, "All users and all devices" if default else make.names.policy(number, purpose="Enrollment"))
    own = stable_id("tenant", make.slug) if default else body["id"]
    body = {"@odata.type": f"{GRAPH}{kind}", **body} | {
        "id": f"{own}_{ending}",
        "description": "This is the default configuration applied with the lowest priority to all users."
        if default
        else "",
        "priority": 0 if default else number - len(DEFAULTS) + 1,
        "version": 1,
        "deviceEnrollmentConfigurationType": sort,
        **settings,
    }
    if ending == "Windows10EnrollmentCompletionPageConfiguration" and make.apps:
        body["selectedMobileAppIds"] = make.apps[:2]
    return body, {"assignments": [] if default else make.assignments(body["id"])}


def autopilot(make: Maker, number: int) -> Made:
    joined = number % 3 == 2
    kind = "activeDirectory" if joined else "azureAD"
    body = named(
        make,
        make.names.policy(number, topic="Autopilot", purpose="Enrollment"),
        locale="os-default",
        language="os-default",
        deviceNameTemplate="PC-%SERIAL%",
        deviceType="windowsPc",
        preprovisioningAllowed=True,
        enableWhiteGlove=True,
        extractHardwareHash=True,
        hardwareHashExtractionEnabled=True,
        outOfBoxExperienceSetting={
            "privacySettingsHidden": True,
            "eulaHidden": True,
            "userType": "standard",
            "deviceUsageType": "singleUser",
            "keyboardSelectionPageSkipped": True,
            "escapeLinkHidden": True,
        },
    )
    body = {"@odata.type": f"{GRAPH}{kind}WindowsAutopilotDeploymentProfile", **body}
    if joined:
        body["hybridAzureADJoinSkipConnectivityCheck"] = False
    return body, {"assignments": make.assignments(body["id"]), "assignedDevices": []}
