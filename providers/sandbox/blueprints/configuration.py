"""Device configurations, administrative templates and intents: the kinds before the settings catalog."""

from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker, base64_of, named
from providers.sandbox.world import OMA_SECRETS, Children

_KINDS: tuple[tuple[str, str, int, Body], ...] = (
    (
        "windows10GeneralConfiguration",
        "windows10",
        20,
        {"passwordRequired": True, "passwordMinimumLength": 12, "cameraBlocked": False, "cortanaBlocked": True},
    ),
    ("windows10EndpointProtectionConfiguration", "windows10", 12, {"firewallBlockStatefulFTP": True, "bitLockerEncryptDevice": True}),
    ("windows10CustomConfiguration", "windows10", 15, {}),
    (
        "windowsWifiEnterpriseEAPConfiguration",
        "windows10",
        6,
        {"ssid": "Contoso", "networkName": "Contoso", "wifiSecurityType": "wpa2Enterprise", "connectAutomatically": True},
    ),
    (
        "windows81TrustedRootCertificate",
        "windows10",
        6,
        {"certFileName": "root.cer", "destinationStore": "computerCertStoreRoot", "trustedRootCertificate": base64_of("cert")},
    ),
    ("macOSGeneralDeviceConfiguration", "macOS", 8, {"passwordRequired": True, "passwordMinimumLength": 10}),
    (
        "macOSCustomConfiguration",
        "macOS",
        6,
        {
            "payloadName": "Contoso",
            "payloadFileName": "contoso.mobileconfig",
            "payload": base64_of('<?xml version="1.0"?><plist version="1.0"><dict/></plist>'),
            "deploymentChannel": "deviceChannel",
        },
    ),
    ("iosGeneralDeviceConfiguration", "iOS", 8, {"passcodeRequired": True, "cameraBlocked": False}),
    ("iosDeviceFeaturesConfiguration", "iOS", 4, {"lockScreenFootnote": "Property of Contoso", "homeScreenPages": []}),
    (
        "androidWorkProfileGeneralDeviceConfiguration",
        "android",
        5,
        {"passwordRequiredType": "numericComplex", "workProfileBlockScreenCapture": True},
    ),
    ("androidDeviceOwnerGeneralDeviceConfiguration", "android", 5, {"cameraBlocked": False, "passwordMinimumLength": 6}),
)  # fmt: skip
_UPDATES: tuple[tuple[str, str, Body], ...] = (
    (
        "windowsUpdateForBusinessConfiguration",
        "windows10",
        {
            "qualityUpdatesDeferralPeriodInDays": 3,
            "featureUpdatesDeferralPeriodInDays": 14,
            "driversExcluded": False,
            "qualityUpdatesPaused": False,
            "featureUpdatesPaused": False,
            "qualityUpdatesPauseExpiryDateTime": "0001-01-01T00:00:00Z",
            "featureUpdatesPauseExpiryDateTime": "0001-01-01T00:00:00Z",
            "automaticUpdateMode": "autoInstallAtMaintenanceTime",
            "installationSchedule": {
                "@odata.type": f"{GRAPH}windowsUpdateActiveHoursInstall",
                "activeHoursStart": "08:00:00.0000000",
                "activeHoursEnd": "17:00:00.0000000",
            },
        },
    ),
    (
        "iosUpdateConfiguration",
        "iOS",
        {"updateScheduleType": "updateOutsideOfActiveHours", "utcTimeOffsetInMinutes": 60},
    ),
    (
        "macOSSoftwareUpdateConfiguration",
        "macOS",
        {"criticalUpdateBehavior": "installASAP", "updateScheduleType": "alwaysUpdate"},
    ),
)


def device(make: Maker, number: int) -> Made:
    # One of each kind before chance decides.
    drawn = make.chance.choices(_KINDS, [weight for _, _, weight, _ in _KINDS])[0]
    kind, platform, _, settings = _KINDS[number] if number < len(_KINDS) else drawn
    return device_of(make, number, kind, platform, settings)


def device_of(make: Maker, number: int, kind: str, platform: str, settings: Body, name: str = "") -> Made:
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, name or make.names.policy(number, platform, purpose="Profile")),
        "version": make.chance.randrange(1, 9),
        "supportsScopeTags": True,
        **settings,
    }
    children: Children = {"assignments": make.assignments(body["id"])}
    if kind == "windows10CustomConfiguration":
        body["omaSettings"], children[OMA_SECRETS] = oma_settings(make, make.chance.randrange(1, 5))
    return body, children


