"""Error pages: what happened, what to do, and the number under which the log has the details."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from rbac.redaction import redact_lines


class RedactedReporter(ExceptionReporter):
    """Django's page with a traceback, for DEBUG, without secrets in the words of the error."""

    def get_traceback_html(self) -> SafeString:
        return SafeString(redact_lines(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return SafeString(redact_lines(super().get_traceback_text()))


class BlindReporterFilter(SafeExceptionReporterFilter):
    """Reports an error without values: neither what was sent nor what the code held. Also with DEBUG, which somebody may leave on."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, str]:
        return {} if request is None else dict.fromkeys(request.POST, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        return [(name, self.cleansed_substitute) for name in tb_frame.f_locals]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request,
        400,
        "That request made no sense",
        "The address or the form was damaged. Go back, reload the page and try again.",
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    reason = str(exception) or "Ask an owner of the tenant for the role that does."
    return _answer(request, 403, "Your role does not allow this", reason)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request, 404, "Nothing here", "The page does not exist, or it belongs to a tenant that you have no access to."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(
        request,
        500,
        "Something went wrong",
        "Nothing was lost. Try again; if it stays, give the number below to whoever runs the servers.",
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form came back without its proof: an old tab, or cookies switched off."""
    return _answer(
        request,
        403,
        "This form is too old",
        "You signed in or out since the page was opened, or cookies are off. Reload the page and send it again.",
    )


def _answer(request: HttpRequest, status: int, title: str, advice: str) -> HttpResponse:
    context: dict[str, Any] = {
        "status": status,
        "title": title,
        "advice": advice,
        "request_id": getattr(request, "request_id", ""),
    }
    # No context processors (`request` is not passed on): an error page must not need the database.
    return HttpResponse(render_to_string("error.html", context), status=status)
