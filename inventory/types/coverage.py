"""What TenantPilot can do with each type, and the reason for each "no": one source for the console and for docs/coverage.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from inventory.types import registry
from inventory.types.base import Capability, Category, Limit, ObjectType, Restore

# What this version of TenantPilot does. A capability that nobody has built is "not yet" for every type that could have it.
BUILT = frozenset({Capability.LIST, Capability.READ, Capability.VERSION})
HEADINGS = tuple(str(capability) for capability in Capability)

_AS_RESTORED = "As far as it can be restored"


class Answer(StrEnum):
    YES = "yes"
    PARTLY = "partly"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Cell:
    """Whether the facts about a type allow one capability; `reason` says why not, or why not wholly.

    `later`: they do, and TenantPilot does not do it yet.
    """

    capability: Capability
    answer: Answer
    reason: str = ""
    later: bool = False

    @property
    def state(self) -> str:
        """The word for it: of three answers, or that it is still to come."""
        return "later" if self.later else str(self.answer)

    @property
    def text(self) -> str:
        if not self.later:
            return str(self.answer)
        return "not yet" if self.answer is Answer.YES else "not yet; partly"


@dataclass(frozen=True, slots=True)
class Coverage:
    """A row: one cell for each of HEADINGS."""

    type: ObjectType
    cells: tuple[Cell, ...]

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """(heading, sentence) of everything that is to be said about the type: limits, what Graph keeps back, what it costs.

        Capabilities that are limited for one reason share a remark.
        """
        said: dict[str, list[str]] = {}
        for cell in self.cells:
            if cell.reason and cell.reason != _AS_RESTORED:
                said.setdefault(cell.reason, []).append(str(cell.capability))
        declared = self.type
        remarks = [(", ".join(headings), reason) for reason, headings in said.items()]
        if declared.secrets:
            remarks.append(("Kept back by Graph", "; ".join(secret.what for secret in declared.secrets)))
        if declared.builtin is not None:
            remarks.append(("Built in", declared.builtin.why))
        if declared.licence:
            remarks.append(("Licence", declared.licence))
        if declared.permissions.assumed:
            remarks.append(("Permission", "Taken from types like it; no list of Microsoft names it"))
        return remarks


@dataclass(frozen=True, slots=True)
class Family:
    category: Category
    rows: tuple[Coverage, ...]


def coverage_of(declared: ObjectType) -> Coverage:
    return Coverage(declared, tuple(_cell(declared, capability) for capability in Capability))


def coverage() -> list[Coverage]:
    """What each type can do, by family and label."""
    types = sorted(registry.all_types(), key=lambda declared: (declared.category, declared.label.lower()))
    return [coverage_of(declared) for declared in types]


def families() -> list[Family]:
    rows = coverage()
    found = ((category, tuple(row for row in rows if row.type.category is category)) for category in Category)
    return [Family(category, members) for category, members in found if members]


def _cell(declared: ObjectType, capability: Capability) -> Cell:
    answer, reason = _allowed(declared, capability)
    return Cell(capability, answer, reason, later=answer is not Answer.NO and capability not in BUILT)


def _allowed(declared: ObjectType, capability: Capability) -> tuple[Answer, str]:
    """What the facts about the type allow, whatever is built."""
    if limit := _limit(declared, capability):
        return Answer.PARTLY if limit.partly else Answer.NO, limit.reason
    listed = _limit(declared, Capability.LIST)
    if listed and capability in (Capability.READ, Capability.VERSION, Capability.DIFF):
        return Answer.NO, listed.reason
    if capability is Capability.ACROSS and declared.restore is not Restore.UPDATE_ONLY:
        restored, reason = _allowed(declared, Capability.RESTORE)
        return (restored, reason) if restored is Answer.NO else (restored, _AS_RESTORED if reason else "")
    return Answer.YES, ""


def _limit(declared: ObjectType, capability: Capability) -> Limit | None:
    return next((limit for limit in declared.limits if limit.capability is capability), None)


# -- the document ------------------------------------------------------------------------------------------------------

_INTRODUCTION = """\
# Coverage

Written by `./dev manage coverage --write`; `./dev check` fails when it is out of date. The console shows the same
under *Inventory → Coverage*, with how completely each type was last read in the tenant.

TenantPilot knows {types} types of configuration objects, read from {lists} lists of Microsoft Graph.

- **yes**: all of it. **partly**, **no**: the remarks say what is missing and why.
- **not yet**: the type allows it, or partly, and TenantPilot does not do it yet.
- **⚠**: the facts about the type rest on less than several independent sources. It is read like any other; it is not restored before
  somebody has tried it in a tenant for tests.

A type that a tenant has no licence for is reported as *not applicable*, one that the app may not read as *not permitted*. Neither is
ever reported as empty.
"""
_COLUMNS = ("Type", *HEADINGS, "Permission to read", "Remarks")


def markdown() -> str:
    """docs/coverage.md as it should be."""
    parts = [_INTRODUCTION.format(types=len(registry.all_types()), lists=len(registry.listings()))]
    for family in families():
        parts.append(f"\n## {family.category.label}\n\n{_line(_COLUMNS)}{_line('---' for _ in _COLUMNS)}")
        parts += [_line(_columns(row)) for row in family.rows]
    return "".join(parts)


def _columns(row: Coverage) -> Iterator[str]:
    declared = row.type
    mark = f"<br>⚠ {declared.confidence}" if declared.low_confidence else ""
    yield f"**{declared.label}**<br>`{declared.key}`{mark}"
    yield from (cell.text for cell in row.cells)
    yield f"`{declared.permissions.read[0]}`"
    yield "<br>".join(f"*{heading}*: {sentence}" for heading, sentence in row.remarks)


def _line(cells: Iterator[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |\n"
