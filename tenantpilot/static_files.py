"""Collected static files, made again only when their sources changed."""

import fcntl
import hashlib
import os
import sys
from pathlib import Path

from tenantpilot.processes import run_to_end
from tenantpilot.servers import CannotStart

# collectstatic needs settings that load, and none of the servers they name.
_NO_SERVERS = {
    "SECRET_KEY": "collecting-files-needs-no-key",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def collect(root: Path) -> None:
    """Run collectstatic when `static/` or the installed packages changed since the last time. Raises CannotStart."""
    stamp = Path(sys.prefix) / "tenantpilot-static.sha256"
    target = root / "staticfiles"
    wanted = _fingerprint(root)
    if _is_current(stamp, target, wanted):
        return
    try:
        with stamp.with_suffix(".lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if _is_current(stamp, target, wanted):
                return
            command: list[str | Path] = [
                sys.executable,
                root / "manage.py",
                "collectstatic",
                "--noinput",
                "--clear",
                "--verbosity",
                "0",
            ]
            code, said = run_to_end(command, env=os.environ | _NO_SERVERS, cwd=root)
            if code != 0:
                last = (said.strip().splitlines() or ["it said nothing"])[-1]
                raise CannotStart(f"The static files could not be collected: {last}")
            stamp.write_text(wanted)
    except OSError as error:
        raise CannotStart(
            f"{error.filename} is not writable, and the static files in {target} are not current."
        ) from error


def _is_current(stamp: Path, target: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted and (target / "staticfiles.json").exists()


def _fingerprint(root: Path) -> str:
    found = hashlib.sha256((root / "requirements.lock").read_bytes())
    found.update(str(root).encode())
    for path in sorted((root / "static").rglob("*")):
        if path.is_file():
            found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return found.hexdigest()
