"""The latest runs, for scripts."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from operations.models import OperationRun
from operations.report import describe_run
from rbac.command_line import HeadlessCommand, find_tenant
from rbac.models import Tenant
from rbac.scope import scope


class Command(HeadlessCommand):
    help = "List the latest operation runs, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="only this one's; else all tenants' and fleet-wide work")
        parser.add_argument("--status", choices=OperationRun.Status.values)
        parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="at most so many (20)")
        parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = [find_tenant(options["tenant"])] if options["tenant"] else list(Tenant.objects.all())
        with scope(*(tenant.pk for tenant in tenants), fleet=not options["tenant"]):
            found = OperationRun.objects.select_related("tenant").order_by("-id")
            if options["status"]:
                found = found.filter(status=options["status"])
            runs = found[: options["limit"]].iterator(chunk_size=2000)
            if options["json"]:
                self.write_json_list(map(describe_run, runs))
                return
            headings = ("run", "type", "tenant", "state", "queued (UTC)", "started by", "failure")
            self.write_table(headings, map(_row, runs))


def _row(run: OperationRun) -> tuple[Any, ...]:
    return (
        run.pk,
        run.type,
        run.tenant.slug if run.tenant else "–",
        run.status if run.is_active else run.outcome,
        f"{run.queued_at:%Y-%m-%d %H:%M:%S}",
        run.initiator_name,
        run.failure_code,
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1_000_000:
        raise ArgumentTypeError("a whole number from 1 to 1,000,000")
    return int(text)
