"""`./dev check`: everything that can be said about the code without running the product."""

import os
import subprocess
import sys
import time
from pathlib import Path

# Settings must load, and nothing they name is asked.
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "tenantpilot.settings",
    "SECRET_KEY": "only-for-checks-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "CREDENTIAL_KEYS": "checks:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "ALLOWED_HOSTS": "tenantpilot.example",
    "PUBLIC_URL": "https://tenantpilot.example",
}


def run(root: Path) -> int:
    """Run every check, whatever the ones before said; 1 when any found something."""
    failed = [name for name, command in _commands().items() if not _passes(name, command, root)]
    sys.stdout.write(f"Failed: {', '.join(failed)}.\n" if failed else "All checks passed.\n")
    return 1 if failed else 0


def _commands() -> dict[str, list[str]]:
    python, programs = sys.executable, Path(sys.executable).parent
    return {
        "format": [python, "-m", "ruff", "format", "--check"],
        "lint": [python, "-m", "ruff", "check"],
        "types": [python, "-m", "mypy"],
        "layers": [str(programs / "lint-imports"), "--no-logo"],
        "templates": [str(programs / "djlint"), "templates", "--lint", "--quiet"],
        "migrations": [python, "manage.py", "check_migrations"],
        "settings": [python, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        "docs": [python, "manage.py", "check_docs"],
    }


def _passes(name: str, command: list[str], root: Path) -> bool:
    started = time.monotonic()
    result = subprocess.run(
        command,
        cwd=root,
        env=os.environ | SETTINGS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    passed = result.returncode == 0
    sys.stdout.write(f"{'ok  ' if passed else 'FAIL'} {name} ({time.monotonic() - started:.1f} s)\n")
    if not passed:
        sys.stdout.write(result.stdout.rstrip() + "\n\n")
    sys.stdout.flush()
    return passed
