"""The checks of `./dev check` that are our own find what they are for."""

from pathlib import Path

import pytest
from django.db.migrations import Migration

from tenantpilot.management.commands.check_docs import problems
from tenantpilot.management.commands.check_migrations import is_one_line


def _migration(*parents: str) -> type[Migration]:
    return type("Some", (Migration,), {"dependencies": [("shop", parent) for parent in parents]})


def test_migrations_in_one_line_pass() -> None:
    line = {("shop", "1"): _migration(), ("shop", "2"): _migration("1"), ("shop", "3"): _migration("2")}
    assert is_one_line("shop", line)
    assert is_one_line("shop", {})
    assert is_one_line("shop", {("shop", "1"): _migration(), ("other", "1"): _migration()})


@pytest.mark.parametrize(
    "fork",
    [
        {("shop", "1"): _migration(), ("shop", "2"): _migration("1"), ("shop", "2_too"): _migration("1")},
        {("shop", "1"): _migration(), ("shop", "1_too"): _migration()},
        {
            ("shop", "1"): _migration(),
            ("shop", "2"): _migration("1"),
            ("shop", "2_too"): _migration("1"),
            ("shop", "3_merge"): _migration("2", "2_too"),
        },
    ],
)
def test_forked_migrations_are_found(fork: dict[tuple[str, str], type[Migration]]) -> None:
    assert not is_one_line("shop", fork)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See [there](there.md).", ["page.md: there.md does not exist"]),
        ("See [there](other.md#no-such-heading).", ["page.md: other.md has no heading #no-such-heading"]),
        ("Type `manage.py no_such_command`.", ["page.md: there is no command manage.py no_such_command"]),
        ("Type ./dev manage --data DIR no_such_command", ["page.md: there is no command manage.py no_such_command"]),
        ("```\n./dev fly\n```", ["page.md: there is no command ./dev fly"]),
        ("See [there](other.md#two-roles), `manage.py migrate`, `./dev up`, [web](https://example.org).", []),
        ("Proved by `tests/no_such.py::test_it`.", ["page.md: there is no test tests/no_such.py::test_it"]),
        ("A made-up `[link](nowhere.md)` in code is none.", []),
    ],
)
def test_documents_that_promise_what_is_not_there_are_found(tmp_path: Path, text: str, found: list[str]) -> None:
    (tmp_path / "other.md").write_text("# Other\n\n## Two roles\n")
    page = tmp_path / "page.md"
    page.write_text(text)
    assert list(problems(page, tmp_path)) == found
