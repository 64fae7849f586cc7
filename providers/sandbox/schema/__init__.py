"""What Graph's types are made of: properties, navigation, inheritance and enumerations, by Graph's own names.

`types.json` is made by `typescript.py` from Microsoft's published types of the beta version. A type is written as there:
"string", "number?" (may be null), "assignment[]" (a collection).
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

_schema = orjson.loads(Path(__file__).with_name("types.json").read_bytes())
_types: dict[str, dict[str, Any]] = _schema["types"]
_enums: dict[str, list[str]] = _schema["enums"]
_derived: dict[str, list[str]] = defaultdict(list)
for _name, _one in _types.items():
    if "base" in _one:
        _derived[_one["base"]].append(_name)

NAMESPACE = "microsoft.graph."


def short(odata_type: Any) -> str:
    """ "#microsoft.graph.group" → "group"; empty for anything but a string."""
    return odata_type.lstrip("#").removeprefix(NAMESPACE) if isinstance(odata_type, str) else ""


def knows(name: str) -> bool:
    return name in _types


def core(kind: str) -> str:
    """The type without its marks: "assignment[]?" → "assignment"."""
    return kind.rstrip("?").removesuffix("[]")


def is_many(kind: str) -> bool:
    return "[]" in kind


def is_a(name: str, ancestor: str) -> bool:
    """Whether `name` is `ancestor` or derives from it."""
    while name and name != ancestor:
        name = _types.get(name, {}).get("base", "")
    return bool(name)


def bases(name: str) -> list[str]:
    """What `name` derives from, nearest first."""
    found = []
    while base := _types.get(name, {}).get("base"):
        found.append(base)
        name = base
    return found


@cache
def family(name: str) -> tuple[str, ...]:
    """`name` and everything that derives from it."""
    return (name, *(inner for child in _derived[name] for inner in family(child)))


@cache
def properties(name: str) -> Mapping[str, str]:
    """Name → type of every structural property, inherited ones first; `id` is among them."""
    return _collect(name, "properties")


@cache
def navigation(name: str) -> Mapping[str, str]:
    """Name → type of every navigation property, inherited ones first."""
    return _collect(name, "navigation")


def _collect(name: str, part: str) -> dict[str, str]:
    one = _types.get(name, {})
    inherited = _collect(one["base"], part) if "base" in one else {}
    return {**inherited, **one.get(part, {})}


@cache
def navigation_of_family(name: str) -> Mapping[str, str]:
    """Navigation properties of `name` and of all that derive from it: a collection may hold any of them."""
    found: dict[str, str] = {}
    for member in family(name):
        found.update(navigation(member))
    return found


@cache
def property_names(name: str) -> frozenset[str]:
    """Lower-case names of all properties of the family: Graph compares them without regard to case."""
    return frozenset(
        prop.lower() for member in family(name) for prop in (*properties(member), *navigation(member), "@odata.type")
    )


@cache
def blank(name: str) -> Mapping[str, Any]:
    """Every structural property unset, as an answer shows it: null, or an empty collection."""
    return {prop: [] if is_many(kind) else None for prop, kind in properties(name).items()}


def members(name: str) -> list[str]:
    """The members of an enumeration, in order; empty for anything else."""
    return _enums.get(name, [])


@cache
def future_members(name: str) -> frozenset[str]:
    """Members that a client gets only when it asks for them with `Prefer: include-unknown-enum-members`."""
    known = members(name)
    return frozenset(known[known.index("unknownFutureValue") + 1 :] if "unknownFutureValue" in known else ())


@cache
def has_future_members(name: str) -> bool:
    """Whether a value of this type, or anything below it, may be such a member. Saves the walk for most types."""
    return _any_future(name, set())


def _any_future(name: str, seen: set[str]) -> bool:
    if name in seen:
        return False
    seen.add(name)
    if future_members(name):
        return True
    kinds = (kind for member in family(name) for kind in properties(member).values()) if name in _types else ()
    return any(_any_future(core(kind), seen) for kind in kinds)


def mask_future(value: Any, name: str) -> Any:
    """`value`, an object of type `name`, with future enumeration members shown as `unknownFutureValue`."""
    if not isinstance(value, dict):
        return value
    actual = short(value.get("@odata.type"))
    kinds = properties(actual if actual in _types else name)
    return {key: _mask(inner, kinds[key]) if key in kinds else inner for key, inner in value.items()}


def _mask(value: Any, kind: str) -> Any:
    name = core(kind)
    if value is None or not has_future_members(name):
        return value
    if isinstance(value, list):
        return [_mask(inner, name) for inner in value]
    hidden = future_members(name)
    if isinstance(value, str) and hidden:
        # Several flags stand in one string.
        parts = ["unknownFutureValue" if part.strip() in hidden else part for part in value.split(",")]
        return ",".join(dict.fromkeys(parts))
    return mask_future(value, name)
