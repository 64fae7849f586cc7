"""The worker process: its sign of life, and how it is asked to stop."""

import os
import socket
import threading
from typing import Any

import structlog
from celery.signals import worker_ready, worker_shutting_down
from django.db import Error, connection

from operations import context, processes

log = structlog.get_logger(__name__)
BEAT_SECONDS = 10.0


@worker_ready.connect
def _start_beating(**_kwargs: Any) -> None:
    threading.Thread(target=_beat_until_stopped, name="worker-beat", daemon=True).start()


@worker_shutting_down.connect
def _stop_runs(**_kwargs: Any) -> None:
    # Runs see this at their next beat, between two items, and end through finish() instead of waiting for their lease.
    context.stopping.set()


def _beat_until_stopped() -> None:
    name = f"worker {socket.gethostname()}:{os.getpid()}"
    while not context.stopping.is_set():
        try:
            processes.beat("worker", name)
        except Error:
            log.warning("worker.beat_failed", exc_info=True)
        finally:
            # With a dead connection kept open the next beat would fail as well.
            connection.close()
        context.stopping.wait(BEAT_SECONDS)
