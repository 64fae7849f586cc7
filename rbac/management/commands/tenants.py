"""Which tenants there are, for scripts."""

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Count

from rbac.command_line import HeadlessCommand
from rbac.models import Tenant


class Command(HeadlessCommand):
    help = "List the tenants, archived ones too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = Tenant.objects.annotate(members=Count("memberships")).order_by("slug")
        if options["json"]:
            self.write_json_list(_as_data(tenant) for tenant in tenants)
            return
        headings = ("slug", "name", "status", "Entra tenant id", "members")
        rows = [(one.slug, one.name, one.status, one.entra_tenant_id, one.members) for one in tenants]
        self.write_table(headings, rows)


def _as_data(tenant: Tenant) -> dict[str, Any]:
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "entra_tenant_id": str(tenant.entra_tenant_id),
        "status": tenant.status,
        "time_zone": tenant.time_zone,
        "members": tenant.members,  # type: ignore[attr-defined]
        "created_at": tenant.created_at,
    }
