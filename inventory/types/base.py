"""The shape of a type declaration: where objects are listed, how one is read completely, compared, and written back.

Everything that differs between types is data here; reading, hashing, storing, comparing and the coverage page are written once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from inventory.types.documents import Body, Predicate, short_type
from inventory.types.references import Reference, Secret
from inventory.types.writing import CHANGED, MADE, REMOVED, STRIP_ALWAYS, Approval, Assign, Create, Delete, Part, Update

__all__ = ["Body", "Predicate", "short_type"]


class BadType(TypeError):
    """A type was declared wrongly; raised at start-up, so a faulty one never reaches a tenant."""


class Platform(StrEnum):
    """`APPLE` is written as an item stores several platforms."""

    ALL = "all"
    ANDROID = "android"
    APPLE = "iOS,macOS"
    CHROMEOS = "chromeOS"
    ENTRA = "entra"
    IOS = "iOS"
    LINUX = "linux"
    MACOS = "macOS"
    WINDOWS = "windows"

    @property
    def label(self) -> str:
        as_written = {"iOS": "iOS", "macOS": "macOS", "chromeOS": "ChromeOS", "iOS,macOS": "iOS, macOS"}
        return {**as_written, "all": "All platforms"}.get(self.value, self.value.capitalize())


class Category(StrEnum):
    """The family of a type, in which people look for it."""

    APP_CONFIGURATION = "app configuration"
    APP_PROTECTION = "app protection"
    APPS = "apps"
    COMPLIANCE = "compliance"
    CONFIGURATION = "configuration"
    CONNECTORS = "connectors"
    ENDPOINT_SECURITY = "endpoint security"
    ENROLLMENT = "enrollment"
    ENTRA = "entra"
    ROLES = "roles"
    SCRIPTS = "scripts"
    TENANT = "tenant administration"
    UPDATES = "updates"
    WINDOWS_365 = "windows 365"

    @property
    def label(self) -> str:
        return self.value[0].upper() + self.value[1:]

    @property
    def slug(self) -> str:
        """For addresses and headings."""
        return self.value.replace(" ", "-")


class Restore(StrEnum):
    """How much of an object can be made again from what Graph gives out."""

    FULL = "full"
    UPDATE_ONLY = "update_only"
    METADATA_ONLY = "metadata_only"
    INVENTORY_ONLY = "inventory_only"


class Confidence(StrEnum):
    """What the facts about a type rest on. Only CONFIRMED ones are restored without a trial in a tenant for tests."""

    CONFIRMED = "confirmed"
    ONE_SOURCE = "known from a single source"
    DOCUMENTED = "known from documentation, not from use"
    SCHEMA_MOSTLY = "known from the published schema and little else"
    SCHEMA = "known from the published schema alone"


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
    """What stands below an object and is missing in the list: one more request for each object, sent in `$batch`.

    `name` is the navigation property and the key of the document; `query` is added to its address. `when` limits the
    request to objects that can have members. `children` are read for each member.

    `inline`: the list is asked to expand it, and the request is made only for objects where the list came short: cut, left
    out, or fewer members than the property `counted_by` says. `single`: one object, or none, instead of a collection.
    `cast`: only the object's own type has it, so that the address names the type.
    """

    name: str
    query: str = ""
    when: Predicate | None = None
    children: tuple["Child", ...] = ()
    inline: bool = False
    counted_by: str = ""
    single: bool = False
    cast: bool = False

    def is_in(self, body: Body) -> bool:
        """Whether `body` has all members, so that nothing must be asked for."""
        members, count = body.get(self.name), body.get(self.counted_by)
        if not self.inline or not isinstance(members, list) or f"{self.name}@odata.nextLink" in body:
            return False
        return not isinstance(count, int) or len(members) >= count

    def segment(self, body: Body) -> str:
        """What is added to the address of the object `body`."""
        return f"microsoft.graph.{short_type(body)}/{self.name}" if self.cast else self.name


@dataclass(frozen=True, slots=True)
class Detail:
    """The list leaves properties out, so each object, or each one of which `when` is true, is read by id; `why` says which."""

    why: str
    query: str = ""
    when: Predicate | None = None


@dataclass(frozen=True, slots=True)
class Unclassified:
    """What takes the rows of a shared list whose kind no declaration names: kept and reported, never written."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of Graph and how its rows become complete. Several types may share one.

    `query` may expand what Graph expands in this list; what it does not expand there is in `children` or `detail`.

    `below`: there is one such list below each object of another list; `{parent}` in `path` is the id of that object, and
    `parent_of` tells it from the id of an object, where that can be told.
    `single`: the path leads to one object instead of a list. `exists`: a tenant may have none, then Graph answers 404, or with
    something of which this is false. `delegated`: Graph answers signed-in people alone, no app.
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
    below: "Listing | None" = None
    parent_of: Callable[[str], str] | None = None
    single: bool = False
    exists: Predicate | None = None
    delegated: bool = False
    # A product of its own: without it, a missing licence or permission is nothing to mend.
    add_on: str = ""
    # In no published schema: if Graph does not know the address, nobody has changed anything.
    unpublished: bool = False
    others: Unclassified | None = None

    def requests_per_object(self) -> int:
        """Counted requests for any object beyond the list itself, children of children left out. Each counts in the quota."""
        always = self.detail is not None and self.detail.when is None
        return always + sum(not child.inline and child.when is None for child in self.children)

    def address(self, *, inline: bool = True, parent: str = "") -> str:
        """The list, with its inline children expanded or without. `parent` is an id, quoted for an address."""
        names = [child.name for child in self.children if child.inline and inline]
        parts = [part for part in self.query.split("&") if part]
        expanded = [part.removeprefix("$expand=") for part in parts if part.startswith("$expand=")]
        expand = ",".join([*expanded, *names])
        query = "&".join(
            [*([f"$expand={expand}"] if expand else []), *(p for p in parts if not p.startswith("$expand="))]
        )
        path = self.path.replace("{parent}", parent)
        return f"{path}?{query}" if query else path


