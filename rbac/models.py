"""People, tenants, who may do what, and the audit trail."""

import zoneinfo
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property

from rbac.capabilities import CAPABILITIES, ROLE_CAPABILITIES, Role
from rbac.scope import require_scope


def validate_time_zone(value: str) -> None:
    """Accept only names of the IANA time zone database."""
    if value not in zoneinfo.available_timezones():
        raise ValidationError(f"“{value}” is not a time zone. Use a name such as Europe/Berlin.", code="time_zone")


class User(AbstractUser):
    """A person. Rights in a tenant come from memberships alone; a superuser has no short-cut to them."""

    no_tenant = "A person may belong to several tenants; which, say memberships."

    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text="Times are shown in this zone, e.g. Europe/Berlin.",
    )

    @cached_property
    def memberships_by_tenant(self) -> dict[int, "Membership"]:
        """Memberships in active tenants, by tenant id. Cached on this instance, which lives for one request or one check."""
        memberships = self.memberships.filter(tenant__status=Tenant.Status.ACTIVE).select_related("tenant")
        return {membership.tenant_id: membership for membership in memberships.order_by("tenant__name")}

    def tenants_with(self, capability: str) -> list[int]:
        """Ids of the tenants in which this person holds `capability`."""
        if not self.is_active:
            return []
        return [i for i, m in self.memberships_by_tenant.items() if capability in ROLE_CAPABILITIES[m.role]]

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        # Django lets superusers pass before it asks any backend; tenant capabilities have no such exemption.
        if perm in CAPABILITIES:
            from rbac.backends import CapabilityBackend

            return CapabilityBackend().has_perm(self, perm, obj)
        return super().has_perm(perm, obj)


class Tenant(models.Model):
    """One customer: a Microsoft Entra tenant. Archived, never deleted, so that history keeps its owner."""

    no_tenant = "It is the tenant. Read by slug through the memberships of a person, before any scope exists."

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=60, unique=True, help_text="Part of every address of this tenant: /t/<slug>/")
    entra_tenant_id = models.UUIDField("Entra tenant id", unique=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """The role of one person in one tenant."""

    no_tenant = "Read by person before any scope exists: it decides which scopes there can be."

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "tenant"], name="membership_once_per_tenant")]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}: {self.get_role_display()}"


class TenantManager(models.Manager[Any]):
    """Rows of the tenants in scope; refuses without a scope (the first wall)."""

    def get_queryset(self) -> models.QuerySet[Any]:
        scope = require_scope()
        rows = super().get_queryset()
        if scope.fleet:
            return rows.filter(models.Q(tenant_id__in=scope.tenant_ids) | models.Q(tenant_id__isnull=True))
        if len(scope.tenant_ids) == 1:
            return rows.filter(tenant_id=scope.tenant_ids[0])
        return rows.filter(tenant_id__in=scope.tenant_ids)


class TenantModel(models.Model):
    """A row that belongs to a tenant. Its table gets a `rbac.walls.TenantWall` in its migration; a check insists on it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")

    objects = TenantManager()
    # Not a way past the database's wall: it still shows only what the scope's policy allows.
    unscoped: models.Manager[Any] = models.Manager()

    class Meta:
        abstract = True


class AuditEvent(TenantModel):
    """One entry of the append-only trail: who did what to which object. Written by `rbac.audit.record` alone."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", null=True)  # type: ignore[assignment]
    # No constraint: deleting a person must neither rewrite nor block history. The name is kept beside the id.
    actor = models.ForeignKey(User, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    actor_name = models.CharField(max_length=200)
    verb = models.CharField(max_length=64)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_label = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    run_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_tenant_latest"),
            models.Index(fields=["tenant", "target_type", "target_id", "-id"], name="audit_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.verb} {self.target_label}".strip()


def entra_guid(value: str) -> UUID:
    """`value` as a GUID; raises ValidationError with the remedy when it is none."""
    try:
        return UUID(str(value).strip())
    except ValueError as error:
        message = f"“{str(value)[:60]}” is not a GUID. Copy the id from the Entra admin center."
        raise ValidationError(message, code="guid") from error
