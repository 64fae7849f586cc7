"""Marks every request as the rendering of a page, so that outside calls are refused in it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from operations.guard import rendering_page


class PageMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with rendering_page():
            return self.get_response(request)
