"""The record of background work: runs, their items, and who is told."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from rbac.models import Tenant, TenantModel, User

COUNTERS = ("total", "processed", "succeeded", "failed", "skipped", "created", "updated", "deleted", "unchanged")


class OperationRun(TenantModel):
    """One background action. Only `operations.executor` writes status and outcome."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"

    class Outcome(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        PARTIALLY_SUCCEEDED = "partially_succeeded", "Partially succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        BLOCKED = "blocked", "Blocked"

    class Trigger(models.TextChoices):
        MANUAL = "manual", "Started by hand"
        SCHEDULE = "schedule", "Schedule"
        RETRY = "retry", "Retry"
        FOLLOW_UP = "follow_up", "Follow-up"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")  # type: ignore[assignment]
    type = models.CharField(max_length=64)
    slot = models.CharField(max_length=128)
    inputs = models.JSONField(default=dict)
    inputs_hash = models.CharField(max_length=64)
    trigger = models.CharField(max_length=16, choices=Trigger.choices, default=Trigger.MANUAL)
    initiator = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    initiator_name = models.CharField(max_length=200)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    retry_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries")
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="follow_ups")

    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    outcome = models.CharField(max_length=24, choices=Outcome.choices, default=Outcome.PENDING)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)

    total = models.PositiveIntegerField(null=True, blank=True)
    processed = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)

    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=200, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    publish_tries = models.PositiveIntegerField(default=0)
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "slot"],
                condition=Q(status__in=["queued", "running"]),
                nulls_distinct=False,
                name="run_one_active_per_slot",
            ),
            models.CheckConstraint(
                name="run_ended_means_outcome",
                condition=(
                    Q(status="completed", completed_at__isnull=False) & ~Q(outcome="pending")
                    | ~Q(status="completed") & Q(outcome="pending", completed_at__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="run_running_means_leased",
                condition=(
                    Q(status="running", started_at__isnull=False, lease_until__isnull=False, attempt__gte=1)
                    | ~Q(status="running") & Q(lease_until__isnull=True)
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="run_tenant_latest"),
            models.Index(fields=["tenant", "type", "-id"], name="run_tenant_type_latest"),
            models.Index(fields=["tenant", "queued_at", "outcome"], name="run_per_day"),
            models.Index(fields=["tenant", "target_type", "target_id", "-id"], name="run_of_target"),
            models.Index(
                fields=["tenant", "-id"],
                condition=Q(outcome__in=["failed", "partially_succeeded", "blocked"]),
                name="run_needs_attention",
            ),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="run_lease"),
            models.Index(fields=["queued_at"], condition=Q(status="queued"), name="run_queue"),
            models.Index(fields=["completed_at"], condition=Q(status="completed"), name="run_pruning"),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}: {self.type}"

    def get_absolute_url(self) -> str:
        return reverse("admin:operations_operationrun_change", args=[self.pk])

    @property
    def is_active(self) -> bool:
        return self.status != self.Status.COMPLETED


class OperationItem(TenantModel):
    """One thing a run worked on. `unknown` is written before an outside write and settled after it."""

    class Result(models.TextChoices):
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"
        UNKNOWN = "unknown", "Unknown"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+")  # type: ignore[assignment]
    run = models.ForeignKey(OperationRun, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=200)
    label = models.CharField(max_length=300)
    result = models.CharField(max_length=16, choices=Result.choices)
    code = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True)
    graph_request_id = models.CharField(max_length=64, blank=True)
    ref = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "run", "key"], nulls_distinct=False, name="item_once_per_run")
        ]
        indexes = [models.Index(fields=["run", "id"], name="item_log")]

    def __str__(self) -> str:
        return self.label


class Notification(TenantModel):
    """What the initiator of a run is told: that it was queued, and once how it ended. Its text comes from the run."""

    class Kind(models.TextChoices):
        QUEUED = "queued", "Queued"
        COMPLETED = "completed", "Completed"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+")  # type: ignore[assignment]
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    run = models.ForeignKey(OperationRun, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    created_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "run", "kind"], nulls_distinct=False, name="notification_once"
            )
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notification_bell"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.run}"


class ProcessBeat(models.Model):
    """The last sign of life of a background process (sweeper, scheduler, worker), for the health page."""

    no_tenant = "Processes serve all tenants; their notes name none."

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=16)
    beat_at = models.DateTimeField()
    note = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name
