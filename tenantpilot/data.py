"""The data folder: its keys, the servers that live in it, and the one process that runs them."""

import base64
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tenantpilot import roles
from tenantpilot.servers import CannotStart, Postgres, Valkey, check_broker

KEYS = ("POSTGRES_PASSWORD", "OWNER_PASSWORD", "APP_PASSWORD", "VALKEY_PASSWORD", "SECRET_KEY", "CREDENTIAL_KEYS")


def given(name: str) -> str:
    """The variable `name`, or the content of the file that `NAME_FILE` names; empty when neither is set."""
    path = os.environ.get(f"{name}_FILE")
    try:
        return Path(path).read_text().strip() if path else os.environ.get(name, "")
    except OSError as error:
        raise CannotStart(f"The file {path} of {name}_FILE cannot be read ({error.strerror}).") from error


def django_environment(addresses: dict[str, str]) -> dict[str, str]:
    """`addresses` with what plain http on this machine needs; what the person set wins, except the addresses."""
    defaults = {"COOKIE_SECURE": "false", "LOG_FORMAT": "console", "DJANGO_SETTINGS_MODULE": "tenantpilot.settings"}
    environment = {**defaults, **os.environ, **addresses, "PYTHONUNBUFFERED": "1"}
    for name in addresses:
        # The files were read already, and a file would win over the variable.
        environment.pop(f"{name}_FILE", None)
    return environment


class DataFolder:
    """One folder = one running set of servers. The holder of its lock starts them; others read where they are."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._resources = ExitStack()

    @property
    def endpoints(self) -> Path:
        return self.path / "servers.json"

    @property
    def migrated(self) -> Path:
        return self.path / "migrated"

    def prepare(self) -> None:
        """Make the folder. Raises CannotStart when it cannot be written."""
        try:
            # Root may have to run Postgres as another account, which passes through; everything inside is private.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise CannotStart(f"The data folder {self.path} is not writable; name another with --data.") from error

    def lock(self) -> bool:
        """Become the one process that runs servers here; False when another is."""
        file = self._resources.enter_context((self.path / "lock").open("a+"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self.endpoints.unlink(missing_ok=True)
        return True

    def holder(self) -> str:
        return (self.path / "lock").read_text().strip() or "unknown"

    def start_servers(self) -> dict[str, str]:
        """Start what the environment does not name; return the environment for Django. Raises CannotStart."""
        keys = self.keys()
        passwords = {"owner_password": keys["OWNER_PASSWORD"], "app_password": keys["APP_PASSWORD"]}
        if database_url := given("DATABASE_URL"):
            urls = roles.urls_for(database_url, given("MIGRATE_DATABASE_URL"), **passwords)
        else:
            postgres = Postgres(self.path / "pg18", password=keys["POSTGRES_PASSWORD"])
            self._resources.callback(postgres.stop)
            postgres.start()
            urls = roles.provision(postgres.admin_url, **passwords)
        redis_url = given("REDIS_URL")
        if redis_url:
            check_broker(redis_url)
        else:
            valkey = Valkey(self.path / "valkey", password=keys["VALKEY_PASSWORD"])
            self._resources.callback(valkey.stop)
            valkey.start()
            redis_url = valkey.url
        return {
            "SECRET_KEY": given("SECRET_KEY") or keys["SECRET_KEY"],
            "CREDENTIAL_KEYS": given("CREDENTIAL_KEYS") or keys["CREDENTIAL_KEYS"],
            "DATABASE_URL": urls.serving,
            "MIGRATE_DATABASE_URL": urls.owner,
            "REDIS_URL": redis_url,
            "TENANTPILOT_DATA": str(self.path),
        }

    def publish(self, environment: dict[str, str]) -> None:
        """Tell other commands where the servers are."""
        write_private(self.endpoints, json.dumps(environment))

    def close(self) -> None:
        """Stop the servers, Postgres last, and give up the lock."""
        self.endpoints.unlink(missing_ok=True)
        self._resources.close()

    def read_endpoints(self) -> dict[str, str]:
        """The environment the running process published. Raises CannotStart when it does not within a minute."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                environment: dict[str, str] = json.loads(self.endpoints.read_text())
                return environment
            except (OSError, ValueError):
                time.sleep(0.2)
        raise CannotStart(f"Process {self.holder()} holds {self.path} but its servers did not come up.")

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Use the servers of another process; a command that started them for itself waits for us in `wait_for_borrowers`."""
        with (self.path / "borrowers").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def wait_for_borrowers(self) -> None:
        with (self.path / "borrowers").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def keys(self) -> dict[str, str]:
        """The folder's secrets, made once: losing CREDENTIAL_KEYS loses every stored credential."""
        path = self.path / "keys.env"
        keys = dict(line.split("=", 1) for line in path.read_text().splitlines()) if path.exists() else {}
        if missing := [name for name in KEYS if name not in keys]:
            keys |= {name: _new_key(name) for name in missing}
            write_private(path, "".join(f"{name}={value}\n" for name, value in keys.items()))
        return keys


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step by a file only its owner can read."""
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _new_key(name: str) -> str:
    if name == "CREDENTIAL_KEYS":
        return "local:" + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return secrets.token_hex(32)
