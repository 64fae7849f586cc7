"""What TenantPilot can do with each type, for scripts and for the document that says so."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from inventory.types.coverage import coverage, markdown


class Command(BaseCommand):
    help = "List what TenantPilot can do with each type of object."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--markdown", action="store_true", help="As docs/coverage.md, with the reasons.")
        how.add_argument("--write", action="store_true", help="Bring docs/coverage.md up to date.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            document().write_text(markdown())
            self.stdout.write("docs/coverage.md is up to date.")
        elif options["markdown"]:
            self.stdout.write(markdown(), ending="")
        else:
            for row in coverage():
                answers = " ".join(f"{cell.text:<16}" for cell in row.cells)
                self.stdout.write(f"{row.type.key:<42} {answers}")


def document() -> Path:
    return Path(settings.BASE_DIR) / "docs" / "coverage.md"
