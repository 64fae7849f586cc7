"""Migrations: none missing, and one line per app."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.loader import MigrationLoader

from tenantpilot.migrating import APPS


class Command(BaseCommand):
    help = "Fail when a model changed without its migration, or when an app's migrations fork."

    def handle(self, *args: Any, **options: Any) -> None:
        loader = MigrationLoader(None, ignore_no_migrations=True)
        for app in APPS:
            names = [name for label, name in loader.disk_migrations if label == app]
            followed = [
                parent
                for label, name in loader.disk_migrations
                if label == app
                for parent_label, parent in loader.disk_migrations[label, name].dependencies
                if parent_label == app
            ]
            # In one line each migration but the last is followed by exactly one other.
            if len(followed) != len(set(followed)) or len(followed) != max(0, len(names) - 1):
                raise CommandError(f"The migrations of {app} are not one line: {', '.join(sorted(names))}.")
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=1, skip_checks=True)
