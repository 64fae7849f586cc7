"""A pytest plugin: Postgres and Valkey for this run alone, gone when it ends.

Loaded with `-p tests.servers`, because pytest-django reads the settings, and with them the addresses, before any
conftest. `TEST_DATABASE_URL` and `TEST_REDIS_URL` (or `DATABASE_URL` and `REDIS_URL`) name servers to use instead; with
`SECRET_KEY` set beside both of the latter, the environment is taken as it is.
"""

import atexit
import base64
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tenantpilot.roles import provision, urls_for
from tenantpilot.servers import Postgres, Valkey

_running = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        # Databases are told apart by tests/conftest.py; in Valkey, cache.clear() empties a whole database.
        os.environ["REDIS_URL"] = _shift_database(os.environ["REDIS_URL"], int(worker.removeprefix("gw")) + 1)
    elif not {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} <= os.environ.keys():
        _prepare()
    return (yield)


def _prepare() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tenantpilot-test-"))
    # Not a pytest hook: those are skipped when the settings cannot be loaded.
    atexit.register(_running.close)
    # Where root may not make a namespace, Postgres runs as another account and has to pass through here.
    folder.chmod(0o711)
    _running.callback(shutil.rmtree, folder, ignore_errors=True)
    passwords = {"owner_password": secrets.token_hex(16), "app_password": secrets.token_hex(16)}
    database_url = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if database_url:
        urls = urls_for(database_url, os.environ.get("MIGRATE_DATABASE_URL", ""), **passwords)
    else:
        postgres = Postgres(folder / "postgres", password=secrets.token_hex(16), throw_away=True)
        _running.callback(postgres.stop)
        postgres.start()
        urls = provision(postgres.admin_url, **passwords)
    redis_url = os.environ.get("TEST_REDIS_URL") or os.environ.get("REDIS_URL")
    if redis_url:
        redis_url = _shift_database(redis_url, 1)
    else:
        valkey = Valkey(folder / "valkey", password=secrets.token_hex(16), throw_away=True)
        _running.callback(valkey.stop)
        valkey.start()
        redis_url = valkey.url
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    defaults = {
        "SECRET_KEY": secrets.token_hex(32),
        "CREDENTIAL_KEYS": f"test:{key}",
        "COOKIE_SECURE": "false",
        "LOG_LEVEL": "WARNING",
        "RUN_LEASE_SECONDS": "2",
        "RUN_SWEEP_SECONDS": "0.5",
    }
    os.environ.update({"DATABASE_URL": urls.serving, "MIGRATE_DATABASE_URL": urls.owner, "REDIS_URL": redis_url})
    os.environ.update({name: os.environ.get(name, value) for name, value in defaults.items()})


def _shift_database(url: str, by: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{int(parts.path.lstrip('/') or 0) + by}"))
