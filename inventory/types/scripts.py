"""Scripts. Every list leaves their content out."""

from typing import Any

from inventory.types.base import (
    ASSIGNED,
    Body,
    Category,
    Child,
    Detail,
    Listing,
    ObjectType,
    Platform,
    Restore,
    intune,
)

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


def _is_of_microsoft(body: Body) -> bool:
    return body.get("isGlobalScript") is True


def _script(key: str, label: str, platform: Platform, listing: Listing, odata_type: str, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.SCRIPTS,
        platform=platform,
        listing=listing,
        permissions=intune("Scripts", "Configuration", "ManagedDevices"),
        restore=Restore.FULL,
        restore_order=180,
        odata_types=(odata_type,),
        references=ASSIGNED,
        **more,
    )


TYPES = (
    _script("powershell_script", "PowerShell script", Platform.WINDOWS, POWERSHELL, "deviceManagementScript"),
    _script("shell_script", "Shell script", Platform.MACOS, SHELL, "deviceShellScript"),
    _script(
        "custom_attribute_script", "Custom attribute", Platform.MACOS, ATTRIBUTES, "deviceCustomAttributeShellScript"
    ),
    _script(
        "remediation_script",
        "Remediation",
        Platform.WINDOWS,
        REMEDIATIONS,
        "deviceHealthScript",
        volatile=("highestAvailableVersion",),
        is_builtin=_is_of_microsoft,
        builtin="Scripts of Microsoft exist in every tenant",
    ),
)
