"""TenantPilot's Celery application for the workers of these tests, which know the operations of the tests."""

import django

django.setup()

from tenantpilot.celery import app  # noqa: E402
from tests.faults import operations  # noqa: E402, F401  (declare themselves)

__all__ = ["app"]
