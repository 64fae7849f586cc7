"""The one Celery task."""

from celery import shared_task

from operations import executor, worker  # noqa: F401  (worker connects its signals)
from operations.dispatch import TASK


# Acknowledged early (Celery's default): a lost message or a lost worker has one recovery path, the sweep.
@shared_task(name=TASK, ignore_result=True)
def execute_run(tenant_id: int | None, run_id: int) -> None:
    executor.execute(tenant_id, run_id)
