"""Bodies of generated objects: each function makes one object of its list, complete as a GET by id would show it."""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from providers.sandbox.world import GraphObject

Body = GraphObject
GRAPH = "#microsoft.graph."

TOPICS = (
    "BitLocker",
    "Defender",
    "Firewall",
    "Browser",
    "OneDrive",
    "Office",
    "Wi-Fi",
    "VPN",
    "Passwords",
    "Updates",
    "Kiosk",
    "Camera",
    "Bluetooth",
    "Certificates",
    "Start menu",
    "Power",
    "Printing",
    "Telemetry",
    "Lock screen",
    "Teams",
    "Remote help",
    "USB storage",
)
PLATFORMS = ("windows10", "macOS", "iOS", "android")


@dataclass(slots=True)
class Maker:
    """What a blueprint needs: chance, ids and the tenant's groups, filters and tags made before."""

    chance: random.Random
    groups: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)

    def guid(self) -> str:
        bits = self.chance.getrandbits(128)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def moment(self, year: int = 2025) -> str:
        day, hour = self.chance.randrange(1, 29), self.chance.randrange(24)
        return f"{year}-{self.chance.randrange(1, 13):02}-{day:02}T{hour:02}:{self.chance.randrange(60):02}:{self.chance.randrange(60):02}Z"

    def stamps(self) -> Body:
        return {"createdDateTime": self.moment(2024), "lastModifiedDateTime": self.moment(2025)}

    def topic(self) -> str:
        return self.chance.choice(TOPICS)

    def assignments(self, object_id: str, *, intent: bool = False) -> list[Body]:
        """None to four targets: mostly one group, sometimes everybody, an exclusion, a filter."""
        number = self.chance.choice((0, 1, 1, 1, 2, 2, 3))
        return [self._assignment(object_id, position, intent) for position in range(number)]

    def _assignment(self, object_id: str, position: int, intent: bool) -> Body:
        kind = self.chance.choice(("group", "group", "group", "exclusionGroup", "allDevices", "allLicensedUsers"))
        target: Body = {
            "@odata.type": f"{GRAPH}{kind}AssignmentTarget",
            "deviceAndAppManagementAssignmentFilterId": None,
            "deviceAndAppManagementAssignmentFilterType": "none",
        }
        if "roup" in kind:
            target["groupId"] = self.chance.choice(self.groups) if self.groups else self.guid()
        elif self.filters and self.chance.random() < 0.4:
            target["deviceAndAppManagementAssignmentFilterId"] = self.chance.choice(self.filters)
            target["deviceAndAppManagementAssignmentFilterType"] = self.chance.choice(("include", "exclude"))
        made: Body = {"id": f"{object_id}_{position}", "source": "direct", "sourceId": object_id, "target": target}
        if intent:
            made = {
                "id": made["id"],
                "intent": self.chance.choice(("required", "available")),
                "target": target,
                "settings": None,
            }
        return made


Made = tuple[Body, dict[str, list[Body]]]
Blueprint = Callable[[Maker, int], Made]


