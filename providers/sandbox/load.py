"""Fill a sandbox tenant from a folder of exports: IntuneManagement, IntuneCD, portal and plain Graph bodies.

Bodies stay as they are. What Graph serves below an object (settings, assignments …) is moved there, members without an id
get one, and annotations that Graph would make anew are dropped. What cannot be loaded is reported with the reason.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from providers.sandbox import schema
from providers.sandbox.catalogue import LISTINGS
from providers.sandbox.recognise import recognise
from providers.sandbox.tenants import INTENTS, add_template_of, empty_tenant, make_apps, stable_id
from providers.sandbox.world import Collection, GraphObject, SandboxTenant

__all__ = ["LoadReport", "Refused", "empty_tenant", "load_folder", "make_apps", "read_json", "stable_id"]

LARGEST_FILE = 50 * 1024 * 1024
DEEPEST = 64
_SKIPPED_FOLDERS = {".git", "__MACOSX", "__archive__"}
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
# What the service fills in when an object is made; bodies written to be posted lack it.
_ACTION: GraphObject = {
    "gracePeriodHours": 0,
    "actionType": "block",
    "notificationTemplateId": "00000000-0000-0000-0000-000000000000",
    "notificationMessageCCList": [],
}
_FILLED_IN = {"deviceComplianceActionItem": _ACTION, "deviceManagementComplianceActionItem": _ACTION}
_RULE = {"ruleName": None, "scheduledActionConfigurations": [_ACTION]}
_MADE_WITH = {
    "deviceManagement/deviceCompliancePolicies": {"scheduledActionsForRule": [_RULE]},
    "deviceManagement/compliancePolicies": {"scheduledActionsForRule": [_RULE]},
}
# Files that hold several objects of one kind: their one key, and the list.
_WRAPPERS = {"groups": "groups", "filters": "deviceManagement/assignmentFilters"}


@dataclass(slots=True)
class LoadReport:
    """`loaded` counts objects by list path; `refused` names each file (or object in it) that was not taken, and why."""

    loaded: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)


class Refused(Exception):
    """A file that is not taken; the message says why."""


def load_folder(folder: Path, *, into: SandboxTenant) -> LoadReport:
    """Load every JSON file below `folder`; files of the same id keep both objects."""
    report = LoadReport()
    root = folder.resolve()
    for path in _files(root, report):
        name = path.relative_to(root).as_posix()
        try:
            members = list(_members(read_json(path), name))
        except Refused as refused:
            report.refused.append((name, str(refused)))
            continue
        folders = tuple(part.lower() for part in Path(name).parts[:-1])
        for member_name, body, known in members:
            try:
                _load(body, member_name, known, folders, into, report)
            except Refused as refused:
                report.refused.append((member_name, str(refused)))
    return report


def _files(root: Path, report: LoadReport) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if _SKIPPED_FOLDERS & set(inside.parts):
            continue
        if path.is_symlink() or not path.resolve().is_relative_to(root):
            report.refused.append((inside.as_posix(), "A link; links are not followed."))
        elif path.is_file() and path.suffix.lower() == ".json":
            yield path
        elif path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
            report.refused.append((inside.as_posix(), "YAML is not read; export as JSON."))


def read_json(path: Path) -> Any:
    """The value in a file, whatever its encoding. Raises Refused."""
    if path.stat().st_size > LARGEST_FILE:
        raise Refused(f"Larger than {LARGEST_FILE // 1024 // 1024} MB.")
    content = path.read_bytes()
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise Refused(f"Not {encoding.upper()}; save it as UTF-8, or with a byte order mark.") from error
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(f"Not JSON: {error.msg[:80]}, line {error.lineno}.") from error
    if _depth_exceeds(value, DEEPEST):
        raise Refused(f"Nested deeper than {DEEPEST} levels.")
    return value


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _members(value: Any, name: str) -> Iterator[tuple[str, Any, str | None]]:
    """(name, body, list path if the wrapper tells it) of each object in a file."""
    if isinstance(value, str):
        raise Refused("Settings that stand beside their policy; the policy's own file is the object.")
    if isinstance(value, list):
        if value and all(isinstance(one, dict) and "assignedTo" in one for one in value):
            raise Refused("A report of the exporting tool, not an object.")
        for number, one in enumerate(value):
            yield f"{name}#/{number}", one, None
        return
    if not isinstance(value, dict):
        raise Refused(f"Not an object but a {type(value).__name__}.")
    wrapper = next((key for key in _WRAPPERS if set(value) == {key} and isinstance(value[key], list)), None)
    if wrapper is not None:
        for number, one in enumerate(value[wrapper]):
            yield f"{name}#/{wrapper}/{number}", one, _WRAPPERS[wrapper]
    elif isinstance(value.get("value"), list) and "id" not in value:
        # The answer of a list; its context names the list for all members.
        for number, one in enumerate(value["value"]):
            context = {key: inner for key, inner in value.items() if key == "@odata.context"}
            yield f"{name}#/value/{number}", {**context, **one} if isinstance(one, dict) else one, None
    else:
        yield name, value, None


def _load(
    body: Any, name: str, known: str | None, folders: tuple[str, ...], tenant: SandboxTenant, report: LoadReport
) -> None:
    if not isinstance(body, dict):
        raise Refused(f"Not an object but a {type(body).__name__}.")
    path, reason = (known, "") if known else recognise(body, folders=folders)
    if path is None:
        raise Refused(reason)
    _place(_in_words_of_graph(body, path), path, name, tenant.collection(path))
    report.loaded[path] += 1
    if path == INTENTS:
        for intent_id in tenant.collection(path).objects:
            add_template_of(tenant, intent_id)


def _in_words_of_graph(body: GraphObject, path: str) -> GraphObject:
    """Bodies as tools post them, as Graph would show the object."""
    if path.endswith("/namedLocations") and "@odata.type" not in body:
        kind = "countryNamedLocation" if "countriesAndRegions" in body else "ipNamedLocation"
        return {"@odata.type": f"#{schema.NAMESPACE}{kind}", **body}
    renamed = {
        "deviceManagement/intents": {"settingsDelta": "settings", "TemplateId": "templateId"},
        "deviceManagement/notificationMessageTemplates": {"localizedMessages": "localizedNotificationMessages"},
    }.get(path, {})
    return {renamed.get(key, key): value for key, value in body.items()}


def _place(body: GraphObject, path: str, name: str, collection: Collection) -> None:
    listing = LISTINGS[path]
    own = {key: value for key, value in {**_MADE_WITH.get(path, {}), **body}.items() if not _is_made_anew(key)}
    object_id = str(own.get("id") or "")
    if not object_id or object_id in collection.objects:
        # Exports without ids, and two files of one id: nothing is lost, the second gets an id from its path.
        object_id = path.rsplit("/", 1)[-1] if listing.singleton else stable_id(path, name)
    children: dict[str, list[GraphObject]] = {}
    # Of the list's own type only: what a kind of its own links to comes in full exports, and no list shows it.
    _take_children(own, listing.type, object_id, "", children)
    collection.objects[object_id] = {"id": object_id, **{key: value for key, value in own.items() if key != "id"}}
    if children:
        collection.children[object_id] = children


def _take_children(
    own: GraphObject, type_name: str, owner: str, prefix: str, children: dict[str, list[GraphObject]]
) -> None:
    """Move navigation properties out of `own`, and those of their members, to where Graph serves them."""
    for name, kind in schema.navigation(type_name).items():
        members = own.pop(name, None)
        if members is None:
            continue
        # PowerShell writes a collection of one as the bare member.
        listed = members if isinstance(members, list) else [members]
        placed: list[GraphObject] = []
        for number, member in enumerate(listed):
            if not isinstance(member, dict):
                raise Refused(f"{name} holds something that is no object.")
            inner = {key: value for key, value in member.items() if not _is_made_anew(key)}
            inner.setdefault("id", f"{owner}_{number}" if name == "assignments" else str(number))
            actual = schema.short(inner.get("@odata.type"))
            below = f"{prefix}{name}/{inner['id']}/" if schema.is_many(kind) else f"{prefix}{name}/"
            _take_children(
                inner, actual if schema.knows(actual) else schema.core(kind), str(inner["id"]), below, children
            )
            placed.append({**_FILLED_IN.get(schema.core(kind), {}), **inner})
        children[f"{prefix}{name}"] = placed


def _is_made_anew(key: str) -> bool:
    """Annotations of an answer. Types and bindings belong to the object."""
    return ("@" in key and not key.endswith(("@odata.type", "@odata.bind"))) or key.startswith("#microsoft.graph.")
