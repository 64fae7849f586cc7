"""How far a run is, in the words and numbers that every page uses."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from operations.models import OperationRun


@dataclass(frozen=True, slots=True)
class Progress:
    """`percent` is None while nobody knows how much there is to do."""

    percent: int | None
    text: str


def show_progress(run: OperationRun) -> Progress:
    """Progress of an active run, result of an ended one."""
    if run.status == OperationRun.Status.QUEUED:
        return Progress(0, "Waiting for a worker")
    if run.status == OperationRun.Status.RUNNING:
        if run.cancel_requested_at:
            return Progress(_percent(run), "Stopping after the current item")
        known = (
            f"{run.processed:,} of {run.total:,}"
            if run.total
            else f"{run.processed:,} done"
            if run.processed
            else "Starting"
        )
        return Progress(_percent(run), known + _failures(run))
    return Progress(
        100, f"{run.processed:,} {'item' if run.processed == 1 else 'items'}{_failures(run)}" if run.processed else "–"
    )


def _percent(run: OperationRun) -> int | None:
    if not run.total:
        return None
    # The total is an estimate that grows while pages are read; a running run never claims to be done.
    return min(99, run.processed * 100 // run.total)


def _failures(run: OperationRun) -> str:
    return f", {run.failed:,} failed" if run.failed else ""


def duration_of(run: OperationRun) -> timedelta | None:
    """How long it worked, or has worked so far; None before it began."""
    if run.started_at is None:
        return None
    return (run.completed_at or timezone.now()) - run.started_at


def show_duration(duration: timedelta | None) -> str:
    """“4 s”, “2 min 5 s”, “1 h 3 min”."""
    if duration is None:
        return "–"
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 1:
        return "under 1 s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
