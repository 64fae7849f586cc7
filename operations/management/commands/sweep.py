"""The sweeper process."""

import os
import signal
import socket
import threading
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from operations import processes
from operations.sweep import sweep
from rbac.checks import WallsDown

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = (
        "End runs whose worker died and publish again what no worker heard of, every RUN_SWEEP_SECONDS, until stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="One pass, then leave.")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        stop = threading.Event()
        if not once:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
        name = f"sweeper {socket.gethostname()}:{os.getpid()}"
        while not stop.is_set():
            try:
                with connection.cursor() as cursor:
                    # A worker that hangs inside a transaction must not hold the sweep.
                    cursor.execute("SET lock_timeout = '5s'")
                done = sweep()
                processes.beat("sweeper", name, "standing by" if done is None else str(done))
                if once:
                    self.stdout.write("Another sweeper is at work." if done is None else str(done))
                    return
            except WallsDown:
                raise
            except Exception:
                # The sweep is what the rest relies on: whatever goes wrong in one pass, there is a next one.
                if once:
                    raise
                log.exception("sweep.failed")
                connection.close()
            stop.wait(settings.RUN_SWEEP_SECONDS)
