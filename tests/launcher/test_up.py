"""`./dev up`, started and ended in every way a person or a machine ends it. Specified in docs/start.md."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tenantpilot.data import DataFolder
from tenantpilot.servers import Postgres, Valkey
from tests.launcher.conftest import ROOT, Running, clean_environment, get, processes_of, wait_until_gone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and only Linux ends orphans"),
]
Launch = Callable[..., Running]
_SERVING = ("gunicorn", "celery", " sweep", " schedule")


def _addresses(folder: Path) -> dict[str, str]:
    return dict(json.loads((folder / "servers.json").read_text()))


def test_up_is_ready_keeps_its_data_and_leaves_nothing_after_ctrl_c(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = launch("up", "--port", "0", "--no-demo", "--data", str(folder))
    address = first.wait_until_ready()
    assert get(f"{address}/healthz/ready") == 200
    assert get(f"{address}/login/") == 200
    with psycopg.connect(_addresses(folder)["MIGRATE_DATABASE_URL"], autocommit=True) as owner:
        owner.execute("CREATE TABLE kept (word text)")
        owner.execute("INSERT INTO kept VALUES ('still here')")
    names = " ".join(processes_of(folder).values())
    assert all(part in names for part in ("postgres", "valkey", "gunicorn", "celery", "sweep", "schedule"))

    first.process.send_signal(signal.SIGINT)
    assert first.wait() == 0, first.text
    assert wait_until_gone(folder, seconds=0) == {}

    second = launch("up", "--port", "0", "--no-demo", "--data", str(folder))
    second.wait_until_ready()
    with psycopg.connect(_addresses(folder)["MIGRATE_DATABASE_URL"]) as owner:
        assert owner.execute("SELECT word FROM kept").fetchone() == ("still here",)
    second.process.send_signal(signal.SIGTERM)
    assert second.wait() == 0


def test_a_killed_launcher_leaves_nothing_running_and_the_next_start_recovers(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = launch("up", "--port", "0", "--no-demo", "--data", str(folder))
    first.wait_until_ready()
    first.process.kill()
    first.wait()
    # At once, while the old servers may still be ending.
    second = launch("up", "--port", "0", "--no-demo", "--data", str(folder))
    address = second.wait_until_ready()
    assert get(f"{address}/healthz/ready") == 200
    second.process.kill()
    second.wait()
    assert wait_until_gone(folder) == {}


def test_when_a_part_ends_everything_ends_with_its_name_and_a_failure(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    running = launch("up", "--port", "0", "--no-demo", "--data", str(folder))
    running.wait_until_ready()
    sweeper = next(pid for pid, command in processes_of(folder).items() if " sweep" in command)
    os.kill(sweeper, signal.SIGKILL)
    assert running.wait() != 0
    assert "sweeper" in running.text
    assert "ended with code -9" in running.text
    assert wait_until_gone(folder, seconds=0) == {}


def test_secrets_are_private_and_on_no_command_line_and_in_no_log(running_up: tuple[Running, Path]) -> None:
    running, folder = running_up
    for name in ("keys.env", "servers.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    values = [line.split("=", 1)[1] for line in (folder / "keys.env").read_text().splitlines()]
    assert len(values) == len(set(values)) == 6
    logs = "".join(path.read_text(errors="replace") for path in folder.glob("*.log"))
    seen = running.text + logs + " ".join(processes_of(folder).values())
    assert not [value for value in values if value in seen]


def test_every_data_folder_has_secrets_of_its_own(tmp_path: Path) -> None:
    keys = [set(DataFolder(_made(tmp_path / name)).keys().values()) for name in ("one", "two")]
    assert len(keys[0]) == 6
    assert not keys[0] & keys[1]


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def test_serving_processes_do_not_know_the_owner(running_up: tuple[Running, Path]) -> None:
    _running, folder = running_up
    serving = [pid for pid, line in processes_of(folder).items() if any(name in line for name in _SERVING)]
    assert len(serving) >= len(_SERVING)
    for pid in serving:
        assert b"MIGRATE_DATABASE_URL=" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_taken_port_is_one_sentence(launch: Launch, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        running = launch("up", "--port", str(port), "--data", str(tmp_path / "data"))
        assert running.wait() == 1
    assert running.text == f"dev: Port {port} cannot be used (Address already in use); choose another with --port.\n"


def test_a_folder_that_cannot_be_written_is_one_sentence(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    folder = tmp_path / "file" / "data"
    running = launch("up", "--port", "0", "--data", str(folder))
    assert running.wait() == 1
    assert running.text == f"dev: The data folder {folder} is not writable; name another with --data.\n"


def test_each_background_process_can_be_asked_whether_it_lives(running_up: tuple[Running, Path]) -> None:
    """What the health checks of containers ask."""
    _running, folder = running_up
    environment = clean_environment(DATABASE_URL=_addresses(folder)["DATABASE_URL"])
    for kind, expected in (("worker", 0), ("sweeper", 0), ("scheduler", 0), ("stranger", 1)):
        command = [sys.executable, "-m", "tenantpilot.alive", kind]
        assert subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode == expected, kind


def test_a_second_up_in_the_same_folder_names_the_first(launch: Launch, running_up: tuple[Running, Path]) -> None:
    first, folder = running_up
    second = launch("up", "--port", "0", "--no-demo", "--data", str(folder))
    assert second.wait() == 1
    assert f"Process {first.process.pid} runs in the data folder" in second.text
    assert first.process.poll() is None


def test_manage_alone_starts_servers_for_itself(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    alone = launch("manage", "--data", str(folder), "showmigrations", "rbac")
    assert alone.wait() == 0, alone.text
    assert "0001_initial" in alone.text
    assert wait_until_gone(folder, seconds=0) == {}


def test_a_command_that_started_the_servers_waits_for_the_one_that_borrowed_them(
    launch: Launch, tmp_path: Path
) -> None:
    folder, flags = tmp_path / "data", tmp_path / "flags"
    flags.mkdir()
    first = launch("manage", "--data", str(folder), "shell", "-c", _touch_and_wait(flags / "first", flags / "second"))
    while not (flags / "first").exists():
        assert first.process.poll() is None, first.text
        time.sleep(0.1)
    code = _touch_and_wait(flags / "second", flags / "go on") + _PRINT_ROLE
    second = launch("manage", "--data", str(folder), "shell", "-c", code)
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(3)
    (flags / "go on").touch()
    assert second.wait() == 0, second.text
    assert "tenantpilot_app" in second.text
    assert first.wait() == 0, first.text
    assert wait_until_gone(folder, seconds=0) == {}


def _touch_and_wait(mine: Path, other: Path) -> str:
    return f"""
