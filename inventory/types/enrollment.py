"""How Windows devices come in, and what all devices meet first: enrollment configurations, Autopilot, device identities."""

from typing import Any

from inventory.types.base import (
    ASSIGNMENTS,
    CHANGE_ONLY,
    LOOK_ONLY,
    Body,
    Builtin,
    BuiltinRule,
    Capability,
    Category,
    Child,
    Confidence,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Unclassified,
    intune,
)
from inventory.types.documents import of_type, where
from inventory.types.references import APP, APP_ID, ASSIGNED, GROUP, TAGS, Reference, Secret
from inventory.types.writing import GROUPS, Assign, Create, Delete, Part, Style, Target, Update, one_by_one

CONFIGURATIONS = Listing(
    "enrollment_configurations",
    "Enrollment configurations",
    "/deviceManagement/deviceEnrollmentConfigurations",
    # Unfiltered: with a filter Graph gives the default objects another shape.
    query="$top=999",
    children=(ASSIGNMENTS,),
    others=Unclassified("enrollment_other", "Other enrollment configuration"),
)
AUTOPILOT = Listing(
    "autopilot_deployment_profile",
    "Autopilot profiles",
    "/deviceManagement/windowsAutopilotDeploymentProfiles",
    children=(
        ASSIGNMENTS,
        Child(
            "domainJoinConfiguration",
            "$select=id,displayName",
            when=of_type("activeDirectoryWindowsAutopilotDeploymentProfile"),
            single=True,
            cast=True,
        ),
    ),
)
AUTOPILOT_DEVICES = Listing(
    "autopilot_device_identity", "Autopilot devices", "/deviceManagement/windowsAutopilotDeviceIdentities"
)
IMPORTED_DEVICES = Listing(
    "imported_device_identity", "Corporate device identifiers", "/deviceManagement/importedDeviceIdentities"
)


def _is_default(body: Body) -> bool:
    return body.get("priority") == 0 or "_Default" in str(body.get("id", ""))


def _kind_of_default(body: Body) -> str:
    """The id of a default is the tenant's id and the kind: only the kind is the same everywhere."""
    return str(body.get("id", "")).rpartition("_")[2]


_ALWAYS_THERE = Builtin(
    _is_default, "The default of each kind always exists and is only changed", BuiltinRule.CHANGE, _kind_of_default
)
_SET_BY_SERVICE = ("deviceEnrollmentConfigurationType", "windowsMobileRestriction")
_TYPED = ("@odata.type", "displayName")
_ONLY_ONE: dict[str, Any] = {
    **CHANGE_ONLY,
    "limits": (
        Limit(Capability.RESTORE, "The service owns the one object: it is changed, never made anew", partly=True),
    ),
}


def _enrollment(key: str, label: str, platform: Platform, odata_type: str, order: int = 320, **more: Any) -> ObjectType:
    defaults: dict[str, Any] = {
        "references": ASSIGNED,
        "builtin": _ALWAYS_THERE,
        "create": Create(strip=_SET_BY_SERVICE, requires=_TYPED),
        "update": Update(strip=_SET_BY_SERVICE),
    }
    return ObjectType(
        key=key,
        label=label,
        category=Category.ENROLLMENT,
        platform=platform,
        listing=CONFIGURATIONS,
        permissions=intune("Configuration", "ServiceConfig"),
        restore_order=order,
        odata_types=(odata_type,),
        assign=Assign("enrollmentConfigurationAssignments"),
        # Each call moves other objects: after all are made, in ascending order, one at a time.
        parts=(Part("priority", Style.ACTION, call="setPriority", key="priority", second_pass=True),),
        **{**defaults, **more},
    )


def _empty_app_id(body: dict[str, Any]) -> dict[str, Any]:
    """No management app is written as an empty text; null is refused."""
    if body.get("managementServiceAppId") is None:
        body["managementServiceAppId"] = ""
    return body


_CONTACT = ("lastContactedDateTime", "enrollmentState")

