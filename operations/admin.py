"""Monitoring → Operation runs: the list, and everything about one run. Rendered from the database alone."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from operations import badges as run_badges
from operations import pages, services
from operations.models import OperationRun
from operations.progress import duration_of, show_duration, show_progress
from operations.registry import all_operations, label_of
from rbac.filters import DayRangeFilter
from rbac.models import User
from rbac.scoped_admin import ScopedAdmin, needs, scoped
from rbac.times import render_time

TABS = {"overview": "Overview", "items": "Items", "failures": "Failures", "timeline": "Timeline", "inputs": "Inputs"}
VIEWS = {"": "All", "active": "In progress", "attention": "Need attention", "mine": "Started by me"}


class ViewFilter(admin.SimpleListFilter):
    """The tabs above the list."""

    title = "view"
    parameter_name = "view"
    template = "operations/no_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, label) for key, label in VIEWS.items() if key]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OperationRun]) -> QuerySet[OperationRun]:
        match self.value():
            case "active":
                return queryset.filter(status__in=["queued", "running"])
            case "attention":
                return queryset.filter(outcome__in=["failed", "partially_succeeded", "blocked"])
            case "mine":
                return queryset.filter(initiator_id=request.user.pk)
        return queryset


class TypeFilter(DropdownFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((key, known.label) for key, known in all_operations().items()), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[OperationRun]) -> QuerySet[OperationRun]:
        return queryset.filter(type=self.value()) if self.value() else queryset


class InitiatorFilter(DropdownFilter):
    """TenantPilot itself, oneself, and the members of tenants where one may see them. Reading names from the runs would scan them all."""

    title = "initiator"
    parameter_name = "initiator"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seeing = set(request.user.tenants_with("members.view"))  # type: ignore[union-attr]
        tenant_ids = seeing.intersection(model_admin.visible_tenant_ids(request))
        known = User.objects.filter(Q(memberships__tenant__in=tenant_ids) | Q(pk=request.user.pk)).distinct()
        return [
            ("system", "TenantPilot"),
            *((str(pk), name) for pk, name in known.order_by("username").values_list("pk", "username")[:200]),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OperationRun]) -> QuerySet[OperationRun]:
        chosen = self.value() or ""
        if chosen == "system":
            return queryset.filter(initiator__isnull=True)
        return queryset.filter(initiator_id=int(chosen)) if chosen.isdecimal() and len(chosen) < 19 else queryset


class CancelDialog(BaseDialogForm):
    form_before_template = "operations/cancel_dialog.html"

    def get_before_template_context(self, request: HttpRequest, object_id: int | str | None = None) -> dict[str, Any]:
        run = pages.find_run(object_id)
        return {"run": run, "label": label_of(run.type) if run else "", "progress": show_progress(run) if run else None}


class RetryDialog(BaseDialogForm):
    form_before_template = "operations/retry_dialog.html"

    def get_before_template_context(self, request: HttpRequest, object_id: int | str | None = None) -> dict[str, Any]:
        run = pages.find_run(object_id)
        return {"run": run, "label": label_of(run.type) if run else ""}


@admin.register(OperationRun)
class OperationRunAdmin(ScopedAdmin):
    view_capability = "run.view"
    list_filter = [
        ViewFilter,
        ("status", ChoicesDropdownFilter),
        ("outcome", ChoicesDropdownFilter),
        TypeFilter,
        ("trigger", ChoicesDropdownFilter),
        InitiatorFilter,
        ("queued_at", DayRangeFilter),
    ]
    list_filter_submit = True
    search_fields = ["pk"]
    search_help_text = "Number, operation or failure code"
    ordering = ["-id"]
    sortable_by: list[str] = []
    list_display_links = ["shown_run"]
    change_list_template = "operations/run_list.html"
    change_form_template = "operations/run.html"
    actions_detail = ["cancel", "retry"]

    has_cancel_permission = needs("run.cancel")
    has_retry_permission = needs("run.retry")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = ["shown_run", "shown_state", "shown_progress", "shown_start", "shown_queued", "shown_duration"]
        return columns if getattr(request, "tenant", None) else ["shown_run", "tenant", *columns[1:]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OperationRun]:
        return super().get_queryset(request).select_related("tenant").defer("inputs")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lstrip("#").lower()
        if not term:
            return queryset, False
        if term.isdecimal() and len(term) < 19:
            return queryset.filter(pk=int(term)), False
        # Words are looked up in the short list of operations, not in the long one of runs.
        types = [key for key, known in all_operations().items() if term in known.label.lower() or term in key]
        return queryset.filter(Q(type__in=types) | Q(failure_code=term)), False

    @display(description="Run")
    def shown_run(self, run: OperationRun) -> SafeString:
        return format_html('<span class="tp-cell">{}<small>#{}</small></span>', label_of(run.type), run.pk)

    @display(description="State")
    def shown_state(self, run: OperationRun) -> SafeString:
        return format_html('<span data-run-badge="{}">{}</span>', run.pk, run_badges.render_run(run))

    @display(description="Progress")
    def shown_progress(self, run: OperationRun) -> SafeString:
        return pages.render_progress(run)

    @display(description="Started by")
    def shown_start(self, run: OperationRun) -> SafeString:
        return format_html(
            '<span class="tp-cell">{}<small>{}</small></span>', run.initiator_name, run.get_trigger_display()
        )

    @display(description="Queued")
    def shown_queued(self, run: OperationRun) -> str:
        return render_time(run.queued_at)

    @display(description="Duration")
    def shown_duration(self, run: OperationRun) -> str:
        return show_duration(duration_of(run))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        chosen = request.GET.get("view", "")
        shown = {
            "title": "Operation runs",
            "views": VIEWS,
            "chosen_view": chosen,
            "live_address": reverse("admin:live"),
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404("No such run.")
        tab = request.GET.get("tab", "overview")
        tab = tab if tab in TABS else "overview"
        context = {
            "title": f"{label_of(run.type)} #{run.pk}",
            "tabs": list(TABS.items()),
            "tab": tab,
            "tab_template": f"operations/run_{'items' if tab == 'failures' else tab}.html",
            "live_address": reverse("admin:live"),
            **pages.show_run(run, tab=tab, page=request.GET.get("page", "1"), actor=request.user),
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Only what fits the state: a run that goes can be cancelled, one that has ended can be tried again."""
        run = self.get_object(request, str(object_id))
        wanted = "cancel" if run is not None and run.is_active else "retry"
        return [
            found
            for found in super().get_actions_detail(request, object_id)
            if found.action_name.endswith(f"_{wanted}")
        ]

    @scoped
    @action(
        description="Cancel run",
        icon="cancel",
        url_path="cancel",
        permissions=["cancel"],
        variant=ActionVariant.DANGER,
        dialog={"title": "Cancel this run?", "form_class": CancelDialog, "form_submit_text": "Cancel the run"},
    )
    def cancel(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        run = services.cancel_run(pages.get_run(object_id), actor=request.user)  # type: ignore[arg-type]
        if run.outcome == OperationRun.Outcome.CANCELLED:
            messages.success(request, f"Run #{run.pk} was cancelled.")
        elif run.is_active:
            messages.info(request, f"Run #{run.pk} stops after the item it is working on.")
        else:
            messages.warning(request, f"Run #{run.pk} had already ended: {run.get_outcome_display().lower()}.")
        return _go_to(run)

    @scoped
    @action(
        description="Retry run",
        icon="replay",
        url_path="retry",
        permissions=["retry"],
        variant=ActionVariant.PRIMARY,
        dialog={"title": "Start this run again?", "form_class": RetryDialog, "form_submit_text": "Retry the run"},
    )
    def retry(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        run = pages.get_run(object_id)
        match services.retry_run(run, actor=request.user):  # type: ignore[arg-type]
            case services.Started(started):
                messages.success(request, _with_link(f"Queued as run #{started.pk}.", started))
                return _go_to(started)
            case services.Joined(joined):
                messages.info(request, _with_link("The same work is already going.", joined))
                return _go_to(joined)
            case services.Refused(reasons, busy):
                sentences = " ".join(reason.message for reason in reasons)
                messages.error(
                    request, _with_link(f"Not started. {sentences}", busy) if busy else f"Not started. {sentences}"
                )
        return _go_to(run)


def _with_link(sentence: str, run: OperationRun) -> SafeString:
    return format_html('{} <a href="{}">View run</a>', sentence, run.get_absolute_url())


def _go_to(run: OperationRun) -> HttpResponse:
    # A dialog follows a redirect inside its own request and stays open; this header makes the page itself move.
    return HttpResponse(status=204, headers={"HX-Redirect": run.get_absolute_url()})
