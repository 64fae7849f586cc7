"""The Graph permissions TenantPilot uses, and for what: one catalogue, to which each part adds what it needs.

All are application permissions (Microsoft Graph permissions reference). A type of the inventory, a snapshot or a check
declares its need where it is defined, so that the matrix on a connection's page cannot fall behind what is really read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rbac.capabilities import CAPABILITIES


@dataclass(frozen=True, slots=True)
class Need:
    """Something TenantPilot does that takes a permission: one of `any_of` is enough, and the first is the one to grant.

    `capability` is TenantPilot's own (`rbac.capabilities`), `used_for` a few words for the page.
    """

    any_of: tuple[str, ...]
    capability: str
    used_for: str


# A dict for its order; the same need declared by several types is one need.
_needs: dict[Need, None] = {}


def register_need(*, any_of: Iterable[str], capability: str, used_for: str) -> None:
    """Declare a need. Raises ValueError for an unknown capability or an empty list."""
    need = Need(tuple(any_of), capability, used_for)
    if capability not in CAPABILITIES or not need.any_of:
        raise ValueError(f"A need names a capability of TenantPilot and a permission: {need}.")
    _needs[need] = None


def all_needs() -> list[Need]:
    return list(_needs)


@dataclass(frozen=True, slots=True)
class Grant:
    """A row of the matrix: a permission to grant, what it is for, and whether the last check found it.

    `state` is "granted" when every need of the row is met (`by` names wider permissions that meet some), "missing" when one
    is not (`unmet`), "unknown" where nobody knows.
    """

    permission: str
    capabilities: tuple[str, ...]
    used_for: tuple[str, ...]
    state: str
    by: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()

    @property
    def purposes(self) -> list[str]:
        """The capabilities in words."""
        return [CAPABILITIES[key] for key in self.capabilities]


def matrix(granted: Iterable[str], *, known: bool) -> list[Grant]:
    """Every permission with its state. `known` is False where no check has told: then nothing is called missing."""
    held = set(granted)
    rows: dict[str, list[Need]] = {}
    for need in _needs:
        rows.setdefault(need.any_of[0], []).append(need)
    return [_row(name, needs, held, known=known) for name, needs in sorted(rows.items())]


def missing(granted: Iterable[str]) -> list[Grant]:
    """The rows of the matrix that lack something."""
    return [grant for grant in matrix(granted, known=True) if grant.state == "missing"]


def _row(name: str, needs: list[Need], held: set[str], *, known: bool) -> Grant:
    met = {need: next((one for one in need.any_of if one in held), "") for need in needs}
    unmet = tuple(dict.fromkeys(need.used_for for need, by in met.items() if not by))
    return Grant(
        permission=name,
        capabilities=tuple(dict.fromkeys(need.capability for need in needs)),
        used_for=tuple(dict.fromkeys(need.used_for for need in needs)),
        state="unknown" if not known else "missing" if unmet else "granted",
        by=tuple(dict.fromkeys(by for by in met.values() if by and by != name)),
        unmet=unmet if known else (),
    )
