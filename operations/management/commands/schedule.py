"""The scheduler process."""

import os
import signal
import socket
import threading
import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from operations import processes
from operations.retention import prune
from operations.schedule import tick
from rbac.checks import WallsDown

log = structlog.get_logger(__name__)
TICK_SECONDS = 30.0
PRUNE_SECONDS = 3600.0


class Command(BaseCommand):
    help = "Start scheduled operations when they are due and prune what has been kept long enough, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="One tick and one pruning, then leave.")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        stop = threading.Event()
        if once:
            self.stdout.write(f"{tick()} started, {prune()} pruned")
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        name = f"scheduler {socket.gethostname()}:{os.getpid()}"
        pruned_at = 0.0
        while not stop.is_set():
            try:
                processes.beat("scheduler", name)
                started = tick()
                if time.monotonic() - pruned_at > PRUNE_SECONDS:
                    prune()
                    pruned_at = time.monotonic()
                processes.beat("scheduler", name, f"{started} started")
            except WallsDown:
                raise
            except Exception:
                # Also a fault of one schedule: the process goes on, and the next tick catches up.
                log.exception("schedule.failed")
                connection.close()
            stop.wait(TICK_SECONDS)
