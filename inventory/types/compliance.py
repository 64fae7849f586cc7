"""Compliance policies of both generations, the scripts they run and the messages they send."""

from collections.abc import Iterator
from typing import Any

from inventory.types.base import (
    Builtin,
    Capability,
    Category,
    Child,
    Detail,
    Limit,
    Listing,
    ObjectType,
    Permissions,
    Platform,
    intune,
)
from inventory.types.documents import Slot, objects_in, of_type, where
from inventory.types.references import ASSIGNED, TAGS, Reference
from inventory.types.settings_catalog import REUSABLE, SETTINGS, UNORDERED_SETTINGS
from inventory.types.writing import Approval, Assign, Create, Method, Part, Style, Update

POLICIES = Listing(
    "compliance_policy",
    "Compliance policies",
    "/deviceManagement/deviceCompliancePolicies",
    # Actions for noncompliance come in this nested expand only, not even with a plain GET of one policy.
    query="$expand=assignments,scheduledActionsForRule($expand=scheduledActionConfigurations)&$top=1000",
)
POLICIES_V2 = Listing(
    "compliance_policy_v2",
    "Compliance policies (settings catalog)",
    "/deviceManagement/compliancePolicies",
    children=(
        SETTINGS,
        Child("assignments"),
        Child("scheduledActionsForRule", "$expand=scheduledActionConfigurations"),
    ),
)
SCRIPTS = Listing(
    "compliance_script",
    "Compliance scripts",
    "/deviceManagement/deviceComplianceScripts",
    detail=Detail("The list has no detectionScriptContent"),
)
MESSAGES = Listing(
    "notification_message_template",
    "Notification templates",
    "/deviceManagement/notificationMessageTemplates",
    children=(Child("localizedNotificationMessages", inline=True),),
)

_RULES = ("scheduledActionsForRule.id", "scheduledActionsForRule.scheduledActionConfigurations.id")
_RULE_LISTS = ("scheduledActionsForRule", "scheduledActionConfigurations", "notificationMessageCCList")
_ACTIONS = "scheduledActionsForRule.scheduledActionConfigurations."
_MESSAGED = (
    Reference(f"{_ACTIONS}notificationTemplateId", MESSAGES.key),
    Reference(f"{_ACTIONS}notificationMessageCCList", "entra_group"),
)
_BLOCK = Limit(
    Capability.RESTORE,
    "A policy without exactly one blocking action is refused; none is made up for it",
    partly=True,
)
_COPIED = ("settingInstanceTemplateReference", "settingValueTemplateReference")


def find_discovery_scripts(document: Any) -> Iterator[Slot]:
    """Where a Linux policy names its discovery script, which is a reusable setting."""
    for one in objects_in(document.get("settings")):
        value = one.get("simpleSettingValue")
        if (
            one.get("settingDefinitionId") == "linux_customcompliance_discoveryscript"
            and isinstance(value, dict)
            and "value" in value
        ):
            yield Slot(value, "value")


def _only_true_defaults(body: dict[str, Any]) -> dict[str, Any]:
    """Being the default message can be switched on and never off, so that it is sent where it is true alone."""
    for message in objects_in(body.get("localizedNotificationMessages")):
        if message.get("isDefault") is not True:
            message.pop("isDefault", None)
    return body


