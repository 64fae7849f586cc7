"""Provider connections: list, page, and what can be done with one. Rendered from the database alone."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from operations.services import start_operation
from operations.start import announce
from providers import pages, services
from providers.forms import ConfirmDialog, ConnectionForm, CredentialDialog
from providers.models import ProviderConnection
from rbac import badges
from rbac.scoped_admin import ScopedAdmin, needs, scoped


def _dialog(title: str, submit: str, form: type = ConfirmDialog) -> dict[str, Any]:
    return {"title": title, "form_class": form, "form_submit_text": submit}


@admin.register(ProviderConnection)
class ProviderConnectionAdmin(ScopedAdmin):
    view_capability = "connection.view"
    add_capability = change_capability = "connection.manage"
    form = ConnectionForm
    fields = ["display_name", "cloud", "entra_tenant_id", "client_id"]
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
        {"title": "Manage", "icon": "settings", "items": ["make_default", "update_credentials", "enable", "disable"]},
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

    @display(description="Credential")
    def shown_credential(self, connection: ProviderConnection) -> SafeString:
        return badges.render("credential.state", services.expiry_state(getattr(connection, "credential", None)))

    def save_model(self, request: HttpRequest, obj: ProviderConnection, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in self.fields or [] if name in form.cleaned_data}
        if change:
            services.update_connection(obj, actor=request.user, **values)  # type: ignore[arg-type]
            return
        made = services.create_connection(actor=request.user, tenant=request.tenant, **values)  # type: ignore[arg-type, attr-defined]
        obj.pk, obj.tenant, obj._state.adding = made.pk, made.tenant, False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError as error:
            # What only the database knows (the same app twice) is told on the page one came from; nothing was saved.
            messages.error(request, " ".join(error.messages))
            request.method = "GET"
            return super().changeform_view(request, object_id, form_url, extra_context)

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
            dialog=_dialog("Check this connection?", "Check"))  # fmt: skip
    def check_connection(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._start(request, "connection.check", object_id)

    @scoped
    @action(description="Sync inventory", icon="sync", url_path="sync", permissions=["sync"],
            dialog=_dialog("Sync the inventory?", "Sync"))  # fmt: skip
    def sync(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._start(request, "inventory.sync", object_id)

    @scoped
    @action(description="Compliance snapshot", icon="monitoring", url_path="snapshot", permissions=["snapshot"],
            dialog=_dialog("Take a compliance snapshot?", "Take the snapshot"))  # fmt: skip
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
            dialog=_dialog("Make this the default connection?", "Make default"))  # fmt: skip
    def make_default(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._change(request, object_id, services.set_default, "is the default connection now.")

    @scoped
    @action(description="Enable", icon="toggle_on", url_path="enable", permissions=["manage"],
            dialog=_dialog("Enable this connection?", "Enable"))  # fmt: skip
    def enable(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._change(request, object_id, services.set_enabled, "is enabled. Check it next.", enabled=True)

    @scoped
    @action(description="Disable", icon="toggle_off", url_path="disable", permissions=["manage"], variant=ActionVariant.DANGER,
            dialog=_dialog("Disable this connection?", "Disable"))  # fmt: skip
    def disable(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._change(
            request, object_id, services.set_enabled, "is disabled; no run uses it any more.", enabled=False
        )

    @scoped
    @action(description="Update credentials", icon="key", url_path="credentials", permissions=["credential"],
            dialog=_dialog("Replace the credential", "Replace", CredentialDialog))  # fmt: skip
    def update_credentials(self, request: HttpRequest, form: CredentialDialog, object_id: str) -> HttpResponse:
        return self._change(
            request, object_id, services.set_credential, "has a new credential. Check it next.", **form.chosen()
        )

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
    address = reverse("admin:providers_providerconnection_change", args=[object_id])
    return HttpResponse(status=204, headers={"HX-Redirect": address})
