"""Make `types.json` from Microsoft's published TypeScript types of Graph (npm: @microsoft/microsoft-graph-types-beta).

    npm pack @microsoft/microsoft-graph-types-beta && tar xzf microsoft-microsoft-graph-types-beta-*.tgz
    python -m providers.sandbox.schema.typescript package/microsoft-graph.d.ts

Kept are the entities that the sandbox serves, what derives from them, what their properties are made of, and the entities
a few navigations away. Descriptions are left out.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*$", re.DOTALL | re.MULTILINE)
_ENUM = re.compile(r'export type (\w+) =\s*((?:\s*\|?\s*"[^"]*")+);')
_INTERFACE = re.compile(r"export interface (\w+)(?: extends ([\w.]+))? \{(.*?)\}", re.DOTALL)
_MEMBER = re.compile(r'(?:"([^"]+)"|(\w+))\?: ([^;]+);')
_TYPE = re.compile(r"^(NullableOption<)?([\w.]+)(\[\])?>?$")

# Whose collections are served, and entities that stand at the root of Graph.
CONTAINERS = ("deviceManagement", "deviceAppManagement", "conditionalAccessRoot", "policyRoot", "virtualEndpoint")
ROOTS = (
    "agreement", "application", "auditEvent", "cloudPcProvisioningPolicy", "cloudPcUserSetting", "directoryAudit", "group",
    "organization", "organizationalBrandingLocalization", "servicePrincipal", "subscribedSku", "user",
)  # fmt: skip
# How far a path goes below an object: definition values, their presentation values, their presentations.
STEPS = 3
# Their navigation leads into mail, files and chats.
_NOT_FOLLOWED = {"application", "directoryObject", "group", "servicePrincipal", "user", "organization", "managedDevice"}
# What devices report, and services beside configuration.
_UNSERVED = re.compile(
    r"^(userExperience|cloudPCs$|comanaged|zebra|virtualEndpoint$|monitoring$|remoteAction|troubleshooting|windowsMalware"
    r"|accessReview|appLog)|[rR]eports?$|(State|Status|Summary|Summaries|Overview)(e?s)?$"
)


def read(text: str) -> dict[str, Any]:
    """Types and enumerations of a `.d.ts`, named as Graph names them."""
    text = _COMMENT.sub("", text.split("\nexport namespace ")[0])
    enums = {_lower(found[1]): re.findall(r'"([^"]*)"', found[2]) for found in _ENUM.finditer(text)}
    types: dict[str, dict[str, Any]] = {}
    for found in _INTERFACE.finditer(text):
        members = {one[1] or one[2]: _read_type(one[3].strip()) for one in _MEMBER.finditer(found[3])}
        types[_lower(found[1])] = {
            "base": _lower(found[2]) if found[2] else None,
            "members": {name: kind for name, kind in members.items() if kind},
        }
    return {"types": types, "enums": enums}


def trim(everything: dict[str, Any]) -> dict[str, Any]:
    """The part that the sandbox needs, properties and navigation told apart."""
    types, enums = everything["types"], everything["enums"]
    roots = {*ROOTS, *(_core(kind) for name in CONTAINERS for kind in _served(types[name]["members"]))}
    kept = _close({name for name in roots if name in types}, types)
    for _ in range(STEPS):
        beside = {
            _core(kind)
            for name in kept - _NOT_FOLLOWED
            for kind in _served(types[name]["members"])
            if _is_entity(_core(kind), types)
        }
        kept = _close(kept | (beside - _NOT_FOLLOWED), types)
    kept |= set(CONTAINERS)
    described = {name: _describe(types[name], types) for name in sorted(kept)}
    used = {_core(kind) for one in described.values() for kind in one.get("properties", {}).values()}
    return {"types": described, "enums": {name: enums[name] for name in sorted(used & enums.keys())}}


def _read_type(text: str) -> str:
    """`NullableOption<X[]>` → "x[]?"; "" for what lives in another namespace."""
    found = _TYPE.match(text)
    if found is None or "." in found[2]:
        return ""
    name = found[2] if found[2] in ("string", "number", "boolean", "any") else _lower(found[2])
    return name + (found[3] or "") + ("?" if found[1] else "")


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def _core(kind: str) -> str:
    return kind.rstrip("?").removesuffix("[]")


def _served(members: dict[str, str]) -> Iterator[str]:
    return (kind for name, kind in members.items() if not _UNSERVED.match(name))


def _is_entity(name: str, types: dict[str, Any]) -> bool:
    while name in types:
        if name == "entity":
            return True
        name = types[name]["base"]
    return False


def _close(names: Iterable[str], types: dict[str, Any]) -> set[str]:
    """With bases, with what derives from them, and with the complex types of their properties."""
    derived = defaultdict(list)
    for name, one in types.items():
        derived[one["base"]].append(name)
    kept: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name in kept or name not in types:
            continue
        kept.add(name)
        one = types[name]
        if one["base"]:
            open_names.append(one["base"])
        if name not in ("entity", "directoryObject"):
            open_names += derived[name]
        cores = (_core(kind) for kind in one["members"].values())
        open_names += [core for core in cores if core in types and not _is_entity(core, types)]
    return kept


def _describe(one: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"base": one["base"]} if one["base"] else {}
    for name, kind in one["members"].items():
        part = "navigation" if _is_entity(_core(kind), types) else "properties"
        described.setdefault(part, {})[name] = kind
    return described


def write(schema: dict[str, Any], path: Path, *, source: str) -> None:
    """One type a line, so that a new release of Graph shows as a readable difference."""
    lines = [f'{{"source": {json.dumps(source)},']
    for part in ("types", "enums"):
        rows = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in schema[part].items()]
        lines.append(f'"{part}": {{\n' + ",\n".join(rows) + ("\n}}" if part == "enums" else "\n},"))
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    given = Path(sys.argv[1])
    version = json.loads((given.parent / "package.json").read_text())
    write(
        trim(read(given.read_text())),
        Path(__file__).with_name("types.json"),
        source=f"{version['name']} {version['version']}",
    )
