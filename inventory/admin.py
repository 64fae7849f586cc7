"""Inventory pages: items, one item, coverage. Everything they show is read from the database."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from inventory import pages
from inventory.models import InventoryItem
from inventory.types import registry
from inventory.types.base import Platform
from inventory.types.coverage import HEADINGS
from inventory.types.facts import platform_label
from rbac import badges
from rbac.scoped_admin import ScopedAdmin

TABS = {
    "overview": "Overview",
    "settings": "Settings",
    "assignments": "Assignments",
    "versions": "Versions",
    "raw": "Raw JSON",
}


class TypeFilter(SimpleListFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return registry.choices()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(type=self.value()) if self.value() else queryset


class PlatformFilter(SimpleListFilter):
    title = "platform"
    parameter_name = "platform"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(platform), platform.label) for platform in Platform if "," not in platform]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # An object may be for several platforms; "iOS" is no part of another platform's name.
        return queryset.filter(platform__contains=self.value()) if self.value() in set(Platform) else queryset


class AssignedFilter(SimpleListFilter):
    title = "assigned"
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Assigned"), ("no", "Not assigned"), ("none", "Has no assignments of its own")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(assignment_count__gt=0)
            case "no":
                return queryset.filter(assignment_count=0)
            case "none":
                return queryset.filter(assignment_count__isnull=True)
        return queryset


class ChangedFilter(SimpleListFilter):
    title = "changed since"
    parameter_name = "changed"
    _hours = {"1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "Last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        hours = self._hours.get(self.value() or "")
        return queryset.filter(changed_at__gte=timezone.now() - timedelta(hours=hours)) if hours else queryset


@admin.register(InventoryItem)
class InventoryItemAdmin(ScopedAdmin):
    view_capability = "inventory.view"
    list_filter = [
        TypeFilter,
        PlatformFilter,
        AssignedFilter,
        ("state", ChoicesDropdownFilter),
        ChangedFilter,
    ]
    search_fields = ["name"]
    search_help_text = "Search by name"
    ordering = ["-changed_at", "-id"]
    sortable_by = ["shown_name", "changed_at", "last_seen_at"]
    change_form_template = "inventory/item.html"
    change_list_template = "inventory/item_list.html"

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = [
            "shown_name",
            "shown_type",
            "shown_platform",
            "shown_assignments",
            "shown_state",
            "changed_at",
            "last_seen_at",
        ]
        return columns if getattr(request, "tenant", None) else ["shown_name", "tenant", *columns[1:]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant")

    @display(description="Name", ordering="name")
    def shown_name(self, item: InventoryItem) -> SafeString:
        if item.description:
            return format_html('<span class="tp-cell">{}<small>{}</small></span>', str(item), item.description)
        return format_html('<span class="tp-cell">{}</span>', str(item))

    @display(description="Type", ordering="type")
    def shown_type(self, item: InventoryItem) -> str:
        return registry.label_of(item.type)

    @display(description="Platform", ordering="platform")
    def shown_platform(self, item: InventoryItem) -> str:
        return platform_label(item.platform)

    @display(description="Assignments", ordering="assignment_count")
    def shown_assignments(self, item: InventoryItem) -> str:
        return "–" if item.assignment_count is None else str(item.assignment_count)

    @display(description="State", ordering="state")
    def shown_state(self, item: InventoryItem) -> SafeString:
        return badges.render("item.state", item.state)

    def get_urls(self) -> list[URLPattern]:
        coverage = path("coverage/", self.admin_site.admin_view(self.coverage_view), name="inventory_coverage")
        return [coverage, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {
            "title": "Inventory",
            "last_sync": pages.last_sync(self.visible_tenant_ids(request)),
            **(extra_context or {}),
        }
        return super().changelist_view(request, shown)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        item = self.get_object(request, object_id)
        if item is None:
            raise Http404("No such item.")
        tab = request.GET.get("tab", "overview")
        tab = tab if tab in TABS else "overview"
        shown = pages.show_item(item, tab=tab, version=request.GET.get("version"))
        context = {"title": str(item), "tabs": TABS, "tab": tab, **shown, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def coverage_view(self, request: HttpRequest) -> HttpResponse:
        """What TenantPilot can do with each type and why not, and how completely each was last read."""
        if not self.has_view_permission(request):
            raise Http404("No tenant to show.")
        tenant = getattr(request, "tenant", None)
        chosen = request.GET.get("family", "")
        families = pages.coverage_families(tenant, chosen=chosen)
        context = {
            **self.admin_site.each_context(request),
            "title": "Coverage",
            "headings": HEADINGS,
            "families": families,
            "chosen": next((family for family in families if family.slug == chosen), None),
            "number": sum(family.size for family in families),
            "columns": len(HEADINGS) + (2 if tenant else 1),
            "tenant": tenant,
        }
        return TemplateResponse(request, "inventory/coverage.html", context)
