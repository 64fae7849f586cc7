"""The base of every admin page: whose rows, who may, how many.

Unfold and Django offer several ways to a row (lists, action addresses, autocomplete, choices); all of them end in
`get_queryset` and `may` of this class. Every registered admin derives from it; a test insists.
"""

import functools
from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import get_script_prefix
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from rbac.models import Tenant
from rbac.scope import current_scope


class CappedPaginator(Paginator):
    """Counts to `cap` and no further: a count over a million rows would cost more than the page."""

    cap = 10_000

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: self.cap + 1].count()  # type: ignore[union-attr, attr-defined]

    @property
    def capped(self) -> bool:
        return self.count > self.cap


def scoped(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 404 for an action on a row that this person cannot see. Stands above `@action`.

    Unfold runs an action without loading its object, so a forged id would reach another tenant's row.
    """

    @functools.wraps(view)
    def check_first(self: "ScopedAdmin", request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        object_id = kwargs["object_id"] if "object_id" in kwargs else args[-1]
        if self.get_object(request, str(object_id)) is None:
            raise Http404("No such object.")
        return view(self, request, *args, **kwargs)

    return check_first


def needs(capability: str) -> Callable[..., bool]:
    """A `has_…_permission` method that asks for `capability` in the tenant of the address."""

    def has_permission(self: "ScopedAdmin", request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, capability, obj)

    has_permission.capability = capability  # type: ignore[attr-defined]
    return has_permission


class ScopedAdmin(ModelAdmin):
    """Shows the rows of the tenants in scope in which the person holds `view_capability`.

    Adding, changing and acting need a tenant in the address (`/t/<slug>/…`) and the named capability there; the portfolio
    pages without one only show. A capability of None means that nobody may do it here.
    """

    view_capability: str = "tenant.view"
    add_capability: str | None = None
    change_capability: str | None = None
    delete_capability: str | None = None
    tenant_field = "tenant_id"

    paginator = CappedPaginator
    list_per_page = 50
    show_full_result_count = False
    # "Select all" would act on more rows than anybody has looked at.
    list_disable_select_all = True
    # Django's address for it finds rows past every manager.
    view_on_site = False
    list_fullwidth = True
    # Unfold asks for it once per row, and a miss costs a walk over the whole class.
    list_sections: list[Any] = []
    warn_unsaved_form = True
    compressed_fields = True

    def visible_tenant_ids(self, request: HttpRequest) -> list[int]:
        """The tenants in scope in which this person may look at rows of this kind."""
        scope = current_scope()
        if scope is None:
            return []
        allowed = request.user.tenants_with(self.view_capability)  # type: ignore[union-attr]
        return [tenant_id for tenant_id in allowed if tenant_id in scope.tenant_ids]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        tenant_ids = self.visible_tenant_ids(request)
        if not tenant_ids:
            return self.model._base_manager.none()
        rows = self.model._default_manager.filter(**{f"{self.tenant_field}__in": tenant_ids})
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # One page asks for its row for the view, the form and each of its actions. What writes reads it anew.
        if request.method != "GET":
            return super().get_object(request, object_id, from_field)
        kept = request.__dict__.setdefault("_scoped_rows", {})
        key = (self.opts.label, object_id, from_field)
        if key not in kept:
            kept[key] = super().get_object(request, object_id, from_field)
        return kept[key]

    def may(self, request: HttpRequest, capability: str, obj: Any = None) -> bool:
        """Whether the person holds `capability` in the tenant of the address, and `obj` (a row or, from Unfold, its id) is of it."""
        tenant = getattr(request, "tenant", None)
        if tenant is None or not request.user.has_perm(capability, tenant):
            return False
        if isinstance(obj, str | int):
            obj = self.get_object(request, str(obj))
            return obj is not None
        return obj is None or self._tenant_of(obj) == tenant.pk

    def _tenant_of(self, obj: Model) -> int | None:
        if isinstance(obj, Tenant):
            return obj.pk
        return getattr(obj, "tenant_id", None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        visible = self.visible_tenant_ids(request)
        if isinstance(obj, str | int):
            return self.get_object(request, str(obj)) is not None
        return bool(visible) if obj is None else self._tenant_of(obj) in visible

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.add_capability is not None and self.may(request, self.add_capability)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.change_capability is not None and self.may(request, self.change_capability, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.delete_capability is not None and self.may(request, self.delete_capability, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # Django's bulk delete knows neither services nor the audit trail.
        actions.pop("delete_selected", None)
        return actions

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if object_id and (address := self._address_inside_tenant(request, object_id)):
            return HttpResponseRedirect(address)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _address_inside_tenant(self, request: HttpRequest, object_id: str) -> str | None:
        """Where a row that was opened from a portfolio page lives: below its own tenant, where its actions are."""
        if request.method != "GET" or getattr(request, "tenant", None) is not None:
            return None
        obj = self.get_object(request, object_id)
        tenant_id = self._tenant_of(obj) if obj is not None else None
        membership = request.user.memberships_by_tenant.get(tenant_id) if tenant_id else None  # type: ignore[union-attr]
        if membership is None:
            return None
        return f"{get_script_prefix().rstrip('/')}/t/{membership.tenant.slug}{request.get_full_path_info()}"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the page offers as a filter. Django would filter by any column: an oracle on those not shown, and regular expressions."""
        name, _, kind = lookup.partition("__")
        filters = self.get_list_filter(request) if request is not None else self.list_filter
        own = {getattr(one, "parameter_name", "") for one in filters}
        if lookup in own or (name != "pk" and not any(field.name == name for field in self.opts.get_fields())):
            return True  # a filter's own parameter, or nothing that could be looked up
        offered = {one[0] if isinstance(one, tuple | list) else one for one in filters}
        return name in offered and kind in ("", "exact", "in", "isnull", "icontains", "gte", "lte", "gt", "lt")

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        # Django would lead to the dashboard with a message; a row that is not there, or another tenant's, is not found.
        raise Http404("No such object.")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404("Changes are in the audit trail.")

    # Django's own log has no tenant and no wall; the services write the audit trail.
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None: ...

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None: ...

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None: ...
