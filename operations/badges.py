"""How the states of runs, their items and notifications look."""

from django.utils.safestring import SafeString

from operations.models import OperationRun
from rbac.badges import Badge, get, register, render

register(
    "run.status",
    [
        Badge("queued", "Queued", "default", "hourglass_empty", "Waiting for a worker."),
        Badge("running", "Running", "info", "progress_activity", "A worker is on it."),
        Badge("completed", "Completed", "default", "task_alt", "It has ended; the outcome says how."),
    ],
)
register(
    "run.outcome",
    [
        Badge("pending", "Pending", "default", "hourglass_empty", "It has not ended yet."),
        Badge("succeeded", "Succeeded", "success", "check_circle", "Everything that was to be done is done."),
        Badge("partially_succeeded", "Partly succeeded", "warning", "rule", "Some items failed; the others are done."),
        Badge("failed", "Failed", "danger", "error", "It could not do its work. The failure says why and what to do."),
        Badge("cancelled", "Cancelled", "default", "cancel", "Somebody stopped it. What was done until then is kept."),
        Badge(
            "blocked", "Blocked", "warning", "block", "It was not allowed to begin. The reason says what is missing."
        ),
    ],
)
register(
    "run.item",
    [
        Badge("succeeded", "Succeeded", "success", "check_circle", "This item is done."),
        Badge("failed", "Failed", "danger", "error", "This item could not be processed."),
        Badge("skipped", "Skipped", "default", "skip_next", "This item was left out, for the reason given."),
        Badge(
            "unknown",
            "Unknown",
            "warning",
            "help",
            "The run ended before it knew whether this write arrived. Look at the object itself.",
        ),
    ],
)
register(
    "notification.kind",
    [
        Badge("queued", "Queued", "default", "hourglass_empty", "A run that you started waits for a worker."),
        Badge("completed", "Completed", "info", "task_alt", "A run that you started has ended."),
    ],
)


def render_run(run: OperationRun) -> SafeString:
    """One badge for a run: where it is while it goes, how it ended once it has."""
    return render("run.status", run.status) if run.is_active else render("run.outcome", run.outcome)


def get_outcome(run: OperationRun) -> Badge:
    return get("run.outcome", run.outcome)
