"""Policies made of settings catalog entries: they share one list and differ by the family of their template."""

from functools import partial
from typing import Any

from inventory.types.base import (
    ASSIGNED,
    Body,
    Capability,
    Category,
    Child,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Reference,
    Restore,
    intune,
)

POLICIES = Listing(
    "configuration_policies",
    "Configuration policies",
    "/deviceManagement/configurationPolicies",
    # Without $top a page has 25 rows, and the settings of a policy are cut after 25 just so. Policies are large: a thousand
    # of them with their settings would be a page of many megabytes.
    query="$expand=assignments&$top=200",
    children=(Child("settings", "$top=1000", inline=True, counted_by="settingCount"),),
)
REUSABLE = Listing(
    "reusable_policy_setting",
    "Reusable policy settings",
    "/deviceManagement/reusablePolicySettings",
    # The list carries `settingInstance` only where it is selected by name.
    query="$select=id,displayName,description,settingDefinitionId,settingInstance,version,createdDateTime,"
    "lastModifiedDateTime,referencingConfigurationPolicyCount&$top=999",
)

SECRET = "Values of secret settings come back as a token"  # noqa: S105
# The entries of `settings` are numbered by position, so their ids move when the service lists them in another order.
_VOLATILE = ("settingCount", "creationSource", "priorityMetaData", "settings.id")
UNORDERED_SETTINGS = ("settings", "children", "settingDefinitions")


_DEFAULTS: dict[str, Any] = {"secrets": (SECRET,), "category": Category.CONFIGURATION}


def family_of(body: Body) -> str:
    template = body.get("templateReference")
    found = template.get("templateFamily") if isinstance(template, dict) else None
    return found if isinstance(found, str) else ""


def _is_family(body: Body, *, family: str) -> bool:
    return family_of(body) == family


def _is_endpoint_security(body: Body) -> bool:
    family = family_of(body)
    return family.startswith("endpointSecurity") and family != "endpointSecurityEndpointPrivilegeManagement"


def _policy(key: str, label: str, platform: Platform, order: int, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        platform=platform,
        listing=POLICIES,
        restore=Restore.FULL,
        restore_order=order,
        odata_types=("deviceManagementConfigurationPolicy",),
        name_property="name",
        volatile=_VOLATILE,
        unordered=UNORDERED_SETTINGS,
        references=(*ASSIGNED, Reference("settings", "reusable_policy_setting")),
        permissions=intune("Configuration"),
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
        secrets=(SECRET, "Onboarding blobs of endpoint detection and response"),
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
        limits=(Limit(Capability.READ, "The device group of the policy is an action, not a property", partly=True),),
    ),
    _policy(
        "endpoint_privilege_management_policy",
        "Endpoint Privilege Management policy",
        Platform.WINDOWS,
        132,
        category=Category.ENDPOINT_SECURITY,
        matches=partial(_is_family, family="endpointSecurityEndpointPrivilegeManagement"),
        low_confidence=True,
    ),
    _policy(
        "linux_platform_script",
        "Linux platform script",
        Platform.LINUX,
        180,
        category=Category.SCRIPTS,
        matches=partial(_is_family, family="deviceConfigurationScripts"),
        low_confidence=True,
    ),
    ObjectType(
        key="reusable_policy_setting",
        label="Reusable policy setting",
        category=Category.CONFIGURATION,
        platform=Platform.ALL,
        listing=REUSABLE,
        permissions=intune("Configuration"),
        restore=Restore.FULL,
        restore_order=70,
        odata_types=("deviceManagementReusablePolicySetting",),
        volatile=("referencingConfigurationPolicyCount",),
        unordered=UNORDERED_SETTINGS,
    ),
)
