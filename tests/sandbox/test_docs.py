"""The examples of docs/sandbox.md, typed into a shell."""

import re
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
from django.conf import settings as project

from providers.sandbox.faults import KINDS
from providers.sandbox.generate import build_world
from providers.sandbox.server import Sandbox, describe

PAGE = Path(project.BASE_DIR, "docs", "sandbox.md").read_text()
EXAMPLES = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl on this machine.")
def test_the_examples_do_what_they_say(tmp_path: Path) -> None:
    """SBX-11, SBX-12: the number after # is what the command prints."""
    sandbox = Sandbox(build_world("small"))
    sandbox.start()
    (tmp_path / "ready.json").write_bytes(orjson.dumps(describe(sandbox)))
    script = "set -eu\n" + "".join(EXAMPLES)
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    sandbox.stop()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == re.findall(r"# (\d+)$", script, re.MULTILINE) and len(done.stdout.split()) > 12


def test_every_kind_of_fault_is_described() -> None:
    """SBX-11"""
    named = {kind for row in re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE) for kind in re.findall(r"`(\w+)`", row)}
    assert set(KINDS) <= named
