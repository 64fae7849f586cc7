"""How objects are written back: made, changed, removed and assigned. Data for the planner of a restore; nothing here sends."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inventory.types.documents import Predicate

Prepare = Callable[[dict[str, Any]], dict[str, Any]]

# Read-only everywhere: the service refuses them or ignores them. Annotations go too, save `@odata.type`.
STRIP_ALWAYS = (
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "modifiedDateTime",
    "version",
    "supportsScopeTags",
    "isAssigned",
    "assignments",
)


class Method(StrEnum):
    POST = "POST"
    PATCH = "PATCH"
    PUT = "PUT"
    DELETE = "DELETE"


class Target(StrEnum):
    """To whom an object may be assigned: the type of an assignment's target, without namespace."""

    GROUP = "groupAssignmentTarget"
    EXCLUDED_GROUP = "exclusionGroupAssignmentTarget"
    ALL_USERS = "allLicensedUsersAssignmentTarget"
    ALL_DEVICES = "allDevicesAssignmentTarget"
    CLOUD_PC_GROUP = "cloudPcManagementGroupAssignmentTarget"


GROUPS = (Target.GROUP, Target.EXCLUDED_GROUP)
EVERYONE = (*GROUPS, Target.ALL_USERS, Target.ALL_DEVICES)


class Approval(StrEnum):
    """Kinds of Multi Admin Approval policies that hold up a write until a second person agrees."""

    APP = "app"
    ROLE = "role"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class Create:
    """How an object is made: a POST to its list, or to `path`, in which `{name}` is a property of the object.

    `strip`: dotted paths that are left out besides STRIP_ALWAYS; `only`: the sole properties of this request, the others
    follow with an update. `requires`: without these Graph refuses. `prepare` rewrites what leaving out cannot mend; it gets a
    copy of the body. `own_id`: the caller chooses the id. `ready`: true of the object read back once others may refer to it;
    `slow`: right after it was made Graph may still answer that there is no such object.
    """

    path: str = ""
    strip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    requires: tuple[str, ...] = ("displayName",)
    prepare: Prepare | None = None
    own_id: bool = False
    ready: Predicate | None = None
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """How an object is changed: `method` at its own address, or at `path`, with the body below `wrap` if given.

    PUT replaces: what the body lacks is lost. `only`: the service takes nothing else here. `fixed` cannot be changed at all: an object
    that differs in one is another object.
    """

    method: Method = Method.PATCH
    path: str = ""
    strip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    prepare: Prepare | None = None
    wrap: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """How an object is removed: DELETE, or a POST to its `action`.

    `unassign_first`: refused while it has assignments. `recover`: the address that brings a deleted object back, with its id,
    within thirty days.
    """

    action: str = ""
    unassign_first: bool = False
    recover: str = ""

    @property
    def method(self) -> Method:
        return Method.POST if self.action else Method.DELETE


@dataclass(frozen=True, slots=True)
class Assign:
    """How assignments are written: all of them at once by `action`, or `one_by_one` as members below the object.

    The action replaces the whole set: what the body lacks is unassigned. One by one, what is there stays until it is deleted.
    `key` names the list in the body (one by one: the target). `keeps`: properties of an assignment that go with its target.
    `filters`: whether a target may carry an assignment filter. `all_users`: the group id that stands for all users where the
    target of that name is refused.
    """

    key: str = "assignments"
    action: str = "assign"
    one_by_one: bool = False
    targets: tuple[Target, ...] = EVERYONE
    keeps: tuple[str, ...] = ()
    filters: bool = True
    all_users: str = ""


class Style(StrEnum):
    """How a part is written."""

    ACTION = "action"  # POST to the action `call`, with the whole value below `key`
    DELTA = "delta"  # POST to the action `call`, with what is added, changed and removed below the three `keys`
    MEMBERS = "members"  # one request for each member, below the object
    LINKS = "links"  # one `$ref` for each member, below the object


@dataclass(frozen=True, slots=True)
class Part:
    """A property that goes by requests of its own after its object was made.

    `inline`: the request that makes the object carries it, and only changes go apart. `second_pass`: written after all objects
    are there, because it names others of them or moves them. `also`: properties sent along. `fixed`: properties of a member
    that cannot be changed.
    """

    name: str
    style: Style
    call: str = ""
    key: str = ""
    keys: tuple[str, str, str] = ("", "", "")
    inline: bool = False
    second_pass: bool = False
    also: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


# An ordinary object: made at its list by its name, changed by a PATCH, removed by a DELETE.
MADE, CHANGED, REMOVED = Create(), Update(), Delete()


def one_by_one(*targets: Target) -> Assign:
    """Assignments that are members below their object: a POST of each target, a DELETE of each that goes."""
    return Assign("target", "assignments", one_by_one=True, targets=targets, filters=False)
