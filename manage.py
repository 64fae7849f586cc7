#!/usr/bin/env python
"""Django's command line for TenantPilot."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantpilot.settings")
    if sys.argv[1:2] == ["sandbox"]:
        # It uses neither database nor broker nor secrets, and must run where nothing is configured.
        for name, value in {"SECRET_KEY": "sandbox", "DATABASE_URL": "postgres://", "REDIS_URL": "redis://"}.items():
            os.environ.setdefault(name, value)
    execute_from_command_line(sys.argv)
