"""Wiring of the product: settings, addresses, console, health. Imported by no other app."""

from tenantpilot.celery import app as celery_app

__all__ = ["celery_app"]
