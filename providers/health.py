"""What a check, or a run that failed, says about a connection: the only writer of its status and health after the fact.

Everything here is called inside `run.transaction()`, so that a worker whose run was taken away writes nothing.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Now

from operations.failures import Failure
from providers import permissions
from providers.models import ProviderConnection
from rbac import audit
from rbac.services import SYSTEM

Status, Health = ProviderConnection.Status, ProviderConnection.Health
# Failures that tell about the connection and not about one object: they mark it, so that the gate refuses the next run.
STATUS_AFTER = {
    "consent_missing": Status.NEEDS_CONSENT,
    "app_not_found": Status.NEEDS_CONSENT,
    "credential_expired": Status.ERROR,
    "credential_invalid": Status.ERROR,
    "credential_missing": Status.ERROR,
    "credential_unreadable": Status.ERROR,
    "app_disabled": Status.ERROR,
    "tenant_not_found": Status.ERROR,
    "wrong_tenant": Status.ERROR,
    "sign_in_blocked": Status.ERROR,
    "sign_in_failed": Status.ERROR,
    "token_rejected": Status.ERROR,
    "clock_skew": Status.ERROR,
    "foreign_link": Status.ERROR,
}
# Passing trouble: the next run may try, and takes the mark away when it works.
HEALTH_AFTER = {
    "graph_unavailable": Health.DOWN,
    "timed_out_request": Health.DOWN,
    "response_malformed": Health.DOWN,
    "throttled": Health.DEGRADED,
}
# Microsoft names far shorter ones; what is longer was not named by Microsoft.
_LONGEST_NAME = 120
_MOST = 200


def mark_checked(
    connection_id: int, *, granted: Sequence[str], faults: Sequence[Failure] = (), run_id: int | None = None
) -> None:
    """The connection works. With `faults`, found on the way, it is degraded, and the first one is shown.

    Raises Failure("connection_missing") when somebody deleted it meanwhile.
    """
    names = sorted({name for name in granted if len(name) <= _LONGEST_NAME})[:_MOST]
    changes: dict[str, Any] = {
        "status": Status.CONNECTED,
        "health": Health.DEGRADED if faults else Health.HEALTHY,
        "granted_permissions": names,
        "last_failure_code": faults[0].code if faults else "",
        "last_failure_message": faults[0].message if faults else "",
    }
    if not _mark(connection_id, run_id, changes):
        raise Failure("connection_missing")


def mark_failed(connection_id: int, failure: Failure, *, run_id: int | None = None) -> None:
    """Record a failure that tells about the connection; others leave it as it is."""
    changes: dict[str, Any] = {"last_failure_code": failure.code, "last_failure_message": failure.message}
    if failure.code in STATUS_AFTER:
        changes |= {"status": STATUS_AFTER[failure.code], "health": Health.DOWN}
        if changes["status"] == Status.NEEDS_CONSENT:
            # Without consent there is nothing granted, whatever was before.
            changes["granted_permissions"] = []
    elif failure.code in HEALTH_AFTER:
        changes["health"] = HEALTH_AFTER[failure.code]
    else:
        return
    _mark(connection_id, run_id, changes)


def mark_working(connection_id: int, *, run_id: int | None = None) -> None:
    """A run worked through the connection: the mark of passing trouble, if there is one, is out of date."""
    row = ProviderConnection.objects.filter(
        pk=connection_id, status=Status.CONNECTED, last_failure_code__in=HEALTH_AFTER
    ).first()
    if row is None:
        return
    lacking = permissions.missing(row.granted_permissions)
    fault = lack(lacking[0]) if lacking else None
    changes = {
        "health": Health.DEGRADED if fault else Health.HEALTHY,
        "last_failure_code": fault.code if fault else "",
        "last_failure_message": fault.message if fault else "",
    }
    _mark(connection_id, run_id, changes, checked=False)


def lack(grant: permissions.Grant) -> Failure:
    """The failure of a check whose token lacks a permission."""
    return Failure("permission_missing", f"{grant.permission} is not granted. It is for: {', '.join(grant.unmet)}.")


def _mark(connection_id: int, run_id: int | None, changes: dict[str, Any], *, checked: bool = True) -> bool:
    """False when the connection is gone."""
    row = ProviderConnection.objects.select_for_update().filter(pk=connection_id).first()
    # Whoever disabled it meanwhile has decided; nothing found on the way switches it on again.
    if row is None or row.status == Status.DISABLED:
        return row is not None
    before, after = _verdict(row), {**_verdict(row), **{k: str(v) for k, v in changes.items() if k in _VERDICT}}
    if checked:
        changes = {**changes, "last_checked_at": Now()}
    ProviderConnection.objects.filter(pk=connection_id).update(**changes, updated_at=Now())
    if before != after:
        audit.record(
            actor=SYSTEM,
            verb="connection.marked",
            tenant=row.tenant_id,
            target=row,
            before=before,
            after=after,
            run_id=run_id,
        )
    return True


_VERDICT = ("status", "health", "last_failure_code")


def _verdict(row: ProviderConnection) -> dict[str, str]:
    return {name: str(getattr(row, name)) for name in _VERDICT}
