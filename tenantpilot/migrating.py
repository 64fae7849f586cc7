"""Bringing the tables up to date, and knowing that they are."""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg

from tenantpilot.processes import run_to_end
from tenantpilot.servers import CannotStart

APPS = ("rbac", "operations", "providers", "inventory", "restore")


def migrate(stamp: Path, root: Path, environment: Mapping[str, str]) -> None:
    """Run `manage.py migrate`, unless `stamp` says that this code already did so in this very database.

    Raises CannotStart when it fails; the command's own words go to standard error before.
    """
    wanted = _fingerprint(root, environment["DATABASE_URL"])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    command: list[str | Path] = [sys.executable, root / "manage.py", "migrate", "--verbosity", "0"]
    code, said = run_to_end(command, env=environment, cwd=root)
    if code != 0:
        sys.stderr.write(said)
        raise CannotStart(
            "The database could not be migrated (see above); when DATABASE_URL names the serving role, "
            "MIGRATE_DATABASE_URL must name the owner."
        )
    stamp.write_text(wanted)


def _fingerprint(root: Path, database_url: str) -> str:
    """Changes with the code of the apps, the packages, and the database: a dropped and remade one has another oid."""
    found = hashlib.sha256((root / "requirements.lock").read_bytes())
    for app in APPS:
        for path in sorted((root / app).rglob("*.py")):
            found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT system_identifier, oid, current_user FROM pg_control_system(), pg_database WHERE datname = current_database()"
            ).fetchone()
    except psycopg.Error as error:
        raise CannotStart(
            f"The Postgres of DATABASE_URL does not answer: {str(error).strip().splitlines()[0]}"
        ) from error
    found.update(repr(row).encode())
    return found.hexdigest()
