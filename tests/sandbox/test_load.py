"""Folders of exports become tenants: what is taken, what is refused, and that nothing is altered."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings as project

from providers.sandbox import schema
from providers.sandbox.catalogue import LISTINGS
from providers.sandbox.load import LoadReport, load_folder
from providers.sandbox.tenants import empty_tenant
from providers.sandbox.world import SandboxTenant
from tests.sandbox.conftest import CATALOG, Probe

INTUNE, ACCESS = "deviceManagement", "identity/conditionalAccess"
Load = Callable[..., tuple[SandboxTenant, LoadReport]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """`load({"Folder/file.json": value or bytes})` is the tenant and the report."""

    def make(files: dict[str, Any]) -> tuple[SandboxTenant, LoadReport]:
        for name, value in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        tenant = empty_tenant("t", "T")
        return tenant, load_folder(tmp_path, into=tenant)

    return make


def only(tenant: SandboxTenant, path: str) -> dict[str, Any]:
    (body,) = tenant.collection(path).objects.values()
    return body


PORTAL: dict[str, Any] = {
    "@odata.context": f"https://graph.microsoft.com/beta/$metadata#{CATALOG}/$entity",
    "id": "00000000-0000-4000-8000-000000000001",
    "name": "From the portal",
    "platforms": "windows10",
    "technologies": "mdm",
    "settings": [{"id": "0", "settingInstance": {"settingDefinitionId": "x"}}],
}


@pytest.mark.parametrize(
    ("encode", "name"),
    [
        (lambda text: text.encode(), "utf-8"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "utf-8 with mark"),
        (lambda text: b"\xef\xbb\xbf\xef\xbb\xbf" + text.encode(), "two marks"),
        (lambda text: b"\xff\xfe" + text.encode("utf-16-le"), "utf-16-le"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "utf-16-be"),
        (lambda text: text.replace("\n", "\r\n").encode(), "crlf"),
    ],
)
def test_each_encoding_is_read(load: Load, encode: Callable[[str], bytes], name: str) -> None:
    """SBX-14"""
    tenant, report = load({"a.json": encode(json.dumps({**PORTAL, "name": "Grün \u2028 'x'"}, indent=2))})
    assert report.refused == [] and only(tenant, CATALOG)["name"] == "Grün \u2028 'x'", name


@pytest.mark.parametrize(
    ("name", "body", "path"),
    [
        ("x.json", PORTAL, CATALOG),
        ("x.json", {"name": "P", "technologies": "mdm", "settings": []}, CATALOG),
        ("x.json", {"name": "L", "technologies": "linuxMdm", "settings": []}, f"{INTUNE}/compliancePolicies"),
        ("x.json", {"@odata.type": "#microsoft.graph.windows10CompliancePolicy"}, f"{INTUNE}/deviceCompliancePolicies"),
        (
            "x.json",
            {"@odata.type": "#microsoft.graph.iosManagedAppProtection"},
            "deviceAppManagement/iosManagedAppProtections",
        ),
        ("x.json", {"@odata.type": "#microsoft.graph.win32LobApp"}, "deviceAppManagement/mobileApps"),
        ("x.json", {"@odata.type": "#microsoft.graph.windows10GeneralConfiguration"}, f"{INTUNE}/deviceConfigurations"),
        ("x.json", {"@odata.type": "#microsoft.graph.someNewCompliancePolicy"}, f"{INTUNE}/deviceCompliancePolicies"),
        ("x.json", {"displayName": "CA", "conditions": {}, "grantControls": None}, f"{ACCESS}/policies"),
        ("x.json", {"displayName": "F", "rule": "x", "platform": "iOS"}, f"{INTUNE}/assignmentFilters"),
        ("x.json", {"displayName": "G", "membershipRule": "x"}, "groups"),
        (
            "x.json",
            {"displayName": "S", "scriptContent": "eA==", "executionFrequency": "P1D"},
            f"{INTUNE}/deviceShellScripts",
        ),
        ("x.json", {"displayName": "R", "detectionScriptContent": "eA=="}, f"{INTUNE}/deviceHealthScripts"),
        ("Scope Tags/x.json", {"displayName": "Site"}, f"{INTUNE}/roleScopeTags"),
        ("Contoso/ScopeTags/x.json", {"displayName": "Site"}, f"{INTUNE}/roleScopeTags"),
        ("Scripts/Shell/x.json", {"displayName": "S"}, f"{INTUNE}/deviceShellScripts"),
        ("x.json", {"displayName": "A", "definitionValues": []}, f"{INTUNE}/groupPolicyConfigurations"),
        ("Device Management Settings/settings.json", {"secureByDefault": True}, f"{INTUNE}/settings"),
    ],
)
def test_each_kind_of_body_finds_its_list(load: Load, name: str, body: dict[str, Any], path: str) -> None:
    """SBX-14"""
    _, report = load({name: body})
    assert (dict(report.loaded), report.refused) == ({path: 1}, [])


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.json", b"{ not json", "Not JSON"),
        ("a.json", b"", "Not JSON"),
        ("a.json", b'{"a": NaN}', "Not JSON"),
        ("a.json", '{"name": "Gr\u00fcn"}'.encode("latin-1"), "Not UTF-8"),
        ("a.json", b"[" * 200 + b"]" * 200, "Nested deeper than"),
        ("a.json", b"42", "Not an object but a int"),
        ("a.json", b'"{ \\"settings\\": [] }"', "beside their policy"),
        ("a.json", {"TenantId": "x", "Objects": []}, "maps ids to names"),
        ("a.json", [{"groupName": "x", "assignedTo": {}}], "report of the exporting tool"),
        ("a.json", {"PartitionKey": "x", "JSON": "{}"}, "CIPP template"),
        ("a.json", {"DisplayName": "x", "Conditions": {}}, "dump of a PowerShell object"),
        ("MAM/a.json", {"displayName": "x", "dataProtection": {}}, "Not a body of Microsoft Graph"),
        ("a.json", {"@odata.type": "#microsoft.graph.chat"}, "#microsoft.graph.chat"),
        ("a.json", {**PORTAL, "assignments": ["x"]}, "assignments holds something that is no object"),
        ("a.yaml", b"name: x", "YAML"),
    ],
)
def test_what_is_not_taken_is_named_with_the_reason_and_the_rest_is_loaded(
    load: Load, name: str, content: Any, why: str
) -> None:
    """SBX-14"""
    _, report = load({name: content, "good.json": PORTAL})
    assert dict(report.loaded) == {CATALOG: 1}
    ((refused, reason),) = report.refused
    assert refused.startswith(name) and why in reason


def test_links_are_not_followed_and_what_belongs_to_no_export_is_left(load: Load, tmp_path: Path) -> None:
    """SBX-14"""
    outside = tmp_path.parent / "outside.json"
    outside.write_text(json.dumps(PORTAL))
    (tmp_path / "link.json").symlink_to(outside)
    _, report = load({"README.md": b"x", ".git/a.json": PORTAL, "__archive__/a.json": PORTAL, "x.json": PORTAL})
    assert dict(report.loaded) == {CATALOG: 1}
    assert [name for name, _ in report.refused] == ["link.json"]


def test_files_with_several_objects_give_each_of_them(load: Load) -> None:
    """SBX-14"""
    groups = {"groups": [{"displayName": "A"}, {"displayName": "B"}, "nonsense"]}
    answer = {
        "@odata.context": f"https://graph.microsoft.com/beta/$metadata#{INTUNE}/deviceCategories",
        "value": [{"id": "1", "displayName": "C"}, {"id": "2", "displayName": "D"}],
    }
    _, report = load({"g.json": groups, "answer.json": answer, "both.json": [PORTAL, {"x": 1}]})
    assert dict(report.loaded) == {"groups": 2, f"{INTUNE}/deviceCategories": 2, CATALOG: 1}
    assert [name for name, _ in report.refused] == ["both.json#/1", "g.json#/groups/2"]


def test_children_move_below_their_object_and_annotations_are_dropped(load: Load) -> None:
    """SBX-14"""
    body = {
        **PORTAL,
        "createdDateTime@odata.type": "#DateTimeOffset",
        "settings@odata.context": "x",
        "#microsoft.graph.assign": {},
        "assignments": [{"source": "direct", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}],
    }
    tenant, _ = load({"a.json": body})
    stored = only(tenant, CATALOG)
    assert stored.keys() == {"id", "name", "platforms", "technologies", "createdDateTime@odata.type"}
    children = tenant.collection(CATALOG).children[PORTAL["id"]]
    assert children["settings"] == PORTAL["settings"]
    assert children["assignments"][0] == {"id": f"{PORTAL['id']}_0", **body["assignments"][0]}


def test_a_collection_of_one_may_be_written_as_the_bare_member(load: Load) -> None:
    """SBX-14: as PowerShell does."""
    tenant, _ = load({"a.json": {**PORTAL, "settings": PORTAL["settings"][0]}})
    assert tenant.collection(CATALOG).children[PORTAL["id"]]["settings"] == PORTAL["settings"]


def test_objects_without_an_id_or_with_the_same_id_are_all_kept_and_named_alike_each_time(load: Load) -> None:
    """SBX-14"""
    files = {
        "a.json": PORTAL,
        "b.json": {**PORTAL, "name": "Second"},
        "c.json": {k: v for k, v in PORTAL.items() if k != "id"},
    }
    first, _ = load(files)
    second, _ = load(files)
    assert len(first.collection(CATALOG).objects) == 3
    assert first.collection(CATALOG).objects == second.collection(CATALOG).objects


def test_what_the_service_adds_when_an_object_is_made_is_added(load: Load) -> None:
    """SBX-14"""
    tenant, _ = load({"a.json": {"@odata.type": "#microsoft.graph.iosCompliancePolicy", "displayName": "C"}})
    policies = tenant.collection(f"{INTUNE}/deviceCompliancePolicies")
    (children,) = policies.children.values()
    actions = [members for name, members in children.items() if name.endswith("scheduledActionConfigurations")]
    assert actions[0][0]["actionType"] == "block" and actions[0][0]["notificationTemplateId"].startswith("00000000")


# -- real exports ------------------------------------------------------------------------------------------------------

_named = os.environ.get("TENANTPILOT_REAL_EXPORTS")
EXPORTS = Path(_named) if _named else Path(project.BASE_DIR).parent / "shared" / "real-exports"
FOLDERS = (
    sorted(path.name for path in EXPORTS.iterdir() if path.is_dir() and path.name != "LICENCES")
    if EXPORTS.is_dir()
    else ["-"]
)
# Rows of the index that are no objects, or objects of no JSON of Graph.
NO_OBJECTS = ("aux_", "other_")
RENAMED = {
    "settingsDelta": "settings",
    "TemplateId": "templateId",
    "localizedMessages": "localizedNotificationMessages",
}


def read_export(path: Path) -> Any:
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return json.loads(content.decode(encoding))


def objects_of(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name as in the index, body) of every object that the index knows of this folder."""
    for line in (EXPORTS / "index.jsonl").read_text().splitlines():
        row = orjson.loads(line)
        if row["source"] != folder.name or row["type_key"].startswith(NO_OBJECTS):
            continue
        file, _, inner = row["file"].partition("#/")
        value = read_export(EXPORTS / file)
        for part in filter(None, inner.split("/")):
            value = value[int(part)] if part.isdecimal() else value[part]
        yield row["file"], value


