"""What the connection pages show, gathered with a fixed number of queries."""

from typing import Any

from operations.failures import describe
from operations.models import OperationRun
from providers import services
from providers.models import ProviderConnection
from providers.permissions import matrix

RUNS_SHOWN = 5


def show_connection(connection: ProviderConnection) -> dict[str, Any]:
    """The context of the page of one connection."""
    credential = getattr(connection, "credential", None)
    runs = OperationRun.objects.filter(
        tenant_id=connection.tenant_id, target_type=connection._meta.label_lower, target_id=str(connection.pk)
    )
    verified = connection.status in (ProviderConnection.Status.CONNECTED,) or bool(connection.granted_permissions)
    return {
        "connection": connection,
        "credential": credential,
        "credential_state": services.expiry_state(credential),
        "failure": describe(connection.last_failure_code) if connection.last_failure_code else None,
        "grants": matrix(connection.granted_permissions, known=verified),
        "consent_link": services.consent_link(connection),
        "runs": list(runs.order_by("-id")[:RUNS_SHOWN]),
    }
