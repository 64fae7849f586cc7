"""The declarations: whole, consistent, and every row of every list has a type."""

from dataclasses import replace

import pytest

from inventory.types import apps, coverage, registry
from inventory.types.base import (
    BadType,
    Capability,
    Child,
    Limit,
    ObjectType,
    Permissions,
    Platform,
    Restore,
)
from inventory.types.coverage import Answer
from inventory.types.facts import clean, modified_at, name_of, platform_of
from inventory.types.references import ELSEWHERE
from inventory.types.writing import Create, Method, Part, Style, Update
from operations.failures import Failure

NOT_RESTORED = Limit(Capability.RESTORE, "It is not")


def _type(key: str) -> ObjectType:
    return registry.get(key)


def test_every_type_says_how_it_is_read_and_what_it_needs() -> None:
    """INV-1"""
    types = registry.all_types()
    assert len(types) >= 70
    for declared in types:
        assert declared.label and declared.listing.path.startswith("/")
        assert declared.permissions.read and all(".Read" in name for name in declared.permissions.read)


def test_a_reference_names_a_type_or_something_known_outside_the_inventory() -> None:
    """INV-1"""
    for declared in registry.all_types():
        for reference in declared.references:
            assert reference.to in ELSEWHERE or registry.find(reference.to), (declared.key, reference)
            assert reference.kind, (declared.key, reference)


LONE = {"key": "lone", "odata_types": ("lone",)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "is declared twice"),
        ({"key": "again"}, "belongs to another type"),
        ({"key": "UPPER"}, "lower snake"),
        ({**LONE, "permissions": Permissions(read=(), write=())}, "no permissions"),
        ({**LONE, "fallback": True}, "a place for other kinds, and a fallback"),
        ({**LONE, "listing": replace(apps.CATEGORIES, path="mobileAppCategories")}, "begins with a slash"),
        ({**LONE, "listing": replace(apps.CATEGORIES, path="/a/{parent}/b")}, "belong together"),
        ({**LONE, "listing": replace(apps.CATEGORIES, single=True, children=(Child("x"),))}, "by their one address"),
        ({**LONE, "listing": replace(apps.CATEGORIES, children=(Child("x"), Child("x")))}, "reads a child twice"),
        ({**LONE, "listing": apps.CATEGORIES}, "its assignments are not read"),
        ({**LONE, "limits": (NOT_RESTORED, NOT_RESTORED)}, "limits a capability twice"),
        ({**LONE, "restore": Restore.METADATA_ONLY}, "does not say why"),
        ({**LONE, "create": None}, "restored whole, and cannot be made"),
        ({**LONE, "restore_order": None}, "written without an order"),
        ({**LONE, "restore": Restore.INVENTORY_ONLY, "limits": (NOT_RESTORED,)}, "only looked at"),
        ({**LONE, "restore": Restore.UPDATE_ONLY, "limits": (NOT_RESTORED,)}, "only changed"),
        ({**LONE, "create": Create(path="/templates/{a template}/make")}, "no property"),
        ({**LONE, "update": Update(Method.PUT, only=("displayName",))}, "the whole object"),
        ({**LONE, "update": Update(Method.POST)}, "PATCH or PUT"),
        ({**LONE, "parts": (Part("priority", Style.ACTION),)}, "only an action has a call"),
        ({**LONE, "parts": (Part("values", Style.DELTA, call="update"),)}, "only a delta has three keys"),
    ],
)
def test_a_faulty_declaration_stops_the_start_up(change: dict, message: str) -> None:
    """INV-1, TYP-2"""
    faulty = replace(_type("enrollment_limit"), **change)
    with pytest.raises(BadType, match=message):
        registry._Table([*registry.all_types(), faulty])


def test_a_shared_list_needs_a_type_for_every_row() -> None:
    """INV-1"""
    without = [declared for declared in registry.all_types() if declared.key != "settings_catalog_policy"]
    with pytest.raises(BadType, match="exactly one fallback"):
        registry._Table(without)


