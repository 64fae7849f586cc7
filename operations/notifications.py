"""Who is told about a run: its initiator, and nobody else."""

from django.db.models.functions import Now

from operations.models import Notification, OperationRun
from rbac.models import User


def notify(run: OperationRun, kind: str) -> None:
    """Tell the initiator inside the open transaction, once per run and kind. A system run, and a person who is gone, get nothing."""
    if run.initiator_id is None or not User.objects.filter(pk=run.initiator_id, is_active=True).exists():
        return
    Notification.objects.bulk_create(
        [Notification(tenant_id=run.tenant_id, user_id=run.initiator_id, run=run, kind=kind)], ignore_conflicts=True
    )
    if kind == Notification.Kind.COMPLETED:
        # The news that it was queued is no news any more.
        Notification.objects.filter(
            user_id=run.initiator_id, run=run, kind=Notification.Kind.QUEUED, read_at__isnull=True
        ).update(read_at=Now())


def mark_read(user: User, *, notification_id: int | None = None) -> int:
    """Mark one or all of a person's notifications in scope as read; the number that changed."""
    unread = Notification.objects.filter(user=user, read_at__isnull=True)
    if notification_id is not None:
        unread = unread.filter(pk=notification_id)
    return int(unread.update(read_at=Now()))


def count_unread(user: User) -> int:
    """Unread notifications of a person in scope, counted to 100 and no further."""
    return int(Notification.objects.filter(user=user, read_at__isnull=True)[:100].count())
