"""Which list of Graph an exported object came from: by `@odata.type`, by the address in its annotations, by shape, by folder."""

import re
from collections.abc import Mapping
from typing import Any

from providers.sandbox.catalogue import LISTINGS

_INTUNE, _APPS, _ACCESS = "deviceManagement", "deviceAppManagement", "identity/conditionalAccess"

_BY_TYPE = {
    "group": "groups",
    "conditionalAccessPolicy": f"{_ACCESS}/policies",
    "authenticationStrengthPolicy": "policies/authenticationStrengthPolicies",
    "roleScopeTag": f"{_INTUNE}/roleScopeTags",
    "deviceAndAppManagementAssignmentFilter": f"{_INTUNE}/assignmentFilters",
    "deviceAndAppManagementRoleDefinition": f"{_INTUNE}/roleDefinitions",
    "roleDefinition": f"{_INTUNE}/roleDefinitions",
    "deviceAndAppManagementRoleAssignment": f"{_INTUNE}/roleAssignments",
    "deviceManagementConfigurationPolicy": f"{_INTUNE}/configurationPolicies",
    "deviceManagementReusablePolicySetting": f"{_INTUNE}/reusablePolicySettings",
    "deviceManagementCompliancePolicy": f"{_INTUNE}/compliancePolicies",
    "groupPolicyConfiguration": f"{_INTUNE}/groupPolicyConfigurations",
    "deviceManagementIntent": f"{_INTUNE}/intents",
    "deviceComplianceScript": f"{_INTUNE}/deviceComplianceScripts",
    "deviceManagementScript": f"{_INTUNE}/deviceManagementScripts",
    "deviceShellScript": f"{_INTUNE}/deviceShellScripts",
    "deviceCustomAttributeShellScript": f"{_INTUNE}/deviceCustomAttributeShellScripts",
    "deviceHealthScript": f"{_INTUNE}/deviceHealthScripts",
    "windowsFeatureUpdateProfile": f"{_INTUNE}/windowsFeatureUpdateProfiles",
    "windowsQualityUpdateProfile": f"{_INTUNE}/windowsQualityUpdateProfiles",
    "windowsQualityUpdatePolicy": f"{_INTUNE}/windowsQualityUpdatePolicies",
    "windowsDriverUpdateProfile": f"{_INTUNE}/windowsDriverUpdateProfiles",
    "notificationMessageTemplate": f"{_INTUNE}/notificationMessageTemplates",
    "termsAndConditions": f"{_INTUNE}/termsAndConditions",
    "deviceCategory": f"{_INTUNE}/deviceCategories",
    "policySet": f"{_APPS}/policySets",
    "iosManagedAppProtection": f"{_APPS}/iosManagedAppProtections",
    "androidManagedAppProtection": f"{_APPS}/androidManagedAppProtections",
    "windowsManagedAppProtection": f"{_APPS}/windowsManagedAppProtections",
    "targetedManagedAppConfiguration": f"{_APPS}/targetedManagedAppConfigurations",
    "iosMobileAppConfiguration": f"{_APPS}/mobileAppConfigurations",
    "androidManagedStoreAppConfiguration": f"{_APPS}/mobileAppConfigurations",
    "androidForWorkMobileAppConfiguration": f"{_APPS}/mobileAppConfigurations",
    "officeSuiteApp": f"{_APPS}/mobileApps",
    "webApp": f"{_APPS}/mobileApps",
    "hardwareConfiguration": f"{_INTUNE}/hardwareConfigurations",
}
# In this order: a later pattern is wider.
_BY_TYPE_PATTERN = (
    (re.compile(r"NamedLocation$"), f"{_ACCESS}/namedLocations"),
    (re.compile(r"AutopilotDeploymentProfile$"), f"{_INTUNE}/windowsAutopilotDeploymentProfiles"),
    (
        re.compile(
            r"^(deviceEnrollment|deviceComanagement|windows10EnrollmentCompletion|windowsRestoreDeviceEnrollment)"
        ),
        f"{_INTUNE}/deviceEnrollmentConfigurations",
    ),
    (re.compile(r"CompliancePolicy$"), f"{_INTUNE}/deviceCompliancePolicies"),
    (re.compile(r"(App|AppX|MSI|WebClip|EBook)$"), f"{_APPS}/mobileApps"),
    (
        re.compile(r"(Configuration|CertificateProfile|TrustedRootCertificate|ConfigurationBase)$"),
        f"{_INTUNE}/deviceConfigurations",
    ),
)
_BY_FOLDER = {
    "settings catalog": f"{_INTUNE}/configurationPolicies",
    "settingscatalog": f"{_INTUNE}/configurationPolicies",
    "shell": f"{_INTUNE}/deviceShellScripts",
    "powershell": f"{_INTUNE}/deviceManagementScripts",
    "proactive remediations": f"{_INTUNE}/deviceHealthScripts",
    "custom attributes": f"{_INTUNE}/deviceCustomAttributeShellScripts",
    "scope tags": f"{_INTUNE}/roleScopeTags",
    "message templates": f"{_INTUNE}/notificationMessageTemplates",
    "filters": f"{_INTUNE}/assignmentFilters",
    "groups": "groups",
    "device management settings": f"{_INTUNE}/settings",
    "device categories": f"{_INTUNE}/deviceCategories",
    "group policy configurations": f"{_INTUNE}/groupPolicyConfigurations",
    "conditional access": f"{_ACCESS}/policies",
    "roles": f"{_INTUNE}/roleDefinitions",
}
_BY_KEYS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"conditions", "grantControls"}), f"{_ACCESS}/policies"),
    (frozenset({"conditions", "sessionControls"}), f"{_ACCESS}/policies"),
    (frozenset({"definitionValues"}), f"{_INTUNE}/groupPolicyConfigurations"),
    (frozenset({"detectionScriptContent"}), f"{_INTUNE}/deviceHealthScripts"),
    (frozenset({"customAttributeName"}), f"{_INTUNE}/deviceCustomAttributeShellScripts"),
    (frozenset({"executionFrequency", "retryCount"}), f"{_INTUNE}/deviceShellScripts"),
    (frozenset({"enforceSignatureCheck", "scriptContent"}), f"{_INTUNE}/deviceManagementScripts"),
    (frozenset({"localizedNotificationMessages"}), f"{_INTUNE}/notificationMessageTemplates"),
    (frozenset({"settingInstance", "settingDefinitionId"}), f"{_INTUNE}/reusablePolicySettings"),
    (frozenset({"rule", "platform"}), f"{_INTUNE}/assignmentFilters"),
    (frozenset({"mailNickname", "securityEnabled"}), "groups"),
    (frozenset({"rolePermissions"}), f"{_INTUNE}/roleDefinitions"),
)
_ADDRESS = re.compile(r"(?:\$metadata#|/(?:beta|v1\.0)/#?)([A-Za-z]+(?:/[A-Za-z]+){0,3})")
_AUXILIARY = {"migrationtable.json", "report.json"}


