"""The console's admin site."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from unfold.sites import UnfoldAdminSite

from operations import views
from rbac.addresses import address_in
from tenantpilot import dashboard, palette


class Site(UnfoldAdminSite):
    index_title = "Dashboard"
    index_template = "admin/index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        # Rights come from memberships; Django's staff flag has no meaning here.
        return bool(request.user.is_active and request.user.is_authenticated)

    def get_urls(self) -> list[Any]:
        return [*views.addresses(self), *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        tenant = getattr(request, "tenant", None)
        memberships = list(request.user.memberships_by_tenant.values())  # type: ignore[union-attr]
        if tenant is None and len(memberships) == 1:
            # A portfolio of one is that tenant.
            return HttpResponseRedirect(address_in(memberships[0].tenant, "admin:index"))
        shown = {"title": tenant.name if tenant else "All tenants", **dashboard.build(request), **(extra_context or {})}
        return super().index(request, shown)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The command palette. Unfold's own caches by person and term, and would show one tenant's rows in another."""
        term = request.GET.get("s", "").strip()[:80]
        results = palette.find(request, self, term) if len(term) >= 2 else []
        response = render(request, "shell/palette_results.html", {"results": results, "term": term})
        response["Cache-Control"] = "no-store"
        return response
