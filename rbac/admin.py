"""Access: tenants, members, accounts, and the audit trail. Changes go through `rbac.services`, which audit them."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from rbac import audit, badges, services
from rbac.addresses import address_in
from rbac.filters import DayRangeFilter
from rbac.forms import MemberAddForm, MemberRoleForm, TenantAddForm, TenantChangeForm
from rbac.models import AuditEvent, Membership, Tenant, User
from rbac.scope import current_scope, scope
from rbac.scoped_admin import ScopedAdmin
from rbac.times import render_time

if admin.site.is_registered(Group):
    # Rights come from roles in tenants; Django's groups have no meaning here.
    admin.site.unregister(Group)


def is_platform(request: HttpRequest) -> bool:
    """Platform administrators manage accounts and tenants. It gives them no look into a tenant."""
    return bool(request.user.is_active and request.user.is_superuser)


def _person(request: HttpRequest) -> User:
    """Who is signed in; pages of the console have nobody else."""
    return cast(User, request.user)


@admin.register(Tenant)
class TenantAdmin(ScopedAdmin):
    """A person's tenants; a platform administrator sees that all of them exist, and no more of them."""

    tenant_field = "pk"
    list_display = ["name", "shown_status", "slug", "entra_tenant_id", "time_zone", "created_at"]
    list_filter = [("status", ChoicesDropdownFilter)]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    readonly_fields = ["slug", "entra_tenant_id", "created_at"]

    @display(description="Status")
    def shown_status(self, tenant: Tenant) -> SafeString:
        return badges.render("tenant.status", tenant.status)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        if is_platform(request) and getattr(request, "tenant", None) is None:
            return Tenant.objects.order_by("name")
        return super().get_queryset(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (is_platform(request) and getattr(request, "tenant", None) is None) or super().has_view_permission(
            request, obj
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_platform(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform(request) or self.may(request, "tenant.manage", obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            ["name", "status", "time_zone", "slug", "entra_tenant_id", "created_at"]
            if obj
            else TenantAddForm.Meta.fields
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(
            request, obj, change=change, **{"form": TenantChangeForm if obj else TenantAddForm, **kwargs}
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        if object_id is None:
            return self._add(request) or super().changeform_view(request, object_id, form_url, extra_context)
        tenant = self.get_object(request, object_id)
        if tenant is None:
            return super().changeform_view(request, object_id, form_url, extra_context)
        # The service enters the tenant's scope, which is refused once Django has opened its transaction.
        with scope(tenant.pk):
            return super().changeform_view(request, object_id, form_url, extra_context)

    def _add(self, request: HttpRequest) -> HttpResponse | None:
        """Create the tenant outside Django's transaction; None where the form is to be shown again."""
        form = self.get_form(request)(request.POST)
        if not self.has_add_permission(request) or not form.is_valid():
            return None
        tenant = services.create_tenant(actor=_person(request), **form.cleaned_data)
        messages.success(request, f"{tenant.name} was added, and you are its owner. Connect it next.")
        return HttpResponseRedirect(address_in(tenant, "admin:index"))

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            services.update_tenant(obj, actor=_person(request), **changes)

    def response_change(self, request: HttpRequest, obj: Tenant) -> HttpResponse:
        if obj.status == Tenant.Status.ARCHIVED:
            messages.success(request, f"{obj.name} is archived. A platform administrator can make it active again.")
            return HttpResponseRedirect("/")
        return super().response_change(request, obj)


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    view_capability = "members.view"
    add_capability = change_capability = delete_capability = "members.manage"
    list_display = ["user", "shown_role", "created_at"]
    list_filter = [("role", ChoicesDropdownFilter)]
    search_fields = ["user__username"]
    ordering = ["user__username"]
    list_select_related = ["user", "tenant"]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return (
            ["user", "shown_role", "created_at"]
            if getattr(request, "tenant", None)
            else ["user", "tenant", "shown_role", "created_at"]
        )

    @display(description="Role", ordering="role")
    def shown_role(self, membership: Membership) -> SafeString:
        return badges.render("membership.role", membership.role)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["user", "tenant", "created_at"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["user", "tenant", "role", "created_at"] if obj else ["username", "role"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj:
            return super().get_form(request, obj, change=change, **{"form": MemberRoleForm, **kwargs})
        form = super().get_form(request, obj, change=change, **{"form": MemberAddForm, "fields": ["role"], **kwargs})
        add_form: Any = type("TenantMemberAddForm", (form,), {"tenant": getattr(request, "tenant", None)})
        # The first of the list would be "Owner"; nobody should become one by not looking.
        add_form.base_fields["role"].initial = "read_only"
        return add_form

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        tenant = request.tenant  # type: ignore[attr-defined]
        services.set_role(actor=_person(request), tenant=tenant, user=obj.user, role=form.cleaned_data["role"])
        stored = Membership.objects.get(user=obj.user, tenant=tenant)
        obj.pk, obj.tenant = stored.pk, tenant

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, Membership) and obj.role == "owner":
            # Withdrawing the last owner is refused here, before anything is promised.
            owners = Membership.objects.filter(tenant_id=obj.tenant_id, role="owner").exclude(pk=obj.pk)
            return super().has_delete_permission(request, obj) and owners.exists()
        return super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        services.set_role(actor=_person(request), tenant=obj.tenant, user=obj.user, role=None)


@admin.register(User)
class AccountAdmin(DjangoUserAdmin, ScopedAdmin):  # type: ignore[misc]
    """Accounts, for platform administrators. Roles in tenants are given by the owners there."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "shown_state", "shown_kind", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["username", "email"]
    ordering = ["username"]
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email", "time_zone"]}),
        (
            "Access",
            {
                "fields": ["is_active", "is_superuser"],
                "description": "A platform administrator manages accounts and tenants; rights inside a tenant come from a role there.",
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    )
    readonly_fields = ["last_login", "date_joined"]

    @display(description="State")
    def shown_state(self, person: User) -> SafeString:
        return badges.render("account.state", "active" if person.is_active else "off")

    @display(description="Kind")
    def shown_kind(self, person: User) -> SafeString:
        return badges.render("account.kind", "platform" if person.is_superuser else "person")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "is_superuser" in form.base_fields:
            form.base_fields["is_superuser"].label = "Platform administrator"
            form.base_fields[
                "is_superuser"
            ].help_text = "Manages accounts and adds tenants. Gives no right inside a tenant."
            form.base_fields["is_active"].help_text = "Off: cannot sign in. Accounts are switched off, never deleted."
        return form

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return User.objects.order_by("username") if is_platform(request) else User.objects.none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_platform(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Accounts are switched off, so that what they did keeps its name.
        return False

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with _fleet_scope():
            response = super().add_view(request, *args, **kwargs)
            return response.render() if hasattr(response, "render") else response

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with _fleet_scope():
            return super().changeform_view(request, *args, **kwargs)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if request.method != "POST":
            return super().user_change_password(request, id, form_url)
        with _fleet_scope(), transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if response.status_code == 302:
                audit.record(
                    actor=_person(request),
                    verb="account.password_set",
                    tenant=None,
                    target=self.get_object(request, id),
                )
            elif hasattr(response, "render"):
                response.render()
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        told = {name: str(form.cleaned_data.get(name)) for name in form.changed_data if "password" not in name}
        verb = "account.changed" if change else "account.created"
        audit.record(actor=_person(request), verb=verb, tenant=None, target=obj, after=told)


def _fleet_scope() -> Any:
    """The scope in sight, and rows of no tenant: an account belongs to none, and its audit entries neither."""
    current = current_scope()
    return scope(*(current.tenant_ids if current else ()), fleet=True)


@admin.register(AuditEvent)
class AuditEventAdmin(ScopedAdmin):
    """Read-only, for every role that may look at it: the trail has no edit."""

    view_capability = "audit.view"
    list_filter = [("verb", FieldTextFilter), ("created_at", DayRangeFilter)]
    list_filter_submit = True
    search_fields = ["actor_name", "target_label"]
    search_help_text = "Who or what"
    ordering = ["-id"]
    sortable_by: list[str] = []
    fields = ["created_at", "actor_name", "verb", "shown_target", "run_id", "request_id", "shown_before", "shown_after"]
    readonly_fields = fields

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = ["shown_at", "shown_actor", "shown_verb", "shown_target", "shown_change"]
        return columns if getattr(request, "tenant", None) else ["shown_at", "tenant", *columns[1:]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant")

    @display(description="When")
    def shown_at(self, event: AuditEvent) -> str:
        return render_time(event.created_at)

    @display(description="Who")
    def shown_actor(self, event: AuditEvent) -> str:
        return event.actor_name

    @display(description="What")
    def shown_verb(self, event: AuditEvent) -> str:
        return event.verb.replace(".", " ").replace("_", " ").capitalize()

    @display(description="Object")
    def shown_target(self, event: AuditEvent) -> SafeString | str:
        if not event.target_label:
            return "–"
        return format_html(
            '<span class="tp-cell">{}<small>{} {}</small></span>',
            event.target_label,
            event.target_type.split(".")[-1],
            event.target_id,
        )

    @display(description="Change")
    def shown_change(self, event: AuditEvent) -> SafeString:
        after, before = event.after or {}, event.before or {}
        parts = [
            f"{name}: {before[name]} → {value}" if name in before else f"{name}: {value}"
            for name, value in after.items()
        ]
        return format_html('<span class="tp-cell tp-change">{}</span>', "; ".join(parts)[:300] or "–")

    @display(description="Before")
    def shown_before(self, event: AuditEvent) -> SafeString | str:
        return _shown_json(event.before)

    @display(description="After")
    def shown_after(self, event: AuditEvent) -> SafeString | str:
        return _shown_json(event.after)


def _shown_json(value: Any) -> SafeString | str:
    if not value:
        return "–"
    return format_html('<span class="tp-mono">{}</span>', "\n".join(f"{name}: {part}" for name, part in value.items()))
