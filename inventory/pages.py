"""What the inventory pages show, gathered with a fixed number of queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from inventory import readable, services, store
from inventory.models import InventoryItem, ItemVersion, TypeReading
from inventory.types import coverage, registry
from inventory.types.facts import platform_label
from operations.models import OperationRun
from rbac.models import Tenant

VERSIONS_SHOWN = 50
RAW_SHOWN = 400_000


@dataclass(frozen=True, slots=True)
class Target:
    """An assignment with the names that the database knows; a name that it does not know stays an id."""

    label: str
    id: str
    excluded: bool
    filter: str
    intent: str
    known: bool


def last_sync(tenant_ids: Sequence[int]) -> OperationRun | None:
    if not tenant_ids:
        return None
    runs = OperationRun.objects.filter(tenant_id__in=tenant_ids, type="inventory.sync").select_related("tenant")
    return runs.order_by("-id").first()


def show_item(item: InventoryItem, *, tab: str, version: str | None) -> dict[str, Any]:
    """The context of the item page: `version` is a version number from the address, unknown ones fall back to the current."""
    versions = list(item.versions.order_by("-number").select_related("run")[:VERSIONS_SHOWN])
    chosen = next((v for v in versions if str(v.number) == version), None) or (versions[0] if versions else None)
    document = read_document(chosen)
    context: dict[str, Any] = {
        "item": item,
        "type": registry.find(item.type),
        "platform": platform_label(item.platform),
        "versions": versions,
        "chosen": chosen,
        "is_current": chosen is not None and chosen == (versions[0] if versions else None),
        "reading": TypeReading.objects.filter(tenant_id=item.tenant_id, type=item.type).order_by("-id").first(),
        "unreadable": document is None,
    }
    if document is None:
        return context
    if tab == "settings":
        context["settings"] = readable.settings_of(document)
    elif tab == "assignments":
        context["targets"] = name_targets(item.tenant_id, readable.assignments_of(document))
    elif tab == "raw":
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
        context["raw"], context["raw_cut"] = text[:RAW_SHOWN], len(text) > RAW_SHOWN
    elif tab == "overview":
        context["facts"] = _facts(document)
    return context


def read_document(version: ItemVersion | None) -> dict[str, Any] | None:
    """The stored document of `version`; None where there is none."""
    if version is None:
        return None
    return store.load_document(version.content)


def _facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    names = ["id", "@odata.type", "createdDateTime", "lastModifiedDateTime", "version", "roleScopeTagIds"]
    return [(name, readable.value_of(document[name])) for name in names if document.get(name) not in (None, "", [])]


def name_targets(tenant_id: int, found: list[readable.Assignment] | None) -> list[Target] | None:
    """Resolve group and filter ids from the tenant's own inventory, in one query."""
    if found is None:
        return None
    ids = {a.object_id for a in found if a.object_id} | {a.filter_id for a in found if a.filter_id}
    items = InventoryItem.objects.filter(
        tenant_id=tenant_id, type__in=["entra_group", "assignment_filter"], external_id__in=ids
    )
    names = dict(items.values_list("external_id", "name")) if ids else {}
    return [
        Target(
            label=names.get(a.object_id, "") or a.kind if a.object_id else a.kind,
            id=a.object_id,
            excluded=a.excluded,
            filter=f"{a.filter_mode}: {names.get(a.filter_id) or a.filter_id}" if a.filter_id else "",
            intent=a.intent,
            known=not a.object_id or a.object_id in names,
        )
        for a in found
    ]


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """What a type can do and why not, with its latest reading in the tenant of the page."""

    coverage: coverage.Coverage
    reading: TypeReading | None


@dataclass(frozen=True, slots=True)
class CoverageFamily:
    label: str
    slug: str
    size: int
    rows: tuple[CoverageRow, ...]


def coverage_families(tenant: Tenant | None, *, chosen: str = "") -> list[CoverageFamily]:
    """Every family with its size; the rows of the one that `chosen` names by its slug, or of all where it names none."""
    latest = services.latest_readings(tenant_id=tenant.pk) if tenant else {}
    found = coverage.families()
    chosen = chosen if chosen in {family.category.slug for family in found} else ""
    return [
        CoverageFamily(
            family.category.label,
            family.category.slug,
            len(family.rows),
            tuple(_coverage_rows(family, latest)) if chosen in ("", family.category.slug) else (),
        )
        for family in found
    ]


def _coverage_rows(family: coverage.Family, latest: dict[str, TypeReading]) -> Iterator[CoverageRow]:
    """The types of a family; what the tenant has of kinds that no type names comes last."""
    yield from (CoverageRow(row, latest.get(row.type.key)) for row in family.rows)
    for others in registry.other_kinds():
        reading = latest.get(others.key)
        if others.category is family.category and reading is not None and reading.fetched:
            yield CoverageRow(coverage.coverage_of(others), reading)
