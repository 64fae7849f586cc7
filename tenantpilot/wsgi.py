"""The WSGI entry point for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantpilot.settings")
application = get_wsgi_application()

from tenantpilot import startup  # noqa: E402  (needs the apps, which the line above loads)

startup.insist()
