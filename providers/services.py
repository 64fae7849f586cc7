"""Creating and changing connections, setting credentials, and whether a run may use a connection."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from operations.failures import FailureCode, register_codes
from operations.models import OperationRun
from operations.registry import Reason
from operations.services import cancel_run
from providers import registry, secrets
from providers.certificates import Certificate
from providers.clouds import Cloud
from providers.models import TWICE, ProviderConnection, ProviderCredential
from rbac import audit
from rbac.models import Tenant, User, entra_guid
from rbac.redaction import remember_secret
from rbac.services import Actor, require

Status, Health = ProviderConnection.Status, ProviderConnection.Health
EXPIRES_SOON = timedelta(days=30)
CHANGEABLE = ("display_name", "cloud", "entra_tenant_id", "client_id")

register_codes(
    FailureCode(
        "connection_missing", "The connection no longer exists.", "Choose another connection of the tenant.", fatal=True
    ),
    FailureCode(
        "connection_disabled", "The connection is disabled.", "Enable it on its page, then start again.", fatal=True
    ),
    FailureCode(
        "connection_needs_consent",
        "The connection needs admin consent.",
        "Give consent with the link on its page, then check it.",
        True,
    ),
    FailureCode(
        "connection_broken",
        "The last check of the connection failed.",
        "Mend what its page shows, then check it.",
        fatal=True,
    ),
    FailureCode(
        "provider_unknown",
        "This version of TenantPilot does not know the provider of the connection.",
        "Update TenantPilot, or use another connection.",
        fatal=True,
    ),
    FailureCode(
        "credential_missing",
        "The connection has no credential.",
        "Set a client secret or a certificate on its page.",
        fatal=True,
    ),
    FailureCode(
        "credential_unreadable",
        "The stored credential cannot be decrypted.",
        "Set it again, or give the server the key it was stored with (CREDENTIAL_KEYS).",
        fatal=True,
    ),
)


def create_connection(
    *,
    actor: Actor,
    tenant: Tenant,
    display_name: str,
    entra_tenant_id: Any,
    client_id: Any,
    cloud: str = Cloud.GLOBAL,
    provider: str = "microsoft",
) -> ProviderConnection:
    """A new connection, the tenant's default if it is the first. Raises NotPermitted, ValidationError."""
    _require(actor, "connection.manage", tenant)
    connection = ProviderConnection(
        tenant=tenant,
        provider=provider,
        display_name=display_name.strip(),
        cloud=cloud,
        entra_tenant_id=entra_guid(entra_tenant_id),
        client_id=entra_guid(client_id),
    )
    _validate(connection)
    with transaction.atomic():
        connection.is_default = not ProviderConnection.objects.filter(tenant=tenant, is_default=True).exists()
        _save(connection)
        audit.record(actor=actor, verb="connection.created", tenant=tenant, target=connection, after=facts(connection))
    return connection


def update_connection(
    connection: ProviderConnection, *, actor: Actor, seen: dict[str, str] | None = None, **changes: Any
) -> ProviderConnection:
    """Change name, cloud or ids. What was verified under the old ids is forgotten.

    `seen` are the facts the person had before them: when somebody else changed them since, nothing is overwritten. Raises
    NotPermitted, ValidationError.
    """
    _require(actor, "connection.manage", connection.tenant)
    for name in ("entra_tenant_id", "client_id"):
        if name in changes:
            changes[name] = entra_guid(changes[name])
    if unknown := set(changes) - set(CHANGEABLE):
        raise ValueError(f"{', '.join(sorted(unknown))} of a connection is not changed here.")
    with transaction.atomic():
        stored = ProviderConnection.objects.select_for_update().get(pk=connection.pk)
        before = facts(stored)
        if seen is not None and seen != before:
            raise ValidationError("Somebody else changed this connection meanwhile.", code="connection_changed")
        for name, value in changes.items():
            setattr(stored, name, value)
            setattr(connection, name, value)
        _validate(stored)
        after = facts(stored)
        if before == after:
            return connection
        if any(before[name] != after[name] for name in ("cloud", "entra_tenant_id", "client_id")):
            _forget_verdict(stored)
            stored.granted_permissions, stored.last_checked_at = [], None
        _save(stored)
        audit.record(
            actor=actor, verb="connection.changed", tenant=stored.tenant, target=stored, before=before, after=after
        )
    return stored


