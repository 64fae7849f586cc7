"""Who acts, whether they may, and the changes to tenants and memberships."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from rbac import audit
from rbac.capabilities import CAPABILITIES, roles_with
from rbac.models import Membership, Tenant, User
from rbac.scope import scope


@dataclass(frozen=True, slots=True)
class SystemActor:
    """TenantPilot itself (schedules, follow-ups). Its capabilities are a short list of their own."""

    name: str = "TenantPilot"
    username: str = "system"
    capabilities: frozenset[str] = frozenset(
        {"connection.check", "inventory.sync", "compliance.snapshot", "run.cancel", "run.retry"}
    )

    def __str__(self) -> str:
        return self.name


SYSTEM = SystemActor()
# Whoever types a command without naming a person. Runs it starts work with TenantPilot's own rights and notify nobody.
COMMAND_LINE = SystemActor(name="Command line", username="command_line")
# By the name that a run keeps of its initiator.
SYSTEM_ACTORS = {actor.name: actor for actor in (SYSTEM, COMMAND_LINE)}
Actor = User | SystemActor


class NotPermitted(Exception):
    """The actor lacks a capability. `capability` names it; the message names the roles that have it."""

    def __init__(self, capability: str) -> None:
        self.capability = capability
        super().__init__(f"{CAPABILITIES[capability]} needs one of the roles {', '.join(roles_with(capability))}.")


def may(actor: Actor, capability: str, tenant: Any) -> bool:
    """Whether `actor` holds `capability` in `tenant` (a Tenant or a row of one). A missing actor is an error, not a yes."""
    if capability not in CAPABILITIES:
        raise ValueError(f"Unknown capability {capability!r}.")
    if isinstance(actor, SystemActor):
        return capability in actor.capabilities
    if actor is None:
        raise ValueError("An actor must be named; use SYSTEM for work that nobody started.")
    return actor.has_perm(capability, tenant)


def require(actor: Actor, capability: str, tenant: Any) -> None:
    """Raise NotPermitted unless `may(...)`."""
    if not may(actor, capability, tenant):
        raise NotPermitted(capability)


def new_tenant_id() -> int:
    """The id of a tenant to come: known beforehand, its scope can be entered before the transaction that creates it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [Tenant._meta.db_table])
        return int(cursor.fetchone()[0])


def create_tenant(
    *,
    actor: User | SystemActor,
    name: str,
    slug: str,
    entra_tenant_id: Any,
    time_zone: str = "UTC",
    owner: User | None = None,
    tenant_id: int | None = None,
) -> Tenant:
    """Create a tenant; `owner` (or the acting person) becomes its first owner. Raises ValidationError.

    Only platform administrators and the command line may do this. `tenant_id` is one of `new_tenant_id()`, for callers
    that entered the scope of the tenant to come already.
    """
    if isinstance(actor, User) and not actor.is_superuser:
        raise NotPermitted("tenant.manage")
    tenant = Tenant(name=name, slug=slug, entra_tenant_id=entra_tenant_id, time_zone=time_zone)
    tenant.full_clean()
    tenant.pk = tenant_id or new_tenant_id()
    first_owner = owner or (actor if isinstance(actor, User) else None)
    with scope(tenant.pk), transaction.atomic():
        tenant.save(force_insert=True)
        if first_owner is not None:
            Membership.objects.create(user=first_owner, tenant=tenant, role="owner")
        audit.record(
            actor=actor, verb="tenant.created", tenant=tenant, target=tenant, after={"name": name, "slug": slug}
        )
    return tenant


def update_tenant(tenant: Tenant, *, actor: User | SystemActor, **changes: Any) -> Tenant:
    """Change name, time zone or status of a tenant (never its slug or Entra id: addresses and history hang on them).

    Archiving takes the tenant out of everybody's sight until a platform administrator makes it active again. Raises
    NotPermitted and ValidationError.
    """
    if not isinstance(actor, SystemActor) and not actor.is_superuser:
        require(actor, "tenant.manage", tenant)
    unknown = set(changes) - {"name", "time_zone", "status"}
    if unknown:
        raise ValueError(f"Not a changeable field of a tenant: {', '.join(sorted(unknown))}.")
    with scope(tenant.pk), transaction.atomic():
        locked = Tenant.objects.select_for_update().get(pk=tenant.pk)
        before = {name: getattr(locked, name) for name in changes}
        for name, value in changes.items():
            setattr(locked, name, value)
        locked.full_clean()
        locked.save(update_fields=list(changes))
        audit.record(actor=actor, verb="tenant.changed", tenant=locked, target=locked, before=before, after=changes)
    return locked


def set_role(*, actor: Actor, tenant: Tenant, user: User, role: str | None) -> None:
    """Give `user` the `role` in `tenant`, or withdraw it (None). The last owner cannot be removed. Raises NotPermitted, ValidationError."""
    if not isinstance(actor, SystemActor):
        require(actor, "members.manage", tenant)
    with scope(tenant.pk), transaction.atomic():
        # Locks the tenant, so that two owners cannot remove each other at the same moment.
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        membership = Membership.objects.filter(user=user, tenant=tenant).first()
        before = membership.role if membership else None
        others = Membership.objects.filter(tenant=tenant, role="owner").exclude(user=user)
        if before == "owner" and role != "owner" and not others.exists():
            raise ValidationError(
                "This is the tenant's last owner. Make somebody else an owner first.", code="last_owner"
            )
        if role is None:
            Membership.objects.filter(user=user, tenant=tenant).delete()
        else:
            Membership.objects.update_or_create(user=user, tenant=tenant, defaults={"role": role})
        audit.record(
            actor=actor,
            verb="membership.changed",
            tenant=tenant,
            target=user,
            before={"role": before},
            after={"role": role},
        )
