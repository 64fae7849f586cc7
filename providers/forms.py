"""Forms of the connection pages."""

from datetime import UTC, datetime, time
from typing import Any

import orjson
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.views.decorators.debug import sensitive_variables
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from providers import services
from providers.certificates import LARGEST, Certificate, read_certificate
from providers.clouds import Cloud
from providers.models import TWICE, ProviderConnection
from rbac.models import entra_guid


class GuidField(forms.CharField):
    """A GUID, with the remedy when it is none."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return entra_guid(text) if text else text


class ConnectionForm(forms.ModelForm):
    """A connection, added or changed. `instance.tenant` is set by the page before anything is validated.

    Everything that can be wrong is told here, at its field and with what was typed still there: also that the app has a
    connection already, and that somebody else has changed this one since the page was opened.
    """

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
    # What the person had before them, to compare with what is stored when they save.
    seen = forms.CharField(required=False, max_length=2_000, widget=forms.HiddenInput)

    class Meta:
        model = ProviderConnection
        fields = ["display_name", "provider", "cloud", "entra_tenant_id", "client_id"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored = services.facts(self.instance) if self.instance.pk else {}
        if "seen" in self.fields:
            self.fields["seen"].initial = orjson.dumps(self._stored).decode()
        if "cloud" in self.fields and not settings.SANDBOX_URL:
            # Offering what cannot work would only lead to an error.
            choices = [choice for choice in Cloud.choices if choice[0] != Cloud.SANDBOX]
            self.fields["cloud"].widget = UnfoldAdminSelectWidget(choices=choices)
            self.fields["cloud"].choices = choices  # type: ignore[attr-defined]

    def clean_seen(self) -> dict[str, str] | None:
        """The facts the page showed; None when adding, or when the field was tampered with (then nothing is compared)."""
        try:
            seen = orjson.loads(self.cleaned_data.get("seen") or "null")
        except orjson.JSONDecodeError:
            seen = None
        return seen if isinstance(seen, dict) and self.instance.pk else None

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self._compare(given.get("seen"))
        app = {name: given.get(name) for name in ("cloud", "entra_tenant_id", "client_id")}
        if all(app.values()):
            provider = given.get("provider") or self.instance.provider
            others = ProviderConnection.objects.filter(tenant=self.instance.tenant, provider=provider, **app)
            if others.exclude(pk=self.instance.pk).exists():
                self.add_error("client_id", ValidationError(TWICE, code="connection_twice"))
        return given

    def _compare(self, seen: dict[str, str] | None) -> None:
        if seen is None or seen == self._stored:
            return
        # The next save is about what is stored now: the person has read this.
        data = QueryDict(mutable=True)
        data.update(self.data)
        data[self.add_prefix("seen")] = orjson.dumps(self._stored).decode()
        self.data = data
        changed = [name for name, value in self._stored.items() if seen.get(name) != value]
        now = ", ".join(f"{self.instance._meta.get_field(n).verbose_name}: {self._stored[n]}" for n in changed)
        text = (
            f"Somebody else changed this connection meanwhile ({now}). Nothing was saved. Your values are still here: "
            "save again to replace theirs, or reload the page to keep theirs."
        )
        self.add_error(None, ValidationError(text, code="connection_changed"))


class _Date(UnfoldAdminTextInputWidget):
    input_type = "date"


class _Unshown(UnfoldAdminTextareaWidget):
    """A text area that does not send back what was typed: a private key does not stand in a page."""

    def format_value(self, value: Any) -> str:
        return ""


_FIELD_OF = {
    "secret_expired": "expires_on",
    "certificate_password": "password",
    "certificate_password_missing": "password",
}


class CredentialForm(forms.Form):
    """A new client secret, or a certificate with its key as a file or as text. Nothing of the present one is shown.

    What was typed here is not sent back when something is wrong: a secret does not stand in a page.
    """

    secret = forms.CharField(
        label="Client secret",
        required=False,
        strip=False,
        max_length=600,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="The secret's value, not its id. Entra shows it once, when it is made.",
    )
    expires_on = forms.DateField(
        label="The secret expires on",
        required=False,
        widget=_Date,
        help_text="As shown in Entra. TenantPilot warns 30 days before.",
    )
    certificate_file = forms.FileField(
        label="Certificate with its private key, as a file",
        required=False,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".pem,.pfx,.p12,.crt,.cer,.key"}),
        help_text="A .pfx file, or a .pem file with both blocks. The expiry is read from it.",
    )
    certificate_text = forms.CharField(
        label="Or pasted as text (PEM)",
        required=False,
        max_length=LARGEST,
        widget=_Unshown(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text="Both blocks, from BEGIN to END.",
    )
    password = forms.CharField(
        label="Password of the file or of the private key",
        required=False,
        strip=False,
        max_length=1_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )

    # The arguments of `set_credential`, once the form is valid.
    chosen: dict[str, Any]

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.errors:
            return given
        chosen = [name for name in ("secret", "certificate_file", "certificate_text") if given.get(name)]
        if len(chosen) != 1:
            raise ValidationError(
                "Give either a client secret, or a certificate as a file, or one as text.", code="credential_choice"
            )
        try:
            self.chosen = self._read(chosen[0], given)
        except ValidationError as error:
            self.add_error(_FIELD_OF.get(str(error.code), chosen[0]), error)
        return given

    def _read(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        if name == "secret":
            day = given.get("expires_on")
            expires_at = datetime.combine(day, time.max, UTC) if day else None
            services.check_secret(given["secret"], expires_at)
            return {"secret": given["secret"], "expires_at": expires_at}
        # One byte more than allowed is enough to refuse a file.
        content = given[name].read(LARGEST + 1) if name == "certificate_file" else given[name].encode()
        found: Certificate = read_certificate(content, password=given.get("password") or "")
        return {"certificate": found}


class ConfirmDialog(BaseDialogForm):
    """A dialog that says what will happen to which connection, and asks nothing."""

    form_before_template = "providers/confirm_dialog.html"

    def get_before_template_context(self, request: Any, object_id: Any = None) -> dict[str, Any]:
        connection = ProviderConnection.objects.filter(pk=object_id).select_related("tenant").first()
        return {"connection": connection}
