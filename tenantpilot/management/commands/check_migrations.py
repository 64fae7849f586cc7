"""Migrations: none missing, and one line per app."""

from collections.abc import Mapping
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

from tenantpilot.migrating import APPS


class Command(BaseCommand):
    help = "Fail when a model changed without its migration, or when an app's migrations fork."

    def handle(self, *args: Any, **options: Any) -> None:
        migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
        for app in APPS:
            if not is_one_line(app, migrations):
                raise CommandError(f"The migrations of {app} are not one line; rename and re-parent the newer one.")
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=1, skip_checks=True)


def is_one_line(app: str, migrations: Mapping[tuple[str, str], Migration | type[Migration]]) -> bool:
    """Whether each migration of `app` but the last is followed by exactly one other."""
    own = {name: migration for (label, name), migration in migrations.items() if label == app}
    followed = [parent for migration in own.values() for label, parent in migration.dependencies if label == app]
    return len(followed) == len(set(followed)) == max(0, len(own) - 1)
