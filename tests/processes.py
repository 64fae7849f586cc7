"""Processes of the product itself, on the database of the tests."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections

from operations.models import ProcessBeat
from tests.waiting import wait_until

ROOT = Path(settings.BASE_DIR)


def environment(**more: str) -> dict[str, str]:
    """What a process needs to work on the test's database and sandbox, as they are at this moment."""
    addresses = {"DATABASE_URL": _address("default"), "MIGRATE_DATABASE_URL": _address("owner")}
    return {**os.environ, **addresses, "SANDBOX_URL": settings.SANDBOX_URL, **more}


def _address(alias: str) -> str:
    found = connections[alias].settings_dict
    return f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


def manage(*arguments: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` to its end, with `said` on its standard input."""
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        input=said,
        env=environment(**more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def started(command: Sequence[str | Path], log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is stopped at the end, however it ends; what it says goes to `log`."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env=environment(**more), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def working(log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker, ready when it has shown its first sign of life."""
    celery = ["celery", "-A", "tenantpilot", "worker", "-P", "threads", "-c", "4", "-l", "warning"]
    with started([sys.executable, "-m", *celery], log, **more) as process:
        wait_until(lambda: process.poll() is not None or ProcessBeat.objects.filter(kind="worker").exists(), seconds=30)
        assert process.poll() is None, log.read_text()
        yield process
