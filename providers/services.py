"""Creating and changing connections, setting credentials, and opening a connection for an operation."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from operations.failures import Failure, FailureCode, register_codes
from operations.registry import Reason
from providers import secrets
from providers.certificates import Certificate
from providers.clouds import CLOUDS, Cloud
from providers.models import ProviderConnection, ProviderCredential
from rbac import audit
from rbac.models import Tenant, User, entra_guid
from rbac.redaction import remember_secret
from rbac.services import Actor, require

Status, Health = ProviderConnection.Status, ProviderConnection.Health
EXPIRES_SOON = timedelta(days=30)
# Failures that tell about the connection and not about one object: they mark it, so that the gate refuses the next run.
_MARKS = {
    "consent_missing": Status.NEEDS_CONSENT,
    "app_not_found": Status.NEEDS_CONSENT,
    "credential_expired": Status.ERROR,
    "credential_invalid": Status.ERROR,
    "credential_unreadable": Status.ERROR,
    "app_disabled": Status.ERROR,
    "tenant_not_found": Status.ERROR,
    "sign_in_failed": Status.ERROR,
}

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
    *, actor: Actor, tenant: Tenant, display_name: str, entra_tenant_id: Any, client_id: Any, cloud: str = Cloud.GLOBAL
) -> ProviderConnection:
    """A new connection, the tenant's default if it is the first. Raises NotPermitted, ValidationError."""
    _require(actor, "connection.manage", tenant)
    connection = ProviderConnection(
        tenant=tenant,
        display_name=display_name.strip(),
        cloud=cloud,
        entra_tenant_id=entra_guid(entra_tenant_id),
        client_id=entra_guid(client_id),
    )
    _validate(connection)
    with transaction.atomic():
        connection.is_default = not ProviderConnection.objects.filter(tenant=tenant, is_default=True).exists()
        _save(connection)
        audit.record(actor=actor, verb="connection.created", tenant=tenant, target=connection, after=_facts(connection))
    return connection


def update_connection(connection: ProviderConnection, *, actor: Actor, **changes: Any) -> ProviderConnection:
    """Change name, cloud or ids. What was verified under the old ids is forgotten. Raises NotPermitted, ValidationError."""
    _require(actor, "connection.manage", connection.tenant)
    before = _facts(ProviderConnection.objects.get(pk=connection.pk))
    for name in ("entra_tenant_id", "client_id"):
        if name in changes:
            changes[name] = entra_guid(changes[name])
    for name, value in changes.items():
        if name not in ("display_name", "cloud", "entra_tenant_id", "client_id"):
            raise ValueError(f"{name} of a connection is not changed here.")
        setattr(connection, name, value)
    _validate(connection)
    after = _facts(connection)
    if before == after:
        return connection
    if any(before[name] != after[name] for name in ("cloud", "entra_tenant_id", "client_id")):
        connection.status = Status.DISABLED if connection.status == Status.DISABLED else Status.NOT_VERIFIED
        connection.health, connection.granted_permissions, connection.last_checked_at = Health.UNKNOWN, [], None
        connection.last_failure_code = connection.last_failure_message = ""
    with transaction.atomic():
        _save(connection)
        audit.record(
            actor=actor,
            verb="connection.changed",
            tenant=connection.tenant,
            target=connection,
            before=before,
            after=after,
        )
    return connection


def set_default(connection: ProviderConnection, *, actor: Actor) -> None:
    """Make this the tenant's default connection. Raises NotPermitted."""
    _require(actor, "connection.manage", connection.tenant)
    with transaction.atomic():
        # Locked in one order, so that two people who choose at once do not both win.
        rows = list(ProviderConnection.objects.select_for_update().filter(tenant=connection.tenant).order_by("pk"))
        before = next((row.display_name for row in rows if row.is_default), None)
        ProviderConnection.objects.filter(tenant=connection.tenant, is_default=True).update(is_default=False)
        ProviderConnection.objects.filter(pk=connection.pk).update(is_default=True, updated_at=Now())
        audit.record(
            actor=actor, verb="connection.default_set", tenant=connection.tenant, target=connection,
            before={"default": before}, after={"default": connection.display_name},
        )  # fmt: skip


def set_enabled(connection: ProviderConnection, *, actor: Actor, enabled: bool) -> None:
    """Switch a connection on or off. A connection switched on has to be checked again. Raises NotPermitted."""
    _require(actor, "connection.manage", connection.tenant)
    with transaction.atomic():
        row = ProviderConnection.objects.select_for_update().get(pk=connection.pk)
        if (row.status != Status.DISABLED) == enabled:
            return
        before = row.status
        row.status, row.health = (Status.NOT_VERIFIED if enabled else Status.DISABLED), Health.UNKNOWN
        row.save(update_fields=["status", "health", "updated_at"])
        verb = "connection.enabled" if enabled else "connection.disabled"
        audit.record(
            actor=actor,
            verb=verb,
            tenant=row.tenant,
            target=row,
            before={"status": before},
            after={"status": row.status},
        )


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
        kind, fingerprint, expires_at = (
            ProviderCredential.Kind.CERTIFICATE,
            certificate.fingerprint,
            certificate.expires_at,
        )
    else:
        remember_secret(secret)
        _check_secret(secret, expires_at)
        fields, kind, fingerprint = {"secret": secret}, ProviderCredential.Kind.SECRET, ""
    sealed = secrets.seal(fields, connection_id=connection.pk)
    with transaction.atomic():
        ProviderConnection.objects.select_for_update().get(pk=connection.pk)
        credential = ProviderCredential.objects.filter(connection=connection).first()
        before = _credential_facts(credential)
        credential = credential or ProviderCredential(tenant_id=connection.tenant_id, connection=connection, version=0)
        credential.kind, credential.sealed, credential.fingerprint, credential.expires_at = (
            kind,
            sealed,
            fingerprint,
            expires_at,
        )
        credential.version += 1
        credential.set_by = actor if isinstance(actor, User) else None
        credential.set_by_name, credential.set_at = str(actor)[:200], timezone.now()
        credential.save()
        if connection.status not in (Status.DISABLED,):
            # Which verdict the old credential had says nothing about the new one.
            ProviderConnection.objects.filter(pk=connection.pk).update(
                status=Status.NOT_VERIFIED, health=Health.UNKNOWN, updated_at=Now()
            )
        audit.record(
            actor=actor, verb="credential.set", tenant=connection.tenant, target=connection,
            before=before, after=_credential_facts(credential),
        )  # fmt: skip
    return credential


