"""The console's admin site."""

import functools
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import path
from unfold.sites import UnfoldAdminSite

from operations import views
from rbac import views as account
from rbac.addresses import address_in
from rbac.services import NotPermitted
from tenantpilot import dashboard, palette, shell
from tenantpilot.health import run_checks


class Site(UnfoldAdminSite):
    index_title = "Dashboard"
    index_template = "admin/index.html"

    def has_permission(self, request: HttpRequest) -> bool:
        # Rights come from memberships; Django's staff flag has no meaning here.
        return bool(request.user.is_active and request.user.is_authenticated)

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        """Every page of the console. Postgres stores no NUL, so an address that holds one is refused before any query."""
        checked = super().admin_view(view, cacheable)

        @functools.wraps(checked)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "%00" in request.META.get("QUERY_STRING", ""):
                raise BadRequest("The address holds a NUL character.")
            try:
                return checked(request, *args, **kwargs)
            except NotPermitted as refusal:
                # A service said no after the page had said yes: the role was taken away in between.
                raise PermissionDenied(str(refusal)) from refusal

        return guarded

    def get_urls(self) -> list[Any]:
        own = [
            path("health/", self.admin_view(self.health), name="health"),
            path("switcher/", self.admin_view(shell.switcher), name="switcher"),
        ]
        # Django's "view on site" finds an object of any model past its manager.
        theirs = [entry for entry in super().get_urls() if getattr(entry, "name", None) != "view_on_site"]
        return [*own, *views.addresses(self), *account.addresses(self), *theirs]

    def health(self, request: HttpRequest) -> HttpResponse:
        """The parts of this deployment, each with what to do when it is not well."""
        context = {**self.each_context(request), "title": "Health", "checks": run_checks()}
        return TemplateResponse(request, "dashboard/health.html", context)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        tenant = getattr(request, "tenant", None)
        memberships = list(request.user.memberships_by_tenant.values())  # type: ignore[union-attr]
        if tenant is None and len(memberships) == 1:
            # A portfolio of one is that tenant.
            return HttpResponseRedirect(address_in(memberships[0].tenant, "admin:index"))
        shown = {"title": "Dashboard" if tenant else "All tenants", **dashboard.build(request), **(extra_context or {})}
        return super().index(request, shown)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The command palette. Unfold's own caches by person and term, and would show one tenant's rows in another."""
        term = request.GET.get("s", "").strip().lstrip("#")[:80]
        results = palette.find(request, self, term) if len(term) >= 2 or term.isdecimal() else []
        response = render(request, "shell/palette_results.html", {"results": results, "term": term})
        response["Cache-Control"] = "no-store"
        return response