def oma_settings(make: Maker, count: int) -> tuple[list[Body], list[Body]]:
    """OMA-URI settings, the first one with XML and the second one secret, and the clear values of the secrets."""
    settings: list[Body] = []
    secrets: list[Body] = []
    for index in range(count):
        head = {
            "displayName": f"Setting {index}",
            "description": None,
            "omaUri": f"./Device/Vendor/MSFT/Policy/Config/Contoso/Setting{index}",
            "isReadOnly": False,
        }
        if index == 0:
            xml = base64_of('<?xml version="1.0"?><rules><rule name="one" /></rules>')
            value = {"fileName": "rules.xml", "value": xml, "isEncrypted": False, "secretReferenceValueId": None}
            settings.append({"@odata.type": f"{GRAPH}omaSettingStringXml", **head, **value})
        elif index == 1:
            reference = f"{make.id()}_{make.id()}_{make.id()}"
            secrets.append({"id": reference, "value": f"clear-{number_of(reference)}"})
            value = {"value": "****", "isEncrypted": True, "secretReferenceValueId": reference}
            settings.append({"@odata.type": f"{GRAPH}omaSettingString", **head, **value})
        else:
            value = {"value": index, "isEncrypted": False, "secretReferenceValueId": None}
            settings.append({"@odata.type": f"{GRAPH}omaSettingInteger", **head, **value})
    return settings, secrets


def number_of(reference: str) -> int:
    return int(reference[:8], 16)


def update_ring(make: Maker, number: int) -> Made:
    kind, platform, settings = _UPDATES[0 if number % 4 else number // 4 % 3]
    name = make.names.policy(number, platform, topic=f"Ring {number}", purpose="Updates")
    return device_of(make, number, kind, platform, settings, name)


def administrative_template(make: Maker, number: int) -> Made:
    body = named(
        make, make.names.policy(number, topic="ADMX", purpose="GPO"), policyConfigurationIngestionType="builtIn"
    )
    values, children = [], {}
    for index in range(make.chance.choice((1, 1, 2, 3, 5))):
        value_id, presentation_id = make.id(), make.id()
        values.append({"id": value_id, "enabled": index % 2 == 0, "configurationType": "policy", **make.stamps()})
        below = f"definitionValues/{value_id}"
        children[f"{below}/definition"] = [_definition(make, index)]
        children[f"{below}/presentationValues"] = [
            {
                "@odata.type": f"{GRAPH}groupPolicyPresentationValueText",
                "id": presentation_id,
                "value": make.names.topic(),
                **make.stamps(),
            }
        ]
        children[f"{below}/presentationValues/{presentation_id}/presentation"] = [
            {
                "@odata.type": f"{GRAPH}groupPolicyPresentationTextBox",
                "id": make.id(),
                "label": "Value",
                "defaultValue": None,
                "required": False,
                "maxLength": 1023,
                "lastModifiedDateTime": make.moment(),
            }
        ]
    return body, {"definitionValues": values, "assignments": make.assignments(body["id"]), **children}


def _definition(make: Maker, index: int) -> Body:
    topic = make.names.topic()
    return {
        "id": make.id(),
        "classType": "machine",
        "displayName": f"Turn off {topic} {index}",
        "explainText": f"This policy setting turns off {topic}.\n\nIf you enable it, {topic} is off.",
        "categoryPath": f"\\Windows Components\\{topic}",
        "supportedOn": "At least Windows 10",
        "policyType": "admxBacked",
        "hasRelatedDefinitions": False,
        "groupPolicyCategoryId": make.id(),
        "minDeviceCspVersion": "4.0",
        "minUserCspVersion": None,
        "version": "1.0",
        "lastModifiedDateTime": make.moment(),
    }


def intent(make: Maker, number: int) -> Made:
    object_id = make.id()
    assignments = make.assignments(object_id)
    body = {
        "id": object_id,
        "displayName": make.names.policy(number, topic="Endpoint protection", purpose="Security"),
        "description": make.names.description(),
        "isAssigned": bool(assignments),
        "isMigratingToConfigurationPolicy": False,
        "lastModifiedDateTime": make.moment(),
        "templateId": make.id(),
        "roleScopeTagIds": ["0"],
    }
    settings = [
        {
            "@odata.type": f"{GRAPH}deviceManagementBooleanSettingInstance",
            "id": make.id(),
            "definitionId": f"deviceConfiguration--windows10EndpointProtectionConfiguration_{name}",
            "valueJson": "true" if index % 2 else "false",
            "value": bool(index % 2),
        }
        for index, name in enumerate(
            ("firewallEnabled", "smartScreenEnableInShell", "applicationGuardEnabled", "defenderUntrustedUSBProcess")
        )
    ]
    return body, {"settings": settings, "assignments": assignments}
