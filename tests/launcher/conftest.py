"""The launcher as a person uses it: as a command, in a folder of its own, beside other runs."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"^TenantPilot is ready at (http://127\.0\.0\.1:\d+)$", re.MULTILINE)
# What the test run set up for itself must not reach the launcher, which would use it instead of starting servers.
_OURS = (
    "DATABASE_URL",
    "MIGRATE_DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "CREDENTIAL_KEYS",
    "SANDBOX_URL",
    "TENANTPILOT_DATA",
)


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OURS and not name.startswith("PYTEST")}
    return {**kept, "RUN_LEASE_SECONDS": "5", **more}


class Running:
    """A launcher that was started, and what it said so far (in a file: a full pipe would stop it)."""

    def __init__(self, arguments: list[str], output: Path, environment: dict[str, str]) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tenantpilot.launcher", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until_ready(self, seconds: float = 120) -> str:
        deadline = time.monotonic() + seconds
        while not (found := READY.search(self.text)):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)
        return found.group(1)

    def wait(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """`launch("up", "--port", "0")` starts a launcher; all are ended after the test."""
    started: list[Running] = []

    def start(*arguments: str, **environment: str) -> Running:
        output = tmp_path / f"output-{len(started)}.log"
        started.append(Running(list(arguments), output, clean_environment(**environment)))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGINT)
            running.wait()


@pytest.fixture(scope="module")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """One `up` without demo for the tests that only look, and its data folder."""
    base = tmp_path_factory.mktemp("running")
    folder = base / "data"
    running = Running(
        ["up", "--port", "0", "--no-demo", "--data", str(folder)], base / "output.log", clean_environment()
    )
    try:
        running.wait_until_ready()
        yield running, folder
    finally:
        running.process.send_signal(signal.SIGINT)
        running.wait()


def get(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 (our own address)
        return int(response.status)


def processes_of(folder: Path) -> dict[int, str]:
    """Processes that belong to the data folder: its servers by where they work, the others by their environment."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            works_there = (entry / "cwd").readlink().is_relative_to(folder)
            belongs = f"TENANTPILOT_DATA={folder}".encode() in (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            is_zombie = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            continue
        if (works_there or belongs) and not is_zombie:
            found[int(entry.name)] = command
    return found


def wait_until_gone(folder: Path, seconds: float = 15) -> dict[int, str]:
    """The processes that are still there when `seconds` are over: none, if all is well."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left
