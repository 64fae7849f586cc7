"""Policies made of settings catalog entries: they share one list and differ by the family of their template."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from inventory.types.base import (
    ASSIGNMENTS,
    Body,
    Capability,
    Category,
    Child,
    Confidence,
    Limit,
    Listing,
    ObjectType,
    Platform,
    assumed,
    intune,
)
from inventory.types.documents import Slot, objects_in, short_type
from inventory.types.references import ASSIGNED, MICROSOFT, Reference, Secret
from inventory.types.writing import Approval, Assign, Create, Method, Part, Style, Update

# The policies are large: a thousand of them with their settings would be a page of many megabytes. Without $top a page has
# 25 rows, and the settings of a policy are cut after 25 just so.
SETTINGS = Child("settings", "$top=1000", inline=True, counted_by="settingCount")
POLICIES = Listing(
    "configuration_policies",
    "Configuration policies",
    "/deviceManagement/configurationPolicies",
    query="$top=200",
    children=(ASSIGNMENTS, SETTINGS),
)
REUSABLE = Listing(
    "reusable_policy_setting",
    "Reusable policy settings",
    "/deviceManagement/reusablePolicySettings",
    # The list carries `settingInstance` only where it is selected by name.
    query="$select=id,displayName,description,settingDefinitionId,settingInstance,version,createdDateTime,"
    "lastModifiedDateTime,referencingConfigurationPolicyCount&$top=999",
)
INVENTORY = Listing(
    "inventory_policy",
    "Device inventory policies",
    "/deviceManagement/inventoryPolicies",
    children=(ASSIGNMENTS, SETTINGS),
    unpublished=True,
)

# The entries of `settings` are numbered by position, so their ids move when the service lists them in another order.
VOLATILE_SETTINGS = ("settingCount", "creationSource", "priorityMetaData", "settings.id")
UNORDERED_SETTINGS = ("settings", "children", "settingDefinitions")
_DEVICE_GROUPS = "enrollment_autopilot_dpp_devicesecuritygroupids"


def find_reusable_settings(document: Any) -> Iterator[Slot]:
    """Where a setting names a reusable one; it may stand at any depth of the tree."""
    for one in objects_in(document.get("settings")):
        if short_type(one) == "deviceManagementConfigurationReferenceSettingValue" and "value" in one:
            yield Slot(one, "value")


def find_secret_settings(document: Any) -> Iterator[Slot]:
    for one in objects_in(document.get("settings")):
        if short_type(one) == "deviceManagementConfigurationSecretSettingValue" and "value" in one:
            yield Slot(one, "value")


def find_device_groups(document: Any) -> Iterator[Slot]:
    """The device group of a device preparation policy, which is the value of one of its settings."""
    for one in objects_in(document.get("settings")):
        if one.get("settingDefinitionId") == _DEVICE_GROUPS:
            yield from (Slot(value, "value") for value in objects_in(one) if isinstance(value.get("value"), str))


def family_of(body: Body) -> str:
    template = body.get("templateReference")
    found = template.get("templateFamily") if isinstance(template, dict) else None
    return found if isinstance(found, str) else ""


def _is_family(body: Body, *, family: str) -> bool:
    return family_of(body) == family


def _is_endpoint_security(body: Body) -> bool:
    family = family_of(body)
    return family.startswith("endpointSecurity") and family != "endpointSecurityEndpointPrivilegeManagement"


REUSABLE_SETTINGS = Reference("settings", REUSABLE.key, find=find_reusable_settings)
_REFERENCES = (*ASSIGNED, REUSABLE_SETTINGS, Reference("templateReference.templateId", MICROSOFT))
_SECRET = Secret("Values of secret settings: Graph answers with a token", find=find_secret_settings)
_ENTER_AGAIN = Limit(Capability.RESTORE, "Secret values must be entered again", partly=True)
_STRIP = (
    "settingCount",
    "creationSource",
    "priorityMetaData",
    "settings.id",
    "settings.settingDefinitions",
    "templateReference.templateDisplayName",
    "templateReference.templateDisplayVersion",
)
_DEFAULTS: dict[str, Any] = {
    "category": Category.CONFIGURATION,
    "secrets": (_SECRET,),
    "limits": (_ENTER_AGAIN,),
    "references": _REFERENCES,
}


def _policy(key: str, label: str, platform: Platform, order: int, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        platform=platform,
        listing=POLICIES,
        permissions=intune("Configuration"),
        restore_order=order,
        odata_types=("deviceManagementConfigurationPolicy",),
        name_property="name",
        volatile=VOLATILE_SETTINGS,
        unordered=UNORDERED_SETTINGS,
        match=("name", "technologies", "templateReference.templateId"),
        create=Create(strip=_STRIP, requires=("name", "platforms", "technologies", "settings")),
        # A PATCH changes names alone.
        update=Update(Method.PUT, strip=_STRIP),
        assign=Assign(),
        **{**_DEFAULTS, **more},
    )


TYPES = (
    _policy("settings_catalog_policy", "Settings catalog policy", Platform.ALL, 130, fallback=True),
    _policy(
        "endpoint_security_policy",
        "Endpoint security policy",
        Platform.ALL,
        132,
        category=Category.ENDPOINT_SECURITY,
        matches=_is_endpoint_security,
        secrets=(_SECRET, Secret("Onboarding blobs of endpoint detection and response", find=find_secret_settings)),
        limits=(
            _ENTER_AGAIN,
            Limit(
                Capability.ACROSS, "An onboarding blob belongs to its own tenant and is never taken along", partly=True
            ),
        ),
    ),
    _policy(
        "security_baseline_policy",
        "Security baseline",
        Platform.WINDOWS,
        131,
        category=Category.ENDPOINT_SECURITY,
        matches=partial(_is_family, family="baseline"),
    ),
    _policy(
        "autopilot_device_preparation_policy",
        "Autopilot device preparation policy",
        Platform.WINDOWS,
        310,
        category=Category.ENROLLMENT,
        matches=partial(_is_family, family="enrollmentConfiguration"),
        references=(
            *_REFERENCES,
            Reference("settings", "entra_group", find=find_device_groups),
            Reference("enrollmentTimeDeviceMembershipTargets.targetId", "entra_group"),
        ),
        parts=(
            Part(
                "enrollmentTimeDeviceMembershipTargets",
                Style.ACTION,
                call="setEnrollmentTimeDeviceMembershipTarget",
                key="enrollmentTimeDeviceMembershipTargets",
            ),
        ),
        limits=(
            _ENTER_AGAIN,
            Limit(
                Capability.READ,
                "The group that devices join is told by an action alone, which a reader does not call",
                partly=True,
            ),
        ),
        licence="Entra ID P1, for automatic enrollment",
    ),
    _policy(
        "endpoint_privilege_management_policy",
        "Endpoint Privilege Management policy",
        Platform.WINDOWS,
        132,
        category=Category.ENDPOINT_SECURITY,
        matches=partial(_is_family, family="endpointSecurityEndpointPrivilegeManagement"),
        licence="Endpoint Privilege Management",
        confidence=Confidence.SCHEMA_MOSTLY,
    ),
    _policy(
        "linux_platform_script",
        "Linux platform script",
        Platform.LINUX,
        180,
        category=Category.SCRIPTS,
        matches=partial(_is_family, family="deviceConfigurationScripts"),
        approval=Approval.SCRIPT,
        confidence=Confidence.SCHEMA,
    ),
    ObjectType(
        key="reusable_policy_setting",
        label="Reusable policy setting",
        category=Category.CONFIGURATION,
        platform=Platform.ALL,
        listing=REUSABLE,
        permissions=intune("Configuration"),
        restore_order=70,
        odata_types=("deviceManagementReusablePolicySetting",),
        volatile=("referencingConfigurationPolicyCount",),
        unordered=UNORDERED_SETTINGS,
        create=Create(
            strip=("referencingConfigurationPolicyCount", "referencingConfigurationPolicies"),
            requires=("displayName", "settingDefinitionId", "settingInstance"),
        ),
        update=Update(Method.PUT, strip=("referencingConfigurationPolicyCount", "referencingConfigurationPolicies")),
    ),
    ObjectType(
        key="inventory_policy",
        label="Device inventory policy",
        category=Category.CONFIGURATION,
        platform=Platform.ALL,
        listing=INVENTORY,
        permissions=assumed(intune("Configuration")),
        restore_order=133,
        name_property="name",
        volatile=("settingCount", "settings.id"),
        unordered=UNORDERED_SETTINGS,
        references=ASSIGNED,
        match=("name",),
        create=Create(strip=("settingCount",), requires=("name", "settings")),
        update=Update(strip=("settingCount",)),
        assign=Assign(),
        confidence=Confidence.ONE_SOURCE,
    ),
)