def _check_secret(secret: str, expires_at: datetime | None) -> None:
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
    """A Graph client for `connection`, for use inside a run. Raises Failure when the credential cannot be used."""
    from providers.graph.client import GraphClient
    from providers.graph.tokens import ClientCertificate, ClientSecret

    credential = ProviderCredential.objects.filter(connection=connection).first()
    if credential is None:
        raise Failure("credential_missing")
    try:
        fields = secrets.open_sealed(bytes(credential.sealed), connection_id=connection.pk)
    except secrets.CannotOpen as error:
        raise Failure("credential_unreadable", str(error)) from error
    opened: ClientSecret | ClientCertificate
    if credential.kind == ProviderCredential.Kind.CERTIFICATE:
        opened = ClientCertificate(fields["private_key_pem"], fields["public_pem"])
    else:
        remember_secret(fields["secret"])
        opened = ClientSecret(fields["secret"])
    return GraphClient(
        cloud=Cloud(connection.cloud),
        entra_tenant_id=str(connection.entra_tenant_id),
        client_id=str(connection.client_id),
        credential=opened,
        budget_key=f"{connection.tenant_id}",
        cache_key=(
            str(connection.pk),
            str(connection.client_id),
            str(connection.entra_tenant_id),
            str(credential.version),
        ),
    )


def mark_checked(connection_id: int, *, granted: list[str], health: str) -> None:
    """Record that the connection works, with what it may do. A connection disabled meanwhile stays disabled."""
    ProviderConnection.objects.filter(pk=connection_id).exclude(status=Status.DISABLED).update(
        status=Status.CONNECTED, health=health, granted_permissions=sorted(granted)[:200], last_checked_at=Now(),
        last_failure_code="", last_failure_message="", updated_at=Now(),
    )  # fmt: skip


def mark_failed(connection_id: int, failure: Failure) -> None:
    """Record a failure that tells about the connection; others leave it as it is. What was granted is not known any more."""
    status = _MARKS.get(failure.code)
    changes: dict[str, Any] = {
        "health": Health.DOWN,
        "last_failure_code": failure.code,
        "last_failure_message": failure.message,
    }
    if status is not None:
        changes["status"] = status
    elif failure.code not in ("graph_unavailable", "timed_out_request", "throttled"):
        return
    connections = ProviderConnection.objects.filter(pk=connection_id).exclude(status=Status.DISABLED)
    connections.update(last_checked_at=Now(), updated_at=Now(), **changes)


def consent_link(connection: ProviderConnection, *, return_to: str = "") -> str:
    """Where an administrator of the tenant consents to the app (Microsoft identity platform, "admin consent")."""
    host = CLOUDS[connection.cloud].login_host
    link = f"https://{host}/{connection.entra_tenant_id}/adminconsent?client_id={connection.client_id}"
    return f"{link}&redirect_uri={return_to}" if return_to else link


def expiry_state(credential: ProviderCredential | None) -> str:
    """The value of the badge `credential.state`."""
    if credential is None:
        return "none"
    if credential.expires_at is None:
        return "unknown"
    left = credential.expires_at - timezone.now()
    return "expired" if left <= timedelta(0) else "expires_soon" if left <= EXPIRES_SOON else "valid"


def _require(actor: Actor, capability: str, tenant: Tenant) -> None:
    # TenantPilot itself may do this only from the command line, where whoever types holds the keys anyway.
    if isinstance(actor, User):
        require(actor, capability, tenant)


def _validate(connection: ProviderConnection) -> None:
    from django.conf import settings

    if not connection.display_name or not connection.display_name.isprintable():
        raise ValidationError({"display_name": "Give the connection a name of printable characters."}, code="name")
    if connection.cloud == Cloud.SANDBOX and not settings.SANDBOX_URL:
        raise ValidationError(
            {"cloud": "This deployment has no sandbox. Choose the tenant's cloud."}, code="no_sandbox"
        )
    connection.full_clean(exclude=["tenant"], validate_unique=False, validate_constraints=False)


def _save(connection: ProviderConnection) -> None:
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        if "connection_once_per_app" in str(error):
            raise ValidationError(
                "This tenant already has a connection with this app. Open that one instead.", code="connection_twice"
            ) from error
        raise


def _facts(connection: ProviderConnection) -> dict[str, Any]:
    names = ("display_name", "provider", "cloud", "entra_tenant_id", "client_id")
    return {name: str(getattr(connection, name)) for name in names}


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
