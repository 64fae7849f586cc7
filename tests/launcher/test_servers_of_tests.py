"""The servers of a test run live as long as it does."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.launcher.conftest import ROOT, clean_environment, processes_of, wait_until_gone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
_WAITS = """
import time
from pathlib import Path

def test_waits_to_be_killed():
    Path({flag!r}).touch()
    time.sleep(60)
"""
_WRITES = """
import os
from pathlib import Path

def test_writes_down_where_it_works():
    with Path({flag!r}).open("a") as file:
        file.write(os.environ["REDIS_URL"].rpartition("/")[2] + "\\n")
"""


def _start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        ROOT / "pyproject.toml",
        "--rootdir",
        ROOT,
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=clean_environment(TMPDIR=str(folder)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_killed_run_leaves_no_server(tmp_path: Path) -> None:
    flag = tmp_path / "started"
    (tmp_path / "test_waits.py").write_text(_WAITS.format(flag=str(flag)))
    run = _start(tmp_path, str(tmp_path / "test_waits.py"))
    deadline = time.monotonic() + 60
    while not flag.exists():
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(processes_of(tmp_path)) >= 2
    run.kill()
    run.wait()
    assert wait_until_gone(tmp_path) == {}


def test_workers_share_the_servers_but_no_database_number(tmp_path: Path) -> None:
    flag = tmp_path / "numbers"
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(_WRITES.format(flag=str(flag)))
    run = _start(tmp_path, "-n", "2", "--dist", "each", str(tmp_path))
    assert run.wait(120) == 0
    assert sorted(set(flag.read_text().split())) == ["1", "2"]
    assert wait_until_gone(tmp_path, seconds=0) == {}
    assert not list(tmp_path.glob("tenantpilot-test-*"))
