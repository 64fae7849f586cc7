"""The specifications against the tests: a requirement that no test names is a wish."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SPECS = sorted((ROOT / "specs").glob("*/spec.md"))
_REQUIREMENT = re.compile(r"^\| ([A-Z]{2,4}-\d+) \|", re.MULTILINE)
_NAMED = re.compile(r"\b([A-Z]{2,4})-0*(\d+)\b")


def _plain(identifier: str) -> str:
    """CON-02 and CON-2 are one."""
    letters, number = identifier.split("-")
    return f"{letters}-{int(number)}"


@pytest.fixture(scope="session")
def named() -> set[str]:
    texts = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path.name != Path(__file__).name]
    return {f"{letters}-{int(number)}" for text in texts for letters, number in _NAMED.findall(text)}


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.parent.name)
def test_every_requirement_of_every_specification_is_named_by_a_test(spec: Path, named: set[str]) -> None:
    required = [_plain(found) for found in _REQUIREMENT.findall(spec.read_text())]
    assert required, f"{spec} has no requirements"
    assert len(required) == len(set(required)), f"{spec} gives one id to two requirements"
    missing = [identifier for identifier in required if identifier not in named]
    assert not missing, f"no test names {', '.join(missing)}"


def test_the_index_lists_every_specification() -> None:
    index = (ROOT / "specs" / "README.md").read_text()
    assert [spec.parent.name for spec in SPECS if f"({spec.parent.name}/spec.md)" not in index] == []
