"""Compliance policies of both generations, and the messages they send."""

from inventory.types.base import (
    ASSIGNED,
    TAGS,
    Body,
    Category,
    Child,
    Listing,
    ObjectType,
    Platform,
    Reference,
    Restore,
    intune,
    short_type,
)
from inventory.types.settings_catalog import UNORDERED_SETTINGS

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
        Child("settings", "$top=1000", inline=True, counted_by="settingCount"),
        Child("assignments"),
        Child("scheduledActionsForRule", "$expand=scheduledActionConfigurations"),
    ),
)
MESSAGES = Listing(
    "notification_message_template",
    "Notification templates",
    "/deviceManagement/notificationMessageTemplates",
    query="$expand=localizedNotificationMessages",
)

_RULES = ("scheduledActionsForRule.id", "scheduledActionsForRule.scheduledActionConfigurations.id")
_RULE_LISTS = ("scheduledActionsForRule", "scheduledActionConfigurations", "notificationMessageCCList")
_MESSAGE = Reference("scheduledActionsForRule.scheduledActionConfigurations.notificationTemplateId", MESSAGES.key)


def _is_default(body: Body) -> bool:
    return short_type(body) == "defaultDeviceCompliancePolicy"


def _is_of_the_service(body: Body) -> bool:
    return body.get("displayName") == "EnrollmentNotificationInternalMEO"


TYPES = (
    ObjectType(
        key="compliance_policy",
        label="Compliance policy",
        category=Category.COMPLIANCE,
        platform=Platform.ALL,
        listing=POLICIES,
        permissions=intune("Configuration"),
        restore=Restore.FULL,
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
        references=(*ASSIGNED, _MESSAGE, Reference("deviceCompliancePolicyScript", "compliance_script")),
        is_builtin=_is_default,
        builtin="The tenant's default policy belongs to the service",
    ),
    ObjectType(
        key="compliance_policy_v2",
        label="Compliance policy (settings catalog)",
        category=Category.COMPLIANCE,
        platform=Platform.LINUX,
        listing=POLICIES_V2,
        permissions=intune("Configuration"),
        restore=Restore.FULL,
        restore_order=201,
        odata_types=("deviceManagementCompliancePolicy",),
        name_property="name",
        volatile=("settingCount", "creationSource", "settings.id", *_RULES),
        unordered=(*UNORDERED_SETTINGS, *_RULE_LISTS),
        references=(*ASSIGNED, _MESSAGE, Reference("settings", "reusable_policy_setting")),
    ),
    ObjectType(
        key="notification_message_template",
        label="Notification template",
        category=Category.COMPLIANCE,
        platform=Platform.ALL,
        listing=MESSAGES,
        permissions=intune("ServiceConfig"),
        restore=Restore.FULL,
        restore_order=40,
        odata_types=("notificationMessageTemplate",),
        volatile=("localizedNotificationMessages.lastModifiedDateTime",),
        unordered=("localizedNotificationMessages",),
        references=(TAGS,),
        is_builtin=_is_of_the_service,
        builtin="Enrollment notifications keep a template of their own",
    ),
)
