"""The shape of a type declaration: where objects are listed, how one is read completely, what may be said about it.

Everything that differs between types is data here; reading, hashing, storing and the coverage page are written once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Body = Mapping[str, Any]
Predicate = Callable[[Body], bool]


class BadType(TypeError):
    """A type was declared wrongly; raised at start-up, so a faulty one never reaches a tenant."""


class Platform(StrEnum):
    ALL = "all"
    ANDROID = "android"
    ENTRA = "entra"
    IOS = "iOS"
    LINUX = "linux"
    MACOS = "macOS"
    WINDOWS = "windows"

    @property
    def label(self) -> str:
        return {"iOS": "iOS", "macOS": "macOS", "all": "All platforms"}.get(self.value, self.value.capitalize())


class Category(StrEnum):
    APP_CONFIGURATION = "app configuration"
    APP_PROTECTION = "app protection"
    APPS = "apps"
    COMPLIANCE = "compliance"
    CONFIGURATION = "configuration"
    ENDPOINT_SECURITY = "endpoint security"
    ENROLLMENT = "enrollment"
    ENTRA = "entra"
    ROLES = "roles"
    SCRIPTS = "scripts"
    TENANT = "tenant administration"
    UPDATES = "updates"


class Restore(StrEnum):
    """How much of an object can be made again from what Graph gives out."""

    FULL = "full"
    UPDATE_ONLY = "update_only"
    METADATA_ONLY = "metadata_only"


class Capability(StrEnum):
    """What can be done with a type; the columns of the coverage page."""

    LIST = "List"
    READ = "Complete read"
    VERSION = "Versions"
    DIFF = "Compare"
    RESTORE = "Restore"
    ACROSS = "Across tenants"


@dataclass(frozen=True, slots=True)
class Child:
    """A collection below an object that the list does not carry: one more request for each object, sent in `$batch`.

    `name` is the navigation property and the key of the document; `query` is added to its address. `when` limits the
    request to objects that can have members. `children` are read for each member.

    `inline`: the list is asked to expand it, and the request is made only for objects where the list came short: cut, left
    out, or fewer members than the property `counted_by` says.
    """

    name: str
    query: str = ""
    when: Predicate | None = None
    children: tuple["Child", ...] = ()
    inline: bool = False
    counted_by: str = ""

    def is_in(self, body: Body) -> bool:
        """Whether `body` has all members, so that nothing must be asked for."""
        members, count = body.get(self.name), body.get(self.counted_by)
        if not self.inline or not isinstance(members, list) or f"{self.name}@odata.nextLink" in body:
            return False
        return not isinstance(count, int) or len(members) >= count


@dataclass(frozen=True, slots=True)
class Detail:
    """The list leaves properties out, so each object is read by id; `why` says which ones."""

    why: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of Graph and how its rows become complete. Several types may share one.

    `query` may expand what Graph expands in this list; what it does not expand there is in `children` or `detail`.
    """

    key: str
    label: str
    path: str
    query: str = ""
    version: str = "beta"
    detail: Detail | None = None
    children: tuple[Child, ...] = ()
    # Graph allows about one request per second here: begun first, because it mostly waits.
    paced: bool = False

    def requests_per_object(self) -> int:
        """Counted requests for one object beyond the list itself, children of children left out. Each counts in the quota."""
        return (self.detail is not None) + sum(not child.inline for child in self.children)

    def address(self, *, inline: bool = True) -> str:
        """The list, with its inline children expanded or without."""
        names = [child.name for child in self.children if child.inline and inline]
        parts = [part for part in self.query.split("&") if part]
        expanded = [part.removeprefix("$expand=") for part in parts if part.startswith("$expand=")]
        expand = ",".join([*expanded, *names])
        query = "&".join(
            [*([f"$expand={expand}"] if expand else []), *(p for p in parts if not p.startswith("$expand="))]
        )
        return f"{self.path}?{query}" if query else self.path


@dataclass(frozen=True, slots=True)
class Reference:
    """`path` of a property that names an object of the type `to` ("*" where it may be of several types)."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A capability that the type does not have, or not wholly, and why."""

    capability: Capability
    reason: str
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Permissions:
    """Application permissions: one of `read` is enough, the narrowest first; `write` are all needed."""

    read: tuple[str, ...]
    write: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One type of configuration object.

    `odata_types` are short names ("win32LobApp"); a type is chosen by them or by `matches`, and `fallback` takes what nothing
    else in its listing takes. `volatile` are dotted paths that change without anybody changing anything; `unordered` are names
    of lists, at any depth, whose order means nothing. `restore_order` ascends: what others refer to comes first.
    """

    key: str
    label: str
    category: Category
    platform: Platform
    listing: Listing
    permissions: Permissions
    restore: Restore
    restore_order: int
    odata_types: tuple[str, ...] = ()
    matches: Predicate | None = None
    fallback: bool = False
    name_property: str = "displayName"
    volatile: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    is_builtin: Predicate | None = None
    builtin: str = ""
    secrets: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    low_confidence: bool = False


# Change with every save, or are computed by the service; never configuration. Top level only: deeper down the same names
# can be settings.
VOLATILE_ALWAYS = ("lastModifiedDateTime", "modifiedDateTime", "version", "isAssigned", "supportsScopeTags")
UNORDERED_ALWAYS = ("assignments", "roleScopeTagIds", "roleScopeTags")

GROUP = Reference("assignments.target.groupId", "entra_group")
FILTER = Reference("assignments.target.deviceAndAppManagementAssignmentFilterId", "assignment_filter")
TAGS = Reference("roleScopeTagIds", "scope_tag")
ASSIGNED = (GROUP, FILTER, TAGS)


def intune(*areas: str) -> Permissions:
    """The permissions of Intune `areas` ("Configuration"): each lets one read, the first is asked for to write."""
    read = tuple(f"DeviceManagement{area}.{kind}.All" for area in areas for kind in ("Read", "ReadWrite"))
    return Permissions(read=read, write=(f"DeviceManagement{areas[0]}.ReadWrite.All",))


def short_type(body: Body) -> str:
    """The `@odata.type` of `body` without its namespace; empty where Graph left it out."""
    kind = body.get("@odata.type")
    return kind.rpartition(".")[2].lstrip("#") if isinstance(kind, str) else ""
