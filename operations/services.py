"""Start, cancel and retry runs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from operations import dispatch, registry
from operations.executor import Ending, finish, insert_blocked
from operations.failures import Failure
from operations.gate import find_reasons
from operations.models import Notification, OperationRun
from operations.notifications import notify
from operations.registry import Operation, Reason
from rbac import audit
from rbac.models import Tenant, User
from rbac.scope import Scope, scope
from rbac.services import Actor, require

Status, Outcome, Trigger = OperationRun.Status, OperationRun.Outcome, OperationRun.Trigger


@dataclass(frozen=True, slots=True)
class Started:
    """A new run, queued."""

    run: OperationRun


@dataclass(frozen=True, slots=True)
class Joined:
    """The run with the same inputs that is already going."""

    run: OperationRun


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was started. `run` is the run in the way, where there is one."""

    reasons: tuple[Reason, ...]
    run: OperationRun | None = None


Start = Started | Joined | Refused


def start_operation(
    operation: Operation | str,
    inputs: Any,
    *,
    actor: Actor,
    tenant: Tenant | None,
    trigger: str = Trigger.MANUAL,
    retry_of: OperationRun | None = None,
    parent: OperationRun | None = None,
) -> Start:
    """Record a run and ring the bell for it on commit. Touches the database only.

    `inputs` is the operation's dataclass or a mapping of its fields, which may leave out what the operation has a default
    for; faulty ones are Refused, like everything else that stands against it. `tenant` is None for fleet-wide work. A
    schedule that is refused leaves a blocked run, so that it is seen.
    """
    try:
        operation = registry.get(operation) if isinstance(operation, str) else operation
        if isinstance(inputs, Mapping):
            with _scope_of(tenant):
                inputs = operation.parse(operation.complete(inputs))
    except Failure as failure:
        return Refused((Reason(failure.code, failure.detail),))
    raw = operation.dump(inputs)
    target_type, target_id = operation.target_of(inputs)
    initiator = actor if isinstance(actor, User) else None
    draft = OperationRun(
        tenant=tenant,
        type=operation.key,
        slot=operation.slot(inputs)[:128],
        inputs=raw,
        inputs_hash=registry.hash_inputs(raw),
        trigger=trigger,
        initiator=initiator,
        initiator_name=str(actor)[:200],
        target_type=target_type,
        target_id=target_id,
        retry_of=retry_of,
        parent=parent,
    )
    with _scope_of(tenant):
        reasons = find_reasons(operation, inputs, actor=actor, tenant=tenant)
        if reasons:
            return _refuse(draft, tuple(reasons), actor=actor)
        return _insert(draft, actor=actor)


def _insert(draft: OperationRun, *, actor: Actor) -> Start:
    for _try in range(5):
        try:
            with transaction.atomic():
                draft.save(force_insert=True)
                audit.record(
                    actor=actor,
                    verb="run.started",
                    tenant=draft.tenant_id,
                    target=draft,
                    after={"type": draft.type, "inputs": draft.inputs, "trigger": draft.trigger},
                    run_id=draft.pk,
                )
                notify(draft, Notification.Kind.QUEUED)
                transaction.on_commit(partial(_publish, draft.tenant_id, draft.pk))
            draft.refresh_from_db()
            return Started(draft)
        except IntegrityError as error:
            if "run_one_active_per_slot" not in str(error):
                raise
        draft.pk = None
        active = OperationRun.objects.filter(
            tenant_id=draft.tenant_id, slot=draft.slot, status__in=[Status.QUEUED, Status.RUNNING]
        ).first()
        # None: it ended between the insert and this read, so the slot is free again.
        if active is not None:
            if (active.type, active.inputs_hash) == (draft.type, draft.inputs_hash):
                return Joined(active)
            return Refused((Reason("busy", f"Run {active.pk} is {active.get_status_display().lower()}."),), active)
    return Refused((Reason("busy"),))


def _refuse(draft: OperationRun, reasons: tuple[Reason, ...], *, actor: Actor) -> Refused:
    """Leave a trace of a refused start; a schedule's also as a run, because nobody is there to read the answer."""
    unattended = draft.trigger in (Trigger.SCHEDULE, Trigger.RETRY) and not isinstance(actor, User)
    with transaction.atomic():
        run = insert_blocked(draft, reasons[0]) if unattended else None
        audit.record(
            actor=actor,
            verb="run.refused",
            tenant=draft.tenant_id,
            after={"type": draft.type, "inputs": draft.inputs, "code": reasons[0].code},
            run_id=run.pk if run else None,
        )
    return Refused(reasons, run)


def _publish(tenant_id: int | None, run_id: int) -> None:
    """Ring the bell after the commit; if that fails, nothing may look queued that is not."""
    # A commit hook runs outside the transaction and, in a thread's end, outside the scope: it enters its own.
    with scope(tenant_id) if tenant_id is not None else scope(fleet=True):
        try:
            dispatch.publish(tenant_id, run_id)
        except dispatch.PublishFailed:
            # Attempt 0 and still queued: a message that arrived after all may have been claimed, and then it runs.
            finish(run_id, Ending.of(Outcome.FAILED, "dispatch_failed"), status=Status.QUEUED, attempt=0)


def cancel_run(run: OperationRun, *, actor: Actor) -> OperationRun:
    """Cancel a queued run at once; ask a running one to stop between two items. Raises NotPermitted.

    A run that has ended meanwhile stays as it ended. Returns the run as it is afterwards.
    """
    require(actor, "run.cancel", run)
    with _scope_of(run.tenant):
        ended = finish(run.pk, Ending.of(Outcome.CANCELLED, "cancelled", f"By {actor}."), status=Status.QUEUED)
        if not ended:
            with transaction.atomic():
                asked = OperationRun.objects.filter(
                    pk=run.pk, status=Status.RUNNING, cancel_requested_at__isnull=True
                ).update(cancel_requested_at=Now(), cancel_requested_by=str(actor)[:200])
                if asked:
                    audit.record(actor=actor, verb="run.cancel_asked", tenant=run.tenant_id, target=run, run_id=run.pk)
        run.refresh_from_db()
    return run


def retry_run(run: OperationRun, *, actor: Actor) -> Start:
    """Start a new run with the inputs of an ended one. Raises NotPermitted; everything else comes back as Refused."""
    require(actor, "run.retry", run)
    if run.is_active:
        return Refused((Reason("busy", f"Run {run.pk} has not ended yet."),), run)
    return start_again(run, actor=actor)


def start_again(run: OperationRun, *, actor: Actor) -> Start:
    """A new run like `run`, pointing back at it."""
    return start_operation(run.type, run.inputs, actor=actor, tenant=run.tenant, trigger=Trigger.RETRY, retry_of=run)


def _scope_of(tenant: Tenant | None) -> AbstractContextManager[Scope]:
    return scope(tenant.pk) if tenant is not None else scope(fleet=True)