@pytest.mark.parametrize(
    ("listing_of", "body", "expected", "unknown"),
    [
        ("settings_catalog_policy", {}, "settings_catalog_policy", ""),
        ("settings_catalog_policy", {"templateReference": None}, "settings_catalog_policy", ""),
        (
            "settings_catalog_policy",
            {"templateReference": {"templateFamily": "baseline"}},
            "security_baseline_policy",
            "",
        ),
        (
            "settings_catalog_policy",
            {"templateReference": {"templateFamily": "endpointSecurityFirewall"}},
            "endpoint_security_policy",
            "",
        ),
        (
            "settings_catalog_policy",
            {"templateReference": {"templateFamily": "endpointSecurityEndpointPrivilegeManagement"}},
            "endpoint_privilege_management_policy",
            "",
        ),
        ("device_configuration", {"@odata.type": "#microsoft.graph.anythingNew"}, "device_configuration", ""),
        (
            "device_configuration",
            {"@odata.type": "#microsoft.graph.windowsUpdateForBusinessConfiguration"},
            "windows_update_ring",
            "",
        ),
        ("app_win32", {"@odata.type": "#microsoft.graph.win32LobApp"}, "app_win32", ""),
        ("app_win32", {"@odata.type": "#microsoft.graph.WIN32LOBAPP"}, "app_win32", ""),
        ("app_win32", {"@odata.type": "#microsoft.graph.holographicApp"}, "app_other", "holographicApp"),
        ("app_win32", {"@odata.type": 7}, "app_other", ""),
        ("app_config_managed_devices", {"appSupportsOemConfig": True}, "android_oem_config", ""),
        ("scope_tag", {"@odata.type": "#microsoft.graph.roleScopeTag"}, "scope_tag", ""),
        ("scope_tag", {"@odata.type": "#microsoft.graph.strange"}, "scope_tag", "strange"),
    ],
)
def test_a_row_gets_its_type_and_an_unknown_kind_is_reported(
    listing_of: str, body: dict, expected: str, unknown: str
) -> None:
    """INV-2"""
    classified = registry.classify(_type(listing_of).listing, body)
    assert (classified.type.key, classified.unknown) == (expected, unknown)


def test_only_the_lists_of_the_chosen_types_are_read_and_an_unknown_type_is_refused() -> None:
    """INV-2"""
    assert [listing.key for listing in registry.listings(["app_win32", "app_ios_vpp"])] == ["mobile_apps"]
    with pytest.raises(Failure, match="nonsense"):
        registry.listings(["nonsense"])


def test_every_no_on_the_coverage_page_has_its_reason() -> None:
    """INV-3"""
    rows = coverage.coverage()
    assert {row.type.key for row in rows} == {declared.key for declared in registry.all_types()}
    for row in rows:
        assert [cell.capability for cell in row.cells] == list(Capability)
        for cell in row.cells:
            assert cell.reason or cell.answer is Answer.YES, (row.type.key, cell)
            assert cell.later == (cell.answer is not Answer.NO and cell.capability not in coverage.BUILT)


def test_hostile_names_become_one_harmless_line() -> None:
    """INV-8"""
    assert clean("a\x00b\r\n\tc\u202e d", 100) == "a b c d"
    assert len(clean("x" * 10_000, 512)) == 512
    assert clean({"no": "string"}, 10) == "" and clean(None, 10) == ""
    assert name_of(_type("app_win32"), {"displayName": "<script>alert(1)</script>"}) == "<script>alert(1)</script>"


def test_the_platform_comes_from_the_object_where_the_type_has_several() -> None:
    """INV-1"""
    catalog = _type("settings_catalog_policy")
    assert platform_of(catalog, {"platforms": "windows10"}) == Platform.WINDOWS
    assert platform_of(catalog, {"platforms": "macOS,iOS"}) == "iOS,macOS"
    assert platform_of(catalog, {"platforms": 5}) == Platform.ALL
    assert platform_of(_type("device_configuration"), {"@odata.type": "#microsoft.graph.iosWiFiConfiguration"}) == "iOS"


@pytest.mark.parametrize("value", [None, 5, "", "yesterday", "0001-01-01T00:00:00Z", "9" * 50])
def test_an_unreadable_time_is_no_time(value: object) -> None:
    """INV-8"""
    assert modified_at({"lastModifiedDateTime": value}) is None


def test_seven_digits_of_a_second_are_read() -> None:
    """INV-8"""
    found = modified_at({"lastModifiedDateTime": "2026-01-02T03:04:05.1234567Z"})
    assert found is not None and found.isoformat() == "2026-01-02T03:04:05.123456+00:00"
