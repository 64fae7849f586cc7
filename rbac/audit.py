"""The audit trail: the one function that writes it."""

from contextvars import ContextVar
from typing import Any

from django.db import connection, models

from rbac.models import AuditEvent, Tenant, User
from rbac.redaction import redact_and_cut

request_id: ContextVar[str] = ContextVar("request_id", default="")


class NotInTransaction(RuntimeError):
    """An audit entry was to be written apart from the change it speaks of."""


def record(
    *,
    actor: Any,
    verb: str,
    tenant: Tenant | int | None,
    target: models.Model | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    run_id: int | None = None,
) -> None:
    """Write one entry in the open transaction; if it cannot be written, the change does not happen either.

    `before` and `after` hold what changed, never a secret. Raises NotInTransaction outside a transaction.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction(verb)
    AuditEvent.unscoped.create(
        tenant_id=tenant.pk if isinstance(tenant, Tenant) else tenant,
        actor=actor if isinstance(actor, User) else None,
        actor_name=redact_and_cut(str(actor), 200),
        verb=verb,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        target_label=redact_and_cut(str(target), 200) if target is not None else "",
        before=before,
        after=after,
        request_id=request_id.get(),
        run_id=run_id,
    )