TYPES = (
    ObjectType(
        key="compliance_policy",
        label="Compliance policy",
        category=Category.COMPLIANCE,
        platform=Platform.ALL,
        listing=POLICIES,
        permissions=intune("Configuration"),
        restore_order=200,
        fallback=True,
        odata_types=(
            "androidCompliancePolicy",
            "androidDeviceOwnerCompliancePolicy",
            "androidForWorkCompliancePolicy",
            "androidWorkProfileCompliancePolicy",
            "aospDeviceOwnerCompliancePolicy",
            "defaultDeviceCompliancePolicy",
            "iosCompliancePolicy",
            "macOSCompliancePolicy",
            "windows10CompliancePolicy",
            "windows10MobileCompliancePolicy",
            "windows81CompliancePolicy",
            "windowsPhone81CompliancePolicy",
        ),
        volatile=_RULES,
        unordered=_RULE_LISTS,
        references=(
            *ASSIGNED,
            *_MESSAGED,
            Reference("deviceCompliancePolicyScript.deviceComplianceScriptId", SCRIPTS.key),
        ),
        builtin=Builtin(of_type("defaultDeviceCompliancePolicy"), "The tenant's default policy belongs to the service"),
        limits=(_BLOCK,),
        match=("displayName", "@odata.type"),
        create=Create(
            strip=(*_RULES, "deviceSettings"), requires=("@odata.type", "displayName", "scheduledActionsForRule")
        ),
        assign=Assign(),
        parts=(
            Part(
                "scheduledActionsForRule",
                Style.ACTION,
                call="scheduleActionsForRules",
                key="deviceComplianceScheduledActionForRules",
                inline=True,
            ),
        ),
    ),
    ObjectType(
        key="compliance_policy_v2",
        label="Compliance policy (settings catalog)",
        category=Category.COMPLIANCE,
        platform=Platform.LINUX,
        listing=POLICIES_V2,
        permissions=intune("Configuration"),
        restore_order=201,
        odata_types=("deviceManagementCompliancePolicy",),
        name_property="name",
        volatile=("settingCount", "creationSource", "settings.id", *_RULES),
        unordered=(*UNORDERED_SETTINGS, *_RULE_LISTS),
        references=(*ASSIGNED, *_MESSAGED, Reference("settings", REUSABLE.key, find=find_discovery_scripts)),
        match=("name", "technologies"),
        create=Create(
            strip=("settingCount", "creationSource", *_COPIED),
            requires=("name", "platforms", "technologies", "settings"),
        ),
        update=Update(Method.PUT, strip=("settingCount", "creationSource", *_COPIED)),
        assign=Assign(),
        parts=(Part("scheduledActionsForRule", Style.ACTION, call="setScheduledActions", key="scheduledActions"),),
    ),
    ObjectType(
        key="compliance_script",
        label="Compliance script",
        category=Category.COMPLIANCE,
        platform=Platform.WINDOWS,
        listing=SCRIPTS,
        permissions=Permissions(
            read=(
                "DeviceManagementScripts.Read.All",
                "DeviceManagementScripts.ReadWrite.All",
                "DeviceManagementConfiguration.Read.All",
                "DeviceManagementConfiguration.ReadWrite.All",
            ),
            write=("DeviceManagementScripts.ReadWrite.All",),
        ),
        restore_order=80,
        odata_types=("deviceComplianceScript",),
        # Bound to devices by the policy that names it, never assigned.
        references=(TAGS,),
        create=Create(requires=("displayName", "publisher", "detectionScriptContent", "runAsAccount"), slow=True),
        approval=Approval.SCRIPT,
    ),
    ObjectType(
        key="notification_message_template",
        label="Notification template",
        category=Category.COMPLIANCE,
        platform=Platform.ALL,
        listing=MESSAGES,
        permissions=intune("ServiceConfig"),
        restore_order=40,
        odata_types=("notificationMessageTemplate",),
        volatile=("localizedNotificationMessages.lastModifiedDateTime",),
        unordered=("localizedNotificationMessages",),
        references=(TAGS,),
        builtin=Builtin(
            where("displayName", "EnrollmentNotificationInternalMEO"),
            "Enrollment notifications keep a template of their own",
        ),
        create=Create(
            strip=("defaultLocale",), requires=("displayName", "brandingOptions"), prepare=_only_true_defaults
        ),
        update=Update(
            strip=("defaultLocale",),
            only=("displayName", "description", "brandingOptions", "roleScopeTagIds"),
            prepare=_only_true_defaults,
        ),
        parts=(Part("localizedNotificationMessages", Style.MEMBERS, fixed=("locale",)),),
    ),
)
