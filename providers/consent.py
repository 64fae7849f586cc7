"""The way to Microsoft's admin-consent page and back.

What comes back proves nothing: anybody can open the address with any values. So the return changes nothing, and says only
what the signed `state` allows; whether there is consent, a check finds out.
"""

from dataclasses import dataclass

from django.conf import settings
from django.core import signing

from providers import registry
from providers.models import ProviderConnection

# The link may be mailed to an administrator of the customer, who is not in a hurry.
LASTS_SECONDS = 14 * 24 * 3600
_SALT = "providers.consent"


@dataclass(frozen=True, slots=True)
class Return:
    """Which connection a return is about."""

    tenant_id: int
    connection_id: int


def return_address() -> str:
    """The redirect URI that the app registration has to know."""
    return f"{settings.PUBLIC_URL}/consent/"


def link_for(connection: ProviderConnection) -> str:
    """The link for an administrator of the tenant; "" where consent is not given by a link."""
    if connection.provider not in registry.all_providers():
        return ""
    state = signing.dumps([connection.tenant_id, connection.pk], salt=_SALT)
    return registry.get(connection.provider).consent_link(connection, state=state, return_to=return_address())


def read_state(state: str) -> Return | None:
    """What `link_for` signed; None for a state that is forged, altered or too old."""
    try:
        tenant_id, connection_id = signing.loads(state, salt=_SALT, max_age=LASTS_SECONDS)
        return Return(int(tenant_id), int(connection_id))
    except (signing.BadSignature, ValueError, TypeError):
        return None
