"""The live poll and the bell: small answers from the database alone."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from operations import badges as run_badges
from operations.models import Notification, OperationRun
from operations.notifications import count_unread, mark_read
from operations.progress import show_progress
from operations.registry import label_of
from rbac import badges
from rbac.addresses import address_in, portfolio_address
from rbac.scope import current_scope, scope

LIVE_AT_MOST = 100
BELL_SHOWS = 8


@require_GET
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """The state of the runs that a page shows: `?ids=1,2,3`. Ids that are missing in the answer need no further question."""
    ids = [int(part) for part in request.GET.get("ids", "")[:2000].split(",") if part.isdecimal() and len(part) < 19]
    runs = (
        OperationRun.objects.filter(pk__in=ids[:LIVE_AT_MOST], tenant_id__in=_viewable(request))
        if ids and current_scope()
        else []
    )
    answer = {str(run.pk): _state(run) for run in runs}
    return JsonResponse({"runs": answer, "unread": _count_everywhere(request)})


def _state(run: OperationRun) -> dict[str, Any]:
    progress = show_progress(run)
    return {
        "active": run.is_active,
        "badge": run_badges.render_run(run),
        "percent": progress.percent,
        "text": progress.text,
        "title": label_of(run.type),
        "outcome": run.get_outcome_display(),
    }


def _viewable(request: HttpRequest) -> list[int]:
    return request.user.tenants_with("run.view")  # type: ignore[union-attr]


def _count_everywhere(request: HttpRequest) -> int:
    tenant_ids = list(request.user.memberships_by_tenant)  # type: ignore[union-attr]
    if not tenant_ids:
        return 0
    with scope(*tenant_ids):
        return count_unread(request.user)  # type: ignore[arg-type]


@require_GET
@never_cache
def bell(request: HttpRequest) -> HttpResponse:
    """The panel of the bell: the latest notifications of all tenants in scope."""
    return render(request, "shell/bell_panel.html", _bell_context(request))


def _bell_context(request: HttpRequest) -> dict[str, Any]:
    notifications: list[Notification] = []
    if current_scope() is not None:
        rows = Notification.objects.filter(user=request.user).select_related("run", "tenant").order_by("-id")
        notifications = list(rows[:BELL_SHOWS])
    return {
        "entries": [_entry(notification) for notification in notifications],
        "count": _count_everywhere(request),
        "mark_address": portfolio_address("admin:bell_read"),
    }


def _entry(notification: Notification) -> dict[str, Any]:
    run, ended = notification.run, notification.kind == Notification.Kind.COMPLETED
    name = "admin:operations_operationrun_change"
    return {
        "notification": notification,
        "title": label_of(run.type),
        "badge": run_badges.render_run(run) if ended else badges.render("run.status", "queued"),
        "message": run.failure_message if ended else "",
        "address": address_in(notification.tenant, name, run.pk)
        if notification.tenant
        else portfolio_address(name, run.pk),
    }


@require_POST
@never_cache
def bell_read(request: HttpRequest) -> HttpResponse:
    """Mark all notifications, or the one named by `id`, as read."""
    chosen = request.POST.get("id", "")
    if current_scope() is not None:
        mark_read(request.user, notification_id=int(chosen) if chosen.isdecimal() and len(chosen) < 19 else None)  # type: ignore[arg-type]
    if request.headers.get("HX-Request"):
        return HttpResponse(render_to_string("shell/bell_panel.html", _bell_context(request), request))
    return redirect(portfolio_address("admin:index"))


def addresses(site: admin.AdminSite) -> list[Any]:
    """These views as part of `site`, behind its sign-in."""
    return [
        path("live/", site.admin_view(live), name="live"),
        path("bell/", site.admin_view(bell), name="bell"),
        path("bell/read/", site.admin_view(bell_read), name="bell_read"),
    ]
