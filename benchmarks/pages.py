"""Lists of runs at one thousand and one million rows, beside a stock ModelAdmin on the same data (P8, P9, P10, P16)."""

import statistics
from collections.abc import Callable

from django.contrib.admin import ModelAdmin, site
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from benchmarks.ground import add_runs, clear_runs, make_tenant
from benchmarks.report import Report, interleave, paired_ratio, percentile
from operations.models import OperationRun
from rbac.models import Tenant, User
from rbac.scope import scope

COLUMNS = ["id", "type", "status", "outcome", "initiator_name", "queued_at", "completed_at"]
ROUNDS = 30


class StockAdmin(ModelAdmin):
    """What a project gets that registers the model and lists its columns, with Django's own template and paginator."""

    list_display = COLUMNS
    list_filter = ["status", "outcome", "type"]
    list_per_page = 50
    ordering = ["-id"]

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return True

    has_module_permission = has_view_permission


def run(*, quick: bool) -> Report:
    report = Report("pages")
    tenant, owner = make_tenant()
    small, large = (1_000, 50_000) if quick else (1_000, 1_000_000)
    ours_small = 0.0
    for count in (small, large):
        clear_runs()
        add_runs(tenant, owner, count)
        first, stock = _first_page(tenant, owner)
        taken, peer = interleave(ROUNDS, first, stock)
        label = f"run list, first page, {count:,} runs"
        row = report.add(
            "P8", f"{label}, p95", percentile(taken, 0.95), percentile(peer, 0.95), ratio=paired_ratio(taken, peer)
        )
        report.details[label] = {"ours_p50": statistics.median(taken), "stock_p50": statistics.median(peer)}
        if count == small:
            ours_small = percentile(taken, 0.95)
        else:
            row.floor, row.met = "≥ 8× stock", (row.ratio or 0) >= 8
            growth = report.add("P8", f"{label} against {small:,}, p95", percentile(taken, 0.95), ours_small)
            growth.ratio, growth.floor = round(percentile(taken, 0.95) / ours_small, 2), "≤ 1.3× itself"
            growth.met = growth.ratio <= 1.3
    _deep_page(report, tenant, owner, large)
    _queries(report, tenant, owner)
    _walls(report, tenant)
    return report


def _client(owner: User) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _first_page(tenant: Tenant, owner: User) -> tuple[Callable[[], None], Callable[[], None]]:
    return _ours(tenant, owner, ""), _stock(tenant, owner, "")


def _ours(tenant: Tenant, owner: User, query: str) -> Callable[[], None]:
    client = _client(owner)

    def get() -> None:
        response = client.get(f"/t/{tenant.slug}/operations/operationrun/{query}", secure=True)
        if response.status_code != 200:
            raise RuntimeError(f"run list answered {response.status_code}")

    return get


def _stock(tenant: Tenant, owner: User, query: str) -> Callable[[], None]:
    admin = StockAdmin(OperationRun, site)

    def get() -> None:
        request = RequestFactory(SERVER_NAME="localhost").get(f"/operations/operationrun/{query}")
        request.user, request.session, request.tenant = owner, SessionStore(), tenant  # type: ignore[attr-defined]
        with scope(tenant.pk):
            response = admin.changelist_view(request)
            if response.status_code != 200:
                raise RuntimeError(f"stock list answered {response.status_code}")
            response.render()  # type: ignore[attr-defined]

    return get


def _deep_page(report: Report, tenant: Tenant, owner: User, count: int) -> None:
    """The row at nine tenths of the list: ours is reached by its id, a stock list pages there."""
    newest = OperationRun._base_manager.using("owner").order_by("-id").values_list("id", flat=True)[0]
    page = int(count * 0.9) // 50
    client = _client(owner)
    target = newest - int(count * 0.9)

    def ours() -> None:
        response = client.get(f"/t/{tenant.slug}/operations/operationrun/?q={target}", secure=True)
        if response.status_code != 200 or f"/{target}/" not in response.content.decode():
            raise RuntimeError(f"row {target} was not found")

    taken, peer = interleave(10, ours, _stock(tenant, owner, f"?p={page}"))
    row = report.add(
        "P9",
        f"row {int(count * 0.9):,}",
        statistics.median(taken),
        statistics.median(peer),
        ratio=paired_ratio(taken, peer),
    )
    row.floor, row.met, row.note = "≥ 8×", (row.ratio or 0) >= 8, "by its number against its page"


def _queries(report: Report, tenant: Tenant, owner: User) -> None:
    client = _client(owner)
    newest = OperationRun._base_manager.using("owner").order_by("-id").values_list("id", flat=True)[0]
    pages = {
        "run list": f"/t/{tenant.slug}/operations/operationrun/",
        "run detail": f"/t/{tenant.slug}/operations/operationrun/{newest}/change/",
        "portfolio run list": "/operations/operationrun/",
        "dashboard": f"/t/{tenant.slug}/",
        "item list": f"/t/{tenant.slug}/inventory/inventoryitem/",
    }
    for label, address in pages.items():
        with CaptureQueriesContext(connection) as queries:
            client.get(address, secure=True)
        counted = [
            q
            for q in queries
            if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "SELECT set_config"))
        ]
        row = report.add("P10", f"queries of {label}", len(counted), unit="queries")
        if label != "dashboard":  # the goal is about lists and details
            row.floor, row.met = "≤ 10", len(counted) <= 10


def _walls(report: Report, tenant: Tenant) -> None:
    """The first page's query as the serving role and as the owner, whom the policy does not bind."""
    query = "SELECT * FROM operations_operationrun WHERE tenant_id = %s ORDER BY id DESC LIMIT 50"

    def read(alias: str) -> Callable[[], None]:
        def once() -> None:
            with connections[alias].cursor() as cursor:
                cursor.execute(query, [tenant.pk])
                if len(cursor.fetchall()) != 50:
                    raise RuntimeError(f"{alias} did not see the page")

        return once

    from django.db import transaction

    with scope(tenant.pk), transaction.atomic(), transaction.atomic(using="owner"):
        walled, bare = interleave(200, read("default"), read("owner"))
    cost = statistics.median(walled) - statistics.median(bare)
    report.add("P16", "row-level security on the first page", cost, floor="≤ +1 ms", met=cost <= 1)
