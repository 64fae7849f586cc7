"""What was read becomes items, versions and contents: one bulk pass per chunk, nothing written for what did not change."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from django.db import connection as database
from django.db.models import F, IntegerField, Q
from django.db.models.functions import Coalesce, Now

from inventory.models import Content, InventoryItem, ItemVersion, TypeReading
from inventory.normalize import content_hash
from inventory.types.base import short_type
from inventory.types.facts import clean, count_assignments, modified_at, name_of, platform_of
from operations.context import RunContext

if TYPE_CHECKING:
    from inventory.reading import Found

State = InventoryItem.State

# A type that loses more than this share at once looks like a reading that went wrong, not like somebody's work.
SUSPICIOUS_SHARE = 0.3
# Below this many, a few deleted objects are a large share and quite ordinary.
HANDFUL = 3

_MAX_DOCUMENT = 64 * 1024 * 1024
_LOCK = 0x1D << 48


@dataclass(frozen=True, slots=True)
class Missing:
    """How many items are gone. `held_back`: so many that none was marked."""

    gone: int
    known: int
    held_back: bool = False


@dataclass(slots=True)
class _Prepared:
    found: "Found"
    hash: bytes
    item: InventoryItem | None = None
    number: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return self.found.type.key, self.found.id


def load_document(content: Content) -> dict[str, Any] | None:
    """The stored document; None where what is stored does not open any more."""
    try:
        opener = zlib.decompressobj()
        raw = opener.decompress(bytes(content.body), _MAX_DOCUMENT)
        found = orjson.loads(raw)
    except (zlib.error, orjson.JSONDecodeError):
        return None
    return found if isinstance(found, dict) else None


def store_chunk(run: RunContext, *, connection_id: int, found: Sequence["Found"]) -> Counter[tuple[str, str]]:
    """Store objects in one transaction; counts by (type, "created" | "updated" | "unchanged")."""
    prepared = [_Prepared(one, content_hash(one.type, one.document)) for one in found]
    counts: Counter[tuple[str, str]] = Counter()
    if not prepared:
        return counts
    with run.transaction():
        _take_turn(run)
        known = _known(prepared)
        seen: list[int] = []
        created: list[_Prepared] = []
        updated: list[_Prepared] = []
        for one in prepared:
            item = known.get(one.key)
            if item is None:
                created.append(one)
            elif bytes(item.content_hash) == one.hash:
                seen.append(item.pk)
            else:
                one.item, one.number = item, item.last_number + 1  # type: ignore[attr-defined]
                updated.append(one)
            what = "created" if item is None else "unchanged" if one.item is None else "updated"
            counts[one.found.type.key, what] += 1
        _mark_seen(seen, connection_id)
        _create(run, connection_id, created)
        _update(connection_id, updated)
        _add_versions(run, [*created, *updated])
    return counts


def _take_turn(run: RunContext) -> None:
    """Two connections of one tenant may be synced at once and meet the same object: one transaction at a time."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK | tenant_of(run)])


def _known(prepared: Iterable[_Prepared]) -> dict[tuple[str, str], InventoryItem]:
    types = {one.found.type.key for one in prepared}
    ids = [one.found.id for one in prepared]
    items = (
        InventoryItem.objects.filter(type__in=types, external_id__in=ids)
        .annotate(last_number=Coalesce(F("current_version__number"), 0, output_field=IntegerField()))
        .only("type", "external_id", "content_hash")
    )
    return {(item.type, item.external_id): item for item in items}


def _mark_seen(ids: list[int], connection_id: int) -> None:
    if not ids:
        return
    InventoryItem.objects.filter(pk__in=ids).update(
        last_seen_at=Now(), state=State.PRESENT, missing_since=None, connection_id=connection_id
    )
    ItemVersion.objects.filter(pk__in=InventoryItem.objects.filter(pk__in=ids).values("current_version_id")).update(
        last_seen_at=Now()
    )


def _facts(one: _Prepared) -> dict[str, Any]:
    declared, document = one.found.type, one.found.document
    return {
        "name": name_of(declared, document),
        "description": clean(document.get("description"), 300),
        "platform": platform_of(declared, document),
        "odata_type": clean(short_type(document), 160),
        "assignment_count": count_assignments(document),
        "content_hash": one.hash,
        "modified_at": modified_at(document),
        "state": State.PRESENT,
        "missing_since": None,
    }


