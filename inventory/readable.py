"""An object's document as people read it: settings as label and value, assignments as who and how. Pure; shows, never decides.

Names of settings come from the document itself where Graph put them there (administrative templates), else from the ids.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

# What says nothing about how the object is configured, or is shown elsewhere on the page.
_NOT_SETTINGS = frozenset(
    {
        "id",
        "displayName",
        "name",
        "description",
        "version",
        "createdDateTime",
        "lastModifiedDateTime",
        "modifiedDateTime",
    }
    | {"roleScopeTagIds", "roleScopeTags", "supportsScopeTags", "creationSource", "isAssigned", "settingCount"}
    | {"settings", "assignments", "definitionValues"}
)
_MAX_ROWS = 2_000
_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Setting:
    """One line: `depth` indents below its parent, `title` is the exact name or id in Graph, `value` is None for a heading."""

    label: str
    value: str | None
    title: str = ""
    depth: int = 0
    long: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """One target. `object_id` is the group's id or "" for virtual groups; names are looked up by the page, in the database."""

    kind: str
    object_id: str = ""
    excluded: bool = False
    filter_id: str = ""
    filter_mode: str = ""
    intent: str = ""


def settings_of(document: Document) -> list[Setting]:
    """The lines of `document`, at most 2,000; the raw page always has everything."""
    rows: list[Setting] = []
    for row in _walk(document):
        rows.append(row)
        if len(rows) >= _MAX_ROWS:
            rows.append(Setting("More settings are in the raw document", "", long=False))
            break
    return rows


def _walk(document: Document) -> Iterator[Setting]:
    for member in _list(document.get("settings")):
        instance = member.get("settingInstance") if isinstance(member, Mapping) else None
        if isinstance(instance, Mapping):
            yield from _instance(instance, 0)
        elif isinstance(member, Mapping):
            yield from _intent_setting(member)
    for member in _list(document.get("definitionValues")):
        if isinstance(member, Mapping):
            yield from _definition_value(member)
    for key, value in document.items():
        if key not in _NOT_SETTINGS and "@" not in key and not _empty(value):
            yield from _property(key, value, 0)


def _instance(instance: Document, depth: int) -> Iterator[Setting]:
    """A settings catalog instance: its value type decides where the value is and what is nested below it."""
    title = str(instance.get("settingDefinitionId", ""))
    label = label_of_definition(title)
    if depth > _MAX_DEPTH:
        yield Setting(label, "…", title, depth)
        return
    choice = instance.get("choiceSettingValue")
    simple = instance.get("simpleSettingValue")
    if isinstance(choice, Mapping):
        yield Setting(label, choice_of(str(choice.get("value", "")), title), title, depth)
        yield from _instances(choice.get("children"), depth + 1)
    elif isinstance(simple, Mapping):
        yield _leaf(label, simple.get("value"), title, depth)
    elif isinstance(values := instance.get("simpleSettingCollectionValue"), list):
        yield _leaf(label, [v.get("value") for v in values if isinstance(v, Mapping)], title, depth)
    elif isinstance(values := instance.get("choiceSettingCollectionValue"), list):
        yield _leaf(
            label, [choice_of(str(v.get("value", "")), title) for v in values if isinstance(v, Mapping)], title, depth
        )
        for value in values:
            yield from _instances(value.get("children") if isinstance(value, Mapping) else None, depth + 1)
    else:
        groups = instance.get("groupSettingCollectionValue") or [instance.get("groupSettingValue")]
        for number, group in enumerate(_list(groups), start=1):
            yield Setting(f"{label} {number}" if len(_list(groups)) > 1 else label, None, title, depth)
            yield from _instances(group.get("children") if isinstance(group, Mapping) else None, depth + 1)


def _instances(children: Any, depth: int) -> Iterator[Setting]:
    for child in _list(children):
        if isinstance(child, Mapping):
            yield from _instance(child, depth)


def _intent_setting(member: Document) -> Iterator[Setting]:
    title = str(member.get("definitionId") or member.get("name") or "")
    label = words(title.rsplit("_", 1)[-1]) if member.get("definitionId") else title
    value = member.get("value", member.get("valueJson"))
    yield _leaf(label or "Setting", value, title, 0)


