"""The page to which Microsoft sends the browser after admin consent. It is open to everybody and changes nothing."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from providers.consent import Return, read_state
from providers.models import ProviderConnection
from rbac.addresses import address_in
from rbac.scope import current_scope

# Error names of the identity platform. Its free texts are not shown: whoever makes up an address would write them.
_REASONS = {
    "access_denied": "The administrator declined.",
    "permission_denied": "The account that was used may not consent for the whole tenant.",
    "consent_required": "The administrator declined.",
    "invalid_client": "The app registration does not accept this. Look at its redirect URIs.",
}


@require_GET
@never_cache
def consent_returned(request: HttpRequest) -> HttpResponse:
    """Say what became of the consent, and to those who may see the connection, where to go on."""
    about = read_state(request.GET.get("state", ""))
    if about is None:
        return _answer(400, title="This link is not valid")
    error = request.GET.get("error", "")
    given = not error and request.GET.get("admin_consent", "").lower() == "true"
    return _answer(
        200,
        title="Consent was given" if given else "Consent was not given",
        is_valid=True,
        is_given=given,
        reason=_REASONS.get(error, "Microsoft did not say why. Open the link again."),
        address=_address_for(request, about),
    )


def _answer(status: int, **context: Any) -> HttpResponse:
    # Without the console's frame: whoever consents has no account here.
    return HttpResponse(render_to_string("providers/consent.html", context), status=status)


def _address_for(request: HttpRequest, about: Return) -> str:
    """The connection's page, for a person who may look at it; "" for everybody else, signed in or not."""
    if current_scope() is None:
        return ""
    # The scope is the person's own tenants; a row of another one is not seen.
    connection = ProviderConnection.objects.filter(pk=about.connection_id, tenant_id=about.tenant_id).first()
    if connection is None or not request.user.has_perm("connection.view", connection):
        return ""
    return address_in(connection.tenant, "admin:providers_providerconnection_change", connection.pk)
