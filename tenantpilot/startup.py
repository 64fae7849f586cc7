"""What a serving process insists on before it serves."""

from typing import NoReturn

import structlog
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections

log = structlog.get_logger(__name__)
# Gunicorn takes this code of a worker as "it cannot start", and stops instead of trying for ever.
REFUSED = 3


def insist() -> None:
    """Run the checks of the database (key ring, walls); end the process when one of them finds an error.

    `manage.py check --database default` says the same at any time. Without a database there is nothing to serve yet: the
    walls are looked at again by the first connection.
    """
    try:
        errors = [found for found in run_checks(tags=[Tags.database], databases=["default"]) if found.is_serious()]
    except OperationalError:
        log.warning("start.not_checked", reason="The database does not answer.")
        return
    except ImproperlyConfigured as error:
        _refuse([str(error)])
    finally:
        # The thread that starts a process is seldom the one that serves.
        connections.close_all()
    if errors:
        _refuse([f"{found.msg} {found.hint or ''}".strip() for found in errors])


def _refuse(sentences: list[str]) -> NoReturn:
    for sentence in sentences:
        log.critical("start.refused", reason=sentence)
    raise SystemExit(REFUSED)
