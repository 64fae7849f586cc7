"""Scripts. Every list leaves their content out."""

from typing import Any

from inventory.types.base import Builtin, Category, Child, Detail, Listing, ObjectType, Platform, intune
from inventory.types.documents import where
from inventory.types.references import ASSIGNED
from inventory.types.writing import Approval, Assign, Create, Update

POWERSHELL = Listing(
    "powershell_script",
    "PowerShell scripts",
    "/deviceManagement/deviceManagementScripts",
    detail=Detail("The list has no scriptContent"),
    children=(Child("assignments"),),
)
SHELL = Listing(
    "shell_script",
    "Shell scripts",
    "/deviceManagement/deviceShellScripts",
    detail=Detail("The list has no scriptContent", "$expand=assignments"),
)
ATTRIBUTES = Listing(
    "custom_attribute_script",
    "Custom attributes",
    "/deviceManagement/deviceCustomAttributeShellScripts",
    detail=Detail("The list has no scriptContent", "$expand=assignments"),
)
REMEDIATIONS = Listing(
    "remediation_script",
    "Remediations",
    "/deviceManagement/deviceHealthScripts",
    detail=Detail("The list has neither detectionScriptContent nor remediationScriptContent"),
    children=(Child("assignments"),),
)

# Microsoft's list of permissions and the service disagree on which one is asked for.
PERMISSIONS = intune("Scripts", "Configuration", "ManagedDevices", write=("Scripts", "Configuration"))
_SERVICE_SET = ("isGlobalScript", "highestAvailableVersion", "deviceHealthScriptType")


def _script(key: str, label: str, platform: Platform, listing: Listing, odata_type: str, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.SCRIPTS,
        platform=platform,
        listing=listing,
        permissions=PERMISSIONS,
        restore_order=180,
        odata_types=(odata_type,),
        references=ASSIGNED,
        approval=Approval.SCRIPT,
        **{"assign": Assign("deviceManagementScriptAssignments"), **more},
    )


TYPES = (
    _script(
        "powershell_script",
        "PowerShell script",
        Platform.WINDOWS,
        POWERSHELL,
        "deviceManagementScript",
        create=Create(requires=("displayName", "fileName", "scriptContent", "runAsAccount")),
    ),
    _script(
        "shell_script",
        "Shell script",
        Platform.MACOS,
        SHELL,
        "deviceShellScript",
        create=Create(requires=("displayName", "fileName", "scriptContent", "runAsAccount")),
    ),
    _script(
        "custom_attribute_script",
        "Custom attribute",
        Platform.MACOS,
        ATTRIBUTES,
        "deviceCustomAttributeShellScript",
        create=Create(
            requires=("displayName", "fileName", "scriptContent", "customAttributeName", "customAttributeType")
        ),
        update=Update(fixed=("customAttributeName", "customAttributeType", "displayName")),
    ),
    _script(
        "remediation_script",
        "Remediation",
        Platform.WINDOWS,
        REMEDIATIONS,
        "deviceHealthScript",
        volatile=("highestAvailableVersion",),
        builtin=Builtin(where("isGlobalScript", True), "Scripts of Microsoft exist in every tenant"),
        create=Create(strip=_SERVICE_SET, requires=("displayName", "publisher", "detectionScriptContent")),
        update=Update(strip=_SERVICE_SET),
        assign=Assign("deviceHealthScriptAssignments", keeps=("runSchedule", "runRemediationScript")),
    ),
)