def script(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def named(make: Maker, name: str, **rest: Any) -> Body:
    return {
        "id": make.guid(),
        "displayName": name,
        "description": "",
        **make.stamps(),
        "roleScopeTagIds": ["0"],
        **rest,
    }


def settings_policy(make: Maker, number: int) -> Made:
    platform = PLATFORMS[number % 4] if number % 3 else "windows10"
    families = ("none", "none", "none", "endpointSecurityAntivirus", "endpointSecurityFirewall", "baseline")
    family = families[number % len(families)] if platform == "windows10" else "none"
    settings = [_setting(make, number, index) for index in range(make.chance.choice((1, 2, 3, 5, 8, 12, 30, 40)))]
    object_id, topic = make.guid(), make.topic()
    body = {
        "id": object_id,
        "name": f"{platform} – {topic} {number:03}",
        "description": f"Settings for {topic}" if number % 2 else "",
        "platforms": platform,
        "technologies": "mdm" if family == "none" else "mdm,microsoftSense",
        **make.stamps(),
        "settingCount": len(settings),
        "creationSource": None,
        "roleScopeTagIds": ["0"],
        "isAssigned": True,
        "templateReference": {
            "templateId": "" if family == "none" else f"{make.guid()}_1",
            "templateFamily": family,
            "templateDisplayName": None if family == "none" else f"{topic} template",
            "templateDisplayVersion": None if family == "none" else "Version 1",
        },
        "priorityMetaData": None,
    }
    return body, {"settings": settings, "assignments": make.assignments(object_id)}


def _setting(make: Maker, number: int, index: int) -> Body:
    definition = f"device_vendor_msft_policy_config_{make.topic().lower().replace(' ', '').replace('-', '')}_setting{number % 50}_{index}"
    instance: Body = {"settingDefinitionId": definition, "settingInstanceTemplateReference": None}
    value: Any
    kind = make.chance.choice(("Choice", "Choice", "Simple", "Text", "List"))
    configuration = f"{GRAPH}deviceManagementConfiguration"
    if kind == "Choice":
        value = {
            "settingValueTemplateReference": None,
            "value": f"{definition}_{make.chance.randrange(2)}",
            "children": [],
        }
        instance |= {"@odata.type": f"{configuration}ChoiceSettingInstance", "choiceSettingValue": value}
    elif kind == "List":
        members = [_string(f"contoso-{make.chance.randrange(99)}.example") for _ in range(3)]
        instance |= {
            "@odata.type": f"{configuration}SimpleSettingCollectionInstance",
            "simpleSettingCollectionValue": members,
        }
    else:
        simple = _string(make.topic()) if kind == "Text" else _integer(make.chance.randrange(1, 365))
        instance |= {"@odata.type": f"{configuration}SimpleSettingInstance", "simpleSettingValue": simple}
    return {"id": str(index), "settingInstance": instance}


def _string(value: str) -> Body:
    kind = f"{GRAPH}deviceManagementConfigurationStringSettingValue"
    return {"@odata.type": kind, "settingValueTemplateReference": None, "value": value}


def _integer(value: int) -> Body:
    kind = f"{GRAPH}deviceManagementConfigurationIntegerSettingValue"
    return {"@odata.type": kind, "settingValueTemplateReference": None, "value": value}


def reusable(make: Maker, number: int) -> Made:
    body = {
        "id": make.guid(),
        "displayName": f"Remote addresses {number}",
        "description": None,
        "settingDefinitionId": "vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}",
        "settingInstance": _setting(make, number, 0)["settingInstance"],
        **make.stamps(),
        "version": 1,
        "referencingConfigurationPolicyCount": 0,
    }
    return body, {}


_CONFIGURATIONS: tuple[tuple[str, Body], ...] = (
    (
        "windows10GeneralConfiguration",
        {"passwordRequired": True, "passwordMinimumLength": 12, "cameraBlocked": False, "bluetoothBlocked": None},
    ),
    ("windows10CustomConfiguration", {"omaSettings": []}),
    (
        "macOSGeneralDeviceConfiguration",
        {"passwordRequired": True, "passwordMinimumLength": 10, "airDropBlocked": None},
    ),
    ("iosGeneralDeviceConfiguration", {"passcodeRequired": True, "cameraBlocked": False, "appStoreBlocked": None}),
    (
        "androidWorkProfileGeneralDeviceConfiguration",
        {"passwordRequiredType": "numericComplex", "workProfileBlockScreenCapture": True},
    ),
    (
        "windowsUpdateForBusinessConfiguration",
        {"qualityUpdatesDeferralPeriodInDays": 3, "featureUpdatesDeferralPeriodInDays": 14, "driversExcluded": False},
    ),
    ("iosUpdateConfiguration", {"updateScheduleType": "updateOutsideOfActiveHours", "desiredOsVersion": None}),
    (
        "macOSSoftwareUpdateConfiguration",
        {"criticalUpdateBehavior": "installASAP", "updateScheduleType": "alwaysUpdate"},
    ),
)


def device_configuration(make: Maker, number: int) -> Made:
    kind, settings = _CONFIGURATIONS[number % len(_CONFIGURATIONS)]
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, f"{make.topic()} {kind[:3]} {number:03}"),
        "version": 1,
        "supportsScopeTags": True,
        **settings,
    }
    if kind == "windows10CustomConfiguration":
        body["omaSettings"] = [
            {
                "@odata.type": f"{GRAPH}omaSettingInteger",
                "displayName": "Minimum",
                "description": None,
                "omaUri": "./Device/Vendor/MSFT/Policy/Config/Sample/Minimum",
                "secretReferenceValueId": None,
                "isEncrypted": False,
                "value": number,
                "isReadOnly": False,
            }
        ]
    return body, {"assignments": make.assignments(body["id"])}


