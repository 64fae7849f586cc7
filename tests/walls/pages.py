"""Pages that a careless author might write, beside those of the product: `settings.ROOT_URLCONF = "tests.walls.pages"`.

Each shows what it could reach. None of them exists outside the tests.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path

from operations.guard import OutsideCallForbidden
from operations.models import OperationRun
from providers.graph import transport
from rbac.scope import NoScope
from tenantpilot import urls


def types(manager: Any = None) -> str:
    try:
        return ",".join((manager or OperationRun.objects).values_list("type", flat=True)) or "nothing"
    except NoScope:
        return "no scope"


def call_graph() -> str:
    try:
        transport.send("sandbox", "GET", "https://graph.microsoft.com/v1.0/organization", headers={})  # type: ignore[arg-type]
    except OutsideCallForbidden as refusal:
        return f"refused: {refusal}"
    return "answered"


def lazily(request: HttpRequest) -> HttpResponse:
    """Its queryset is evaluated while the template renders, after the view has returned."""
    template = engines["django"].from_string("{% for run in runs %}{{ run.type }},{% empty %}nothing{% endfor %}")
    return TemplateResponse(request, template, {"runs": OperationRun.objects.all()})  # type: ignore[arg-type]


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    """Its body is produced after every middleware has left."""

    def body() -> Iterator[str]:
        yield f"{types()} / {types(OperationRun.unscoped)} / {call_graph()}"

    return StreamingHttpResponse(body())


def in_a_thread(request: HttpRequest) -> HttpResponse:
    said: list[str] = []

    def work() -> None:
        said.append(f"{types()} / {types(OperationRun.unscoped)} / {call_graph()}")
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return HttpResponse(said[0])


def after_commit(request: HttpRequest) -> HttpResponse:
    said: list[str] = []
    with transaction.atomic():
        transaction.on_commit(lambda: said.append(f"{types()} / {call_graph()}"))
    return HttpResponse(said[0])


def calling(request: HttpRequest) -> HttpResponse:
    return HttpResponse(call_graph())


def failing(request: HttpRequest) -> HttpResponse:
    """An error, with a secret in its hands and in its words."""
    secret = request.POST.get("secret", "") or request.GET.get("secret", "")
    raise RuntimeError(f"It went wrong with client_secret={secret} in a header Authorization: Bearer {secret}")


_PAGES: list[Callable[..., Any]] = [lazily, streaming, in_a_thread, after_commit, calling, failing]
urlpatterns = [*[path(f"careless/{page.__name__}/", page) for page in _PAGES], *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