def set_default(connection: ProviderConnection, *, actor: Actor) -> None:
    """Make this the tenant's default connection. Raises NotPermitted, ValidationError."""
    _require(actor, "connection.manage", connection.tenant)
    with transaction.atomic():
        # Locked in one order, so that two people who choose at once do not both win.
        rows = list(ProviderConnection.objects.select_for_update().filter(tenant=connection.tenant).order_by("pk"))
        before = next((row for row in rows if row.is_default), None)
        chosen = next((row for row in rows if row.pk == connection.pk), None)
        if chosen is None or chosen == before:
            return
        if chosen.status == Status.DISABLED:
            raise ValidationError(
                "A disabled connection cannot be the default. Enable it first.", code="default_disabled"
            )
        ProviderConnection.objects.filter(tenant=connection.tenant, is_default=True).update(is_default=False)
        ProviderConnection.objects.filter(pk=connection.pk).update(is_default=True, updated_at=Now())
        audit.record(
            actor=actor,
            verb="connection.default_set",
            tenant=connection.tenant,
            target=connection,
            before={"default": before.display_name if before else None},
            after={"default": connection.display_name},
        )


def set_enabled(connection: ProviderConnection, *, actor: Actor, enabled: bool) -> None:
    """Switch a connection on or off. Raises NotPermitted.

    One switched on has to be checked again. Switching off cancels the runs that are using the connection; one that does not
    see it in time gets no new access token.
    """
    _require(actor, "connection.manage", connection.tenant)
    with transaction.atomic():
        row = ProviderConnection.objects.select_for_update().get(pk=connection.pk)
        if (row.status != Status.DISABLED) == enabled:
            return
        before = row.status
        _forget_verdict(row)
        row.status = Status.NOT_VERIFIED if enabled else Status.DISABLED
        row.save(update_fields=["status", "health", "last_failure_code", "last_failure_message", "updated_at"])
        audit.record(
            actor=actor,
            verb="connection.enabled" if enabled else "connection.disabled",
            tenant=row.tenant,
            target=row,
            before={"status": before},
            after={"status": row.status},
        )
    if not enabled:
        active = OperationRun.objects.filter(tenant=connection.tenant, status__in=["queued", "running"])
        for run in active.filter(inputs__connection_id=connection.pk):
            cancel_run(run, actor=actor)


@sensitive_variables()
def set_credential(
    connection: ProviderConnection,
    *,
    actor: Actor,
    secret: str = "",
    certificate: Certificate | None = None,
    expires_at: datetime | None = None,
) -> ProviderCredential:
    """Replace the credential. It is sealed here and never shown again. Raises NotPermitted, ValidationError."""
    _require(actor, "credential.manage", connection.tenant)
    if bool(secret) == (certificate is not None):
        raise ValidationError("Give either a client secret or a certificate.", code="credential_choice")
    if certificate is not None:
        fields = {"private_key_pem": certificate.private_key_pem, "public_pem": certificate.public_pem}
        values = {
            "kind": ProviderCredential.Kind.CERTIFICATE,
            "fingerprint": certificate.fingerprint,
            "expires_at": certificate.expires_at,
        }
    else:
        remember_secret(secret)
        check_secret(secret, expires_at)
        fields = {"secret": secret}
        values = {"kind": ProviderCredential.Kind.SECRET, "fingerprint": "", "expires_at": expires_at}
    sealed = secrets.seal(fields, connection_id=connection.pk)
    with transaction.atomic():
        row = ProviderConnection.objects.select_for_update().get(pk=connection.pk)
        credential = ProviderCredential.objects.filter(connection=row).first()
        before = _credential_facts(credential)
        credential = credential or ProviderCredential(tenant_id=row.tenant_id, connection=row, version=0)
        for name, value in values.items():
            setattr(credential, name, value)
        credential.sealed, credential.version = sealed, credential.version + 1
        credential.set_by = actor if isinstance(actor, User) else None
        credential.set_by_name, credential.set_at = str(actor)[:200], timezone.now()
        credential.save()
        # Which verdict the old credential had says nothing about the new one.
        _forget_verdict(row)
        row.save(update_fields=["status", "health", "last_failure_code", "last_failure_message", "updated_at"])
        audit.record(
            actor=actor,
            verb="credential.set",
            tenant=row.tenant,
            target=row,
            before=before,
            after=_credential_facts(credential),
        )
    return credential


