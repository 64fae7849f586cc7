"""What a tenant has, for scripts."""

from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.models import InventoryItem
from inventory.services import find_items
from operations.failures import Failure, describe
from rbac.models import Tenant
from rbac.scope import scope


class Command(BaseCommand):
    help = "List the objects of a tenant as they were last read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument(
            "--type", default="", metavar="KEY", help="Only this type, such as settings_catalog_policy."
        )
        parser.add_argument("--json", action="store_true", help="A JSON list instead of a table.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}. `manage.py tenants` lists them.")
        with scope(tenant.pk):
            try:
                items = find_items(tenant_id=tenant.pk, type_key=options["type"])
            except Failure as failure:
                raise CommandError(f"{failure.message} {describe(failure.code).hint}") from failure
            rows = [_row(item) for item in items.iterator(chunk_size=2000)]
        if options["json"]:
            self.stdout.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
            return
        for row in rows:
            self.stdout.write(f"{row['type']:<34} {row['state']:<8} {row['id']:<38} {row['name']}")
        self.stdout.write(f"{len(rows)} objects")


def _row(item: InventoryItem) -> dict[str, Any]:
    return {
        "type": item.type,
        "id": item.external_id,
        "name": item.name,
        "platform": item.platform,
        "state": item.state,
        "first_seen": item.first_seen_at,
        "last_seen": item.last_seen_at,
    }
