"""The documentation against the project: what it points at, what it tells people to type, what is written by a command."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError

from inventory.types.coverage import markdown

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MANAGE = re.compile(r"(?:manage\.py|\./dev manage)(?: --data \S+)? ([a-z][a-z_]+)\b")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_DEV = re.compile(r"\./dev ([a-z]+)\b")
_FENCE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_DEV_COMMANDS = {"up", "test", "check", "manage", "bench", "help"}


class Command(BaseCommand):
    help = "Fail when a document links to nothing, names a command or a test that does not exist, or is out of date."

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        found = [problem for path in _documents(root) for problem in problems(path, root)]
        found += stale(root / "docs" / "coverage.md")
        if found:
            raise CommandError("\n".join(found))


def _documents(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*.md"))
    for folder in ("docs", "specs", "benchmarks", "restore"):
        yield from sorted((root / folder).rglob("*.md"))


def stale(coverage: Path) -> Iterator[str]:
    """The document of what each type can do, where the declarations say something else by now."""
    if not coverage.exists() or coverage.read_text() != markdown():
        yield "docs/coverage.md is out of date: run ./dev manage coverage --write"


def problems(path: Path, root: Path) -> Iterator[str]:
    """What the document at `path` promises and `root` does not hold, one line each."""
    text = path.read_text()
    name = path.relative_to(root)
    for target in _LINK.findall(_FENCE.sub("", text)):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            file, _, anchor = target.partition("#")
            if not (path.parent / file).exists():
                yield f"{name}: {target} does not exist"
            elif anchor and file.endswith(".md") and anchor not in _anchors(path.parent / file):
                yield f"{name}: {file} has no heading #{anchor}"
    for file, test in _TEST.findall(text):
        if not (root / file).exists() or f"def {test}(" not in (root / file).read_text():
            yield f"{name}: there is no test {file}::{test}"
    for command in sorted(set(_MANAGE.findall(text)) - get_commands().keys()):
        yield f"{name}: there is no command manage.py {command}"
    for command in sorted(set(_DEV.findall(text)) - _DEV_COMMANDS):
        yield f"{name}: there is no command ./dev {command}"


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
