"""May this run? Asked at the start and again when a worker begins, because rights and connections change in between."""

from typing import Any

from operations.registry import Operation, Reason
from rbac.models import Tenant, User
from rbac.services import Actor, NotPermitted, require


def find_reasons(operation: Operation, inputs: Any, *, actor: Actor, tenant: Tenant | None) -> list[Reason]:
    """Every reason against it; an empty list is a yes. Reads the database only, in the tenant's scope."""
    reasons: list[Reason] = []
    if tenant is not None:
        try:
            require(actor, operation.capability, tenant)
        except NotPermitted as error:
            return [Reason("not_permitted", str(error))]
        if tenant.status != Tenant.Status.ACTIVE:
            reasons.append(Reason("tenant_archived"))
    elif isinstance(actor, User):
        # A role is held in a tenant; nobody holds one over all of them.
        return [Reason("not_permitted", "Work on no tenant in particular is started by TenantPilot itself.")]
    for need in operation.needs:
        reason = need(inputs)
        if reason is not None:
            reasons.append(reason)
    return reasons
