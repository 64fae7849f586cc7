"""What the dashboard shows of one tenant, or of all of a person's tenants. A fixed number of queries, whatever the size."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from inventory.models import ComplianceSnapshot, TypeReading
from operations import badges as run_badges
from operations.models import OperationRun
from operations.progress import duration_of, show_duration, show_progress
from operations.registry import label_of
from providers.models import ProviderConnection, ProviderCredential
from rbac import badges
from rbac.addresses import address_in
from rbac.models import Tenant

DAYS = 14
TREND_DAYS = 30
SHOWN = 6
EXPIRES_WITHIN = timedelta(days=30)
_OUTCOMES = [("succeeded", "#15803d"), ("partially_succeeded", "#d97706"), ("failed", "#dc2626"), ("other", "#94a3b8")]

badges.register(
    "dashboard.credential",
    [
        badges.Badge("expired", "Expired", "danger", "key_off", "The credential of this connection no longer works."),
        badges.Badge(
            "expires_soon", "Expires soon", "warning", "key", "The credential of this connection ends within 30 days."
        ),
    ],
)
badges.register(
    "dashboard.part",
    [
        badges.Badge("well", "Well", "success", "check_circle", "This part answers."),
        badges.Badge(
            "not_well", "Not well", "danger", "error", "This part does not answer, or has not been seen lately."
        ),
    ],
)


def build(request: HttpRequest) -> dict[str, Any]:
    """The context of the dashboard. Without any tenant it is the empty state alone."""
    tenants = _tenants(request)
    if not tenants:
        return {"no_tenants": True}
    by_id = {tenant.pk: tenant for tenant in tenants}
    connections = list(
        ProviderConnection.objects.filter(tenant_id__in=by_id).select_related("credential").order_by("display_name")
    )
    runs = OperationRun.objects.filter(tenant_id__in=by_id)
    syncs = _last_syncs(runs, by_id)
    context = {
        "is_portfolio": getattr(request, "tenant", None) is None,
        "connections": connections,
        "first_steps": not connections and getattr(request, "tenant", None) is not None,
        "may_connect": request.user.has_perm("connection.manage", getattr(request, "tenant", None)),
        "health": _health(connections),
        "runs_per_day": _runs_per_day(runs),
        "active_runs": [
            _run_row(run, by_id) for run in runs.filter(status__in=["queued", "running"]).order_by("-id")[:SHOWN]
        ],
        "syncs": syncs,
        "compliance": _compliance(list(by_id)),
        "live_address": reverse("admin:live"),
    }
    context["attention"] = _attention(runs, connections, syncs, by_id)
    if context["is_portfolio"]:
        context["tenant_rows"] = _tenant_rows(tenants, connections, runs)
    return context


def _tenants(request: HttpRequest) -> list[Tenant]:
    """The tenant of the address, or all in which the person may look at runs, connections and inventory."""
    allowed = set(request.user.tenants_with("tenant.view"))  # type: ignore[union-attr]
    memberships = request.user.memberships_by_tenant  # type: ignore[union-attr]
    current = getattr(request, "tenant", None)
    return [m.tenant for i, m in memberships.items() if i in allowed and (current is None or i == current.pk)]


def _health(connections: list[ProviderConnection]) -> list[dict[str, Any]]:
    counted = Counter("disabled" if c.status == "disabled" else c.health for c in connections)
    order = ("healthy", "degraded", "down", "unknown", "disabled")
    return [
        {"state": state, "badge": _connection_badge(state), "count": counted[state]}
        for state in order
        if counted[state]
    ]


def _connection_badge(state: str) -> Any:
    return badges.render("connection.status" if state == "disabled" else "connection.health", state)


def _runs_per_day(runs: Any) -> dict[str, Any]:
    """Runs queued per day of the person's zone, by outcome."""
    zone = timezone.get_current_timezone()
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    since = datetime.combine(days[0], datetime.min.time(), tzinfo=zone)
    rows = (
        runs.filter(queued_at__gte=since)
        .annotate(day=TruncDate("queued_at", tzinfo=zone))
        .values("day", "outcome")
        .annotate(n=Count("pk"))
        .order_by()
    )
    counted: Counter[tuple[date, str]] = Counter()
    named = {name for name, _colour in _OUTCOMES}
    for row in rows:
        counted[row["day"], row["outcome"] if row["outcome"] in named else "other"] += row["n"]
    total = sum(counted.values())
    datasets = [
        {
            "label": _outcome_label(name),
            "data": [counted[day, name] for day in days],
            "backgroundColor": colour,
            "maxBarThickness": 26,
            "displayYAxis": True,
        }
        for name, colour in _OUTCOMES
    ]
    table = [
        (day, [counted[day, name] for name, _colour in _OUTCOMES])
        for day in reversed(days)
        if any(counted[day, n] for n, _c in _OUTCOMES)
    ]
    return {
        "total": total,
        "failed": sum(n for (_day, outcome), n in counted.items() if outcome == "failed"),
        "chart": orjson.dumps({"labels": [f"{day.day} {day:%b}" for day in days], "datasets": datasets}).decode(),
        "options": _chart_options(stacked=True),
        "columns": [_outcome_label(name) for name, _colour in _OUTCOMES],
        "table": table,
    }