def administrative_template(make: Maker, number: int) -> Made:
    body = named(make, f"ADMX {make.topic()} {number}", policyConfigurationIngestionType="builtIn")
    values, children = [], {}
    for index in range(2 + number % 4):
        value_id, definition_id = make.guid(), make.guid()
        values.append({"id": value_id, "enabled": index % 2 == 0, "configurationType": "policy", **make.stamps()})
        children[f"definitionValues/{value_id}/definition"] = [
            {
                "id": definition_id,
                "classType": "machine",
                "displayName": f"{make.topic()} policy {index}",
                "explainText": "What this policy does.",
                "categoryPath": f"\\Windows Components\\{make.topic()}",
                "supportedOn": "At least Windows 10",
                "policyType": "admxBacked",
                "hasRelatedDefinitions": False,
                "groupPolicyCategoryId": make.guid(),
                "minDeviceCspVersion": "4.0",
                "minUserCspVersion": None,
                "version": "1.0",
                "lastModifiedDateTime": make.moment(),
            }
        ]
        presentation_id = make.guid()
        children[f"definitionValues/{value_id}/presentationValues"] = [
            {
                "@odata.type": f"{GRAPH}groupPolicyPresentationValueText",
                "id": presentation_id,
                "value": make.topic(),
                **make.stamps(),
            }
        ]
        children[f"definitionValues/{value_id}/presentationValues/{presentation_id}/presentation"] = [
            {
                "@odata.type": f"{GRAPH}groupPolicyPresentationTextBox",
                "id": make.guid(),
                "label": "Value",
                "defaultValue": None,
                "required": False,
                "maxLength": 1023,
                "lastModifiedDateTime": make.moment(),
            }
        ]
    return body, {"definitionValues": values, "assignments": make.assignments(body["id"]), **children}


def intent(make: Maker, number: int) -> Made:
    object_id = make.guid()
    body = {
        "id": object_id,
        "displayName": f"Security baseline {number}",
        "description": None,
        "isAssigned": True,
        "isMigratingToConfigurationPolicy": None,
        "lastModifiedDateTime": make.moment(),
        "templateId": make.guid(),
        "roleScopeTagIds": ["0"],
    }
    settings = [
        {
            "@odata.type": f"{GRAPH}deviceManagementBooleanSettingInstance",
            "id": make.guid(),
            "definitionId": f"deviceConfiguration--windows10EndpointProtectionConfiguration_setting{index}",
            "valueJson": "true" if index % 2 else "false",
            "value": bool(index % 2),
        }
        for index in range(10)
    ]
    return body, {"settings": settings, "assignments": make.assignments(object_id)}


