"""Generated tenants: sizes, habits, oddities, and that they are the same each time."""

import unicodedata
from collections import Counter
from typing import Any

import orjson
import pytest

from providers.sandbox import schema
from providers.sandbox.blueprints.oddities import NAMES
from providers.sandbox.catalogue import LISTINGS
from providers.sandbox.generate import PLAN, SIZES, build_tenant, build_world
from providers.sandbox.world import OMA_SECRETS, SandboxTenant
from tests.sandbox.conftest import CATALOG, Probe

INTUNE, APPS, ACCESS = "deviceManagement", "deviceAppManagement", "identity/conditionalAccess"
# Objects in a tenant of each size: at least, at most (groups and devices left out).
BOUNDS = {"small": (120, 300), "medium": (600, 900), "large": (3_000, 4_500)}


@pytest.fixture(scope="module")
def tenants() -> dict[str, SandboxTenant]:
    return {size: build_tenant("contoso", "Contoso", size) for size in SIZES}


def objects(tenant: SandboxTenant, path: str) -> list[dict[str, Any]]:
    return list(tenant.collection(path).objects.values())


def as_bytes(tenant: SandboxTenant) -> bytes:
    return b"".join(
        orjson.dumps([path, collection.objects, collection.children]) for path, collection in tenant.collections.items()
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_tenant_has_the_size_that_its_name_says(tenants: dict[str, SandboxTenant], size: str) -> None:
    """SBX-15"""
    counted = {path: len(one.objects) for path, one in tenants[size].collections.items()}
    policies = sum(number for path, number in counted.items() if path not in ("groups", f"{INTUNE}/managedDevices"))
    least, most = BOUNDS[size]
    assert least <= policies <= most
    assert counted["groups"] >= {"small": 80, "medium": 1_500, "large": 20_000}[size]
    for path, _, counts in PLAN:
        assert counted.get(path, most) >= counts[SIZES.index(size)], path


def test_worlds_have_three_tenants_each_with_its_own_ids() -> None:
    """SBX-15"""
    world = build_world("small")
    assert [tenant.slug for tenant in world] == ["contoso", "fabrikam", "northwind"]
    ids = [key for tenant in world for path in (CATALOG, "groups") for key in tenant.collection(path).objects]
    clients = [app.client_id for tenant in world for app in tenant.apps.values()]
    assert len(set(ids)) == len(ids) and len(set(clients)) == 9


def test_a_tenant_is_the_same_each_time(tenants: dict[str, SandboxTenant]) -> None:
    """SBX-15"""
    again = build_tenant("contoso", "Contoso", "small")
    assert as_bytes(again) == as_bytes(tenants["small"]) and again.oddities == tenants["small"].oddities
    assert as_bytes(build_tenant("fabrikam", "Fabrikam", "small")) != as_bytes(again)


@pytest.mark.parametrize("size", ["small", "medium"])
def test_bodies_are_of_their_list_and_no_property_is_invented(tenants: dict[str, SandboxTenant], size: str) -> None:
    """SBX-15"""
    for path, collection in tenants[size].collections.items():
        listing = LISTINGS[path]
        for key, body in collection.objects.items():
            assert body["id"] == key, path
            kind = schema.short(body.get("@odata.type")) or listing.type
            if not schema.knows(kind):
                assert key in tenants[size].oddities["unknown type"]
                continue
            assert schema.is_a(kind, listing.type) or listing.singleton, (path, kind)
            known = {name.lower() for name in schema.properties(kind)} | {"@odata.type"}
            # Conditional Access shows the template of a policy, which the published types leave out.
            assert {name for name in body if name.lower() not in known} <= {"id", "templateId"}, (path, kind)
        for key, children in collection.children.items():
            assert key in collection.objects
            below = {name.split("/")[0] for name in children} - {OMA_SECRETS}
            assert below <= set(schema.navigation_of_family(listing.type)), path


def shares(tenant: SandboxTenant) -> dict[str, float]:
    """How policies of the settings catalog are assigned."""
    collection = tenant.collection(CATALOG)
    sets = [children["assignments"] for children in collection.children.values()]
    targets = [one["target"] for assigned in sets for one in assigned]
    kinds = Counter(target["@odata.type"].rpartition(".")[2] for target in targets)
    positive = sum(kinds.values()) - kinds["exclusionGroupAssignmentTarget"]
    filtered = sum(target["deviceAndAppManagementAssignmentFilterType"] != "none" for target in targets)
    return {
        "unassigned": sum(not assigned for assigned in sets) / len(sets),
        "all devices": kinds["allDevicesAssignmentTarget"] / positive,
        "filtered": filtered / positive,
        "per policy": positive / sum(bool(assigned) for assigned in sets),
        "excluded": kinds["exclusionGroupAssignmentTarget"] / len(sets),
    }


def test_larger_tenants_assign_more_finely(tenants: dict[str, SandboxTenant]) -> None:
    """SBX-15"""
    small, medium, large = (shares(tenants[size]) for size in SIZES)
    assert 0.15 <= large["unassigned"] <= 0.27 and 0.2 <= small["unassigned"] <= 0.5
    assert small["all devices"] > medium["all devices"] > large["all devices"]
    assert small["per policy"] < medium["per policy"] < large["per policy"]
    assert 1 <= small["per policy"] < 1.6 and 2.2 <= large["per policy"] <= 4
    assert large["filtered"] > 0.15 and large["excluded"] > 0.1


def test_policies_have_mostly_few_settings_and_a_long_tail(tenants: dict[str, SandboxTenant]) -> None:
    """SBX-15"""
    counts = sorted(body["settingCount"] for body in objects(tenants["large"], CATALOG))
    assert 3 <= counts[len(counts) // 2] <= 8 and 30 <= counts[int(len(counts) * 0.95)] <= 110 and counts[-1] >= 250
    collection = tenants["large"].collection(CATALOG)
    for key, body in collection.objects.items():
        assert len(collection.children[key]["settings"]) == body["settingCount"], key


def test_few_groups_carry_many_policies(tenants: dict[str, SandboxTenant]) -> None:
    """SBX-15"""
    used = Counter(
        one["target"]["groupId"]
        for children in tenants["large"].collection(CATALOG).children.values()
        for one in children["assignments"]
        if "groupId" in one["target"]
    )
    common = [number for _, number in used.most_common()]
    assert common[0] > 40 and sum(number == 1 for number in common) > len(common) / 3


def test_names_break_naive_tools(tenants: dict[str, SandboxTenant]) -> None:
    """SBX-15"""
    for size in SIZES:
        names = [str(body["name"]) for body in objects(tenants[size], CATALOG)]
        assert set(NAMES) <= set(names)
        assert max(map(len, names)) > 150 and "" in names
        assert any(name != name.strip() for name in names)
        assert any(
            unicodedata.normalize("NFC", name) in names and not unicodedata.is_normalized("NFC", name) for name in names
        )
    large = [str(body["name"]) for body in objects(tenants["large"], CATALOG)]
    illegal = sum(any(char in name for char in '/:<>"|?*\\') for name in large) / len(large)
    assert 0.08 <= illegal <= 0.3


@pytest.mark.parametrize("size", SIZES)
def test_every_oddity_is_in_every_size_and_names_what_has_it(tenants: dict[str, SandboxTenant], size: str) -> None:
    """SBX-15"""
    tenant = tenants[size]
    everything = {key for collection in tenant.collections.values() for key in collection.objects}
    assert tenant.oddities.keys() == tenants["small"].oddities.keys() and len(tenant.oddities) > 40
    for oddity, ids in tenant.oddities.items():
        assert ids and set(ids) <= everything, oddity


def test_oddities_are_what_they_are_called(tenants: dict[str, SandboxTenant]) -> None:
    """SBX-15"""
    tenant = tenants["small"]
    catalog, odd = tenant.collection(CATALOG), tenant.oddities

    def of(oddity: str, path: str = CATALOG) -> list[dict[str, Any]]:
        return [tenant.collection(path).objects[key] for key in odd[oddity]]

    assert [body["settingCount"] for body in of("a full page of settings")] == [25]
    assert of("hundreds of settings")[0]["settingCount"] >= 250
    first, second = odd["one name, two contents"]
    assert catalog.objects[first]["name"] == catalog.objects[second]["name"]
    assert catalog.children[first]["settings"] != catalog.children[second]["settings"]
    first, second = odd["two names, one content"]
    assert catalog.objects[first]["name"] != catalog.objects[second]["name"]
    assert catalog.children[first]["settings"] == catalog.children[second]["settings"]
    groups = tenant.collection("groups").objects
    gone = catalog.children[odd["group is gone"][0]]["assignments"][0]["target"]["groupId"]
    assert gone not in groups
    assert len({body["displayName"] for body in of("two groups of one name", "groups")}) == 1
    assert all(body["onPremisesSyncEnabled"] for body in of("synced group", "groups"))
    defaults = of("default enrollment", f"{INTUNE}/deviceEnrollmentConfigurations")
    assert len(defaults) >= 4 and {body["displayName"] for body in defaults} == {"All users and all devices"}
    assert len(of("hundreds of properties", f"{INTUNE}/deviceConfigurations")[0]) > 200
    large = of("large payload", f"{INTUNE}/deviceConfigurations")[0]
    assert len(large["payload"]) > 600_000
    chain = of("dependencies three deep", f"{APPS}/mobileApps")
    assert [app["dependentAppCount"] for app in chain] == [1, 1, 1, 0]
    assert {policy["state"] for policy in objects(tenant, f"{ACCESS}/policies")} == {
        "enabled",
        "enabledForReportingButNotEnforced",
        "disabled",
    }
    sessions = of("grant: none", f"{ACCESS}/policies")[0]
    assert sessions["grantControls"] is None and sessions["sessionControls"]["signInFrequency"]


@pytest.mark.parametrize("size", ["small", "medium"])
def test_references_lead_somewhere_unless_that_is_the_point(tenants: dict[str, SandboxTenant], size: str) -> None:
    """SBX-15"""
    tenant = tenants[size]
    groups, filters = tenant.collection("groups").objects, tenant.collection(f"{INTUNE}/assignmentFilters").objects
    meant = {
        key
        for name, ids in tenant.oddities.items()
        if "gone" in name or "virtual" in name or "as a group" in name
        for key in ids
    }
    for path, collection in tenant.collections.items():
        for key, children in collection.children.items():
            for one in children.get("assignments", []) if key not in meant else []:
                target = one["target"]
                assert target.get("groupId") in (None, *groups), path
                assert target.get("deviceAndAppManagementAssignmentFilterId") in (None, *filters), path


def test_a_page_of_large_policies_is_served(probe: Probe) -> None:
    """SBX-15"""
    key = probe.tenant.oddities["hundreds of settings"][0]
    body = probe.body(f"/beta/{CATALOG}/{key}?$expand=settings,assignments")
    assert len(body["settings"]) == body["settingCount"] >= 250
