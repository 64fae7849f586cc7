"""What an item shows of its document: name, platform, times. Pure; hostile values give harmless ones."""

import re
from datetime import UTC, datetime
from typing import Any

from inventory.types.base import Body, ObjectType, Platform, short_type

# The database refuses NUL, and control characters have no business in a list; the document keeps them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SPACES = re.compile(r"\s+")

_PREFIXES = (
    ("windows", Platform.WINDOWS),
    ("win32", Platform.WINDOWS),
    ("wingetapp", Platform.WINDOWS),
    ("macos", Platform.MACOS),
    ("ios", Platform.IOS),
    ("ipados", Platform.IOS),
    ("managedios", Platform.IOS),
    ("managedandroid", Platform.ANDROID),
    ("android", Platform.ANDROID),
    ("aosp", Platform.ANDROID),
    ("linux", Platform.LINUX),
    ("depios", Platform.IOS),
    ("depmacos", Platform.MACOS),
    ("chromeos", Platform.CHROMEOS),
    ("sharedpc", Platform.WINDOWS),
    ("editionupgrade", Platform.WINDOWS),
)


def clean(value: Any, limit: int) -> str:
    """`value` as one line of at most `limit` characters; empty for anything but a string."""
    if not isinstance(value, str):
        return ""
    # Cut before the costly part: a name may be megabytes long.
    return _SPACES.sub(" ", _CONTROL.sub(" ", value[: limit * 4])).strip()[:limit]


def name_of(declared: ObjectType, body: Body) -> str:
    """The name; types differ in the property, and older exports in the type. The only one of its kind is named by its kind."""
    for name in (declared.name_property, "displayName", "name"):
        if found := clean(body.get(name), 512):
            return found
    return declared.label if declared.listing.single else ""


def platform_of(declared: ObjectType, body: Body) -> str:
    """The platform of the object where its type has several: from `platforms`, `platform` or its `@odata.type`."""
    if declared.platform not in (Platform.ALL, Platform.APPLE):
        return declared.platform
    said = body.get("platforms") or body.get("platform") or body.get("platformType")
    found = {_platform(part) for part in said.split(",")} if isinstance(said, str) else set()
    found = (found - {""}) or ({_platform(short_type(body))} - {""})
    return ",".join(sorted(found))[:32] or declared.platform


def platform_label(stored: str) -> str:
    """What `platform_of` gave, as people write it: "Android, Windows"."""
    return ", ".join(Platform(part).label if part in set(Platform) else part for part in stored.split(",") if part)


def _platform(word: str) -> str:
    word = word.strip().lower()
    return next((platform for prefix, platform in _PREFIXES if word.startswith(prefix)), "")


def modified_at(body: Body) -> datetime | None:
    """When the object was changed in the tenant; None where Graph says nothing readable."""
    said = body.get("lastModifiedDateTime") or body.get("modifiedDateTime")
    if not isinstance(said, str) or len(said) > 40:
        return None
    try:
        # Graph writes up to seven digits of a second, Python reads six.
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", said))
    except ValueError:
        return None
    if found.year < 1971:  # 0001-01-01 stands for "never", and does not survive every time zone
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def count_assignments(body: Body) -> int | None:
    """None where the type has no assignments, or they were not read."""
    found = body.get("assignments")
    return len(found) if isinstance(found, list) else None