def _outcome_label(name: str) -> str:
    return "Other" if name == "other" else badges.get("run.outcome", name).label


def _chart_options(*, stacked: bool) -> str:
    # Given options replace Unfold's own completely. The colour of texts follows the theme (ui.js).
    ticks = {"font": {"size": 11}}
    axes = {
        "x": {
            "stacked": stacked,
            "grid": {"display": False},
            "ticks": {**ticks, "maxRotation": 0, "autoSkip": True, "autoSkipPadding": 12},
        },
        "y": {
            "stacked": stacked,
            "beginAtZero": True,
            "grid": {"color": "rgba(148,163,184,.22)"},
            "border": {"display": False},
            "ticks": {**ticks, "precision": 0, "maxTicksLimit": 5},
        },
    }
    legend = {
        "display": True,
        "position": "bottom",
        "labels": {"boxWidth": 10, "boxHeight": 10, "font": {"size": 11}},
    }
    options = {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "scales": axes,
        "plugins": {"legend": legend},
    }
    return orjson.dumps(options).decode()


def _run_row(run: OperationRun, tenants: dict[int, Tenant]) -> dict[str, Any]:
    tenant = tenants[run.tenant_id or 0]
    return {
        "run": run,
        "tenant": tenant,
        "label": label_of(run.type),
        "badge": run_badges.render_run(run),
        "progress": show_progress(run),
        "duration": show_duration(duration_of(run)),
        "address": address_in(tenant, "admin:operations_operationrun_change", run.pk),
    }


def _last_syncs(runs: Any, tenants: dict[int, Tenant]) -> list[dict[str, Any]]:
    """The latest inventory syncs, each with how many of its types were read completely."""
    latest = list(runs.filter(type="inventory.sync").order_by("-id")[:SHOWN])
    readings = (
        TypeReading.objects.filter(run_id__in=[run.pk for run in latest]) if latest else TypeReading.objects.none()
    )
    complete = Count("pk", filter=Q(state__in=["complete", "not_applicable"]))
    ledger = {
        row["run_id"]: row
        for row in readings.values("run_id")
        .annotate(all=Count("pk"), complete=complete, objects=Sum("fetched"))
        .order_by()
    }
    rows = []
    for run in latest:
        read = ledger.get(run.pk)
        percent = read["complete"] * 100 // read["all"] if read else None
        rows.append({**_run_row(run, tenants), "read": read, "percent": percent})
    return rows


def _compliance(tenant_ids: list[int]) -> dict[str, Any] | None:
    """Managed devices by compliance state, the last snapshot of each day; None where none was ever taken."""
    since = timezone.now() - timedelta(days=TREND_DAYS)
    counts = ComplianceSnapshot.objects.filter(tenant_id__in=tenant_ids, taken_at__gte=since)
    rows = counts.values("connection_id", "taken_at", "state").annotate(devices=Sum("devices")).order_by("taken_at")
    # Later snapshots of a day replace earlier ones of the same connection.
    last: dict[tuple[int, date], tuple[datetime, Counter[str]]] = {}
    for row in rows:
        day = (row["connection_id"], timezone.localdate(row["taken_at"]))
        if day not in last or last[day][0] != row["taken_at"]:
            last[day] = (row["taken_at"], Counter())
        last[day][1][row["state"]] += row["devices"]
    if not last:
        return None
    days = sorted({day for _connection, day in last})
    totals = {day: sum((found[1] for (_c, d), found in last.items() if d == day), Counter()) for day in days}
    return _compliance_view(days, totals, max(found[0] for found in last.values()))


