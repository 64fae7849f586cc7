"""Which types exist, which type a row of a list is, and what each type can do."""

from collections.abc import Iterable
from dataclasses import dataclass

from inventory.types import (
    app_policies,
    apps,
    compliance,
    device_configuration,
    endpoint_security,
    enrollment,
    entra,
    scripts,
    settings_catalog,
    tenant_admin,
    updates,
)
from inventory.types.base import BadType, Body, Capability, Child, Listing, ObjectType, Restore, short_type
from operations.failures import Failure

_FAMILIES = (
    settings_catalog,
    device_configuration,
    compliance,
    scripts,
    enrollment,
    updates,
    apps,
    app_policies,
    endpoint_security,
    tenant_admin,
    entra,
)

# What this version of TenantPilot does with any type. A capability that nobody has built is "no" for every type.
BUILT = frozenset({Capability.LIST, Capability.READ, Capability.VERSION})
HEADINGS = tuple(str(capability) for capability in Capability)


@dataclass(frozen=True, slots=True)
class Classified:
    """The type of a row; `unknown` is an `@odata.type` that no declaration names, to be reported."""

    type: ObjectType
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """Whether a type has one capability, and why not, or why not wholly."""

    yes: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """A row of the coverage page: one cell for each of HEADINGS."""

    type: ObjectType
    cells: tuple[Cell, ...]


class _Table:
    """The declared types, checked, and indexed by key and by listing."""

    def __init__(self, types: Iterable[ObjectType]) -> None:
        self.types: dict[str, ObjectType] = {}
        self.listings: dict[str, Listing] = {}
        self.of_listing: dict[str, list[ObjectType]] = {}
        self.by_odata: dict[tuple[str, str], ObjectType] = {}
        for declared in types:
            self._add(declared)
        for key in self.listings:
            self._check_listing(key)

    def _add(self, declared: ObjectType) -> None:
        _insist(declared.key not in self.types, declared, "is declared twice")
        _check_type(declared)
        known = self.listings.setdefault(declared.listing.key, declared.listing)
        _insist(known == declared.listing, declared, f"another listing is called {known.key!r} too")
        self.types[declared.key] = declared
        self.of_listing.setdefault(known.key, []).append(declared)
        if declared.matches is None:
            for name in declared.odata_types:
                slot = (known.key, name.lower())
                _insist(slot not in self.by_odata, declared, f"{name} belongs to another type of its listing")
                self.by_odata[slot] = declared

    def _check_listing(self, key: str) -> None:
        types = self.of_listing[key]
        fallbacks = [declared for declared in types if declared.fallback]
        if len(types) > 1:
            _insist(
                len(fallbacks) == 1,
                types[0],
                f"the listing {key!r} needs exactly one fallback, it has {len(fallbacks)}",
            )


def _check_type(declared: ObjectType) -> None:
    _insist(
        declared.key == declared.key.lower() and len(declared.key) <= 64, declared, "the key is lower snake, at most 64"
    )
    _insist(declared.listing.path.startswith("/"), declared, "the path of the listing begins with a slash")
    _insist(declared.listing.version in ("v1.0", "beta"), declared, "Graph has the versions v1.0 and beta")
    _insist(bool(declared.permissions.read) and bool(declared.permissions.write), declared, "names no permissions")
    _insist((declared.is_builtin is None) == (not declared.builtin), declared, "is_builtin and builtin belong together")
    _check_children(declared, declared.listing.children)


def _check_children(declared: ObjectType, children: tuple[Child, ...]) -> None:
    names = [child.name for child in children]
    _insist(len(names) == len(set(names)), declared, "reads a child twice")
    for child in children:
        _check_children(declared, child.children)


def _insist(condition: bool, declared: ObjectType, message: str) -> None:
    if not condition:
        raise BadType(f"Type {declared.key!r}: {message}")


_table = _Table(declared for family in _FAMILIES for declared in family.TYPES)


def all_types() -> list[ObjectType]:
    """Every type, in the order in which restored objects would be made."""
    return sorted(_table.types.values(), key=lambda declared: (declared.restore_order, declared.key))


def find(key: str) -> ObjectType | None:
    return _table.types.get(key)


def get(key: str) -> ObjectType:
    """The type; raises Failure("invalid_inputs") for an unknown key."""
    if (found := find(key)) is None:
        raise Failure("invalid_inputs", f"There is no type {key!r}. The coverage page lists them all.")
    return found


def label_of(key: str) -> str:
    """The label of a type; a type of an older version that is gone is named by its key."""
    return found.label if (found := find(key)) else key


def choices() -> list[tuple[str, str]]:
    """(key, label) of every type by label, for filters."""
    return sorted(((declared.key, declared.label) for declared in all_types()), key=lambda choice: choice[1].lower())


def types_of(listing: Listing) -> list[ObjectType]:
    return list(_table.of_listing[listing.key])


def listings(keys: Iterable[str] = ()) -> list[Listing]:
    """The lists to read for the types `keys`, or all; those that take longest first.

    Raises Failure("invalid_inputs") for an unknown key.
    """
    wanted = {get(key).listing.key for key in keys} or set(_table.listings)
    found = [listing for key, listing in _table.listings.items() if key in wanted]
    return sorted(found, key=lambda listing: (not listing.paced, -listing.requests_per_object()))


def classify(listing: Listing, body: Body) -> Classified:
    """The type of one row of `listing`. A row of no known kind gets the fallback, so that nothing is left out."""
    types = _table.of_listing[listing.key]
    for declared in types:
        if declared.matches is not None and declared.matches(body):
            return Classified(declared)
    name = short_type(body)
    if found := _table.by_odata.get((listing.key, name.lower())):
        return Classified(found)
    fallback = next((declared for declared in types if declared.fallback), types[0])
    # A fallback without any names takes all of them on purpose.
    expected = not name or (fallback.fallback and not fallback.odata_types and not fallback.low_confidence)
    return Classified(fallback, "" if expected else name[:160])


def coverage() -> list[Coverage]:
    """What each type can do, and the reason for each "no"."""
    types = sorted(all_types(), key=lambda declared: (declared.category, declared.label))
    return [Coverage(declared, tuple(_cell(declared, capability) for capability in Capability)) for declared in types]


def _cell(declared: ObjectType, capability: Capability) -> Cell:
    limit = next((limit for limit in declared.limits if limit.capability == capability), None)
    if limit is not None and not limit.partly:
        return Cell(False, limit.reason)
    if capability not in BUILT:
        return Cell(False, limit.reason if limit else _why_not_built(declared, capability))
    return Cell(True, limit.reason if limit else "")


def _why_not_built(declared: ObjectType, capability: Capability) -> str:
    if capability is Capability.RESTORE and declared.restore is not Restore.FULL:
        return "Not built yet; objects of this type cannot be made anew"
    return "Not built yet"