def recognise(body: Any, *, folders: tuple[str, ...], filename: str) -> tuple[str | None, str]:
    """(list path, "") or (None, why not). `folders` are lower-case names above the file, nearest last."""
    if filename.lower() in _AUXILIARY:
        return None, "A table or report of the exporting tool, not an object."
    if not isinstance(body, Mapping):
        return None, f"Not an object but a {type(body).__name__}."
    found = _by_type(body) or _by_address(body) or _by_shape(body) or _by_folder(folders)
    if found is None:
        return None, "Not recognised as an object of Graph."
    if found not in LISTINGS:
        return None, f"The sandbox has no {found}."
    return found, ""


def _by_type(body: Mapping[str, Any]) -> str | None:
    name = str(body.get("@odata.type") or "").removeprefix("#").removeprefix("microsoft.graph.")
    if not name:
        return None
    return _BY_TYPE.get(name) or next((path for pattern, path in _BY_TYPE_PATTERN if pattern.search(name)), None)


def _by_address(body: Mapping[str, Any]) -> str | None:
    for key in ("@odata.context", "@odata.id", "@odata.editLink"):
        if found := _ADDRESS.search(str(body.get(key) or "")):
            parts = found[1].split("/")
            for length in range(len(parts), 0, -1):
                if (path := "/".join(parts[:length])) in LISTINGS:
                    return path
    return None


def _by_shape(body: Mapping[str, Any]) -> str | None:
    if isinstance(body.get("settings"), list) and "technologies" in body:
        linux = "linuxMdm" in str(body["technologies"]) and "scheduledActionsForRule" in body
        return f"{_INTUNE}/compliancePolicies" if linux else f"{_INTUNE}/configurationPolicies"
    return next((path for keys, path in _BY_KEYS if keys <= body.keys()), None)


def _by_folder(folders: tuple[str, ...]) -> str | None:
    return next((_BY_FOLDER[name] for name in reversed(folders) if name in _BY_FOLDER), None)