def _compliance_view(days: list[date], totals: dict[date, Counter[str]], taken_at: datetime) -> dict[str, Any]:
    """Chart, table and headline of the compliance trend. Unknown states count as neither good nor bad."""
    groups = {
        "Compliant": ("compliant",),
        "In grace period": ("inGracePeriod", "in_grace_period"),
        "Not compliant": ("noncompliant", "error", "conflict"),
    }
    colours = {"Compliant": "#15803d", "In grace period": "#d97706", "Not compliant": "#dc2626", "Unknown": "#94a3b8"}
    known = {state for states in groups.values() for state in states}

    def count(day: date, label: str) -> int:
        if label == "Unknown":
            return sum(n for state, n in totals[day].items() if state not in known)
        return sum(totals[day][state] for state in groups[label])

    datasets = [
        {
            "label": label,
            "data": [count(day, label) for day in days],
            "borderColor": colour,
            "backgroundColor": colour,
            "pointRadius": 2,
            "borderWidth": 2,
            "tension": 0.2,
            "displayYAxis": True,
        }
        for label, colour in colours.items()
    ]
    devices = sum(totals[days[-1]].values())
    return {
        "taken_at": taken_at,
        "devices": devices,
        "percent": count(days[-1], "Compliant") * 100 // devices if devices else None,
        "chart": orjson.dumps({"labels": [f"{day.day} {day:%b}" for day in days], "datasets": datasets}).decode(),
        "options": _chart_options(stacked=False),
        "columns": list(colours),
        "table": [(day, [count(day, label) for label in colours]) for day in reversed(days[-10:])],
    }


def _attention(
    runs: Any, connections: list[ProviderConnection], syncs: list[dict[str, Any]], tenants: dict[int, Tenant]
) -> list[dict[str, Any]]:
    """What a person should look at, worst first, each with where to go."""
    found: list[dict[str, Any]] = []
    now = timezone.now()
    for connection in connections:
        tenant = tenants[connection.tenant_id]
        address = address_in(tenant, "admin:providers_providerconnection_change", connection.pk)
        entry = {"tenant": tenant, "address": address, "title": connection.display_name}
        if connection.status != "disabled" and connection.health in ("down", "degraded"):
            detail = connection.last_failure_message or "The last check found something wrong."
            found.append(
                {**entry, "rank": 0, "badge": badges.render("connection.health", connection.health), "detail": detail}
            )
        elif connection.status in ("needs_consent", "not_verified"):
            advice = (
                "Open the connection and grant admin consent."
                if connection.status == "needs_consent"
                else "Check the connection once before using it."
            )
            found.append(
                {**entry, "rank": 1, "badge": badges.render("connection.status", connection.status), "detail": advice}
            )
        expires_at = _expiry(connection)
        if expires_at and expires_at < now + EXPIRES_WITHIN:
            days = (expires_at - now).days
            detail = (
                "The credential has expired. Replace it."
                if days < 0
                else f"The credential expires in {days} days. Replace it before it does."
            )
            found.append({**entry, "rank": 0 if days < 0 else 2, "badge": _expiry_badge(days), "detail": detail})
    bad = ["failed", "partially_succeeded", "blocked"]
    recent = runs.filter(outcome__in=bad, queued_at__gte=now - timedelta(days=7)).order_by("-queued_at")
    for run in recent[:SHOWN]:
        row = _run_row(run, tenants)
        found.append(
            {
                **row,
                "rank": 3,
                "title": f"{row['label']} #{run.pk}",
                "detail": run.failure_message,
                "at": run.completed_at,
            }
        )
    return sorted(found, key=lambda entry: entry["rank"])[: 2 * SHOWN]


def _expiry(connection: ProviderConnection) -> datetime | None:
    try:
        return connection.credential.expires_at
    except ProviderCredential.DoesNotExist:
        return None


def _expiry_badge(days: int) -> Any:
    return badges.render("dashboard.credential", "expired" if days < 0 else "expires_soon")


def _tenant_rows(tenants: list[Tenant], connections: list[ProviderConnection], runs: Any) -> list[dict[str, Any]]:
    """Each tenant with its worst connection and its latest sync; those in trouble first."""
    worst = ("down", "degraded", "unknown", "healthy", "")
    by_id = {tenant.pk: tenant for tenant in tenants}
    # One look into the index per tenant; a DISTINCT over all their runs would read them all.
    newest = (
        OperationRun.objects.filter(tenant_id=OuterRef("pk"), type="inventory.sync").order_by("-id").values("pk")[:1]
    )
    run_ids = Tenant.objects.filter(pk__in=by_id).annotate(sync=Subquery(newest)).values_list("sync", flat=True)
    syncs = {run.tenant_id: _run_row(run, by_id) for run in runs.filter(pk__in=[pk for pk in run_ids if pk])}
    rows = []
    for tenant in tenants:
        healths = {c.health for c in connections if c.tenant_id == tenant.pk and c.status != "disabled"}
        health = next((state for state in worst if state in healths), "")
        badge = badges.render("connection.health", health) if health else ""
        row = {
            "tenant": tenant,
            "address": address_in(tenant, "admin:index"),
            "badge": badge,
            "sync": syncs.get(tenant.pk),
        }
        rows.append((worst.index(health), row))
    return [row for _rank, row in sorted(rows, key=lambda pair: pair[0])]
