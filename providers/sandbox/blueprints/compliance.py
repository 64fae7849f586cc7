"""Compliance policies of both generations, their scripts, and the messages they send."""

from typing import Any

from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker, base64_of, named
from providers.sandbox.blueprints.settings import instance
from providers.sandbox.world import Children

NO_TEMPLATE = "00000000-0000-0000-0000-000000000000"
_KINDS: tuple[tuple[str, str, Body], ...] = (
    (
        "windows10CompliancePolicy",
        "windows10",
        {
            "passwordRequired": True,
            "bitLockerEnabled": True,
            "secureBootEnabled": True,
            "osMinimumVersion": "10.0.22631.4000",
            "validOperatingSystemBuildRanges": [],
        },
    ),
    (
        "macOSCompliancePolicy",
        "macOS",
        {"passwordRequired": True, "systemIntegrityProtectionEnabled": True, "osMinimumVersion": "14.0"},
    ),
    (
        "iosCompliancePolicy",
        "iOS",
        {"passcodeRequired": True, "securityBlockJailbrokenDevices": True, "osMinimumVersion": "17.0"},
    ),
    (
        "androidWorkProfileCompliancePolicy",
        "android",
        {"passwordRequired": True, "securityBlockJailbrokenDevices": True},
    ),
    ("androidDeviceOwnerCompliancePolicy", "android", {"passwordRequired": True, "storageRequireEncryption": True}),
)


def policy(make: Maker, number: int) -> Made:
    kind, platform, settings = _KINDS[number % len(_KINDS)]
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, make.names.policy(number, platform, purpose="Compliance")),
        "version": make.chance.randrange(1, 9),
        **settings,
    }
    if kind == "windows10CompliancePolicy" and make.scripts:
        body["deviceCompliancePolicyScript"] = {
            "deviceComplianceScriptId": make.scripts[number % len(make.scripts)],
            "rulesContent": base64_of('{"Rules":[{"SettingName":"Disk","Operator":"GreaterEquals","DataType":"Int64","Operand":"20"}]}'),
        }  # fmt: skip
    return body, {"assignments": make.assignments(body["id"]), **_scheduled(make)}


def _scheduled(make: Maker) -> Children:
    """One rule with one block action, and for some a message after some days."""
    rule = make.id()
    actions: list[Body] = [_action(make, "block", make.chance.choice((0, 24, 72)))]
    if make.notifications and make.chance_of(0.4):
        actions.append(_action(make, "notification", 24, notificationTemplateId=make.chance.choice(make.notifications)))
    return {
        "scheduledActionsForRule": [{"id": rule, "ruleName": None}],
        f"scheduledActionsForRule/{rule}/scheduledActionConfigurations": actions,
    }


def _action(make: Maker, kind: str, hours: int, **more: Any) -> Body:
    return {
        "id": make.id(),
        "gracePeriodHours": hours,
        "actionType": kind,
        "notificationTemplateId": NO_TEMPLATE,
        "notificationMessageCCList": [],
        **more,
    }


def policy_v2(make: Maker, number: int) -> Made:
    object_id = make.id()
    names = (
        "linux_distribution_alloweddistros_item_url",
        "linux_passwordpolicy_minimumlength",
        "linux_deviceencryption_required",
    )
    assignments = make.assignments(object_id)
    body = {
        "id": object_id,
        "name": make.names.policy(number, "linux", purpose="Compliance"),
        "description": make.names.description(),
        "platforms": "linux",
        "technologies": "linuxMdm",
        **make.stamps(),
        "roleScopeTagIds": make.scope_tags(),
        "settingCount": len(names),
        "creationSource": None,
        "isAssigned": bool(assignments),
    }  # fmt: skip
    settings = [{"id": str(index), "settingInstance": instance(make, name)} for index, name in enumerate(names)]
    return body, {"settings": settings, "assignments": assignments, **_scheduled(make)}


def script(make: Maker, number: int) -> Made:
    body = named(
        make,
        make.names.policy(number, purpose="Discovery"),
        publisher="IT",
        version="1",
        runAsAccount="system",
        runAs32Bit=False,
        enforceSignatureCheck=False,
        detectionScriptContent=base64_of("@{ Disk = 42 } | ConvertTo-Json -Compress\r\n"),
    )
    make.scripts.append(body["id"])
    return body, {"assignments": []}


def notification(make: Maker, number: int) -> Made:
    body = named(
        make, f"Notification {number}", defaultLocale="en-us", brandingOptions="includeCompanyLogo,includeCompanyName"
    )
    del body["createdDateTime"]
    make.notifications.append(body["id"])
    messages = [
        {
            "id": f"{body['id']}_{locale}",
            "lastModifiedDateTime": make.moment(),
            "locale": locale,
            "subject": subject,
            "messageTemplate": text,
            "isDefault": locale == "en-us",
        }
        for locale, subject, text in (
            ("en-us", "Your device", "Hello {{UserName}},\n\nplease update {{DeviceName}}."),
            ("de-de", "Ihr Gerät", "Bitte aktualisieren Sie {{DeviceName}}."),
        )
    ]
    return body, {"localizedNotificationMessages": messages[: 1 + number % 2]}
