"""Request id, the tenant of the address, the person's time zone."""

import re
import uuid
from collections.abc import Callable

import structlog
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone

from rbac import audit
from rbac.models import Tenant
from rbac.scope import scope

GetResponse = Callable[[HttpRequest], HttpResponse]
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_TENANT_PATH = re.compile(r"^/t/([-a-zA-Z0-9_]{1,60})(/.*)?$")


class RequestIdMiddleware:
    """Give each request an id that logs, audit entries and error pages share."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if _ACCEPTABLE_ID.fullmatch(offered) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        token = audit.request_id.set(request_id)
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                response = self.get_response(request)
        finally:
            audit.request_id.reset(token)
        response["X-Request-ID"] = request_id
        return response


class TenantMiddleware:
    """Read the tenant from the address and enter its scope, around the view and around rendering.

    `/t/<slug>/…` moves into the script prefix, so every link that a page makes keeps its tenant: two tabs, two customers,
    never one stale form in the wrong one. Without the prefix the scope is all of the person's tenants, to look at only.
    `request.tenant` is the tenant of the address or None.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.tenant = None  # type: ignore[attr-defined]
        match = _TENANT_PATH.match(request.path_info)
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path()) if match else self.get_response(request)
        with timezone.override(request.user.time_zone):
            if match:
                return self._inside(request, match)
            tenant_ids = list(request.user.memberships_by_tenant)
            if not tenant_ids:
                return self.get_response(request)
            with scope(*tenant_ids):
                return self.get_response(request)

    def _inside(self, request: HttpRequest, match: re.Match[str]) -> HttpResponse:
        tenant = self._find(request, match[1])
        previous = get_script_prefix()
        prefix = f"{previous.rstrip('/')}/t/{match[1]}/"
        request.tenant = tenant  # type: ignore[attr-defined]
        request.path_info = match[2] or "/"
        request.META["SCRIPT_NAME"] = prefix.rstrip("/")
        set_script_prefix(prefix)
        try:
            with scope(tenant.pk), structlog.contextvars.bound_contextvars(tenant=tenant.slug):
                return self.get_response(request)
        finally:
            set_script_prefix(previous)

    def _find(self, request: HttpRequest, slug: str) -> Tenant:
        # A stranger must not learn which slugs exist: unknown, archived and foreign answer alike.
        for membership in request.user.memberships_by_tenant.values():  # type: ignore[union-attr]
            if membership.tenant.slug == slug:
                return membership.tenant
        raise Http404("No such tenant.")
