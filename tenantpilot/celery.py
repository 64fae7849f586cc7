"""The Celery application. It has one task, `operations.tasks.execute_run`; Postgres is the record of the work."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantpilot.settings")
app = Celery("tenantpilot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _insist(**_kwargs: Any) -> None:
    # Late: this module is imported while the apps are being loaded.
    from tenantpilot import startup

    startup.insist()
