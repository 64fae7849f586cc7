"""What every declaration must hold, checked when TenantPilot starts: a faulty one never reaches a tenant."""

import string
from collections.abc import Sequence

from inventory.types.base import BadType, Capability, Child, Listing, ObjectType, Restore
from inventory.types.references import ELSEWHERE
from inventory.types.writing import Method, Style


def insist(condition: bool, declared: ObjectType, message: str) -> None:
    """Raise BadType, with the key of the type, unless `condition` holds."""
    if not condition:
        raise BadType(f"Type {declared.key!r}: {message}")


def check_type(declared: ObjectType) -> None:
    """Everything that can be said of one declaration alone."""
    insist(
        declared.key == declared.key.lower() and len(declared.key) <= 64, declared, "the key is lower snake, at most 64"
    )
    insist(bool(declared.permissions.read) and bool(declared.permissions.write), declared, "names no permissions")
    _check_reading(declared, declared.listing)
    _check_limits(declared)
    _check_writing(declared)
    _check_parts(declared)
    for reference in declared.references:
        insist(reference.to in ELSEWHERE or reference.to == reference.to.lower(), declared, "refers to no type")


def check_listing(types: Sequence[ObjectType]) -> None:
    """Everything that can be said of the types that share a list: each row must get exactly one of them."""
    fallbacks = [declared for declared in types if declared.fallback]
    listing = types[0].listing
    if listing.others is not None:
        insist(not fallbacks, types[0], f"{listing.key!r} has a place for other kinds, and a fallback beside it")
    elif len(types) > 1:
        insist(
            len(fallbacks) == 1,
            types[0],
            f"the listing {listing.key!r} needs exactly one fallback or a place for other kinds, it has {len(fallbacks)}",
        )


def _check_reading(declared: ObjectType, listing: Listing) -> None:
    insist(listing.path.startswith("/"), declared, "the path of the listing begins with a slash")
    insist(listing.version in ("v1.0", "beta"), declared, "Graph has the versions v1.0 and beta")
    insist(
        ("{parent}" in listing.path) == (listing.below is not None), declared, "{parent} and `below` belong together"
    )
    insist(
        not (listing.single or listing.below) or not (listing.children or listing.detail),
        declared,
        "a single object, and a list below another, are read whole by their one address",
    )
    _check_children(declared, listing.children)


def _check_children(declared: ObjectType, children: tuple[Child, ...]) -> None:
    names = [child.name for child in children]
    insist(len(names) == len(set(names)), declared, "reads a child twice")
    for child in children:
        insist(not (child.inline and child.single), declared, f"{child.name} is one object: a list does not expand it")
        _check_children(declared, child.children)


def _check_limits(declared: ObjectType) -> None:
    """What is not restored whole says why."""
    capabilities = [limit.capability for limit in declared.limits]
    insist(len(capabilities) == len(set(capabilities)), declared, "limits a capability twice")
    insist(all(limit.reason for limit in declared.limits), declared, "limits a capability without a reason")
    insist(
        declared.restore is Restore.FULL or Capability.RESTORE in capabilities,
        declared,
        "is not restored whole and does not say why",
    )


def _check_writing(declared: ObjectType) -> None:
    """How far a type may be written follows from `restore`; a verb beyond that could be used by mistake."""
    create, update, delete = declared.create, declared.update, declared.delete
    insist(declared.restore_order is not None or not (create or update), declared, "is written without an order")
    match declared.restore:
        case Restore.FULL:
            insist(bool(create and update and delete), declared, "is restored whole, and cannot be made or changed")
        case Restore.UPDATE_ONLY:
            insist(bool(update and not create and not delete), declared, "is only changed, never made or removed")
        case Restore.INVENTORY_ONLY:
            insist(not (create or update or delete or declared.assign), declared, "is only looked at")
        case Restore.METADATA_ONLY:
            insist(bool(declared.match), declared, "cannot be found again")
    if create:
        _check_placeholders(declared, create.path)
    if update:
        insist(update.method in (Method.PATCH, Method.PUT), declared, "is changed by PATCH or PUT")
        insist(not update.only or update.method is Method.PATCH, declared, "a PUT carries the whole object")
    if assign := declared.assign:
        insist(bool(assign.targets and assign.key and assign.action), declared, "is assigned to nobody")
        # Otherwise the assignments of an object could not be compared, and a set would be replaced blindly.
        insist(_reads_assignments(declared.listing), declared, "is assigned, and its assignments are not read")


def _check_placeholders(declared: ObjectType, path: str) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(path) if name is not None]
    insist(all(name.isidentifier() for name in names), declared, f"{path} has a placeholder that is no property")


def _check_parts(declared: ObjectType) -> None:
    names = [part.name for part in declared.parts]
    insist(len(names) == len(set(names)), declared, "writes a part twice")
    for part in declared.parts:
        needs_call = part.style in (Style.ACTION, Style.DELTA)
        insist(bool(part.call) == needs_call, declared, f"{part.name}: only an action has a call")
        insist(all(part.keys) == (part.style is Style.DELTA), declared, f"{part.name}: only a delta has three keys")


def _reads_assignments(listing: Listing) -> bool:
    queries = [listing.query, listing.detail.query if listing.detail else ""]
    return any("assignments" in query for query in queries) or any(
        child.name == "assignments" for child in listing.children
    )
