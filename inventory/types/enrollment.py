"""How devices come in: enrollment configurations and Autopilot profiles."""

from typing import Any

from inventory.types.base import (
    ASSIGNED,
    Body,
    Capability,
    Category,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Reference,
    Restore,
    intune,
)

CONFIGURATIONS = Listing(
    "enrollment_configurations",
    "Enrollment configurations",
    "/deviceManagement/deviceEnrollmentConfigurations",
    query="$expand=assignments&$top=999",
)
AUTOPILOT = Listing(
    "autopilot_deployment_profile",
    "Autopilot profiles",
    "/deviceManagement/windowsAutopilotDeploymentProfiles",
    query="$expand=assignments",
)


def _is_default(body: Body) -> bool:
    return body.get("priority") == 0 or "_Default" in str(body.get("id", ""))


_DEFAULTS: dict[str, Any] = {"restore": Restore.FULL, "references": ASSIGNED}


def _enrollment(key: str, label: str, platform: Platform, odata_type: str, order: int = 320, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.ENROLLMENT,
        platform=platform,
        listing=CONFIGURATIONS,
        permissions=intune("Configuration", "ServiceConfig"),
        restore_order=order,
        odata_types=(odata_type,) if odata_type else (),
        is_builtin=_is_default,
        builtin="The default of each kind always exists and is only changed",
        **{**_DEFAULTS, **more},
    )


_ONLY_ONE: dict[str, Any] = {
    "restore": Restore.UPDATE_ONLY,
    "limits": (
        Limit(Capability.RESTORE, "The service owns the one object: it is changed, never created", partly=True),
    ),
}

TYPES = (
    _enrollment(
        "enrollment_platform_restriction",
        "Platform restriction",
        Platform.ALL,
        "deviceEnrollmentPlatformRestrictionConfiguration",
    ),
    _enrollment(
        "enrollment_platform_restrictions_default",
        "Platform restrictions (default)",
        Platform.ALL,
        "deviceEnrollmentPlatformRestrictionsConfiguration",
        **_ONLY_ONE,
    ),
    _enrollment("enrollment_limit", "Device limit restriction", Platform.ALL, "deviceEnrollmentLimitConfiguration"),
    _enrollment(
        "enrollment_status_page",
        "Enrollment status page",
        Platform.WINDOWS,
        "windows10EnrollmentCompletionPageConfiguration",
        322,
        references=(*ASSIGNED, Reference("selectedMobileAppIds", "*")),
        unordered=("selectedMobileAppIds",),
    ),
    _enrollment(
        "windows_hello_enrollment",
        "Windows Hello for Business",
        Platform.WINDOWS,
        "deviceEnrollmentWindowsHelloForBusinessConfiguration",
        **_ONLY_ONE,
    ),
    _enrollment(
        "co_management_settings",
        "Co-management settings",
        Platform.WINDOWS,
        "deviceComanagementAuthorityConfiguration",
        324,
    ),
    _enrollment(
        "enrollment_notification",
        "Enrollment notification",
        Platform.ALL,
        "deviceEnrollmentNotificationConfiguration",
        325,
        references=(*ASSIGNED, Reference("notificationTemplates", "notification_message_template")),
        low_confidence=True,
    ),
    _enrollment(
        "windows_restore_configuration",
        "Windows restore page",
        Platform.WINDOWS,
        "windowsRestoreDeviceEnrollmentConfiguration",
        **_ONLY_ONE,
    ),
    _enrollment(
        "enrollment_other",
        "Other enrollment configuration",
        Platform.ALL,
        "",
        326,
        fallback=True,
        low_confidence=True,
        limits=(Limit(Capability.RESTORE, "TenantPilot does not know this kind"),),
    ),
    ObjectType(
        key="autopilot_deployment_profile",
        label="Autopilot profile",
        category=Category.ENROLLMENT,
        platform=Platform.WINDOWS,
        listing=AUTOPILOT,
        permissions=intune("ServiceConfig"),
        restore=Restore.FULL,
        restore_order=300,
        odata_types=(
            "azureADWindowsAutopilotDeploymentProfile",
            "activeDirectoryWindowsAutopilotDeploymentProfile",
            "windowsAutopilotDeploymentProfile",
        ),
        references=(*ASSIGNED, Reference("domainJoinConfiguration", "device_configuration")),
    ),
)
