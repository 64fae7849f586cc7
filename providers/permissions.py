"""The Graph permissions TenantPilot uses, what each is for, and what is lost without it.

All are application permissions. Reading needs one of the named ones; the narrowest stands first.
Source: Microsoft Graph permissions reference.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission as the app registration names it. `instead` also grants what it is used for."""

    name: str
    used_for: str
    without: str
    instead: tuple[str, ...] = ()


READ: tuple[Permission, ...] = (
    Permission(
        "DeviceManagementConfiguration.Read.All",
        "Settings catalog, device configurations, compliance, administrative templates, baselines, filters, updates, policy sets",
        "Most policies stay unread.",
        ("DeviceManagementConfiguration.ReadWrite.All",),
    ),
    Permission(
        "DeviceManagementApps.Read.All",
        "Apps, app protection, app configuration",
        "Apps and app policies stay unread.",
        ("DeviceManagementApps.ReadWrite.All",),
    ),
    Permission(
        "DeviceManagementServiceConfig.Read.All",
        "Enrollment, Autopilot, notification templates, terms and conditions",
        "Enrollment and tenant administration stay unread.",
        ("DeviceManagementServiceConfig.ReadWrite.All",),
    ),
    Permission(
        "DeviceManagementRBAC.Read.All",
        "Intune roles, role assignments and scope tags",
        "Roles and scope tags stay unread.",
        ("DeviceManagementRBAC.ReadWrite.All",),
    ),
    Permission(
        "DeviceManagementScripts.Read.All",
        "PowerShell and shell scripts, remediations, custom attributes",
        "Scripts stay unread, unless the configuration permission still covers them in the tenant.",
        (
            "DeviceManagementScripts.ReadWrite.All",
            "DeviceManagementConfiguration.Read.All",
            "DeviceManagementConfiguration.ReadWrite.All",
        ),
    ),
    Permission(
        "DeviceManagementManagedDevices.Read.All",
        "Device counts by compliance state",
        "The dashboard has no compliance trend.",
        ("DeviceManagementManagedDevices.ReadWrite.All",),
    ),
    Permission(
        "Group.Read.All",
        "Names of the groups that policies are assigned to",
        "Assignments show ids instead of names.",
        ("Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
    ),
    Permission(
        "Policy.Read.All",
        "Conditional Access, named locations, authentication strengths",
        "Entra policies stay unread.",
        ("Policy.ReadWrite.ConditionalAccess",),
    ),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission and whether the last check found it: granted, missing or unknown (never checked)."""

    permission: Permission
    state: str
    by: str = ""


def matrix(granted: Iterable[str], *, known: bool) -> list[Grant]:
    """Every permission with its state. `known` is False before the first successful check: then nothing is called missing."""
    held = set(granted)
    rows = []
    for permission in READ:
        by = next((name for name in (permission.name, *permission.instead) if name in held), "")
        rows.append(Grant(permission, "granted" if by else "missing" if known else "unknown", by))
    return rows


def missing(granted: Iterable[str]) -> list[Permission]:
    return [grant.permission for grant in matrix(granted, known=True) if grant.state == "missing"]
