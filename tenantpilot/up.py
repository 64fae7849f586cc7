"""`./dev up`: the whole product on this machine, until it is told to stop."""

import hashlib
import json
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path

import psycopg

from tenantpilot import static_files
from tenantpilot.data import DataFolder, django_environment, write_private
from tenantpilot.migrating import migrate
from tenantpilot.processes import run_to_end
from tenantpilot.servers import CannotStart, free_port
from tenantpilot.supervisor import FirstLine, Supervisor, say

READY_SECONDS = 120.0
_BEATING = ("worker", "sweeper", "scheduler")


class Up:
    """One run of everything. `world` is a size or a folder of exports; None means the one used last, else small."""

    def __init__(self, folder: DataFolder, *, port: int, world: str | None, demo: bool, root: Path) -> None:
        self.folder, self.port, self.world, self.demo, self.root = folder, port, world, demo, root

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> int:
        """Until Ctrl-C (0) or until one of the processes ends by itself (its code). Raises CannotStart."""
        with self._bind() as listener:
            self.port = listener.getsockname()[1]
            self.folder.prepare()
            if not self.folder.lock():
                raise CannotStart(
                    f"Process {self.folder.holder()} runs in the data folder {self.folder.path} already; "
                    "stop it or name another folder with --data."
                )
            try:
                return self._run(listener)
            except KeyboardInterrupt:
                return 0
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self.folder.close()
                say("servers", "stopped")

    def _run(self, listener: socket.socket) -> int:
        say("servers", f"starting in {self.folder.path}")
        addresses = self.folder.start_servers() | {"PUBLIC_URL": self.address}
        sandbox_port = free_port()
        if self.demo:
            addresses["SANDBOX_URL"] = f"http://127.0.0.1:{sandbox_port}"
        environment = django_environment(addresses)
        supervisor = Supervisor(env=environment, cwd=self.root)
        try:
            ready_line = self._start_sandbox(supervisor, sandbox_port) if self.demo else None
            migrate(self.folder.migrated, self.root, environment)
            static_files.collect(self.root)
            self._start_processes(supervisor, listener)
            if ready_line is not None:
                self._make_demo(supervisor, ready_line)
            self._wait_until_ready(supervisor, environment["DATABASE_URL"])
            self.folder.publish(addresses)
            self._announce()
            return self._watch(supervisor)
        finally:
            # What works needs the sandbox and the servers to end its work, so those stop after it.
            supervisor.stop(*(name for name in supervisor.processes if name != "sandbox"))
            supervisor.stop()

    def _bind(self) -> socket.socket:
        """Hold the port from the first second: finding it taken after half a minute would be a nuisance."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
        except OSError as error:
            listener.close()
            raise CannotStart(
                f"Port {self.port} cannot be used ({error.strerror}); choose another with --port."
            ) from error
        return listener

    def _start_sandbox(self, supervisor: Supervisor, port: int) -> FirstLine:
        memory = self.folder.path / "world"
        world = self.world or (memory.read_text().strip() if memory.exists() else "small")
        memory.write_text(world)
        choice = ["--load", world, "--world", "small"] if Path(world).is_absolute() else ["--world", world]
        line = FirstLine()
        supervisor.start("sandbox", [*self._manage("sandbox"), "--port", str(port), *choice], first_line=line)
        return line

    def _start_processes(self, supervisor: Supervisor, listener: socket.socket) -> None:
        threads = supervisor.env.get("WORKER_THREADS", "8")
        # Only what migrates knows the owner; these serve.
        supervisor.env = {name: value for name, value in supervisor.env.items() if name != "MIGRATE_DATABASE_URL"}
        gunicorn = [
            sys.executable,
            "-m",
            "gunicorn",
            "tenantpilot.wsgi",
            "--bind",
            f"fd://{listener.fileno()}",
            "--worker-class",
            "gthread",
        ]
        gunicorn += ["--threads", "8", "--graceful-timeout", "5", "--log-level", "warning"]
        # SIGQUIT ends the master and its workers; killed outright it would leave the workers for a moment.
        supervisor.start("web", gunicorn, death_signal=signal.SIGQUIT, pass_fds=[listener.fileno()])
        celery = ["celery", "--quiet", "--app", "tenantpilot", "worker", "--pool", "threads", "--concurrency", threads]
        celery += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        # Root in a container is common, and what Celery warns of (pickle) is switched off.
        quiet = [sys.executable, "-W", "ignore:You're running the worker with superuser", "-m"]
        supervisor.start("worker", [*quiet, *celery])
        supervisor.start("sweeper", [*self._manage("sweep"), "--skip-checks"])
        supervisor.start("scheduler", [*self._manage("schedule"), "--skip-checks"])

    def _make_demo(self, supervisor: Supervisor, ready_line: FirstLine) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready_line.has_come.wait(0.1):
            self._check(supervisor, deadline)
        sandbox = json.loads(ready_line.text)
        # Without the base address, whose port is another each time.
        done = _digest(self.folder.migrated.read_text() + json.dumps(sandbox["tenants"]))
        path, accounts = self.folder.path / "sandbox.json", self.folder.path / "demo-accounts.json"
        stamp = self.folder.path / "demo"
        write_private(path, ready_line.text)
        if accounts.exists() and stamp.exists() and stamp.read_text() == done:
            return
        # Captured: it prints the accounts, which are announced once everything answers.
        command = [*self._manage("demo"), "--sandbox-file", path]
        code, said = run_to_end(command, env=supervisor.env, cwd=self.root)
        if code != 0:
            sys.stderr.write(said)
            raise CannotStart("The demo organisation could not be made (see above).")
        stamp.write_text(done)

    def _wait_until_ready(self, supervisor: Supervisor, database_url: str) -> None:
        """All parts answer, and the signs of life are those of our own processes, not of an earlier run."""
        deadline = time.monotonic() + READY_SECONDS
        host = socket.gethostname()
        ours = {f"{kind} {host}:{supervisor.processes[kind].pid}" for kind in _BEATING}
        with psycopg.connect(database_url, autocommit=True) as connection:
            while True:
                seen = {name for (name,) in connection.execute("SELECT name FROM operations_processbeat")}
                if ours <= seen and self._answers():
                    return
                self._check(supervisor, deadline)
                time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/healthz/ready", timeout=5) as response:  # noqa: S310
                return bool(json.load(response)["ready"])
        except (OSError, ValueError):
            return False

    def _check(self, supervisor: Supervisor, deadline: float) -> None:
        if name := supervisor.ended():
            raise CannotStart(f"The {name} ended while starting (see above).")
        if time.monotonic() > deadline:
            raise CannotStart(
                f"Not everything answered within {READY_SECONDS:.0f} seconds; {self.address}/healthz/ready names the part."
            )

    def _announce(self) -> None:
        lines = [f"TenantPilot is ready at {self.address}"]
        accounts = self.folder.path / "demo-accounts.json"
        if self.demo and accounts.exists():
            lines += [
                f"  {account['role']:<10} {account['username']} / {account['password']}"
                for account in json.loads(accounts.read_text())
            ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    def _watch(self, supervisor: Supervisor) -> int:
        while True:
            if name := supervisor.ended():
                code = supervisor.processes[name].returncode
                say(name, f"ended with code {code}; stopping everything")
                return code if code > 0 else 1
            time.sleep(0.1)

    def _manage(self, command: str) -> list[str | Path]:
        return [sys.executable, self.root / "manage.py", command]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
