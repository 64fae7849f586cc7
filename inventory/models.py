"""What a tenant has and had: items, their versions, how completely each type was read, device compliance over time."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now, Upper
from django.urls import reverse

from operations.models import OperationRun
from providers.models import ProviderConnection
from rbac.models import TenantModel


class Content(TenantModel):
    """The body of an object as it was read, stored once per tenant and hash. `body` is zlib-compressed JSON."""

    sha256 = models.BinaryField(max_length=32)
    body = models.BinaryField()
    size = models.PositiveIntegerField(help_text="Bytes before compression")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "sha256"], name="content_once_per_tenant")]

    def __str__(self) -> str:
        return bytes(self.sha256).hex()[:12]


class InventoryItem(TenantModel):
    """One configuration object of a tenant, as last seen. Its bodies are in its versions."""

    class State(models.TextChoices):
        PRESENT = "present", "Present"
        MISSING = "missing", "Missing"

    connection = models.ForeignKey(ProviderConnection, on_delete=models.PROTECT, related_name="+")
    type = models.CharField(max_length=64)
    external_id = models.CharField(max_length=255)
    name = models.CharField(max_length=512, blank=True)
    description = models.CharField(max_length=300, blank=True)
    platform = models.CharField(max_length=32, blank=True)
    odata_type = models.CharField(max_length=160, blank=True)
    # None: the type has no assignments, or they could not be read.
    assignment_count = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PRESENT)
    # Hash of the normalised content of the current version; equal means unchanged.
    content_hash = models.BinaryField(max_length=32)
    current_version = models.ForeignKey("ItemVersion", on_delete=models.SET_NULL, null=True, related_name="+")
    modified_at = models.DateTimeField("Modified in the tenant", null=True, blank=True)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    missing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "type", "external_id"], name="inventory_item_once")]
        indexes = [
            models.Index(fields=["tenant", "type", "name", "id"], name="item_by_type"),
            models.Index(fields=["tenant", "-changed_at", "-id"], name="item_latest_change"),
            models.Index("tenant", Upper("name"), name="item_by_name"),
        ]

    def __str__(self) -> str:
        return self.name or f"(no name) {self.external_id}"

    def get_absolute_url(self) -> str:
        return reverse("admin:inventory_inventoryitem_change", args=[self.pk])


class ItemVersion(TenantModel):
    """A state of an item over the interval first seen … last seen. An unchanged object costs no new row."""

    item = models.ForeignKey(InventoryItem, on_delete=models.CASCADE, related_name="versions")
    content = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    content_hash = models.BinaryField(max_length=32)
    run = models.ForeignKey(OperationRun, on_delete=models.SET_NULL, null=True, related_name="+")
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "item", "number"], name="version_number_once")]

    def __str__(self) -> str:
        return f"Version {self.number}"


class TypeReading(TenantModel):
    """The completeness ledger: how one run read one type.

    Only a list that was read to its end (`expected` is known) allows saying that an object is gone.
    """

    class State(models.TextChoices):
        COMPLETE = "complete", "Complete"
        PARTIAL = "partial", "Partial"
        FAILED = "failed", "Failed"
        HELD_BACK = "held_back", "Held back"
        NOT_PERMITTED = "not_permitted", "Not permitted"
        NOT_APPLICABLE = "not_applicable", "Not applicable"

    run = models.ForeignKey(OperationRun, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(ProviderConnection, on_delete=models.CASCADE, related_name="+")
    type = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State.choices)
    expected = models.PositiveIntegerField(null=True, help_text="Objects the listing named")
    fetched = models.PositiveIntegerField(default=0, help_text="Objects read completely")
    failed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True)
    graph_request_id = models.CharField(max_length=64, blank=True)
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "run", "type"], name="reading_once_per_run_and_type")]
        indexes = [models.Index(fields=["tenant", "type", "-id"], name="reading_latest_of_type")]

    def __str__(self) -> str:
        return f"{self.type}: {self.get_state_display()}"


class ComplianceSnapshot(TenantModel):
    """Managed devices counted at one moment, one row per platform and compliance state."""

    run = models.ForeignKey(OperationRun, on_delete=models.SET_NULL, null=True, related_name="+")
    connection = models.ForeignKey(ProviderConnection, on_delete=models.CASCADE, related_name="+")
    taken_at = models.DateTimeField()
    platform = models.CharField(max_length=32)
    state = models.CharField(max_length=32)
    devices = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "connection", "taken_at", "platform", "state"], name="snapshot_row_once"
            ),
            models.CheckConstraint(name="snapshot_names_what_it_counts", condition=~Q(platform="") & ~Q(state="")),
        ]
        indexes = [models.Index(fields=["tenant", "-taken_at"], name="snapshot_series")]

    def __str__(self) -> str:
        return f"{self.devices} {self.platform} devices {self.state}"
