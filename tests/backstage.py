"""Real worker, sweeper and scheduler processes on the test database."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.db import connection

from operations.models import ProcessBeat
from tenantpilot.processes import kill_group, spawn
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[1]


class Backstage:
    """Starts processes with `environment` on top of the test run's own, and ends those that are left.

    `app` is the module with the Celery application, `manage` the one that takes management commands; the tests of faults
    bring their own, which know the operations of the tests.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], *, app: str = "tenantpilot", manage: str = "manage"
    ) -> None:
        found = connection.settings_dict
        address = f"{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"
        self.environment = {**os.environ, "DATABASE_URL": f"postgres://{address}", "REDIS_URL": settings.REDIS_URL}
        self.environment |= environment
        self._folder, self._app, self._manage = folder, app, manage
        self._started: list[tuple[subprocess.Popen[bytes], Path]] = []

    def worker(self, *, threads: int = 4, **environment: str) -> subprocess.Popen[bytes]:
        """A Celery worker that has shown its first sign of life."""
        options = ["--pool", "threads", "--concurrency", str(threads), "--without-gossip", "--without-mingle"]
        command = ["celery", "--quiet", "--app", self._app, "worker", *options, "--loglevel", "WARNING"]
        process = self._start("worker", command, environment)
        beats = ProcessBeat.objects.filter(kind="worker", name__endswith=f":{process.pid}")
        wait_until(lambda: process.poll() is not None or beats.exists(), seconds=60)
        assert process.poll() is None, self.log_of(process)
        return process

    def sweeper(self, **environment: str) -> subprocess.Popen[bytes]:
        """A sweeper on its way: tests wait for what it does."""
        return self._start("sweeper", [self._manage, "sweep"], environment)

    def scheduler(self, **environment: str) -> subprocess.Popen[bytes]:
        return self._start("scheduler", [self._manage, "schedule"], environment)

    def log_of(self, process: subprocess.Popen[bytes]) -> str:
        return next(path for started, path in self._started if started is process).read_text(errors="replace")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As a power cut: without a chance to say anything."""
        kill_group(process)

    def end(self) -> None:
        for process, _path in self._started:
            if process.poll() is None:
                # One that a test has stopped does not see SIGTERM before it goes on.
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process, _path in self._started:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                kill_group(process)

    def _start(self, kind: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        path = self._folder / f"{kind}-{len(self._started)}.log"
        with path.open("wb") as log:
            process = spawn(
                [sys.executable, "-m", *command],
                death_signal=signal.SIGKILL,
                stdout=log.fileno(),
                env={**self.environment, **environment},
                cwd=ROOT,
            )
        self._started.append((process, path))
        return process
