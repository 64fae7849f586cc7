"""Every list path that the sandbox answers, and the types behind them."""

import json
from pathlib import Path

import pytest

from providers.sandbox import schema
from providers.sandbox.catalogue import EVERY_PERMISSION, LISTINGS, READ_PERMISSIONS
from providers.sandbox.schema import typescript
from tests.sandbox.conftest import HOST, Probe

PLURALS = sorted(path for path, listing in LISTINGS.items() if not listing.singleton and listing.read is not None)


@pytest.mark.parametrize("path", PLURALS)
def test_each_list_answers_empty_or_not_with_its_context(own: Probe, path: str) -> None:
    """SBX-16"""
    own.sandbox.app.throttle.configure(enabled=False)
    body = own.body(f"/beta/{path}/")
    assert body["@odata.context"] == f"{HOST}/beta/$metadata#{path}" and isinstance(body["value"], list)
    own.put(LISTINGS[path].union_of[0] if LISTINGS[path].union_of else path, {"id": "one"})
    found = own.members(f"/beta/{path}")
    assert [row["id"] for row in found if row["id"] == "one"] == ["one"]
    single = own.body(f"/beta/{path}/one")
    assert single["@odata.context"] == f"{HOST}/beta/$metadata#{path}/$entity"
    assert schema.properties(LISTINGS[path].type).keys() <= single.keys()


@pytest.mark.parametrize("path", [path for path, listing in LISTINGS.items() if listing.singleton])
def test_each_single_resource_answers_an_object(own: Probe, path: str) -> None:
    """SBX-16"""
    body = own.body(f"/beta/{path}")
    assert schema.properties(LISTINGS[path].type).keys() - {"id"} <= body.keys() and "value" not in body


def test_every_type_of_the_catalogue_is_known_and_every_option_names_a_property() -> None:
    """SBX-16: a misspelt property would quietly change nothing."""
    for path, listing in LISTINGS.items():
        assert schema.knows(listing.type), path
        own = set(schema.navigation_of_family(listing.type)) | {"*"}
        for name in (*listing.refuses_expand, *listing.only_single_expand, *listing.empty_expand, *listing.unrouted):
            assert name in own, (path, name)
        known = {name for kind in schema.family(listing.type) for name in schema.properties(kind)}
        for name in (*listing.omitted, *listing.named_only, *(name for name, _ in listing.single_shows)):
            assert name in known, (path, name)


def test_reading_permissions_are_those_that_write_nothing() -> None:
    """SBX-8"""
    assert set(READ_PERMISSIONS) < set(EVERY_PERMISSION)
    assert not [name for name in READ_PERMISSIONS if "Write" in name]


def test_types_inherit_and_know_their_family() -> None:
    """SBX-18"""
    assert schema.is_a("iosManagedAppProtection", "managedAppPolicy") and not schema.is_a("group", "managedAppPolicy")
    assert "windows10GeneralConfiguration" in schema.family("deviceConfiguration")
    assert {"id", "displayName", "omaSettings"} <= schema.properties("windows10CustomConfiguration").keys()
    assert schema.blank("deviceManagementConfigurationPolicy")["roleScopeTagIds"] == []
    assert "assignments" in schema.navigation("windows10CustomConfiguration")


D_TS = """
export namespace microsoftgraph {}
// A comment; with a semicolon.
export type Colour = "red" | "unknownFutureValue" | "blue";
export interface Entity {
    // The id.
    id?: string;
}
export interface DeviceCategory extends Entity {
    /** Text. */
    displayName?: NullableOption<string>;
    colour?: Colour;
    tags?: NullableOption<Tag[]>;
    elsewhere?: NullableOption<Teams.Thing>;
    owners?: NullableOption<Owner[]>;
}
export interface Owner extends Entity {
    name?: string;
}
// tslint:disable-next-line: no-empty-interface
export interface SpecialCategory extends DeviceCategory {}
export interface Tag {
    text?: string;
}
export interface Unused {
    text?: string;
}
"""


def test_types_are_made_from_microsofts_declarations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SBX-18"""
    monkeypatch.setattr(typescript, "ROOTS", ("deviceCategory",))
    monkeypatch.setattr(typescript, "CONTAINERS", ())
    trimmed = typescript.trim(typescript.read(D_TS.replace("export namespace microsoftgraph {}\n", "")))
    assert trimmed["types"]["deviceCategory"] == {
        "base": "entity",
        "properties": {"displayName": "string?", "colour": "colour", "tags": "tag[]?"},
        "navigation": {"owners": "owner[]?"},
    }
    assert trimmed["types"].keys() == {"deviceCategory", "entity", "owner", "specialCategory", "tag"}
    assert trimmed["enums"] == {"colour": ["red", "unknownFutureValue", "blue"]}
    typescript.write(trimmed, tmp_path / "types.json", source="test 1")
    written = json.loads((tmp_path / "types.json").read_text())
    assert written == {"source": "test 1", **trimmed}
    assert (tmp_path / "types.json").read_text().count("\n") > len(trimmed["types"])


FACTS = Path(__file__).parents[3] / "shared" / "facts" / "graph" / "types.json"


@pytest.mark.skipif(not FACTS.is_file(), reason="The facts about Graph's types are not here.")
def test_every_known_type_of_configuration_has_its_list(probe: Probe) -> None:
    """SBX-16"""
    for entry in json.loads(FACTS.read_text())["types"]:
        path = entry["list_path"].strip("/")
        path = path.replace("{tenantId}", probe.tenant.entra_tenant_id)
        if "{" in path or path in LISTINGS or "branding" in path:
            continue
        raise AssertionError(f"{entry['key']}: {path} is not served")
