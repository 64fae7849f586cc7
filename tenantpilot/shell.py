"""What every page of the console shows around its content: the tenant, the other tenants, the bell."""

import re
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

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
        "switcher": SimpleLazyObject(lambda: _switcher(request)),
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


def _switcher(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    name = match.url_name if match and match.url_name and _SAME_ELSEWHERE.match(match.url_name) else "index"
    current = getattr(request, "tenant", None)
    tenants = [membership.tenant for membership in request.user.memberships_by_tenant.values()]  # type: ignore[union-attr]
    return {
        "current": current,
        "tenants": [
            {"tenant": tenant, "address": address_in(tenant, f"admin:{name}"), "is_current": tenant == current}
            for tenant in tenants
        ],
        "portfolio": portfolio_address("admin:index") if len(tenants) > 1 else "",
    }
