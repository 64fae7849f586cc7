"""The closed list of what a person may do in a tenant, and which role may do it."""

from django.db import models

CAPABILITIES: dict[str, str] = {
    "tenant.view": "See the tenant and its dashboard",
    "tenant.manage": "Rename, archive and configure the tenant",
    "members.view": "See who has access",
    "members.manage": "Give, change and withdraw roles",
    "audit.view": "Read the audit trail",
    "connection.view": "See provider connections and their health",
    "connection.manage": "Create and change provider connections",
    "connection.check": "Check a provider connection",
    "credential.manage": "Set and replace credentials",
    "inventory.view": "Browse the inventory and its history",
    "inventory.sync": "Start an inventory sync",
    "compliance.snapshot": "Take a device compliance snapshot",
    "run.view": "Watch operation runs",
    "run.cancel": "Cancel operation runs",
    "run.retry": "Retry operation runs",
}


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    OPERATOR = "operator", "Operator"
    READ_ONLY = "read_only", "Read-only"


_READ_ONLY = frozenset({"tenant.view", "connection.view", "inventory.view", "run.view"})
_OPERATOR = _READ_ONLY | {"connection.check", "inventory.sync", "compliance.snapshot", "run.cancel", "run.retry"}
_MANAGER = _OPERATOR | {"connection.manage", "credential.manage", "members.view", "audit.view"}

ROLE_CAPABILITIES: dict[str, frozenset[str]] = {
    Role.READ_ONLY: _READ_ONLY,
    Role.OPERATOR: _OPERATOR,
    Role.MANAGER: _MANAGER,
    Role.OWNER: frozenset(CAPABILITIES),
}


def roles_with(capability: str) -> list[str]:
    """The labels of the roles that hold `capability`, weakest first (for "this needs the role …")."""
    weakest_first = (Role.READ_ONLY, Role.OPERATOR, Role.MANAGER, Role.OWNER)
    return [str(role.label) for role in weakest_first if capability in ROLE_CAPABILITIES[role]]
