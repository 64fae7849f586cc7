"""Start, cancel and retry runs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from operations import dispatch, registry
from operations.executor import Ending, finish, insert_blocked, log_transition
from operations.failures import Failure
from operations.gate import find_reasons
from operations.models import Notification, OperationRun
from operations.notifications import notify
from operations.registry import Operation, Reason
from rbac import audit
from rbac.models import Tenant, User
from rbac.scope import Scope, scope
from rbac.services import SYSTEM, Actor, require

log = structlog.get_logger(__name__)
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
    unattended: bool = False,
) -> Start:
    """Record a run and ring the bell for it on commit. Touches the database only.

    `inputs` is the operation's dataclass or a mapping of its fields, which may leave out what the operation has a default
    for; faulty ones are Refused, like everything else that stands against it. `tenant` is None for fleet-wide work.
    `unattended`: nobody waits for the answer (always so for TenantPilot itself), hence a refusal leaves a blocked run, and a
    broker that does not answer leaves the run queued for the sweep.
    """
    unattended = unattended or actor == SYSTEM
    try:
        operation = registry.get(operation) if isinstance(operation, str) else operation
        if isinstance(inputs, Mapping):
            with _scope_of(tenant):
                inputs = operation.parse(operation.complete(inputs))
    except Failure as failure:
        return Refused((Reason(failure.code, failure.detail),))
    try:
        raw = operation.dump(inputs)
    except Failure as failure:
        return Refused((Reason(failure.code, failure.detail),))
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
            return _refuse(draft, tuple(reasons), actor=actor, unattended=unattended)
        return _insert(draft, actor=actor, unattended=unattended)


def _insert(draft: OperationRun, *, actor: Actor, unattended: bool) -> Start:
    for _try in range(5):
        try:
            with transaction.atomic():
                _save(draft, actor=actor, unattended=unattended)
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
            # Who joins a run that somebody is stopping would be told "cancelled" instead of getting the work done.
            is_stopping = active.cancel_requested_at is not None
            if (active.type, active.inputs_hash) == (draft.type, draft.inputs_hash) and not is_stopping:
                return Joined(active)
            how = "stopping" if is_stopping else active.get_status_display().lower()
            return Refused((Reason("busy", f"Run {active.pk} is {how}."),), active)
    return Refused((Reason("busy"),))


def _save(draft: OperationRun, *, actor: Actor, unattended: bool) -> None:
    """The row, its audit entry, the news for its initiator; on commit its bell."""
    draft.save(force_insert=True)
    tenant_id, run_id = draft.tenant_id, draft.pk
    audit.record(
        actor=actor,
        verb="run.started",
        tenant=tenant_id,
        target=draft,
        after={"type": draft.type, "inputs": draft.inputs, "trigger": draft.trigger},
        run_id=run_id,
    )
    notify(draft, Notification.Kind.QUEUED)
    log_transition(draft, "", "queued", draft.trigger)
    # Robust: once committed, the answer is that the run is queued, whatever goes wrong; the sweep sees to it.
    transaction.on_commit(lambda: _publish(tenant_id, run_id, unattended=unattended), robust=True)


def _refuse(draft: OperationRun, reasons: tuple[Reason, ...], *, actor: Actor, unattended: bool) -> Refused:
    """Leave a trace of a refused start; where nobody is there to read the answer, also as a run."""
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


def _publish(tenant_id: int | None, run_id: int, *, unattended: bool) -> None:
    """Ring the bell after the commit. If that fails, a person is told at once; without one the run waits for the sweep."""
    # A commit hook runs outside the transaction and, in a thread's end, outside the scope: it enters its own.
    with scope(tenant_id) if tenant_id is not None else scope(fleet=True):
        try:
            dispatch.publish(tenant_id, run_id)
        except dispatch.PublishFailed as error:
            log.warning("run.not_published", run=run_id, error=str(error))
            if not unattended:
                # Attempt 0 and still queued: a message that arrived after all may have been claimed, and then it runs.
                finish(run_id, Ending.of(Outcome.FAILED, "dispatch_failed"), status=Status.QUEUED, attempt=0)


def cancel_run(run: OperationRun, *, actor: Actor) -> OperationRun:
    """Cancel a queued run at once; ask a running one to stop between two items. Raises NotPermitted.

    A run that has ended meanwhile stays as it ended. Returns the run as it is afterwards.
    """
    require(actor, "run.cancel", run)
    with _scope_of(run.tenant):
        with transaction.atomic():
            active = OperationRun.objects.filter(pk=run.pk, status__in=[Status.QUEUED, Status.RUNNING])
            asked = active.filter(cancel_requested_at__isnull=True).update(
                cancel_requested_at=Now(), cancel_requested_by=str(actor)[:200]
            )
            if asked:
                audit.record(actor=actor, verb="run.cancel_asked", tenant=run.tenant_id, target=run, run_id=run.pk)
                # The row is locked: no worker claims it between the question and this.
                finish(run.pk, Ending.of(Outcome.CANCELLED, "cancelled"), status=Status.QUEUED)
        run.refresh_from_db()
    return run


def retry_run(run: OperationRun, *, actor: Actor) -> Start:
    """Start a new run with the inputs of an ended one. Raises NotPermitted; everything else comes back as Refused."""
    require(actor, "run.retry", run)
    if run.is_active:
        return Refused((Reason("busy", f"Run {run.pk} has not ended yet."),), run)
    return start_again(run, actor=actor)


def start_again(run: OperationRun, *, actor: Actor, unattended: bool = False) -> Start:
    """A new run like `run`, pointing back at it."""
    return start_operation(
        run.type,
        run.inputs,
        actor=actor,
        tenant=run.tenant,
        trigger=Trigger.RETRY,
        retry_of=run,
        unattended=unattended,
    )


def _scope_of(tenant: Tenant | None) -> AbstractContextManager[Scope]:
    return scope(tenant.pk) if tenant is not None else scope(fleet=True)
