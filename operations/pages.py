"""What the run pages show, gathered with a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from operations import badges
from operations.failures import describe
from operations.models import COUNTERS, OperationItem, OperationRun
from operations.progress import duration_of, show_duration, show_progress
from operations.registry import all_operations, label_of
from rbac.capabilities import roles_with
from rbac.scoped_admin import CappedPaginator
from rbac.services import may

ITEMS_PER_PAGE = 50
RELATED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    title: str
    detail: str
    colour: str


def find_run(run_id: int | str | None) -> OperationRun | None:
    """The run, if it is in scope."""
    text = str(run_id or "")
    if not text.isdecimal() or len(text) > 18:
        return None
    return OperationRun.objects.select_related("tenant").filter(pk=int(text)).first()


def get_run(run_id: int | str) -> OperationRun:
    """The run in scope; raises Http404."""
    run = find_run(run_id)
    if run is None:
        raise Http404("No such run.")
    return run


def render_progress(run: OperationRun) -> SafeString:
    """The bar of a run; while the run goes it carries the mark by which the live poll finds it."""
    progress = show_progress(run)
    if not run.is_active:
        # Most rows of a list; a template for each of them would be a fifth of the page's time.
        return format_html('<span class="tp-progress"><span class="tp-progress-text">{}</span></span>', progress.text)
    return render_to_string("operations/progress.html", {"run": run, "progress": progress})


def show_run(run: OperationRun, *, tab: str, page: str, actor: Any) -> dict[str, Any]:
    """The context of the page of one run; `tab` decides which part of it is read."""
    failures = OperationItem.objects.filter(run=run).exclude(result__in=["succeeded", "skipped"]).order_by("id")
    context: dict[str, Any] = {
        "run": run,
        "label": label_of(run.type),
        "description": _description(run),
        "state": badges.render_run(run),
        "progress": render_progress(run),
        "duration": show_duration(duration_of(run)),
        "failure": describe(run.failure_code) if run.failure_code else None,
        "target": _target(run),
        "related": _related(run),
        "locked": _locked(run, actor),
    }
    if tab == "overview":
        context["counters"] = [(name, getattr(run, name)) for name in COUNTERS if name not in ("total", "processed")]
        context["failures"] = list(failures[:5])
    elif tab == "failures":
        context["page_obj"] = CappedPaginator(failures, ITEMS_PER_PAGE).get_page(page)
    elif tab == "items":
        context["page_obj"] = CappedPaginator(
            OperationItem.objects.filter(run=run).order_by("id"), ITEMS_PER_PAGE
        ).get_page(page)
    elif tab == "timeline":
        context["moments"] = timeline(run)
    else:
        context["inputs"] = orjson.dumps(run.inputs, option=orjson.OPT_INDENT_2).decode()
    return context


def _description(run: OperationRun) -> str:
    known = all_operations().get(run.type)
    return known.description if known else "This operation belongs to an older version of TenantPilot."


def _target(run: OperationRun) -> dict[str, str] | None:
    """What the run was started on, with its page where it still has one."""
    if not run.target_type:
        return None
    try:
        model = apps.get_model(run.target_type)
        row = model._default_manager.get(pk=run.target_id)
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
        return {"label": str(row), "kind": str(model._meta.verbose_name), "address": address}
    except (LookupError, ValueError, ObjectDoesNotExist):
        return {"label": "deleted since", "kind": run.target_type.split(".")[-1], "address": ""}
    except NoReverseMatch:
        return {"label": str(row), "kind": str(model._meta.verbose_name), "address": ""}


def _related(run: OperationRun) -> list[tuple[str, OperationRun]]:
    """Runs that this one came from, and runs that came from it."""
    ids = [found for found in (run.retry_of_id, run.parent_id) if found]
    before = {found.pk: found for found in OperationRun.objects.filter(pk__in=ids)} if ids else {}
    related = []
    if run.retry_of_id in before:
        related.append(("Retry of", before[run.retry_of_id]))
    if run.parent_id in before:
        related.append(("Follow-up of", before[run.parent_id]))
    related += [("Retried as", later) for later in run.retries.order_by("-id")[:RELATED_SHOWN]]
    related += [("Followed by", later) for later in run.follow_ups.order_by("-id")[:RELATED_SHOWN]]
    return related


def _locked(run: OperationRun, actor: Any) -> str:
    """Why this person cannot cancel or retry the run; empty where they can."""
    capability, verb = ("run.cancel", "Cancelling") if run.is_active else ("run.retry", "Retrying")
    if run.tenant_id is None or may(actor, capability, run.tenant):
        return ""
    return f"{verb} needs one of the roles {', '.join(roles_with(capability))}."


def timeline(run: OperationRun) -> list[Moment]:
    """What happened to the run, oldest first."""
    moments = [Moment(run.queued_at, "Queued", f"{run.get_trigger_display()} by {run.initiator_name}", "default")]
    if run.published_at:
        again = f"Published {run.publish_tries} times" if run.publish_tries > 1 else ""
        moments.append(Moment(run.published_at, "Handed to the workers", again, "default"))
    if run.started_at:
        moments.append(Moment(run.started_at, "Started", f"Attempt {run.attempt} on {run.worker}", "info"))
    if run.cancel_requested_at:
        moments.append(Moment(run.cancel_requested_at, "Asked to stop", f"by {run.cancel_requested_by}", "warning"))
    if run.completed_at:
        badge = badges.get_outcome(run)
        moments.append(Moment(run.completed_at, badge.label, run.failure_message, badge.colour))
    return sorted(moments, key=lambda moment: moment.at)
