"""Commands typed the way a person types them: words in, exit code and two streams out."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
import pytest
from django.core.management import execute_from_command_line

from tests.operations.sample import stage


@dataclass(frozen=True)
class Answer:
    """What a command said, and the exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return orjson.loads(self.out)


TypeIn = Callable[..., Answer]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> TypeIn:
    """`type_in("run", "inventory.sync", …, said="a line on standard input")`."""

    def type_in(*words: object, said: str = "") -> Answer:
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        capfd.readouterr()
        code: Any = 0
        try:
            execute_from_command_line(["manage.py", *map(str, words)])
        except SystemExit as left:
            code = left.code
        out, err = capfd.readouterr()
        assert "Traceback" not in err, err
        return Answer(int(code or 0), out, err)

    return type_in


@pytest.fixture(autouse=True)
def _fresh_stage() -> Iterator[None]:
    stage.reset()
    yield
    stage.reset()


@pytest.fixture
def count_rows(owner_connection: psycopg.Connection[Any]) -> Callable[[], dict[str, int]]:
    """How many rows each table of ours has, past all walls."""

    def count() -> dict[str, int]:
        tables = owner_connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^(rbac|operations|providers|inventory)_'"
        ).fetchall()
        counted = {name: owner_connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() for (name,) in tables}
        return {name: row[0] for name, row in counted.items() if row}

    return count


@pytest.fixture
def forbid(owner_connection: psycopg.Connection[Any]) -> Iterator[Callable[[str, str], None]]:
    """`forbid(table, condition)`: the database refuses new rows for which the condition does not hold."""
    forbidden: list[str] = []

    def make(table: str, condition: str) -> None:
        owner_connection.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT forbidden CHECK ({condition}) NOT VALID')
        forbidden.append(table)

    yield make
    for table in forbidden:
        owner_connection.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT forbidden')
