"""One catalogue for every state that a page shows: value → label, colour, icon, meaning.

Each app declares its own domains in its `badges.py`; a test compares them with the choices of the fields they describe.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

Colour = Literal["success", "info", "warning", "danger", "primary", "default"]


@dataclass(frozen=True, slots=True)
class Badge:
    """How one value looks: `icon` is a Material Symbols name, `meaning` one sentence for the tooltip and the docs."""

    value: str
    label: str
    colour: Colour
    icon: str
    meaning: str


_catalogue: dict[str, dict[str, Badge]] = {}


def register(domain: str, badges: list[Badge]) -> None:
    """Declare the badges of `domain` ("run.outcome"). Raises ValueError if it is declared twice."""
    if domain in _catalogue:
        raise ValueError(f"Badges of {domain!r} are declared twice.")
    _catalogue[domain] = {badge.value: badge for badge in badges}


def domains() -> dict[str, dict[str, Badge]]:
    return _catalogue


def get(domain: str, value: str) -> Badge:
    """The badge of `value`; an unknown value is shown as it is, in grey, rather than hidden."""
    return _catalogue[domain].get(value) or Badge(value, value or "unknown", "default", "help", "Unknown value.")


@lru_cache(maxsize=1_000)
def render(domain: str, value: str) -> SafeString:
    """The markup of a badge. Kept, because a list shows the same few of them in each of its rows."""
    return render_to_string("rbac/badge.html", {"badge": get(domain, value)})


register(
    "tenant.status",
    [
        Badge("active", "Active", "success", "check_circle", "The tenant is in use."),
        Badge("archived", "Archived", "default", "archive", "Out of use; its history is kept."),
    ],
)
register(
    "membership.role",
    [
        Badge("owner", "Owner", "primary", "shield_person", "May do everything, and decides who has which role."),
        Badge(
            "manager",
            "Manager",
            "info",
            "manage_accounts",
            "Manages connections and credentials, and reads the audit trail.",
        ),
        Badge("operator", "Operator", "success", "play_circle", "Starts, cancels and retries runs."),
        Badge("read_only", "Read-only", "default", "visibility", "Looks, and changes nothing."),
    ],
)
register(
    "account.kind",
    [
        Badge("person", "Person", "default", "person", "Works in the tenants that gave this account a role."),
        Badge(
            "platform",
            "Platform administrator",
            "primary",
            "admin_panel_settings",
            "Manages accounts and tenants as well.",
        ),
    ],
)
register(
    "account.state",
    [
        Badge("active", "Active", "success", "check_circle", "This account can sign in."),
        Badge("off", "Switched off", "default", "block", "This account cannot sign in."),
    ],
)
