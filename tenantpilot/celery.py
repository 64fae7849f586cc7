"""The Celery application. It has one task, `operations.tasks.execute_run`; Postgres is the record of the work."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantpilot.settings")
app = Celery("tenantpilot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