_COMPLIANCE: tuple[tuple[str, Body], ...] = (
    (
        "windows10CompliancePolicy",
        {
            "passwordRequired": True,
            "bitLockerEnabled": True,
            "osMinimumVersion": "10.0.22631",
            "validOperatingSystemBuildRanges": [],
        },
    ),
    (
        "macOSCompliancePolicy",
        {"passwordRequired": True, "systemIntegrityProtectionEnabled": True, "osMinimumVersion": "14.0"},
    ),
    (
        "iosCompliancePolicy",
        {
            "passcodeRequired": True,
            "securityBlockJailbrokenDevices": True,
            "osMinimumVersion": "17.0",
            "restrictedApps": [],
        },
    ),
    (
        "androidWorkProfileCompliancePolicy",
        {"passwordRequired": True, "securityBlockJailbrokenDevices": True, "osMinimumVersion": None},
    ),
)


def compliance(make: Maker, number: int) -> Made:
    kind, settings = _COMPLIANCE[number % len(_COMPLIANCE)]
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, f"Compliance {kind[:3]} {number:02}"),
        "version": 1,
        **settings,
    }
    return body, {"assignments": make.assignments(body["id"]), **_scheduled(make)}


def _scheduled(make: Maker) -> dict[str, list[Body]]:
    rule = make.guid()
    action = {
        "id": make.guid(),
        "gracePeriodHours": 24,
        "actionType": "block",
        "notificationTemplateId": "00000000-0000-0000-0000-000000000000",
        "notificationMessageCCList": [],
    }
    return {
        "scheduledActionsForRule": [{"id": rule, "ruleName": None}],
        f"scheduledActionsForRule/{rule}/scheduledActionConfigurations": [action],
    }


def compliance_v2(make: Maker, number: int) -> Made:
    object_id = make.guid()
    body = {
        "id": object_id,
        "name": f"Linux compliance {number}",
        "description": "",
        "platforms": "linux",
        "technologies": "linuxMdm",
        **make.stamps(),
        "roleScopeTagIds": ["0"],
        "settingCount": 3,
        "creationSource": None,
        "isAssigned": True,
    }
    settings = [_setting(make, number, index) for index in range(3)]
    return body, {"settings": settings, "assignments": make.assignments(object_id), **_scheduled(make)}


def _script(make: Maker, name: str, text: str, **rest: Any) -> Made:
    body = named(make, name, runAsAccount="system", fileName="run.ps1", scriptContent=script(text), **rest)
    return body, {"assignments": make.assignments(body["id"])}


def powershell(make: Maker, number: int) -> Made:
    return _script(
        make,
        f"Script {make.topic()} {number}",
        f"Write-Output 'Step {number}'\n",
        enforceSignatureCheck=False,
        runAs32Bit=False,
    )


def shell(make: Maker, number: int) -> Made:
    rest = {"executionFrequency": "P1D", "retryCount": 3, "blockExecutionNotifications": True}
    return _script(make, f"Shell {make.topic()} {number}", f"#!/bin/sh\necho {number}\n", **rest)


def custom_attribute(make: Maker, number: int) -> Made:
    return _script(
        make,
        f"Attribute {number}",
        "#!/bin/sh\nsw_vers\n",
        customAttributeName=f"Attribute {number}",
        customAttributeType="string",
    )


def remediation(make: Maker, number: int) -> Made:
    body = named(
        make,
        f"Remediation {make.topic()} {number}",
        publisher="IT",
        version="1",
        runAsAccount="system",
        runAs32Bit=False,
        enforceSignatureCheck=False,
        detectionScriptContent=script("exit 0\n"),
        remediationScriptContent=script(f"Write-Output {number}\n"),
        isGlobalScript=False,
        deviceHealthScriptType="deviceHealthScript",
        highestAvailableVersion=None,
        detectionScriptParameters=[],
        remediationScriptParameters=[],
    )
    assignments = make.assignments(body["id"])
    for one in assignments:
        one["runRemediationScript"] = True
        one["runSchedule"] = {
            "@odata.type": f"{GRAPH}deviceHealthScriptDailySchedule",
            "interval": 1,
            "useUtc": False,
            "time": "02:00:00.0000000",
        }
    return body, {"assignments": assignments}
