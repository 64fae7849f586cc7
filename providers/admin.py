"""Provider connections: list, page, and what can be done with one. Rendered from the database alone."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from operations.services import start_operation
from operations.start import announce
from providers import pages, registry, services
from providers.forms import ConfirmDialog, ConnectionForm, CredentialForm
from providers.models import ProviderConnection
from rbac import badges
from rbac.scoped_admin import ScopedAdmin, needs, scoped


def _dialog(title: str, submit: str, description: str = "") -> dict[str, Any]:
    return {"title": title, "description": description, "form_class": ConfirmDialog, "form_submit_text": submit}


@admin.register(ProviderConnection)
class ProviderConnectionAdmin(ScopedAdmin):
    view_capability = "connection.view"
    add_capability = change_capability = "connection.manage"
    form = ConnectionForm
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("health", ChoicesDropdownFilter),
        ("cloud", ChoicesDropdownFilter),
    ]
    search_fields = ["display_name"]
    search_help_text = "Search by name"
    ordering = ["-is_default", "display_name", "id"]
    sortable_by = ["shown_name", "last_checked_at"]
    change_list_template = "providers/connection_list.html"
    change_form_template = "providers/connection.html"
    actions_detail = [
        {"title": "Run", "icon": "play_arrow", "items": ["check_connection", "sync", "snapshot"]},
        {"title": "Manage", "icon": "settings", "items": ["make_default", "update_credentials"]},
        {"title": "State", "icon": "power_settings_new", "items": ["enable", "disable"]},
    ]

    has_check_permission = needs("connection.check")
    has_sync_permission = needs("inventory.sync")
    has_snapshot_permission = needs("compliance.snapshot")
    has_manage_permission = needs("connection.manage")
    has_credential_permission = needs("credential.manage")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = ["shown_name", "cloud", "shown_status", "shown_health", "shown_credential", "last_checked_at"]
        return columns if getattr(request, "tenant", None) else ["shown_name", "tenant", *columns[1:]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant", "credential")

    @display(description="Connection", ordering="display_name")
    def shown_name(self, connection: ProviderConnection) -> SafeString:
        note = "Default" if connection.is_default else ""
        return format_html('<span class="tp-cell">{}<small>{}</small></span>', connection.display_name, note)

    @display(description="Status", ordering="status")
    def shown_status(self, connection: ProviderConnection) -> SafeString:
        return badges.render("connection.status", connection.status)

    @display(description="Health", ordering="health")
    def shown_health(self, connection: ProviderConnection) -> SafeString:
        return badges.render("connection.health", connection.health)

    @display(description="Credential", ordering="credential__expires_at")
    def shown_credential(self, connection: ProviderConnection) -> str:
        credential = getattr(connection, "credential", None)
        shown = {"credential": credential, "state": services.expiry_state(credential)}
        return render_to_string("providers/credential_cell.html", shown)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = ["display_name", "provider", "cloud", "entra_tenant_id", "client_id"]
        # With one provider there is nothing to choose.
        return names if len(registry.all_providers()) > 1 else [name for name in names if name != "provider"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["provider"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None:
            return made
        tenant = getattr(request, "tenant", None)

        class AddForm(made):  # type: ignore[misc]
            """The form of a connection that does not exist yet, but whose tenant is known from the address."""

            def __init__(self, *args: Any, **more: Any) -> None:
                more["instance"] = more.get("instance") or ProviderConnection(tenant=tenant)
                super().__init__(*args, **more)

        return AddForm

    def save_model(self, request: HttpRequest, obj: ProviderConnection, form: Any, change: bool) -> None:
        names = services.CHANGEABLE if change else (*services.CHANGEABLE, "provider")
        values = {name: value for name, value in form.cleaned_data.items() if name in names}
        if not change:
            made = services.create_connection(actor=request.user, tenant=request.tenant, **values)  # type: ignore[arg-type, attr-defined]
            obj.pk, obj.tenant, obj._state.adding = made.pk, made.tenant, False
            return
        services.update_connection(obj, actor=request.user, seen=form.cleaned_data.get("seen"), **values)  # type: ignore[arg-type]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError:
            # Somebody was quicker between the form's look at the database and the saving: two clicks, two tabs. Nothing was
            # saved, and the form, asked again, now sees it and says so at the field, with what was typed still there.
            return super().changeform_view(request, object_id, form_url, extra_context)

    def response_add(
        self, request: HttpRequest, obj: ProviderConnection, post_url_continue: Any = None
    ) -> HttpResponse:
        messages.success(request, f"{obj} was added. Set its credential next: Manage → Update credentials.")
        return HttpResponseRedirect(_page_of(obj.pk))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        connection = self.get_object(request, object_id)
        if connection is None:
            raise Http404("No such connection.")
        shown = {"title": connection.display_name, **pages.show_connection(connection), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, shown)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Only what fits the state: a disabled connection can be enabled, the default one is not made default."""
        connection = self.get_object(request, str(object_id))
        if connection is None:
            return []
        hidden = {"enable"} if connection.status != "disabled" else {"disable", "check_connection", "sync", "snapshot"}
        if connection.is_default:
            hidden.add("make_default")
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        found = super().get_actions_detail(request, object_id)
        return [one for one in found if one.action_name.removeprefix(prefix) not in hidden]

    # -- start surfaces: they queue a run and do no Graph work -------------------------------------------------------

    @scoped
    @action(description="Check connection", icon="network_check", url_path="check", permissions=["check"],
            dialog=_dialog("Check this connection?", "Check", "Signs in, reads the organization and compares the granted permissions."))  # fmt: skip
    def check_connection(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._start(request, "connection.check", object_id)

    @scoped
    @action(description="Sync inventory", icon="sync", url_path="sync", permissions=["sync"],
            dialog=_dialog("Sync the inventory?", "Sync", "Reads the whole configuration and changes nothing in the tenant."))  # fmt: skip
    def sync(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._start(request, "inventory.sync", object_id)

    @scoped
    @action(description="Compliance snapshot", icon="monitoring", url_path="snapshot", permissions=["snapshot"],
            dialog=_dialog("Take a compliance snapshot?", "Take the snapshot", "Counts devices by platform and compliance state."))  # fmt: skip
    def snapshot(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._start(request, "compliance.snapshot", object_id)

    def _start(self, request: HttpRequest, operation: str, object_id: str) -> HttpResponse:
        inputs = {"connection_id": int(object_id)}
        announce(
            request,
            start_operation(operation, inputs, actor=request.user, tenant=request.tenant),  # type: ignore[arg-type, attr-defined]
        )
        return _stay(object_id)

    # -- changes -----------------------------------------------------------------------------------------------------

    @scoped
    @action(description="Set default", icon="star", url_path="make-default", permissions=["manage"],
            dialog=_dialog("Make this the default connection?", "Make default", "It is shown first, and chosen where none is named."))  # fmt: skip
    def make_default(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._change(request, object_id, services.set_default, "is the default connection now.")

    @scoped
    @action(description="Enable", icon="toggle_on", url_path="enable", permissions=["manage"],
            dialog=_dialog("Enable this connection?", "Enable", "It has to be checked before it counts as connected."))  # fmt: skip
    def enable(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._change(request, object_id, services.set_enabled, "is enabled. Check it next.", enabled=True)

    @scoped
    @action(description="Disable", icon="toggle_off", url_path="disable", permissions=["manage"], variant=ActionVariant.DANGER,
            dialog=_dialog("Disable this connection?", "Disable",
                           "Runs that are using it are cancelled, and none starts any more."))  # fmt: skip
    def disable(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._change(
            request, object_id, services.set_enabled, "is disabled; no run uses it any more.", enabled=False
        )

    @scoped
    @method_decorator(sensitive_post_parameters("secret", "password", "certificate_text"))
    @action(description="Update credentials", icon="key", url_path="credentials", permissions=["credential"])
    def update_credentials(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page of its own: a dialog cannot take a file. Opening it changes nothing; its button does."""
        connection = self.get_object(request, object_id)
        form = CredentialForm(request.POST, request.FILES) if request.method == "POST" else CredentialForm()
        if form.is_bound and form.is_valid():
            services.set_credential(connection, actor=request.user, **form.chosen)  # type: ignore[arg-type]
            messages.success(request, f"{connection} has a new credential. Check it next.")
            return HttpResponseRedirect(_page_of(object_id))
        credential = getattr(connection, "credential", None)
        context = {
            **self.admin_site.each_context(request),
            "title": "Update credentials",
            "form": form,
            "connection": connection,
            "credential": credential,
            "credential_state": services.expiry_state(credential),
            "back": _page_of(object_id),
        }
        return TemplateResponse(request, "providers/credentials.html", context)

    def _change(
        self, request: HttpRequest, object_id: str, verb: Callable[..., Any], done: str, **values: Any
    ) -> HttpResponse:
        connection = self.get_object(request, object_id)
        try:
            verb(connection, actor=request.user, **values)
            messages.success(request, f"{connection} {done}")
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return _stay(object_id)


def _stay(object_id: str) -> HttpResponse:
    # A dialog follows a redirect inside its own request and stays open; this header makes the page itself move.
    return HttpResponse(status=204, headers={"HX-Redirect": _page_of(object_id)})


def _page_of(object_id: Any) -> str:
    return reverse("admin:providers_providerconnection_change", args=[object_id])
