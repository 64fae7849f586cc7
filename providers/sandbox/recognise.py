"""Which list of Graph an exported object came from: by `@odata.type`, by the address in its annotations, by shape, by folder."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from providers.sandbox import schema
from providers.sandbox.catalogue import LISTINGS

_INTUNE, _APPS, _ACCESS = "deviceManagement", "deviceAppManagement", "identity/conditionalAccess"

# Kinds that Microsoft's published types no longer name, or never did. In this order: a later pattern is wider.
_BY_TYPE_PATTERN = (
    (re.compile(r"^deviceEnrollment"), f"{_INTUNE}/deviceEnrollmentConfigurations"),
    (re.compile(r"NamedLocation$"), f"{_ACCESS}/namedLocations"),
    (re.compile(r"CompliancePolicy$"), f"{_INTUNE}/deviceCompliancePolicies"),
    (re.compile(r"(App|AppX|MSI|WebClip|EBook)$"), f"{_APPS}/mobileApps"),
    (re.compile(r"(Configuration|CertificateProfile|ConfigurationBase)$"), f"{_INTUNE}/deviceConfigurations"),
)
# Folders of IntuneManagement and of IntuneCD, in lower case.
_BY_FOLDER = {
    "settingscatalog": f"{_INTUNE}/configurationPolicies",
    "settings catalog": f"{_INTUNE}/configurationPolicies",
    "endpointsecurity": f"{_INTUNE}/intents",
    "management intents": f"{_INTUNE}/intents",
    "administrativetemplates": f"{_INTUNE}/groupPolicyConfigurations",
    "group policy configurations": f"{_INTUNE}/groupPolicyConfigurations",
    "reusablesettings": f"{_INTUNE}/reusablePolicySettings",
    "compliancepoliciesv2": f"{_INTUNE}/compliancePolicies",
    "compliancescripts": f"{_INTUNE}/deviceComplianceScripts",
    "powershellscripts": f"{_INTUNE}/deviceManagementScripts",
    "powershell": f"{_INTUNE}/deviceManagementScripts",
    "macscripts": f"{_INTUNE}/deviceShellScripts",
    "shell": f"{_INTUNE}/deviceShellScripts",
    "maccustomattributes": f"{_INTUNE}/deviceCustomAttributeShellScripts",
    "custom attributes": f"{_INTUNE}/deviceCustomAttributeShellScripts",
    "devicehealthscripts": f"{_INTUNE}/deviceHealthScripts",
    "proactive remediations": f"{_INTUNE}/deviceHealthScripts",
    "featureupdates": f"{_INTUNE}/windowsFeatureUpdateProfiles",
    "feature updates": f"{_INTUNE}/windowsFeatureUpdateProfiles",
    "qualityupdates": f"{_INTUNE}/windowsQualityUpdateProfiles",
    "quality updates": f"{_INTUNE}/windowsQualityUpdateProfiles",
    "driverupdateprofiles": f"{_INTUNE}/windowsDriverUpdateProfiles",
    "driver updates": f"{_INTUNE}/windowsDriverUpdateProfiles",
    "assignmentfilters": f"{_INTUNE}/assignmentFilters",
    "filters": f"{_INTUNE}/assignmentFilters",
    "scopetags": f"{_INTUNE}/roleScopeTags",
    "scope tags": f"{_INTUNE}/roleScopeTags",
    "roledefinitions": f"{_INTUNE}/roleDefinitions",
    "roles": f"{_INTUNE}/roleDefinitions",
    "notifications": f"{_INTUNE}/notificationMessageTemplates",
    "message templates": f"{_INTUNE}/notificationMessageTemplates",
    "termsandconditions": f"{_INTUNE}/termsAndConditions",
    "devicecategories": f"{_INTUNE}/deviceCategories",
    "device categories": f"{_INTUNE}/deviceCategories",
    "device management settings": f"{_INTUNE}/settings",
    "policysets": f"{_APPS}/policySets",
    "conditionalaccess": f"{_ACCESS}/policies",
    "conditional access": f"{_ACCESS}/policies",
    "namedlocations": f"{_ACCESS}/namedLocations",
    "authenticationstrengths": "policies/authenticationStrengthPolicies",
    "groups": "groups",
}
# The first that fits: later ones are wider.
_BY_KEYS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"conditions", "grantControls"}), f"{_ACCESS}/policies"),
    (frozenset({"conditions", "sessionControls"}), f"{_ACCESS}/policies"),
    (frozenset({"settingsDelta"}), f"{_INTUNE}/intents"),
    (frozenset({"definitionValues"}), f"{_INTUNE}/groupPolicyConfigurations"),
    (frozenset({"detectionScriptContent"}), f"{_INTUNE}/deviceHealthScripts"),
    (frozenset({"customAttributeName"}), f"{_INTUNE}/deviceCustomAttributeShellScripts"),
    (frozenset({"executionFrequency", "scriptContent"}), f"{_INTUNE}/deviceShellScripts"),
    (frozenset({"enforceSignatureCheck", "scriptContent"}), f"{_INTUNE}/deviceManagementScripts"),
    (frozenset({"localizedNotificationMessages"}), f"{_INTUNE}/notificationMessageTemplates"),
    (frozenset({"localizedMessages", "brandingOptions"}), f"{_INTUNE}/notificationMessageTemplates"),
    (frozenset({"settingInstance", "settingDefinitionId"}), f"{_INTUNE}/reusablePolicySettings"),
    (frozenset({"rule", "platform"}), f"{_INTUNE}/assignmentFilters"),
    (frozenset({"ipRanges"}), f"{_ACCESS}/namedLocations"),
    (frozenset({"countriesAndRegions"}), f"{_ACCESS}/namedLocations"),
    (frozenset({"mailNickname"}), "groups"),
    (frozenset({"membershipRule"}), "groups"),
    (frozenset({"rolePermissions"}), f"{_INTUNE}/roleDefinitions"),
)
_ADDRESS = re.compile(r"(?:\$metadata#|/(?:beta|v1\.0)/#?|^(?!https?:))([A-Za-z]+(?:/[A-Za-z]+){0,3})")


def recognise(body: Mapping[str, Any], *, folders: tuple[str, ...]) -> tuple[str | None, str]:
    """(list path, "") or (None, why not). `folders` are lower-case names above the file, nearest last."""
    if reason := _other(body):
        return None, reason
    found = _by_type(body) or _by_address(body) or _by_shape(body) or _by_folder(folders)
    if found is not None:
        return found, ""
    if kind := body.get("@odata.type"):
        return None, f"The sandbox serves no list of {str(kind)[:80]}."
    keys = ", ".join(list(body)[:6])
    return (
        None,
        f"Not a body of Microsoft Graph: neither type nor address nor folder nor its properties say of what ({keys} …).",
    )


def _other(body: Mapping[str, Any]) -> str:
    """Files that belong to an exporting tool, or that hold something else."""
    keys = set(body)
    if {"TenantId", "Objects"} <= keys:
        return "A table of the exporting tool that maps ids to names, not an object."
    if keys & {"RAWJson", "RowKey", "PartitionKey"}:
        return "A CIPP template; export the policy itself."
    if {"DisplayName", "Conditions"} <= keys:
        return "A dump of a PowerShell object (DisplayName, Conditions …), not JSON of Graph; export it from Graph."
    if isinstance(body.get("Rules"), list):
        return "Rules of a custom compliance script, not an object."
    return ""


@cache
def list_of_type(name: str) -> str | None:
    """The list whose members are of this type, or of the nearest base that has a list."""
    for kind in (name, *schema.bases(name)):
        for path, listing in LISTINGS.items():
            if listing.type == kind and not listing.union_of:
                return path
    return None


def _by_type(body: Mapping[str, Any]) -> str | None:
    name = schema.short(body.get("@odata.type"))
    if not name:
        return None
    if found := list_of_type(name):
        return found
    if schema.is_a(name, "entity"):
        return None
    return next((path for pattern, path in _BY_TYPE_PATTERN if pattern.search(name)), None)


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
        linux = "linuxMdm" in str(body["technologies"])
        return f"{_INTUNE}/compliancePolicies" if linux else f"{_INTUNE}/configurationPolicies"
    return next((path for keys, path in _BY_KEYS if keys <= body.keys()), None)


def _by_folder(folders: tuple[str, ...]) -> str | None:
    return next((_BY_FOLDER[name] for name in reversed(folders) if name in _BY_FOLDER), None)
