"""The documentation of Graph against the registry of codes."""

import re
from pathlib import Path

from django.conf import settings

from operations.failures import all_codes

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "graph.md"
SOURCES = ("providers/graph/codes.py", "providers/services.py")


def codes_of_the_providers() -> list[str]:
    texts = [(Path(settings.BASE_DIR) / source).read_text() for source in SOURCES]
    return [code for text in texts for code in re.findall(r'FailureCode\(\s*"([a-z_]+)"', text)]


def test_the_table_of_failure_codes_is_the_registry() -> None:
    """PRO-21: an operator who looks a code up finds what the page says."""
    rows = ["| code | what happened | what to do | fatal |", "| --- | --- | --- | --- |"]
    for name in sorted(codes_of_the_providers()):
        code = all_codes()[name]
        rows.append(f"| `{name}` | {code.sentence} | {code.hint} | {'yes' if code.fatal else ''} |")
    written = re.search(r"<!-- codes -->\n(.*?)\n<!-- /codes -->", DOCUMENT.read_text(), re.DOTALL)
    assert written
    assert written[1] == "\n".join(rows), "Put this between the marks of docs/graph.md:\n" + "\n".join(rows)


def test_every_code_that_the_client_raises_is_declared() -> None:
    """PRO-21: an undeclared one would have no remedy."""
    folder = Path(settings.BASE_DIR) / "providers"
    for path in folder.rglob("*.py"):
        if "sandbox" not in path.parts:
            raised = re.findall(r'Failure\(\s*"([a-z_]+)"', path.read_text())
            assert set(raised) <= set(all_codes()), path