ASSIGNMENTS = Child("assignments", inline=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """A capability that the type does not have, or not wholly, and why."""

    capability: Capability
    reason: str
    partly: bool = False


class BuiltinRule(StrEnum):
    """What may be done with an object that belongs to the service."""

    NOTHING = "never written"
    CHANGE = "changed, never made, removed or assigned"
    ASSIGN = "found again and assigned, never made or removed"


@dataclass(frozen=True, slots=True)
class Builtin:
    """Objects of a type that the service made: `is_one` recognises them, `why` says it in words.

    `known_by` gives what is equal in every tenant, so that one finds its twin there.
    """

    is_one: Predicate
    why: str
    rule: BuiltinRule = BuiltinRule.NOTHING
    known_by: Callable[[Body], str] | None = None


@dataclass(frozen=True, slots=True)
class Permissions:
    """Application permissions. One of `read` is enough, the narrowest first; so is one of `write`, save where `write_all` says
    that all are needed. `assumed`: no list of Microsoft names them for this type; taken from its siblings.
    """

    read: tuple[str, ...]
    write: tuple[str, ...]
    write_all: bool = False
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One type of configuration object.

    Reading: `odata_types` are short names ("win32LobApp"); a type is chosen by them or by `matches`, and `fallback` takes what
    nothing else in its listing takes. `never_stored` are properties that are live secrets: dropped before anything else sees
    them. Comparing: `volatile` are dotted paths that change without anybody changing anything; `unordered` are names of lists,
    at any depth, whose order means nothing.

    Writing back: `match` are the properties by which an object is the same one in another tenant; `restore_order` ascends,
    what others refer to comes first, and None means that it cannot be made at all. `approval` names the kind of approval
    policy that may hold a write up, `licence` what the tenant must have bought.
    """

    key: str
    label: str
    category: Category
    platform: Platform
    listing: Listing
    permissions: Permissions
    restore_order: int | None
    restore: Restore = Restore.FULL
    odata_types: tuple[str, ...] = ()
    matches: Predicate | None = None
    fallback: bool = False
    name_property: str = "displayName"
    never_stored: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    builtin: Builtin | None = None
    secrets: tuple[Secret, ...] = ()
    limits: tuple[Limit, ...] = ()
    match: tuple[str, ...] = ("displayName",)
    create: Create | None = MADE
    update: Update | None = CHANGED
    delete: Delete | None = REMOVED
    assign: Assign | None = None
    parts: tuple[Part, ...] = ()
    approval: Approval | None = None
    licence: str = ""
    confidence: Confidence = Confidence.CONFIRMED

    @property
    def low_confidence(self) -> bool:
        return self.confidence is not Confidence.CONFIRMED

    def left_out_of_create(self) -> tuple[str, ...]:
        """Dotted paths that the request making an object does not carry."""
        create = self.create or MADE
        kept = ("id",) if create.own_id else ()
        parts = tuple(part.name for part in self.parts if not part.inline)
        return (*(name for name in STRIP_ALWAYS if name not in kept), *create.strip, *parts)

    def left_out_of_update(self) -> tuple[str, ...]:
        """Dotted paths that the request changing an object does not carry."""
        update = self.update or CHANGED
        return (*STRIP_ALWAYS, *update.strip, *update.fixed, *(part.name for part in self.parts))


# Change with every save, or are computed by the service; never configuration. Top level only: deeper down the same names
# can be settings.
VOLATILE_ALWAYS = ("lastModifiedDateTime", "modifiedDateTime", "version", "isAssigned", "supportsScopeTags")
UNORDERED_ALWAYS = ("assignments", "roleScopeTagIds", "roleScopeTags")


def intune(*areas: str, write: tuple[str, ...] = ()) -> Permissions:
    """The permissions of Intune `areas` ("Configuration"): each lets one read, and each of `write` (else of `areas`) write."""
    return Permissions(
        read=tuple(f"DeviceManagement{area}.{kind}.All" for area in areas for kind in ("Read", "ReadWrite")),
        write=tuple(f"DeviceManagement{area}.ReadWrite.All" for area in write or areas),
    )


def assumed(permissions: Permissions) -> Permissions:
    """`permissions` of a type that no list of Microsoft names."""
    return replace(permissions, assumed=True)


# For declarations: only looked at, never written; and a single object of the service, which is only ever changed.
LOOK_ONLY: dict[str, Any] = {
    "restore": Restore.INVENTORY_ONLY,
    "create": None,
    "update": None,
    "delete": None,
}
CHANGE_ONLY: dict[str, Any] = {"restore": Restore.UPDATE_ONLY, "create": None, "delete": None}
