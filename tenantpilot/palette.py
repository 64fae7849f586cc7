"""What the command palette finds: pages, and rows of the tenants in scope. Each search is bounded and runs anew."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from inventory.models import InventoryItem
from operations.models import OperationRun
from operations.registry import all_operations, label_of
from providers.models import ProviderConnection
from rbac.addresses import address_in
from tenantpilot.navigation import navigation

if TYPE_CHECKING:
    from tenantpilot.site import Site

ROWS_OF_A_KIND = 8


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the palette; `kind` says what it is."""

    title: str
    kind: str
    link: str
    icon: str


def find(request: HttpRequest, site: "Site", term: str) -> list[Result]:
    """Pages first, then rows."""
    return [*find_pages(request, term), *find_rows(request, site, term)]


def find_pages(request: HttpRequest, term: str) -> list[Result]:
    """Pages of the sidebar, and the person's other tenants."""
    found = [
        Result(title=item["title"], kind=group["title"], link=item["link"], icon=item["icon"])
        for group in navigation(request)
        for item in group["items"]
        if term.lower() in item["title"].lower()
    ]
    current = getattr(request, "tenant", None)
    for membership in request.user.memberships_by_tenant.values():  # type: ignore[union-attr]
        tenant = membership.tenant
        if tenant != current and term.lower() in tenant.name.lower() and len(found) < 2 * ROWS_OF_A_KIND:
            link = address_in(tenant, "admin:index")
            found.append(Result(title=tenant.name, kind="Switch tenant", link=link, icon="domain"))
    return found


def find_rows(request: HttpRequest, site: "Site", term: str) -> list[Result]:
    """Connections, inventory items and runs that the person may see."""
    return [
        *_rows(request, site, ProviderConnection, Q(display_name__icontains=term), "Provider connection", "hub"),
        *_rows(request, site, InventoryItem, Q(name__icontains=term), "Inventory item", "inventory_2"),
        *_rows(request, site, OperationRun, _matching_runs(term), "Operation run", "history"),
    ]


def _matching_runs(term: str) -> Q:
    if term.isdecimal() and len(term) < 19:
        return Q(pk=int(term))
    return Q(type__in=[key for key, known in all_operations().items() if term.lower() in known.label.lower()])


def _rows(request: HttpRequest, site: "Site", model: type[Model], condition: Q, kind: str, icon: str) -> list[Result]:
    page = site._registry.get(model)
    if page is None or not page.has_view_permission(request):
        return []
    rows: QuerySet[Any] = page.get_queryset(request).filter(condition).select_related("tenant").order_by("-pk")
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    with_tenant = getattr(request, "tenant", None) is None
    return [
        Result(
            title=_title(row),
            kind=f"{kind} · {row.tenant}" if with_tenant and row.tenant_id else kind,
            link=address_in(row.tenant, name, row.pk) if row.tenant_id else reverse(name, args=[row.pk]),
            icon=icon,
        )
        for row in rows[:ROWS_OF_A_KIND]
    ]


def _title(row: Any) -> str:
    return f"{label_of(row.type)} #{row.pk}" if isinstance(row, OperationRun) else str(row)
