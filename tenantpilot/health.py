"""Whether this deployment works: for load balancers, containers and the health page."""

from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from redis import Redis, RedisError

from operations import processes


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the deployment; `remedy` says what to do when it is not well.

    `note` tells of machines and of all tenants together: for those who run the deployment.
    """

    name: str
    is_well: bool
    detail: str
    remedy: str
    note: str = ""


def run_checks() -> list[Check]:
    """All checks, each in well under a second."""
    checks = [_check_database()]
    checks.append(_check_broker())
    if checks[0].is_well:
        checks += [_check_process(kind) for kind in ("worker", "sweeper", "scheduler")]
    return checks


def _check_database() -> Check:
    remedy = "Start Postgres, or correct DATABASE_URL, and apply migrations with `manage.py migrate`."
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM operations_processbeat LIMIT 1")
        return Check("database", True, "answers", remedy)
    except DatabaseError as error:
        return Check("database", False, type(error).__name__, remedy)


def _check_broker() -> Check:
    remedy = "Start Valkey (or Redis), or correct REDIS_URL. Runs that wait are published again by the sweeper."
    try:
        client = Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
        try:
            client.ping()
        finally:
            client.close()
        return Check("broker", True, "answers", remedy)
    except (RedisError, OSError) as error:
        return Check("broker", False, type(error).__name__, remedy)


def _check_process(kind: str) -> Check:
    found = [life for life in processes.lives() if life.kind == kind]
    remedy = f"Start the {kind} process (docs/operate.md)."
    if not found:
        return Check(kind, False, "never seen", remedy)
    freshest = found[0]
    seconds = int(freshest.age.total_seconds())
    return Check(
        kind, not freshest.is_stale, f"{seconds} s ago", remedy, note=f"{freshest.name}: {freshest.note}".strip(": ")
    )


@never_cache
def live(_request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
def ready(_request: HttpRequest) -> JsonResponse:
    """200 when every part is well, else 503. Names parts only: it answers anybody."""
    checks = run_checks()
    well = all(check.is_well for check in checks)
    return JsonResponse(
        {"ready": well, "parts": {check.name: check.is_well for check in checks}}, status=200 if well else 503
    )


urlpatterns = [path("healthz/live", live, name="healthz-live"), path("healthz/ready", ready, name="healthz-ready")]
