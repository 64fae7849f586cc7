"""Connections from TenantPilot to a tenant at a provider, and their credentials."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from providers import registry
from providers.clouds import Cloud
from rbac.models import TenantModel, User

TWICE = "This tenant already has a connection with this app. Open that one instead."


def validate_printable(value: str) -> None:
    """A name is one line that reads as it is written: no control characters, none that turn the direction of text."""
    if not value.isprintable():
        raise ValidationError("Give the connection a name of printable characters.", code="name")


class ProviderConnection(TenantModel):
    """How TenantPilot reaches one tenant: cloud, Entra tenant and app registration. The secret stands in ProviderCredential."""

    class Status(models.TextChoices):
        NOT_VERIFIED = "not_verified", "Not verified"
        CONNECTED = "connected", "Connected"
        NEEDS_CONSENT = "needs_consent", "Needs consent"
        ERROR = "error", "Error"
        DISABLED = "disabled", "Disabled"

    class Health(models.TextChoices):
        UNKNOWN = "unknown", "Unknown"
        HEALTHY = "healthy", "Healthy"
        DEGRADED = "degraded", "Degraded"
        DOWN = "down", "Down"

    provider = models.CharField(max_length=32, choices=registry.choices, default="microsoft")
    cloud = models.CharField(max_length=16, choices=Cloud.choices, default=Cloud.GLOBAL)
    display_name = models.CharField(max_length=200, validators=[validate_printable])
    entra_tenant_id = models.UUIDField("Entra tenant id")
    client_id = models.UUIDField("Application (client) id")
    is_default = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.NOT_VERIFIED)
    health = models.CharField(max_length=16, choices=Health.choices, default=Health.UNKNOWN)
    granted_permissions = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    last_checked_at = models.DateTimeField(null=True, blank=True)
    last_failure_code = models.CharField(max_length=64, blank=True)
    last_failure_message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(is_default=True), name="connection_one_default_per_tenant"
            ),
            models.UniqueConstraint(
                fields=["tenant", "provider", "cloud", "entra_tenant_id", "client_id"], name="connection_once_per_app"
            ),
        ]
        ordering = ["-is_default", "display_name"]

    def __str__(self) -> str:
        return self.display_name

    def clean(self) -> None:
        """The cloud is one that the provider has, and that this deployment can reach."""
        provider = registry.all_providers().get(self.provider)
        if provider is not None and self.cloud not in provider.clouds:
            raise ValidationError(
                {"cloud": ValidationError(f"{provider.label} is not in this cloud. Choose another.", code="cloud")}
            )
        if self.cloud == Cloud.SANDBOX and not settings.SANDBOX_URL:
            raise ValidationError(
                {
                    "cloud": ValidationError(
                        "This deployment has no sandbox. Choose the tenant's cloud.", code="no_sandbox"
                    )
                }
            )


class ProviderCredential(TenantModel):
    """The secret of one connection: write-only, encrypted, and bound to this row (a ciphertext moved elsewhere does not open)."""

    class Kind(models.TextChoices):
        SECRET = "secret", "Client secret"
        CERTIFICATE = "certificate", "Certificate"

    connection = models.OneToOneField(ProviderConnection, on_delete=models.CASCADE, related_name="credential")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    sealed = models.BinaryField()
    # Grows with each replacement: token caches are keyed by it, so the old secret is not used after a change.
    version = models.PositiveIntegerField(default=1)
    fingerprint = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    set_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    set_by_name = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.connection}"
