"""The sidebar. Links are made for each request, so that they keep the tenant of the address."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

# (group, [(title, icon, address name, model whose view permission shows it or None)])
_GROUPS: list[tuple[str, list[tuple[str, str, str, str | None]]]] = [
    ("Overview", [("Dashboard", "space_dashboard", "admin:index", None)]),
    (
        "Monitoring",
        [
            ("Operation runs", "history", "admin:operations_operationrun_changelist", "operations.OperationRun"),
            ("Health", "monitor_heart", "admin:health", None),
        ],
    ),
    (
        "Inventory",
        [
            ("Items", "inventory_2", "admin:inventory_inventoryitem_changelist", "inventory.InventoryItem"),
            ("Coverage", "checklist", "admin:inventory_coverage", "inventory.InventoryItem"),
        ],
    ),
    (
        "Connections",
        [
            (
                "Provider connections",
                "hub",
                "admin:providers_providerconnection_changelist",
                "providers.ProviderConnection",
            )
        ],
    ),
    (
        "Access",
        [
            ("Tenants", "domain", "admin:rbac_tenant_changelist", "rbac.Tenant"),
            ("Members", "group", "admin:rbac_membership_changelist", "rbac.Membership"),
            ("Accounts", "manage_accounts", "admin:rbac_user_changelist", "rbac.User"),
            ("Audit trail", "receipt_long", "admin:rbac_auditevent_changelist", "rbac.AuditEvent"),
        ],
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar with the pages that this person may open here."""
    visible = _visible_models(request)
    groups = []
    for title, entries in _GROUPS:
        items = [_item(request, *entry[:3]) for entry in entries if entry[3] is None or entry[3] in visible]
        groups.append({"title": title, "items": [item for item in items if item]})
    return [group for group in groups if group["items"]]


def _item(request: HttpRequest, title: str, icon: str, name: str) -> dict[str, Any] | None:
    try:
        link = reverse(name)
    except NoReverseMatch:
        return None
    coverage = request.path.endswith("/coverage/")
    active = (
        request.path == link
        if name in ("admin:index", "admin:inventory_coverage")
        else request.path.startswith(link) and not coverage
    )
    return {"title": title, "icon": icon, "link": link, "active": active}


def _visible_models(request: HttpRequest) -> set[str]:
    return {model._meta.label for model, page in admin.site._registry.items() if page.has_view_permission(request)}
