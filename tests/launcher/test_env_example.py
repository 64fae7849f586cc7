"""`.env.example` against what the settings read: a name that is missing there is found by nobody."""

import re
from typing import Any

import yaml

from tenantpilot.env import env
from tests.launcher.conftest import ROOT

_LINE = re.compile(r"^(# )?([A-Z][A-Z_]+)=(.*)$", re.MULTILINE)


def _required() -> set[str]:
    return set(re.findall(r"env\.str\(\"([A-Z_]+)\"\)", (ROOT / "tenantpilot" / "settings.py").read_text()))


def _written() -> dict[str, tuple[bool, str]]:
    """Name → (is optional, value) of .env.example."""
    found = _LINE.findall((ROOT / ".env.example").read_text())
    assert len(found) == len({name for _mark, name, _value in found}), "a name stands there twice"
    return {name: (bool(mark), value) for mark, name, value in found}


def _as_text(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, list) else str(default)


def test_it_lists_exactly_what_the_settings_read() -> None:
    assert set(_written()) == set(env.scheme) | _required()


def test_required_names_stand_open_and_have_no_default() -> None:
    assert {name for name, (optional, _value) in _written().items() if not optional} == _required()
    assert not _required() & set(env.scheme)


def test_the_defaults_shown_are_the_real_ones() -> None:
    shown = {name: value for name, (optional, value) in _written().items() if optional}
    assert shown == {name: _as_text(default) for name, (_type, default) in env.scheme.items()}


def test_nothing_secret_has_a_default() -> None:
    assert not [
        name
        for name, (_type, default) in env.scheme.items()
        if default and re.search(r"KEY|SECRET|PASSWORD|TOKEN|DATABASE_URL|REDIS_URL", name)
    ]


def test_every_name_also_comes_from_a_file(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "value").write_text("postgres://from-a-file")
    monkeypatch.delenv("MIGRATE_DATABASE_URL", raising=False)
    monkeypatch.setenv("MIGRATE_DATABASE_URL_FILE", str(tmp_path / "value"))
    assert env("MIGRATE_DATABASE_URL") == "postgres://from-a-file"


def test_compose_gives_secrets_by_file_only() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in (
        "SECRET_KEY",
        "CREDENTIAL_KEYS",
        "DATABASE_URL",
        "MIGRATE_DATABASE_URL",
        "REDIS_URL",
        "POSTGRES_PASSWORD",
    ):
        assert f"{name}_FILE:" in text
        assert not re.search(rf"^\s+{name}:", text, re.MULTILINE)


def test_compose_runs_all_parts_with_health_checks_and_without_rights() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(services) == {"migrate", "web", "worker", "sweeper", "scheduler", "postgres", "valkey"}
    assert not [name for name, service in services.items() if name != "migrate" and "healthcheck" not in service]
    for name in ("migrate", "web", "worker", "sweeper", "scheduler"):
        assert services[name]["image"] == "tenantpilot"
        assert services[name]["cap_drop"] == ["ALL"]
        assert ("migrate_database_url" in services[name]["secrets"]) == (name == "migrate")
    assert "\nUSER tenantpilot\n" in (ROOT / "Dockerfile").read_text()
