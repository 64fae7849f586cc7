"""The part of a document that counts as configuration, as canonical bytes: equal bytes mean nothing was changed. Pure.

Left out: what the service computes (`volatile`), and annotations, which differ between a list and a GET of one object.
Sorted: lists whose order means nothing, which Graph returns in any order.
"""

import hashlib
from functools import cache
from typing import Any

import orjson

from inventory.types.base import UNORDERED_ALWAYS, VOLATILE_ALWAYS, Body, ObjectType

_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


class _Rules:
    """What to leave out below one level: `drop` here, `below` by property."""

    __slots__ = ("below", "drop")

    def __init__(self) -> None:
        self.drop: set[str] = set()
        self.below: dict[str, _Rules] = {}

    def add(self, path: list[str]) -> None:
        if len(path) == 1:
            self.drop.add(path[0])
        else:
            self.below.setdefault(path[0], _Rules()).add(path[1:])


@cache
def _rules_of(volatile: tuple[str, ...]) -> _Rules:
    rules = _Rules()
    for path in (*VOLATILE_ALWAYS, *volatile):
        rules.add(path.split("."))
    return rules


@cache
def _unordered_of(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset({*UNORDERED_ALWAYS, *names})


def normalize(declared: ObjectType, document: Body) -> dict[str, Any]:
    """A new document with only what counts, lists without order sorted. Changes nothing in `document`."""
    return _object(document, _rules_of(declared.volatile), _unordered_of(declared.unordered))


def canonical_bytes(declared: ObjectType, document: Body) -> bytes:
    return orjson.dumps(normalize(declared, document), option=_CANONICAL)


def content_hash(declared: ObjectType, document: Body) -> bytes:
    """32 bytes, equal for documents that differ in nothing that counts."""
    return hashlib.sha256(canonical_bytes(declared, document)).digest()


_NOTHING = _Rules()


def _object(value: Body, rules: _Rules, unordered: frozenset[str]) -> dict[str, Any]:
    result = {}
    for name, inner in value.items():
        if name in rules.drop or ("@" in name and "@odata." in name and name != "@odata.type"):
            continue
        if isinstance(inner, dict):
            inner = _object(inner, rules.below.get(name, _NOTHING), unordered)
        elif isinstance(inner, list):
            inner = _list(inner, rules.below.get(name, _NOTHING), unordered, name in unordered)
        result[name] = inner
    return result


def _list(value: list[Any], rules: _Rules, unordered: frozenset[str], sort: bool) -> list[Any]:
    result = [
        _object(inner, rules, unordered)
        if isinstance(inner, dict)
        else _list(inner, rules, unordered, False)
        if isinstance(inner, list)
        else inner
        for inner in value
    ]
    if sort and len(result) > 1:
        result.sort(key=_sort_key)
    return result


def _sort_key(value: Any) -> bytes:
    return orjson.dumps(value, option=_CANONICAL)
