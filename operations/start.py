"""Telling the person who pressed a button what became of it: the one toast of every start surface."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from operations.failures import describe
from operations.models import OperationRun
from operations.registry import label_of
from operations.services import Joined, Refused, Start, Started


def announce(request: HttpRequest, result: Start) -> None:
    """Show the outcome of a start as a message with a link to the run."""
    if isinstance(result, Started):
        run = result.run
        if run.outcome == OperationRun.Outcome.FAILED:
            messages.error(
                request, _linked(f"{label_of(run.type)} could not be queued. {describe(run.failure_code).hint}", run)
            )
        else:
            messages.success(request, _linked(f"{label_of(run.type)} queued.", run))
    elif isinstance(result, Joined):
        messages.info(request, _linked(f"{label_of(result.run.type)} is already going.", result.run))
    elif isinstance(result, Refused):
        for reason in result.reasons:
            sentence = f"Not started. {reason.message} {describe(reason.code).hint}"
            messages.error(request, _linked(sentence, result.run) if result.run else sentence)


def _linked(sentence: str, run: OperationRun) -> SafeString:
    return format_html('{} <a href="{}">View run</a>', sentence, run.get_absolute_url())
