"""Places in a document, and questions about it. Pure; hostile values give no places and no answers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]
Predicate = Callable[[Body], bool]


@dataclass(frozen=True, slots=True)
class Slot:
    """One value of a document in its place, so that it can be read and replaced."""

    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def fill(self, value: Any) -> None:
        self.holder[self.key] = value


def slots(document: Any, path: str) -> Iterator[Slot]:
    """The places that the dotted `path` leads to. Lists are passed through, also one at the end of the path."""
    name, _, rest = path.partition(".")
    for holder in document if isinstance(document, list) else [document]:
        if not isinstance(holder, dict) or name not in holder:
            continue
        if rest:
            yield from slots(holder[name], rest)
        elif isinstance(holder[name], list):
            yield from (Slot(holder[name], position) for position in range(len(holder[name])))
        else:
            yield Slot(holder, name)


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in `value`, at any depth, the outer ones first. A document is never too deep for it: it does not recurse."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)


def short_type(body: Body) -> str:
    """The `@odata.type` of `body` without its namespace; empty where Graph left it out."""
    kind = body.get("@odata.type")
    return kind.rpartition(".")[2].lstrip("#") if isinstance(kind, str) else ""


def where(name: str, value: Any) -> Predicate:
    """Whether a document has exactly `value` in its property `name`."""

    def holds(body: Body) -> bool:
        found = body.get(name)
        return type(found) is type(value) and bool(found == value)

    return holds


def given(name: str) -> Predicate:
    """Whether a document has the property `name`, and something in it."""
    return lambda body: bool(body.get(name))


def of_type(*names: str) -> Predicate:
    """Whether a document is of one of the types `names`, without namespace."""
    return lambda body: short_type(body) in names
