"""The inventory sync: read every list of a tenant completely, store what is new, say how complete it was."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from inventory import store
from inventory.models import TypeReading
from inventory.reading import Chunk, Unread, read_listing
from inventory.types import registry
from inventory.types.base import Listing, ObjectType
from operations.context import RunContext, Step
from operations.failures import Failure, FailureCode, register_codes
from operations.registry import Reason, operation
from operations.schedule import register_schedule
from providers.graph.client import GraphClient
from providers.operations import (
    ITS_CONNECTION,
    connection_is_usable,
    default_connection_id,
    usable_connection_ids,
    using,
)
from providers.permissions import register_need

# Lists are mostly waiting; more threads than this would only queue for the interpreter and the tenant's quota.
LISTINGS_AT_ONCE = 6

State = TypeReading.State

register_codes(
    FailureCode(
        "suspicious_shrink",
        "Far fewer objects than last time were listed.",
        "Nothing was marked as missing. If they were deleted on purpose, sync again with accept_shrink set to the type.",
    ),
    FailureCode(
        "people_only",
        "Graph shows this to signed-in people alone, and to no app.",
        "Nothing to do: look at it in the portal.",
    ),
)


@dataclass(frozen=True)
class SyncInputs:
    """`types` limits the sync to these; `accept_shrink` names types of which many objects were deleted on purpose."""

    connection_id: int
    types: tuple[str, ...] = ()
    accept_shrink: tuple[str, ...] = ()


def types_are_known(inputs: SyncInputs) -> Reason | None:
    try:
        for key in (*inputs.types, *inputs.accept_shrink):
            registry.get(key)
    except Failure as failure:
        return Reason(failure.code, failure.detail)
    return None


@operation(
    "inventory.sync",
    label="Inventory sync",
    inputs=SyncInputs,
    capability="inventory.sync",
    slot=lambda inputs: f"connection:{inputs.connection_id}",
    needs=[connection_is_usable, types_are_known],
    soft_limit=timedelta(hours=1),
    flush_every=200,
    defaults={"connection_id": default_connection_id},
    target=ITS_CONNECTION,
)
def sync_inventory(run: RunContext, inputs: SyncInputs) -> None:
    """Read the configuration of a tenant completely and store what changed."""
    listings = registry.listings(inputs.types)
    run.expect(len(listings))
    with using(inputs.connection_id) as (_connection, client):
        sync = partial(_sync_listing, run, client, inputs)
        for _done in run.map(sync, listings, workers=min(LISTINGS_AT_ONCE, len(listings))):
            run.beat()


@dataclass(slots=True)
class _Ledger:
    """What is known about the reading of one type so far."""

    type: ObjectType
    counts: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    first_failure: Failure | None = None
    # A row without an id: which object it is cannot be told, so none may be called missing.
    nameless: bool = False

    def reading(
        self, run: RunContext, connection_id: int, state: str, failure: Failure | None, *, whole: bool
    ) -> TypeReading:
        failure = failure or self.first_failure
        fetched, failed = sum(self.counts[name] for name in ("created", "updated", "unchanged")), self.counts["failed"]
        return TypeReading(
            tenant_id=store.tenant_of(run),
            run_id=run.id,
            connection_id=connection_id,
            type=self.type.key,
            state=state,
            expected=fetched + failed if whole else None,
            fetched=fetched,
            failed=failed,
            created=self.counts["created"],
            updated=self.counts["updated"],
            unchanged=self.counts["unchanged"],
            missing=self.counts["missing"],
            code=failure.code if failure else "",
            message=(failure.message if failure else self._report())[:500],
            graph_request_id=failure.graph_request_id if failure else "",
            read_at=store.database_now(),
        )

    def _report(self) -> str:
        kinds = ", ".join(f"{number} × {name}" for name, number in self.unknown.most_common(5))
        return f"Kinds that TenantPilot does not know were read as “{self.type.label}”: {kinds}" if kinds else ""


def _sync_listing(run: RunContext, client: GraphClient, inputs: SyncInputs, listing: Listing) -> None:
    wanted = [t for t in registry.types_of(listing) if not inputs.types or t.key in inputs.types]
    ledgers = {declared.key: _Ledger(declared) for declared in wanted}
    since = store.database_now()
    with run.step(listing.key, listing.label) as step:
        try:
            if listing.delegated:
                raise Failure("people_only")
            for chunk in read_listing(client, listing, run=run, types=frozenset(ledgers)):
                _store(run, inputs.connection_id, chunk, ledgers)
        except Failure as failure:
            state = _state_of(failure, listing)
            _write(run, inputs, ledgers, [state] * len(ledgers), failure)
            if _is_in_order(failure, listing, state):
                step.skip(failure.code, failure.message)
            elif failure.code == "throttled":
                # Graph limits each service apart: the lists of another one may still be read.
                step.fail(failure)
            else:
                raise
            return
        states = [_close(run, inputs, ledger, since, step) for ledger in ledgers.values()]
        _write(run, inputs, ledgers, states, None)


def _store(run: RunContext, connection_id: int, chunk: Chunk, ledgers: dict[str, _Ledger]) -> None:
    for (key, what), number in store.store_chunk(run, connection_id=connection_id, found=chunk.found).items():
        ledgers[key].counts[what] += number
        run.count(**{what: number})
    for one in chunk.found:
        if one.unknown:
            ledgers[one.type.key].unknown[one.unknown] += 1
    for unread in chunk.unread:
        if not unread.id:
            for ledger in ledgers.values():
                ledger.nameless = True
        if unread.type.key in ledgers:
            _record_unread(run, unread, ledgers[unread.type.key])
    run.beat()


def _record_unread(run: RunContext, unread: Unread, ledger: _Ledger) -> None:
    ledger.counts["failed"] += 1
    ledger.unread.append(unread.id)
    ledger.first_failure = ledger.first_failure or unread.failure
    run.expect(1)
    with run.step(f"{unread.type.key}:{unread.id or ledger.counts['failed']}", unread.name) as step:
        step.fail(unread.failure)


def _close(run: RunContext, inputs: SyncInputs, ledger: _Ledger, since: object, step: Step) -> str:
    """After a complete list: what is gone, and how the type was read."""
    if ledger.nameless:
        return State.PARTIAL
    key = ledger.type.key
    missing = store.mark_missing(
        run,
        connection_id=inputs.connection_id,
        type_key=key,
        since=since,
        unread=ledger.unread,
        accept=key in inputs.accept_shrink,
    )
    if missing.held_back:
        detail = f"{missing.gone} of {missing.known} “{ledger.type.label}” objects were not listed any more."
        ledger.first_failure = Failure("suspicious_shrink", detail)
        _record_shrink(run, ledger, step)
        return State.HELD_BACK
    ledger.counts["missing"] = missing.gone
    run.count(deleted=missing.gone)
    return State.PARTIAL if ledger.unread else State.COMPLETE


def _record_shrink(run: RunContext, ledger: _Ledger, step: Step) -> None:
    assert ledger.first_failure is not None  # noqa: S101  (set by the caller, for the type checker)
    if step.key == ledger.type.key:
        step.fail(ledger.first_failure)
        return
    run.expect(1)
    with run.step(ledger.type.key, ledger.type.label) as own:
        own.fail(ledger.first_failure)


def _state_of(failure: Failure, listing: Listing) -> str:
    """How the types of `listing` were read when the list itself failed: what Graph refuses to show is never empty."""
    if failure.code == "bad_request" and listing.unpublished:
        return State.NOT_APPLICABLE
    return {
        "permission_missing": State.NOT_PERMITTED,
        "people_only": State.NOT_PERMITTED,
        "not_licensed": State.NOT_APPLICABLE,
    }.get(failure.code, State.FAILED)


def _is_in_order(failure: Failure, listing: Listing, state: str) -> bool:
    """Whether there is nothing to mend: the tenant does not have the product, or no app may see the list."""
    return (
        state == State.NOT_APPLICABLE
        or failure.code == "people_only"
        or (failure.code == "permission_missing" and bool(listing.add_on))
    )


def _write(
    run: RunContext, inputs: SyncInputs, ledgers: dict[str, _Ledger], states: list[str], failure: Failure | None
) -> None:
    whole = failure is None
    readings = [
        ledger.reading(run, inputs.connection_id, state, failure, whole=whole and not ledger.nameless)
        for ledger, state in zip(ledgers.values(), states, strict=True)
    ]
    store.write_readings(run, readings)


# What the types say of their permissions is what a connection's page asks for; there is no second list.
for _type in registry.all_types():
    if not _type.listing.delegated:
        register_need(any_of=_type.permissions.read, capability="inventory.sync", used_for=_type.listing.label)

register_schedule(
    "inventory.sync",
    every=timedelta(days=1),
    targets=lambda: (SyncInputs(connection_id=pk) for pk in usable_connection_ids()),
)