def check_secret(secret: str, expires_at: datetime | None) -> None:
    """Raises ValidationError for what cannot be the value of a client secret, or has ended already."""
    if not secret.isprintable() or secret != secret.strip() or not 8 <= len(secret) <= 512:
        raise ValidationError(
            "This does not look like a client secret. Copy its value, without blanks or line ends.", code="secret_form"
        )
    try:
        entra_guid(secret)
    except ValidationError:
        pass
    else:
        raise ValidationError(
            "This is the id of a client secret. Copy the secret's value instead; Entra shows it only once.",
            code="secret_is_id",
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError("The expiry lies in the past. Create a new client secret first.", code="secret_expired")


def find_reason(connection_id: int, *, to_check: bool = False) -> Reason | None:
    """Why a run may not use this connection now; None if it may. A check may also use one whose last check failed."""
    connection = ProviderConnection.objects.filter(pk=connection_id).select_related("credential").first()
    if connection is None:
        return Reason("connection_missing")
    if connection.provider not in registry.all_providers():
        return Reason("provider_unknown", f"“{connection.provider}”.")
    if connection.status == Status.DISABLED:
        return Reason("connection_disabled", connection.display_name)
    credential = getattr(connection, "credential", None)
    if credential is None:
        return Reason("credential_missing", connection.display_name)
    if credential.expires_at and credential.expires_at <= timezone.now():
        return Reason("credential_expired", f"It ended on {credential.expires_at:%Y-%m-%d}.")
    if not to_check and connection.status == Status.NEEDS_CONSENT:
        return Reason("connection_needs_consent", connection.display_name)
    if not to_check and connection.status == Status.ERROR:
        return Reason("connection_broken", connection.last_failure_message)
    return None


def open_client(connection: ProviderConnection) -> Any:
    """The client of the connection's provider, for use inside a run. Raises Failure when the credential cannot be used."""
    return registry.get(connection.provider).open_client(connection)


def expiry_state(credential: ProviderCredential | None) -> str:
    """The value of the badge `credential.state`."""
    if credential is None:
        return "none"
    if credential.expires_at is None:
        return "unknown"
    left = credential.expires_at - timezone.now()
    return "expired" if left <= timedelta(0) else "expires_soon" if left <= EXPIRES_SOON else "valid"


def facts(connection: ProviderConnection) -> dict[str, str]:
    """What a person decides about a connection, as texts: for the audit trail, and to notice a change by somebody else."""
    return {name: str(getattr(connection, name)) for name in (*CHANGEABLE, "provider")}


def _require(actor: Actor, capability: str, tenant: Tenant) -> None:
    # TenantPilot itself may do this only from the command line, where whoever types holds the keys anyway.
    if isinstance(actor, User):
        require(actor, capability, tenant)


def _validate(connection: ProviderConnection) -> None:
    connection.full_clean(exclude=["tenant"], validate_unique=False, validate_constraints=False)


def _forget_verdict(connection: ProviderConnection) -> None:
    if connection.status != Status.DISABLED:
        connection.status = Status.NOT_VERIFIED
    connection.health = Health.UNKNOWN
    connection.last_failure_code = connection.last_failure_message = ""


def _save(connection: ProviderConnection) -> None:
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        if "connection_once_per_app" in str(error):
            raise ValidationError(TWICE, code="connection_twice") from error
        if "connection_one_default_per_tenant" not in str(error):
            raise
        # Two first connections at the same moment: the other one became the default.
        connection.is_default = False
        connection.save()


def _credential_facts(credential: ProviderCredential | None) -> dict[str, Any] | None:
    """What may be said of a credential: never any part of it."""
    if credential is None:
        return None
    expires = credential.expires_at.isoformat() if credential.expires_at else None
    return {
        "kind": str(credential.kind),
        "version": credential.version,
        "fingerprint": credential.fingerprint,
        "expires_at": expires,
    }
