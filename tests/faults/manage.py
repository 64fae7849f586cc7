"""`manage.py` for the sweepers and schedulers of these tests, which know the operations of the tests."""

import sys

import django
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    django.setup()
    from tests.faults import operations  # noqa: F401  (declare themselves)

    execute_from_command_line(sys.argv)
