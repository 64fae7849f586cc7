"""Which types exist, and which type a row of a list is. Faulty declarations stop the start."""

from collections.abc import Iterable
from dataclasses import dataclass

from inventory.types import (
    app_policies,
    apps,
    compliance,
    conditional_access,
    connectors,
    device_configuration,
    endpoint_security,
    enrollment,
    entra,
    mobile_enrollment,
    scripts,
    settings_catalog,
    tenant_admin,
    updates,
    windows365,
)
from inventory.types.base import (
    LOOK_ONLY,
    BadType,
    Body,
    Capability,
    Confidence,
    Limit,
    Listing,
    ObjectType,
    short_type,
)
from inventory.types.rules import check_listing, check_type, insist
from operations.failures import Failure

_FAMILIES = (
    settings_catalog,
    device_configuration,
    compliance,
    scripts,
    enrollment,
    mobile_enrollment,
    updates,
    apps,
    app_policies,
    endpoint_security,
    tenant_admin,
    connectors,
    windows365,
    entra,
    conditional_access,
)
__all__ = ["BadType"]


@dataclass(frozen=True, slots=True)
class Classified:
    """The type of a row; `unknown` is an `@odata.type` that no declaration names, to be reported."""

    type: ObjectType
    unknown: str = ""


class _Table:
    """The declared types, checked, and indexed by key and by listing."""

    def __init__(self, types: Iterable[ObjectType]) -> None:
        self.types: dict[str, ObjectType] = {}
        self.listings: dict[str, Listing] = {}
        self.of_listing: dict[str, list[ObjectType]] = {}
        self.by_odata: dict[tuple[str, str], ObjectType] = {}
        for declared in types:
            self._add(declared)
        # What takes the rows of kinds that nobody declared; by key, too.
        self.others = {
            key: _others(self.of_listing[key][0]) for key, listing in self.listings.items() if listing.others
        }
        self.by_key = {**self.types, **{declared.key: declared for declared in self.others.values()}}
        for key in self.listings:
            check_listing(self.of_listing[key])

    def _add(self, declared: ObjectType) -> None:
        insist(declared.key not in self.types, declared, "is declared twice")
        check_type(declared)
        known = self.listings.setdefault(declared.listing.key, declared.listing)
        insist(known == declared.listing, declared, f"another listing is called {known.key!r} too")
        self.types[declared.key] = declared
        self.of_listing.setdefault(known.key, []).append(declared)
        if declared.matches is None:
            for name in declared.odata_types:
                slot = (known.key, name.lower())
                insist(slot not in self.by_odata, declared, f"{name} belongs to another type of its listing")
                self.by_odata[slot] = declared


def _others(sibling: ObjectType) -> ObjectType:
    """The type of what is in the list of `sibling` and of no declared kind: it is looked at, and never written."""
    others = sibling.listing.others
    assert others is not None  # noqa: S101  (asked for only where it is given)
    return ObjectType(
        key=others.key,
        label=others.label,
        category=sibling.category,
        platform=sibling.platform,
        listing=sibling.listing,
        permissions=sibling.permissions,
        restore_order=None,
        fallback=True,
        limits=(Limit(Capability.RESTORE, "TenantPilot does not know this kind"),),
        confidence=Confidence.SCHEMA,
        **LOOK_ONLY,
    )


_table = _Table(declared for family in _FAMILIES for declared in family.TYPES)


def all_types() -> list[ObjectType]:
    """Every declared type, in the order in which restored objects would be made; those that cannot be made come last."""
    return sorted(
        _table.types.values(),
        key=lambda declared: (declared.restore_order is None, declared.restore_order or 0, declared.key),
    )


def other_kinds() -> list[ObjectType]:
    """What takes the rows of shared lists whose kind nobody declared: no types of their own, but items have them."""
    return list(_table.others.values())


def find(key: str) -> ObjectType | None:
    return _table.by_key.get(key)


def get(key: str) -> ObjectType:
    """The type; raises Failure("invalid_inputs") for an unknown key."""
    if (found := find(key)) is None:
        raise Failure("invalid_inputs", f"There is no type {key!r}. The coverage page lists them all.")
    return found


def label_of(key: str) -> str:
    """The label of a type; a type of an older version that is gone is named by its key."""
    return found.label if (found := find(key)) else key


def choices() -> list[tuple[str, str]]:
    """(key, label) of everything an item may be, by label, for filters."""
    return sorted(
        ((declared.key, declared.label) for declared in _table.by_key.values()), key=lambda choice: choice[1].lower()
    )


def types_of(listing: Listing) -> list[ObjectType]:
    """The types that a reading of `listing` finds; what takes the kinds that nobody declared comes last."""
    others = _table.others.get(listing.key)
    return [*_table.of_listing[listing.key], *([others] if others else [])]


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
    others = _table.others.get(listing.key)
    fallback = others or next((declared for declared in types if declared.fallback), types[0])
    # A declared fallback without any names takes all of them on purpose.
    expected = not name or not (others or fallback.odata_types)
    return Classified(fallback, "" if expected else name[:160])
