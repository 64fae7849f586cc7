"""What every page of the console shows around its content: the tenant, the other tenants, the bell."""

import re
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode

from operations.notifications import count_unread
from rbac.addresses import address_in, portfolio_address
from rbac.scope import NoScope, scope

# Pages that mean the same in every tenant; a page of one object does not, so from there the switcher leads to the dashboard.
_SAME_ELSEWHERE = re.compile(r"^(index|inventory_coverage|[a-z]+_[a-z]+_changelist)$")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Nothing is read from the database until a template asks for it; sign-in and error pages never do."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "tenant": getattr(request, "tenant", None),
        "switcher_address": SimpleLazyObject(lambda: _switcher_address(request)),
        "unread": SimpleLazyObject(lambda: _unread(request)),
        "bell_address": SimpleLazyObject(lambda: portfolio_address("admin:bell")),
    }


def _unread(request: HttpRequest) -> int:
    """Unread notifications of all of the person's tenants, whichever tenant the page shows."""
    tenant_ids = list(request.user.memberships_by_tenant)  # type: ignore[union-attr]
    if not tenant_ids:
        return 0
    try:
        with scope(*tenant_ids):
            return count_unread(request.user)  # type: ignore[arg-type]
    except NoScope:
        # A page rendered inside a transaction cannot widen the scope; it counts what it sees.
        return count_unread(request.user)  # type: ignore[arg-type]


def _switcher_address(request: HttpRequest) -> str:
    match = request.resolver_match
    return f"{reverse('admin:switcher')}?{urlencode({'page': match.url_name if match and match.url_name else 'index'})}"


def switcher(request: HttpRequest) -> HttpResponse:
    """The person's tenants, fetched when the menu is opened: three hundred of them would weigh more than most pages."""
    name = request.GET.get("page", "")
    name = name if _SAME_ELSEWHERE.match(name) else "index"
    current = getattr(request, "tenant", None)
    tenants = [membership.tenant for membership in request.user.memberships_by_tenant.values()]  # type: ignore[union-attr]
    try:
        entries = [
            {"tenant": tenant, "address": address_in(tenant, f"admin:{name}"), "is_current": tenant == current}
            for tenant in tenants
        ]
    except NoReverseMatch as error:
        raise BadRequest("There is no such page.") from error
    portfolio = portfolio_address("admin:index") if len(tenants) > 1 else ""
    context = {"current": current, "tenants": entries, "portfolio": portfolio}
    response = render(request, "shell/tenant_list.html", context)
    response["Cache-Control"] = "no-store"
    return response
