"""The queue, behind one door. A message carries two ids and is believed in nothing: the row decides."""

from celery import current_app
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from operations.models import OperationRun

TASK = "operations.execute_run"


class PublishFailed(Exception):
    """The broker did not take the message in time. It may still have arrived, so callers act by compare-and-set."""


def publish(tenant_id: int | None, run_id: int) -> None:
    """Ring the bell for a run, within about twice BROKER_PUBLISH_TIMEOUT even when the broker is frozen. Raises PublishFailed.

    A connection of its own with short timeouts: the worker's must be longer than its blocking read, a page's must not.
    """
    timeout = settings.BROKER_PUBLISH_TIMEOUT
    options = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    }
    policy = {"max_retries": 0, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}
    try:
        with current_app.connection_for_write(transport_options=options) as connection:
            current_app.send_task(
                TASK, args=[tenant_id, run_id], connection=connection, retry=True, retry_policy=policy
            )
    except Exception as error:  # kombu, redis and socket errors have no common base below Exception
        raise PublishFailed(type(error).__name__) from error
    # A worker may have been quicker than this line; a run that has ended already is not touched any more.
    active = [OperationRun.Status.QUEUED, OperationRun.Status.RUNNING]
    OperationRun.objects.filter(pk=run_id, status__in=active).update(
        published_at=Now(), publish_tries=F("publish_tries") + 1
    )