def _definition_value(member: Document) -> Iterator[Setting]:
    definition = member.get("definition")
    named = definition if isinstance(definition, Mapping) else {}
    title = str(named.get("categoryPath") or named.get("id") or member.get("id") or "")
    state = "Enabled" if member.get("enabled") else "Disabled"
    yield Setting(str(named.get("displayName") or "Policy setting"), state, title, 0)
    for presentation in _list(member.get("presentationValues")):
        if isinstance(presentation, Mapping):
            shown = presentation.get("presentation")
            label = shown.get("label") if isinstance(shown, Mapping) else None
            yield _leaf(str(label or "Value"), presentation.get("value", presentation.get("values")), "", 1)


def _property(key: str, value: Any, depth: int) -> Iterator[Setting]:
    label = words(key)
    if depth > _MAX_DEPTH:
        yield Setting(label, "…", key, depth)
    elif isinstance(value, Mapping):
        yield Setting(label, None, key, depth)
        for name, inner in value.items():
            if "@" not in name and not _empty(inner):
                yield from _property(name, inner, depth + 1)
    elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        for number, entry in enumerate(value, start=1):
            if isinstance(entry, Mapping):
                yield from _property(f"{key} {number}", entry, depth)
            else:
                yield _leaf(f"{label} {number}", entry, key, depth)
    else:
        yield _leaf(label, value, key, depth)


def _leaf(label: str, value: Any, title: str, depth: int) -> Setting:
    text = value_of(value)
    return Setting(label, text, title, depth, long=len(text) > 120 or "\n" in text)


def value_of(value: Any) -> str:
    """A single value as text: yes/no, lists by comma or line, everything else as it is."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None:
        return "Not configured"
    if isinstance(value, list):
        texts = [value_of(entry) for entry in value]
        return ("\n" if sum(map(len, texts)) > 100 else ", ").join(texts)
    return str(value)


def assignments_of(document: Document) -> list[Assignment] | None:
    """The targets of `document`; None where the document says nothing about assignments (which is not "nobody")."""
    members = document.get("assignments")
    if not isinstance(members, list):
        return None
    return [_assignment(member) for member in members if isinstance(member, Mapping)]


_VIRTUAL = {
    "alllicensedusersassignmenttarget": "All users",
    "alldevicesassignmenttarget": "All devices",
    "allusersassignmenttarget": "All users",
}


def _assignment(member: Document) -> Assignment:
    found = member.get("target")
    target = found if isinstance(found, Mapping) else member
    kind = str(target.get("@odata.type", "")).rsplit(".", 1)[-1].lower()
    group_id = str(target.get("groupId") or target.get("targetGroupId") or target.get("entraObjectId") or "")
    filter_id = str(target.get("deviceAndAppManagementAssignmentFilterId") or "")
    mode = str(target.get("deviceAndAppManagementAssignmentFilterType") or "")
    has_filter = filter_id.strip("0-") != "" and mode != "none"
    return Assignment(
        kind=_VIRTUAL.get(kind)
        or ("Group" if group_id else words(kind.removesuffix("assignmenttarget")) or "Unknown target"),
        object_id=group_id,
        excluded="exclusion" in kind or bool(member.get("excludeGroup")),
        filter_id=filter_id if has_filter else "",
        filter_mode=mode if has_filter else "",
        intent=words(str(member.get("intent") or "")),
    )


_SMALL = {
    "id": "ID",
    "url": "URL",
    "vpn": "VPN",
    "pin": "PIN",
    "os": "OS",
    "wifi": "Wi-Fi",
    "usb": "USB",
    "ip": "IP",
    "dns": "DNS",
}


def words(name: str) -> str:
    """`camelCaseName` or `snake_name` as words: "Password minimum length"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", name.strip())
    parts = [
        _SMALL.get(part.lower(), part if part.isupper() and len(part) > 1 else part.lower()) for part in spaced.split()
    ]
    text = " ".join(parts)
    return text[:1].upper() + text[1:]


def label_of_definition(definition_id: str) -> str:
    """The last part of a settings catalog definition id that says something, as words."""
    parts = [part for part in re.split(r"[_~.]", definition_id) if part]
    while len(parts) > 1 and (len(parts[-1]) < 3 or parts[-1].isdigit()):
        parts[-2:] = [f"{parts[-2]} {parts[-1]}"]
    return words(parts[-1]) if parts else "Setting"


def choice_of(value: str, definition_id: str) -> str:
    """The option of a choice value, which Graph prefixes with the definition's id."""
    option = value.removeprefix(definition_id).lstrip("_")
    return words(option) or value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})
