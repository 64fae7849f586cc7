"""The console's admin site."""

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        # Rights come from memberships; Django's staff flag has no meaning here.
        return bool(request.user.is_active and request.user.is_authenticated)
