"""Fill a sandbox tenant from a folder of exports: IntuneManagement, IntuneCD, portal and plain Graph bodies.

Bodies stay as they are. What Graph serves below an object (settings, assignments …) is moved there, and annotations that
Graph would make anew are dropped. What cannot be loaded is reported with the reason.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from providers.sandbox.catalogue import EVERY_PERMISSION, LISTINGS, NESTED_CHILDREN, READ_PERMISSIONS
from providers.sandbox.recognise import recognise
from providers.sandbox.world import Collection, GraphObject, SandboxApp, SandboxTenant

LARGEST_FILE = 50 * 1024 * 1024
DEEPEST = 64
_IDS = uuid.UUID("7f3d0e5a-0f0f-4c5e-9b0a-6d9a52f3c001")
_SKIPPED_FOLDERS = {".git", "__MACOSX", "__archive__"}
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


@dataclass(slots=True)
class LoadReport:
    """`loaded` counts objects by list path; `refused` names each file that gave none, and why."""

    loaded: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)


class Refused(Exception):
    """A file that is not taken; the message says why."""


def stable_id(*parts: str) -> str:
    """The same GUID for the same parts, so that two loads of one folder are one tenant."""
    return str(uuid.uuid5(_IDS, "/".join(parts)))


def make_apps(slug: str) -> dict[str, SandboxApp]:
    """The three apps of a tenant: everything, reading only, and one that lacks most of it."""

    def app(kind: str, permissions: set[str]) -> SandboxApp:
        secret = f"sandbox-{slug}-{kind}-{stable_id(slug, kind)[:8]}"
        return SandboxApp(stable_id("app", slug, kind), secret, f"TenantPilot {kind}", permissions)

    lacking = {"Group.Read.All", "DeviceManagementConfiguration.Read.All"}
    return {
        "full": app("full", set(EVERY_PERMISSION)),
        "read_only": app("read_only", set(READ_PERMISSIONS)),
        "lacking": app("lacking", lacking),
    }


def empty_tenant(slug: str, name: str) -> SandboxTenant:
    """A tenant with its organization and nothing else."""
    tenant = SandboxTenant(slug, name, stable_id("tenant", slug), make_apps(slug))
    domain = {
        "name": f"{slug}.example",
        "isDefault": True,
        "isInitial": True,
        "type": "Managed",
        "capabilities": "Email",
    }
    organization = {
        "id": tenant.entra_tenant_id,
        "displayName": name,
        "countryLetterCode": "DE",
        "tenantType": "AAD",
        "createdDateTime": "2021-04-12T09:00:00Z",
        "verifiedDomains": [domain],
        "assignedPlans": [],
    }
    tenant.collection("organization").objects[tenant.entra_tenant_id] = organization
    return tenant


def load_folder(folder: Path, *, into: SandboxTenant) -> LoadReport:
    """Load every JSON file below `folder`; files of the same id keep both objects."""
    report = LoadReport()
    root = folder.resolve()
    for path in _files(root, report):
        name = path.relative_to(root).as_posix()
        try:
            _load_file(path, name, into, report)
        except Refused as refused:
            report.refused.append((name, str(refused)))
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


def _load_file(path: Path, name: str, tenant: SandboxTenant, report: LoadReport) -> None:
    body = read_json(path)
    folders = tuple(part.lower() for part in Path(name).parts[:-1])
    place, reason = recognise(body, folders=folders, filename=path.name)
    if place is None:
        raise Refused(reason)
    _place(body, place, name, tenant.collection(place))
    report.loaded[place] += 1


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
        raise Refused(f"Not JSON: {error.msg[:80]}.") from error
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


def _place(body: GraphObject, path: str, name: str, collection: Collection) -> None:
    listing = LISTINGS[path]
    own = {key: value for key, value in body.items() if not _is_made_anew(key)}
    object_id = str(own.get("id") or "")
    if not object_id or object_id in collection.objects:
        # Exports without ids, and two files of one id: nothing is lost, the second gets an id from its path.
        object_id = path.rsplit("/", 1)[-1] if listing.singleton else stable_id(path, name)
    children: dict[str, list[GraphObject]] = {}
    for child in listing.children:
        members = own.pop(child, None)
        if isinstance(members, list):
            _place_children(members, child, "", object_id, children)
    collection.objects[object_id] = {"id": object_id, **{key: value for key, value in own.items() if key != "id"}}
    if children:
        collection.children[object_id] = children


def _place_children(
    members: list[Any], name: str, prefix: str, parent: str, children: dict[str, list[GraphObject]]
) -> None:
    placed: list[GraphObject] = []
    for number, member in enumerate(members):
        if not isinstance(member, dict):
            continue
        own = {key: value for key, value in member.items() if not _is_made_anew(key)}
        own.setdefault("id", f"{parent}_{number}" if name == "assignments" else str(number))
        for nested in NESTED_CHILDREN.get(name, ()):
            inner = own.pop(nested, None)
            below = f"{prefix}{name}/{own['id']}/"
            if isinstance(inner, dict):
                children[f"{below}{nested}"] = [inner]
            elif isinstance(inner, list):
                _place_children(inner, nested, below, str(own["id"]), children)
        placed.append(own)
    children[f"{prefix}{name}"] = placed


def _is_made_anew(key: str) -> bool:
    """Annotations of an answer. Types and bindings belong to the object."""
    return ("@" in key and not key.endswith(("@odata.type", "@odata.bind"))) or key.startswith("#microsoft.graph.")