import time
from pathlib import Path
Path({str(mine)!r}).touch()
limit = time.monotonic() + 60
while not Path({str(other)!r}).exists() and time.monotonic() < limit:
    time.sleep(0.1)
"""


def test_manage_uses_the_servers_that_run(launch: Launch, running_up: tuple[Running, Path]) -> None:
    _running, folder = running_up
    before = set(processes_of(folder))
    beside = launch("manage", "shell", "-c", _PRINT_ROLE, TENANTPILOT_DATA=str(folder))
    assert beside.wait() == 0, beside.text
    assert "tenantpilot_app tenantpilot False" in beside.text
    assert set(processes_of(folder)) >= before


def test_given_servers_are_used_and_none_is_started(launch: Launch, tmp_path: Path) -> None:
    """An administrator's address is enough: both roles and the database are made with it."""
    postgres = Postgres(tmp_path / "theirs", password="administrator", throw_away=True)
    valkey = Valkey(tmp_path / "theirs-too", password="broker", throw_away=True)
    folder = tmp_path / "given"
    try:
        postgres.start()
        valkey.start()
        addresses = {
            "DATABASE_URL": postgres.admin_url.removesuffix("/tenantpilot") + "/given",
            "REDIS_URL": valkey.url,
        }
        running = launch("manage", "--data", str(folder), "shell", "-c", _PRINT_ROLE, **addresses)
        assert running.wait() == 0, running.text
        assert "tenantpilot_app given False" in running.text
        assert not (folder / "pg18").exists()
        assert not (folder / "valkey").exists()
    finally:
        postgres.stop()
        valkey.stop()


_PRINT_ROLE = """
from django.db import connection
cursor = connection.cursor()
cursor.execute("SELECT current_user, current_database(), rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
print(*cursor.fetchone())
"""


@pytest.mark.parametrize(
    ("addresses", "server"),
    [
        ({"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}, "Postgres of DATABASE_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "Valkey of REDIS_URL"),
        ({"REDIS_URL": "not an address"}, "Valkey of REDIS_URL"),
    ],
)
def test_a_server_that_does_not_answer_is_one_sentence(
    launch: Launch, tmp_path: Path, addresses: dict[str, str], server: str
) -> None:
    running = launch("up", "--port", "0", "--data", str(tmp_path / "data"), **addresses)
    assert running.wait() == 1
    sentences = [line for line in running.text.splitlines() if "servers   |" not in line]
    assert len(sentences) == 1
    assert sentences[0].startswith(f"dev: The {server} does not answer: ")
    assert wait_until_gone(tmp_path / "data", seconds=0) == {}
