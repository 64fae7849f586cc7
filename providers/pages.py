"""What the connection pages show, gathered with a fixed number of queries."""

from typing import Any

from operations.failures import describe
from operations.models import OperationRun
from providers import consent, services
from providers.models import ProviderConnection
from providers.permissions import matrix

RUNS_SHOWN = 5


def show_connection(connection: ProviderConnection) -> dict[str, Any]:
    """The context of the page of one connection."""
    credential = getattr(connection, "credential", None)
    runs = OperationRun.objects.filter(
        tenant_id=connection.tenant_id, target_type=connection._meta.label_lower, target_id=str(connection.pk)
    )
    # A connection in another state may have lost any of them since.
    Status = ProviderConnection.Status
    known = connection.status in (Status.CONNECTED, Status.NEEDS_CONSENT)
    return {
        "connection": connection,
        "credential": credential,
        "credential_state": services.expiry_state(credential),
        "failure": describe(connection.last_failure_code) if connection.last_failure_code else None,
        "grants": matrix(connection.granted_permissions, known=known),
        "consent_link": consent.link_for(connection),
        "return_address": consent.return_address(),
        "runs": list(runs.order_by("-id")[:RUNS_SHOWN]),
    }
