"""A run as plain data, for commands and scripts. The names are those of the model's fields."""

from typing import Any

from django.conf import settings

from operations.failures import describe
from operations.models import COUNTERS, OperationItem, OperationRun
from operations.registry import label_of
from operations.services import Refused
from rbac.addresses import address_in, portfolio_address
from rbac.models import Tenant

_PAGE = "admin:operations_operationrun_change"


def describe_run(run: OperationRun) -> dict[str, Any]:
    """One run without its items; `tenant` is its slug, None for fleet-wide work. Times are UTC, None where nothing happened yet."""
    return {
        "id": run.pk,
        "type": run.type,
        "label": label_of(run.type),
        "tenant": run.tenant.slug if run.tenant else None,
        "status": run.status,
        "outcome": run.outcome,
        **_failure(run.failure_code, run.failure_message),
        "trigger": run.trigger,
        "initiator": run.initiator_name,
        "inputs": run.inputs,
        "counts": {name: getattr(run, name) for name in COUNTERS},
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "retry_of": run.retry_of_id,
        "url": settings.PUBLIC_URL
        + (address_in(run.tenant, _PAGE, run.pk) if run.tenant else portfolio_address(_PAGE, run.pk)),
    }


def describe_failed_items(run: OperationRun) -> list[dict[str, Any]]:
    """What did not succeed, in the order it happened; `unknown` is a write of which nobody knows whether it arrived."""
    bad = [OperationItem.Result.FAILED, OperationItem.Result.UNKNOWN]
    return [
        {
            "key": item.key,
            "label": item.label,
            "result": item.result,
            "code": item.code or None,
            "message": item.message or None,
            "hint": describe(item.code).hint if item.code else None,
            "graph_request_id": item.graph_request_id or None,
        }
        for item in OperationItem.objects.filter(run=run, result__in=bad).order_by("id").iterator(chunk_size=2000)
    ]


def describe_refusal(refused: Refused, *, type: str, tenant: Tenant) -> dict[str, Any]:
    """A start that was refused, in the shape of a run that does not exist. `in_the_way` is the run that is."""
    first = refused.reasons[0]
    return {
        "id": None,
        "type": type,
        "label": label_of(type),
        "tenant": tenant.slug,
        "status": "refused",
        "outcome": OperationRun.Outcome.BLOCKED,
        **_failure(first.code, first.message),
        "reasons": [_failure(reason.code, reason.message) for reason in refused.reasons],
        "in_the_way": refused.run.pk if refused.run else None,
    }


def _failure(code: str, message: str) -> dict[str, Any]:
    return {
        "failure_code": code or None,
        "failure_message": message or None,
        "failure_hint": describe(code).hint if code else None,
    }
