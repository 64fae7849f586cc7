"""The processes of a running TenantPilot, their logs in one stream, and their end."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from tenantpilot.processes import kill_group, spawn

STOP_SECONDS = 20.0


class Supervisor:
    """Starts processes, shows their output with their name, and stops them together."""

    def __init__(self, *, env: Mapping[str, str], cwd: Path) -> None:
        self.env, self.cwd = env, cwd
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._readers: list[threading.Thread] = []

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        death_signal: signal.Signals = signal.SIGKILL,
        pass_fds: Sequence[int] = (),
        first_line: "FirstLine | None" = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process. The first line of its output goes to `first_line` instead of the log, when given.

        SIGKILL is what the kernel sends when we are gone: the servers go too, and a run that was at work is recovered
        from its lease. A gentler signal could leave a process waiting for a server that no longer exists.
        """
        process = spawn(
            command, death_signal=death_signal, stdout=subprocess.PIPE, env=self.env, cwd=self.cwd, pass_fds=pass_fds
        )
        self.processes[name] = process
        assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
        reader = threading.Thread(
            target=_show, args=(name, process.stdout, first_line), name=f"log {name}", daemon=True
        )
        reader.start()
        self._readers.append(reader)
        return process

    def ended(self) -> str | None:
        """The name of a process that is no longer running."""
        return next((name for name, process in self.processes.items() if process.poll() is not None), None)

    def stop(self, *names: str) -> None:
        """SIGTERM to the named processes (all when none is named); SIGKILL after 20 seconds or a second Ctrl-C."""
        chosen = [self.processes.pop(name) for name in names or tuple(self.processes) if name in self.processes]
        for process in chosen:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        try:
            for process in chosen:
                process.wait(max(0.1, deadline - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            say("supervisor", "stopping now, without waiting for work to end")
        for process in chosen:
            kill_group(process)
        if not self.processes:
            for reader in self._readers:
                reader.join(1)


class FirstLine:
    """Where the first line a process prints will be."""

    def __init__(self) -> None:
        self.text = ""
        self.has_come = threading.Event()

    def put(self, text: str) -> None:
        self.text = text
        self.has_come.set()


def say(name: str, text: str) -> None:
    """One line of the common log. Names from tenants and files reach logs, and must not steer the terminal."""
    text = "".join(character if character.isprintable() or character == "\t" else "\ufffd" for character in text)
    sys.stdout.write(f"{datetime.now():%H:%M:%S} {name:<10}| {text}\n")
    sys.stdout.flush()


def _show(name: str, stream: IO[bytes], first_line: FirstLine | None) -> None:
    for raw in stream:
        text = raw.decode(errors="replace").rstrip()
        if first_line is not None and not first_line.has_come.is_set() and text.startswith("{"):
            first_line.put(text)
        else:
            say(name, text)
