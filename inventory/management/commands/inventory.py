"""What a tenant has, for scripts."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from inventory.models import InventoryItem
from inventory.services import find_items
from operations.failures import Failure
from rbac.command_line import MISTAKEN, HeadlessCommand, find_tenant, printable
from rbac.scope import scope


class Command(HeadlessCommand):
    help = "List the objects of a tenant as they were last read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--type", default="", metavar="KEY", help="only this type, such as settings_catalog_policy")
        parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        with scope(tenant.pk):
            try:
                items = find_items(tenant_id=tenant.pk, type_key=options["type"])
            except Failure as failure:
                raise CommandError(failure.detail, returncode=MISTAKEN) from failure
            # Written while it is read, in a fixed width: a large tenant is not held in memory.
            found = items.iterator(chunk_size=2000)
            if options["json"]:
                self.write_json_list(map(_as_data, found))
                return
            number = 0
            for item in found:
                number += 1
                name = printable(item.name)
                self.stdout.write(f"{item.type:<34} {item.state:<8} {printable(item.external_id):<38} {name}")
        self.stdout.write(f"{number} objects")


def _as_data(item: InventoryItem) -> dict[str, Any]:
    return {
        "type": item.type,
        "id": item.external_id,
        "name": item.name,
        "platform": item.platform,
        "state": item.state,
        "first_seen": item.first_seen_at,
        "last_seen": item.last_seen_at,
    }