def _create(run: RunContext, connection_id: int, created: list[_Prepared]) -> None:
    for one in created:
        one.item = InventoryItem(
            tenant_id=tenant_of(run),
            connection_id=connection_id,
            type=one.found.type.key,
            external_id=one.found.id,
            **_facts(one),
        )
    InventoryItem.objects.bulk_create([one.item for one in created if one.item])


def _update(connection_id: int, updated: list[_Prepared]) -> None:
    if not updated:
        return
    names: list[str] = []
    for one in updated:
        facts = _facts(one) | {"last_seen_at": Now(), "changed_at": Now(), "connection_id": connection_id}
        names = ["connection" if name == "connection_id" else name for name in facts]
        for name, value in facts.items():
            setattr(one.item, name, value)
    InventoryItem.objects.bulk_update([one.item for one in updated if one.item], names)


def _add_versions(run: RunContext, changed: list[_Prepared]) -> None:
    if not changed:
        return
    contents = _store_contents(run, changed)
    versions = ItemVersion.objects.bulk_create(
        ItemVersion(
            tenant_id=tenant_of(run),
            item=one.item,
            content_id=content_id,
            number=one.number,
            content_hash=one.hash,
            run_id=run.id,
        )
        for one, content_id in zip(changed, contents, strict=True)
    )
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_inventoryitem i SET current_version_id = v.id FROM inventory_itemversion v "
            "WHERE v.id = ANY(%s) AND v.item_id = i.id",
            [[version.pk for version in versions]],
        )


def _store_contents(run: RunContext, changed: list[_Prepared]) -> list[int]:
    """The ids of the contents, in order; bodies that are there already are not stored again."""
    bodies = [orjson.dumps(one.found.document) for one in changed]
    hashes = [hashlib.sha256(body).digest() for body in bodies]
    known = _content_ids(hashes)
    new = {digest: body for digest, body in zip(hashes, bodies, strict=True) if digest not in known}
    if new:
        Content.objects.bulk_create(
            Content(tenant_id=tenant_of(run), sha256=digest, body=zlib.compress(body), size=len(body))
            for digest, body in new.items()
        )
        known |= _content_ids(list(new))
    return [known[digest] for digest in hashes]


def _content_ids(hashes: list[bytes]) -> dict[bytes, int]:
    rows = Content.objects.filter(sha256__in=hashes).values_list("sha256", "pk")
    return {bytes(digest): pk for digest, pk in rows}


def mark_missing(
    run: RunContext, *, connection_id: int, type_key: str, since: Any, unread: Sequence[str], accept: bool
) -> Missing:
    """Mark what a complete list no longer named: present, not seen since the reading began at `since`, not in `unread`.

    More than 30 % at once is held back and nothing is marked, unless `accept` says that it was meant.
    """
    present = InventoryItem.objects.filter(connection_id=connection_id, type=type_key, state=State.PRESENT)
    gone = present.filter(last_seen_at__lt=since).exclude(external_id__in=list(unread))
    with run.transaction():
        count = gone.count()
        if not count:
            return Missing(0, 0)
        known = present.filter(Q(first_seen_at__lt=since)).count()
        if not accept and count >= HANDFUL and count > known * SUSPICIOUS_SHARE:
            return Missing(count, known, held_back=True)
        gone.update(state=State.MISSING, missing_since=Now())
    return Missing(count, known)


def write_readings(run: RunContext, readings: Sequence[TypeReading]) -> None:
    """Write the ledger of one list. A later attempt of the same run replaces what an earlier one wrote."""
    fields = {field.name for field in TypeReading._meta.concrete_fields} - {"id", "tenant", "run", "type"}
    with run.transaction():
        TypeReading.objects.bulk_create(
            readings,
            update_conflicts=True,
            unique_fields=["tenant", "run", "type"],
            update_fields=sorted(fields),
        )


def tenant_of(run: RunContext) -> int:
    """The tenant of the run; an inventory without one would be a mistake of the code."""
    if run.tenant_id is None:
        raise ValueError("An inventory belongs to a tenant; this run has none.")
    return run.tenant_id


def database_now() -> Any:
    """The clock that `last_seen_at` is written by; comparing it with this machine's would mark objects wrongly."""
    with database.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]