TYPES = (
    _enrollment(
        "enrollment_platform_restriction",
        "Platform restriction",
        Platform.ALL,
        "deviceEnrollmentPlatformRestrictionConfiguration",
        match=("displayName", "@odata.type", "platformType"),
        create=Create(strip=_SET_BY_SERVICE, requires=(*_TYPED, "platformType", "platformRestriction")),
        update=Update(strip=_SET_BY_SERVICE, fixed=("platformType",)),
    ),
    _enrollment(
        "enrollment_platform_restrictions_default",
        "Platform restrictions (default)",
        Platform.ALL,
        "deviceEnrollmentPlatformRestrictionsConfiguration",
        **_ONLY_ONE,
    ),
    _enrollment(
        "enrollment_limit",
        "Device limit restriction",
        Platform.ALL,
        "deviceEnrollmentLimitConfiguration",
        create=Create(strip=_SET_BY_SERVICE, requires=(*_TYPED, "limit")),
    ),
    _enrollment(
        "enrollment_status_page",
        "Enrollment status page",
        Platform.WINDOWS,
        "windows10EnrollmentCompletionPageConfiguration",
        322,
        references=(*ASSIGNED, Reference("selectedMobileAppIds", APP)),
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
        references=(
            *ASSIGNED,
            Reference("notificationTemplates", "notification_message_template"),
            Reference("notificationMessageTemplateId", "notification_message_template"),
        ),
        create=Create(
            path="/deviceManagement/deviceEnrollmentConfigurations/createEnrollmentNotificationConfiguration",
            strip=_SET_BY_SERVICE,
            requires=("displayName", "platformType", "templateType", "notificationTemplates"),
        ),
        confidence=Confidence.SCHEMA,
    ),
    _enrollment(
        "windows_restore_configuration",
        "Windows restore page",
        Platform.WINDOWS,
        "windowsRestoreDeviceEnrollmentConfiguration",
        **{
            **_ONLY_ONE,
            "builtin": Builtin(
                where("deviceEnrollmentConfigurationType", "windowsRestore"),
                "There is one for the tenant, made by the service",
                BuiltinRule.CHANGE,
                lambda _body: "windowsRestore",
            ),
        },
    ),
    ObjectType(
        key="autopilot_deployment_profile",
        label="Autopilot profile",
        category=Category.ENROLLMENT,
        platform=Platform.WINDOWS,
        listing=AUTOPILOT,
        permissions=intune("ServiceConfig"),
        restore_order=300,
        odata_types=(
            "azureADWindowsAutopilotDeploymentProfile",
            "activeDirectoryWindowsAutopilotDeploymentProfile",
            "windowsAutopilotDeploymentProfile",
        ),
        references=(
            GROUP,
            TAGS,
            Reference("domainJoinConfiguration.id", "device_configuration", bound=True),
            Reference("managementServiceAppId", APP_ID),
        ),
        match=("displayName", "@odata.type"),
        create=Create(strip=("assignedDevices",), requires=_TYPED, prepare=_empty_app_id),
        update=Update(strip=("assignedDevices", "managementServiceAppId")),
        delete=Delete(unassign_first=True),
        # The action that is called "assign" here takes devices, not groups.
        assign=one_by_one(*GROUPS, Target.ALL_DEVICES),
        licence="Entra ID P1, for automatic enrollment",
    ),
    ObjectType(
        key="autopilot_device_identity",
        label="Autopilot device",
        category=Category.ENROLLMENT,
        platform=Platform.WINDOWS,
        listing=AUTOPILOT_DEVICES,
        permissions=intune("ServiceConfig"),
        restore_order=990,
        odata_types=("windowsAutopilotDeviceIdentity",),
        name_property="serialNumber",
        never_stored=("deviceAccountPassword",),
        # What a device does with its profile, not what somebody configured.
        volatile=(
            *_CONTACT,
            "deploymentProfileAssignedDateTime",
            "deploymentProfileAssignmentStatus",
            "deploymentProfileAssignmentDetailedStatus",
            "remediationState",
            "remediationStateLastModifiedDateTime",
            "userlessEnrollmentStatus",
        ),
        secrets=(Secret("The hardware hash of the device"),),
        limits=(
            Limit(Capability.RESTORE, "Registering a device takes its hardware hash, which Graph never gives out"),
        ),
        match=("serialNumber",),
        **LOOK_ONLY,
    ),
    ObjectType(
        key="imported_device_identity",
        label="Corporate device identifier",
        category=Category.ENROLLMENT,
        platform=Platform.ALL,
        listing=IMPORTED_DEVICES,
        permissions=intune("ServiceConfig"),
        restore_order=990,
        odata_types=("importedDeviceIdentity",),
        name_property="importedDeviceIdentifier",
        volatile=_CONTACT,
        limits=(Limit(Capability.RESTORE, "Identifiers are imported in bulk; the form of that import is not proven"),),
        match=("importedDeviceIdentifier",),
        confidence=Confidence.SCHEMA,
        **LOOK_ONLY,
    ),
)
