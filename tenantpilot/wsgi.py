"""The WSGI entry point for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantpilot.settings")
application = get_wsgi_application()

from rbac.checks import insist_on_walls  # noqa: E402  (needs the applications)

insist_on_walls()
