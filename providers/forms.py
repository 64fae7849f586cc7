"""Forms of the connection pages."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from providers.certificates import Certificate, read_certificate
from providers.clouds import Cloud
from providers.models import ProviderConnection
from rbac.models import entra_guid


class GuidField(forms.CharField):
    """A GUID, with the remedy when it is none."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return entra_guid(text) if text else text


class ConnectionForm(forms.ModelForm):
    entra_tenant_id = GuidField(
        label="Entra tenant id",
        widget=UnfoldAdminTextInputWidget,
        help_text="Entra admin center → Overview → Tenant ID.",
    )
    client_id = GuidField(
        label="Application (client) id",
        widget=UnfoldAdminTextInputWidget,
        help_text="The app registration that TenantPilot signs in as.",
    )

    class Meta:
        model = ProviderConnection
        fields = ["display_name", "cloud", "entra_tenant_id", "client_id"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "cloud" in self.fields and not settings.SANDBOX_URL:
            # Offering what cannot work would only lead to an error.
            choices = [choice for choice in Cloud.choices if choice[0] != Cloud.SANDBOX]
            self.fields["cloud"].widget = UnfoldAdminSelectWidget(choices=choices)
            self.fields["cloud"].choices = choices  # type: ignore[attr-defined]


class _PrivateTextarea(UnfoldAdminTextareaWidget):
    """Shows nothing of what was entered, also when the form comes back with an error: it holds a private key."""

    def format_value(self, value: Any) -> None:
        return None


class CredentialDialog(BaseDialogForm):
    """A new client secret, or a certificate with its key as PEM text. Nothing of the present one is shown."""

    form_before_template = "providers/credential_dialog.html"

    secret = forms.CharField(
        label="Client secret",
        required=False,
        strip=False,
        max_length=600,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="The secret's value, not its id.",
    )
    expires_on = forms.DateField(
        label="The secret expires on",
        required=False,
        widget=UnfoldAdminDateWidget,
        help_text="As shown in Entra. TenantPilot warns 30 days before.",
    )
    certificate = forms.CharField(
        label="Or: certificate and private key (PEM)",
        required=False,
        max_length=65_536,
        widget=_PrivateTextarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text="Both blocks, from BEGIN to END. For a .pfx file use the command connect_tenant.",
    )
    password = forms.CharField(
        label="Password of the private key",
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )

    def get_before_template_context(self, request: Any, object_id: Any = None) -> dict[str, Any]:
        connection = ProviderConnection.objects.filter(pk=object_id).select_related("credential").first()
        return {"connection": connection, "credential": getattr(connection, "credential", None)}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        secret, pem = given.get("secret"), given.get("certificate")
        if bool(secret) == bool(pem):
            raise ValidationError("Give either a client secret or a certificate.", code="credential_choice")
        if pem:
            try:
                given["read"] = read_certificate(pem.encode(), password=given.get("password") or "")
            except ValidationError as error:
                self.add_error("certificate", error)
        return given

    def chosen(self) -> dict[str, Any]:
        """The arguments of `set_credential`."""
        found: Certificate | None = self.cleaned_data.get("read")
        if found is not None:
            return {"certificate": found}
        day = self.cleaned_data.get("expires_on")
        return {
            "secret": self.cleaned_data["secret"],
            "expires_at": datetime.combine(day, time.max, UTC) if day else None,
        }


class ConfirmDialog(BaseDialogForm):
    """A dialog that says what will happen to which connection, and asks nothing."""

    form_before_template = "providers/confirm_dialog.html"

    def get_before_template_context(self, request: Any, object_id: Any = None) -> dict[str, Any]:
        connection = ProviderConnection.objects.filter(pk=object_id).select_related("tenant").first()
        return {"connection": connection}
