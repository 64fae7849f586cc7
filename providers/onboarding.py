"""Connecting a tenant in one step: tenant, connection and credential stand together or not at all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from providers import secrets
from providers.certificates import Certificate
from providers.models import ProviderConnection, ProviderCredential
from providers.services import create_connection, set_credential, update_connection
from rbac.models import Membership, Tenant, User, entra_guid
from rbac.scope import scope
from rbac.services import Actor, create_tenant, new_tenant_id, set_role, update_tenant


@dataclass(frozen=True, slots=True)
class Onboarded:
    """What stands now, and what of it is new. An unchanged credential leaves the verdict of the last check as it is."""

    tenant: Tenant
    connection: ProviderConnection
    is_new_tenant: bool
    is_new_connection: bool
    is_new_credential: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarding:
    """What is to stand. Empty values leave what exists as it is.

    A connection is recognised by cloud and client id; `replaces` names one that gets this client id instead.
    """

    slug: str
    entra_tenant_id: Any
    client_id: Any
    cloud: str
    name: str = ""
    time_zone: str = ""
    display_name: str = ""
    owner: User | None = None
    secret: str = ""
    certificate: Certificate | None = None
    expires_at: datetime | None = None
    replaces: int | None = None

    def __repr__(self) -> str:
        return f"Onboarding({self.slug!r})"


def onboard(wanted: Onboarding, *, actor: Actor) -> Onboarded:
    """Create or update tenant, connection and credential in one transaction. Raises ValidationError, NotPermitted."""
    known = _find_tenant(wanted)
    with scope(known.pk if known else new_tenant_id()) as entered, transaction.atomic():
        tenant = _update_tenant(known, wanted, actor) if known else _create_tenant(wanted, entered.tenant_ids[0], actor)
        found = _find_connection(tenant, wanted)
        connection = _update_connection(found, wanted, actor) if found else _create_connection(tenant, wanted, actor)
        is_new_credential = not _holds(connection, wanted)
        if is_new_credential:
            set_credential(
                connection,
                actor=actor,
                secret=wanted.secret,
                certificate=wanted.certificate,
                expires_at=wanted.expires_at,
            )
    return Onboarded(tenant, connection, known is None, found is None, is_new_credential)


def _find_tenant(wanted: Onboarding) -> Tenant | None:
    guid = entra_guid(wanted.entra_tenant_id)
    tenant = Tenant.objects.filter(slug=wanted.slug).first()
    if tenant is None:
        other = Tenant.objects.filter(entra_tenant_id=guid).first()
        if other is not None:
            message = f"The Entra tenant {guid} is the tenant “{other.slug}” already. Use that slug."
            raise ValidationError(message, code="entra_tenant_taken")
        return None
    if tenant.entra_tenant_id != guid:
        message = f"The slug “{tenant.slug}” belongs to the Entra tenant {tenant.entra_tenant_id}. Choose another slug."
        raise ValidationError(message, code="slug_taken")
    if tenant.status != Tenant.Status.ACTIVE:
        message = f"The tenant “{tenant.slug}” is archived. Make it active again in the console first."
        raise ValidationError(message, code="tenant_archived")
    return tenant


def _create_tenant(wanted: Onboarding, tenant_id: int, actor: Actor) -> Tenant:
    if not wanted.name:
        raise ValidationError(f"There is no tenant “{wanted.slug}” yet. Give it a name.", code="name_missing")
    return create_tenant(
        actor=actor,
        name=wanted.name,
        slug=wanted.slug,
        entra_tenant_id=entra_guid(wanted.entra_tenant_id),
        time_zone=wanted.time_zone or "UTC",
        owner=wanted.owner,
        tenant_id=tenant_id,
    )


def _update_tenant(tenant: Tenant, wanted: Onboarding, actor: Actor) -> Tenant:
    changes = {
        name: value
        for name, value in (("name", wanted.name), ("time_zone", wanted.time_zone))
        if value and value != getattr(tenant, name)
    }
    if changes:
        tenant = update_tenant(tenant, actor=actor, **changes)
    if wanted.owner and not Membership.objects.filter(tenant=tenant, user=wanted.owner, role="owner").exists():
        set_role(actor=actor, tenant=tenant, user=wanted.owner, role="owner")
    return tenant


def _find_connection(tenant: Tenant, wanted: Onboarding) -> ProviderConnection | None:
    same_cloud = ProviderConnection.objects.filter(tenant=tenant, cloud=wanted.cloud)
    same_app = same_cloud.filter(client_id=entra_guid(wanted.client_id), entra_tenant_id=tenant.entra_tenant_id)
    return same_app.first() or same_cloud.filter(pk=wanted.replaces or 0).first()


def _create_connection(tenant: Tenant, wanted: Onboarding, actor: Actor) -> ProviderConnection:
    return create_connection(
        actor=actor,
        tenant=tenant,
        display_name=wanted.display_name or tenant.name,
        entra_tenant_id=tenant.entra_tenant_id,
        client_id=wanted.client_id,
        cloud=wanted.cloud,
    )


def _update_connection(connection: ProviderConnection, wanted: Onboarding, actor: Actor) -> ProviderConnection:
    changes: dict[str, Any] = {"client_id": wanted.client_id}
    if wanted.display_name:
        changes["display_name"] = wanted.display_name.strip()
    return update_connection(connection, actor=actor, **changes)


def _holds(connection: ProviderConnection, wanted: Onboarding) -> bool:
    """Whether the stored credential is the wanted one; one that does not open is not."""
    credential = ProviderCredential.objects.filter(connection=connection).first()
    if credential is None or wanted.expires_at not in (None, credential.expires_at):
        return False
    try:
        stored = secrets.open_sealed(bytes(credential.sealed), connection_id=connection.pk)
    except secrets.CannotOpen:
        return False
    if wanted.certificate is not None:
        return stored.get("public_pem") == wanted.certificate.public_pem
    return stored.get("secret") == wanted.secret