def differences(wanted: Any, found: Any, at: str = "") -> Iterator[str]:
    """Where `found` lacks something of `wanted`, or says something else. Annotations that Graph makes anew do not count."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            if name.startswith("#microsoft.graph.") or (
                "@" in name and not name.endswith(("@odata.type", "@odata.bind"))
            ):
                continue
            if name not in found:
                yield f"{at}/{name} is missing"
            else:
                yield from differences(value, found[name], f"{at}/{name}")
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{at} has {len(found)} members, not {len(wanted)}"
        for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from differences(one, other, f"{at}/{number}")
    elif wanted != found or type(wanted) is not type(found):
        yield f"{at} is {found!r:.80}, not {wanted!r:.80}"


def read_whole(probe: Probe, path: str, key: str, names: set[str]) -> dict[str, Any]:
    """An object with everything below it that is asked for, one request each."""
    body = probe.body(f"/beta/{path}/{key}")
    for name in names & schema.navigation_of_family(LISTINGS[path].type).keys() - body.keys():
        nested = "($expand=scheduledActionConfigurations)" if name == "scheduledActionsForRule" else ""
        answer = probe.get(f"/beta/{path}/{key}?$expand={name}{nested}")
        if answer.status_code == 400 and name == "assignments":
            body[name] = probe.members(f"/beta/{path}/{key}/{name}")
        elif answer.status_code == 200:
            body[name] = answer.json()[name]
    return body


@pytest.mark.skipif(not EXPORTS.is_dir(), reason="The real exports are not here.")
@pytest.mark.parametrize("name", FOLDERS)
def test_real_exports_come_back_value_by_value(own: Probe, name: str) -> None:
    """SBX-14: read through HTTP alone, every property of every file."""
    own.sandbox.app.throttle.configure(enabled=False)
    report = load_folder(EXPORTS / name, into=own.tenant)
    refused = dict(report.refused)
    wanted = {file: body for file, body in objects_of(EXPORTS / name) if file.removeprefix(f"{name}/") not in refused}
    # Another spelling of all properties is no JSON of Graph; those, and what the index calls no object, are refused.
    unread = {file for file, body in objects_of(EXPORTS / name) if file not in wanted}
    assert all("PowerShell" in refused[file.removeprefix(f"{name}/")] for file in unread)
    assert sum(report.loaded.values()) == len(wanted)
    names = {key for body in wanted.values() for key in (RENAMED.get(key, key) for key in body) if "@" not in key}
    left = []
    for path in report.loaded:
        if path.endswith("/settings"):
            left.append((path, own.body(f"/beta/{path}")))
        else:
            left += [(path, read_whole(own, path, row["id"], names)) for row in own.members(f"/beta/{path}")]
    ids = Counter(body.get("id") for body in wanted.values())
    for file, body in wanted.items():
        # Of several files with one id, one keeps it.
        body = {key: value for key, value in body.items() if key != "id" or ids[value] == 1}
        body = {RENAMED.get(key, key): value for key, value in body.items()}
        found = next((entry for entry in left if not any(differences(body, entry[1]))), None)
        if found is None:
            nearest = min((list(differences(body, entry[1])) for entry in left), key=len)
            raise AssertionError(f"{file}: {nearest[:5]}")
        left.remove(found)
    assert left == []
