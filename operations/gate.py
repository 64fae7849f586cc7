"""May this run? Asked at the start and again when a worker begins, because rights and connections change in between."""

from typing import Any

from operations.models import OperationRun
from operations.registry import Operation, Reason
from rbac.models import Tenant, User
from rbac.services import SYSTEM_ACTORS, Actor, NotPermitted, require


def find_reasons(operation: Operation, inputs: Any, *, actor: Actor, tenant: Tenant | None) -> list[Reason]:
    """Every reason against it; an empty list is a yes. Reads the database only, in the tenant's scope.

    Roles are held in a tenant, so work without one is TenantPilot's own: every person is refused.
    """
    try:
        require(actor, operation.capability, tenant)
    except NotPermitted as error:
        return [Reason("not_permitted", str(error))]
    reasons: list[Reason] = []
    if tenant is not None and tenant.status != Tenant.Status.ACTIVE:
        reasons.append(Reason("tenant_archived"))
    reasons += [reason for need in operation.needs if (reason := need(inputs)) is not None]
    return reasons


def find_reasons_again(run: OperationRun, operation: Operation) -> list[Reason]:
    """As `find_reasons`, for a run that was started before. Raises Failure("invalid_inputs")."""
    actor = actor_of(run)
    if actor is None:
        return [Reason("not_permitted", f"{run.initiator_name} has no account any more.")]
    tenant = Tenant.objects.get(pk=run.tenant_id) if run.tenant_id is not None else None
    return find_reasons(operation, operation.parse(run.inputs), actor=actor, tenant=tenant)


def actor_of(run: OperationRun) -> Actor | None:
    """On whose rights the run works: its initiator's, read anew; TenantPilot's own where no person started it.

    None when the person is gone: their run must not go on with the rights of TenantPilot.
    """
    if run.initiator_id is not None:
        return User.objects.filter(pk=run.initiator_id).first()
    return SYSTEM_ACTORS.get(run.initiator_name)
