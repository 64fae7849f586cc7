"""`./dev` itself: the private environment is made once, mended when broken, and never another machine's."""

import json
import os
import shutil
import subprocess
import sys
from glob import glob
from pathlib import Path

import pytest

from tests.launcher.conftest import ROOT, clean_environment

pytestmark = pytest.mark.slow
_LAUNCHER = "import sys\nprint('launched', *sys.argv[1:], 'with', sys.prefix)\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with our ./dev, a lock without packages, and a launcher that says how it was called."""
    folder = tmp_path / "checkout"
    (folder / "tenantpilot").mkdir(parents=True)
    (folder / "tenantpilot" / "__init__.py").touch()
    (folder / "tenantpilot" / "launcher.py").write_text(_LAUNCHER)
    (folder / "requirements.lock").write_text("# nothing\n")
    shutil.copy(ROOT / "dev", folder)
    return folder


def dev(
    checkout: Path, *arguments: str, python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / ".uv" / "bin"), os.environ["PATH"]])
    clean = clean_environment(**{"PATH": path, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1", **environment})
    return subprocess.run(
        [python, checkout / "dev", *arguments], env=clean, capture_output=True, text=True, check=False
    )


def test_the_first_run_makes_an_environment_and_the_second_does_nothing(checkout: Path) -> None:
    first = dev(checkout, "up", "--port", "1")
    assert first.stdout == f"launched up --port 1 with {checkout / '.venv'}\n", first.stderr
    assert "Installing" in first.stderr
    stamp = checkout / ".venv" / "tenantpilot.json"
    before = stamp.stat().st_mtime_ns
    second = dev(checkout, "test")
    assert second.stdout == f"launched test with {checkout / '.venv'}\n"
    assert second.stderr == ""
    assert stamp.stat().st_mtime_ns == before


def test_a_new_lock_is_installed(checkout: Path) -> None:
    assert dev(checkout, "test").returncode == 0
    (checkout / "requirements.lock").write_text("# nothing, but otherwise\n")
    assert "Installing" in dev(checkout, "test").stderr
    assert dev(checkout, "test").stderr == ""


def test_an_interrupted_installation_is_made_anew(checkout: Path) -> None:
    assert dev(checkout, "test").returncode == 0
    stamp = checkout / ".venv" / "tenantpilot.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "lock": ""}))
    (checkout / ".venv" / "half-a-package").touch()
    again = dev(checkout, "test")
    assert again.returncode == 0, again.stderr
    assert not (checkout / ".venv" / "half-a-package").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Path) -> None:
    assert dev(checkout, "test").returncode == 0
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.12")
    again = dev(checkout, "test")
    assert again.returncode == 0, again.stderr
    assert "launched test" in again.stdout


def test_another_platforms_environment_is_left_alone(checkout: Path) -> None:
    """A checkout shared with a container: neither side may pull the floor from under the other."""
    (checkout / ".venv").mkdir()
    foreign = json.dumps({"lock": "theirs", "platform": "darwin-arm64-libc"})
    (checkout / ".venv" / "tenantpilot.json").write_text(foreign)
    result = dev(checkout, "test")
    assert result.returncode == 0, result.stderr
    assert (checkout / ".venv" / "tenantpilot.json").read_text() == foreign
    assert len(list(checkout.glob(".venv-*/bin/python"))) == 1


def test_a_package_that_cannot_be_had_is_one_sentence_and_nothing_runs(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text(f"not-to-be-found==1.0 --hash=sha256:{'0' * 64}\n")
    result = dev(checkout, "up")
    assert result.returncode == 1
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("dev: The packages could not be installed; is the network or the package index reachable?")
    assert "Traceback" not in result.stderr


def test_without_any_python_a_shell_says_so(checkout: Path) -> None:
    result = subprocess.run(
        ["/bin/sh", checkout / "dev", "up"], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr == "dev: There is no Python here: install Python 3.12 or 3.13.\n"


def test_an_old_python_that_finds_no_newer_one_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    versions = glob("/usr/bin/python3.[89]") + glob("/usr/bin/python3.1[01]")
    if not versions:
        pytest.skip("this machine has no Python from 3.8 to 3.11 to start from")
    hidden = {"PATH": "/nowhere", "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    result = dev(checkout, "up", python=versions[0], **hidden)
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("dev: There is no Python 3.12 or 3.13 with venv here")


def test_an_unknown_command_is_one_sentence(checkout: Path) -> None:
    result = dev(checkout, "nope")
    assert result.returncode == 1
    assert result.stderr == "dev: There is no command 'nope'; the commands are up, test, check, manage, bench.\n"
    assert not (checkout / ".venv").exists()
