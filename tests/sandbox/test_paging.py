"""Paging (chapter 2)."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.sandbox.conftest import CATALOG, HOST, Probe, policy, settings


def test_policies_come_in_pages_of_25_that_count_themselves(own: Probe) -> None:
    """SBX-2: the count of a page was taken for the total by four tools."""
    for number in range(60):
        own.put(CATALOG, policy(number))
    sizes, link = [], f"/beta/{CATALOG}"
    while link:
        page = own.body(link)
        assert page["@odata.count"] == len(page["value"])
        sizes.append(len(page["value"]))
        link = page.get("@odata.nextLink", "")
        assert not link or link.startswith(f"{HOST}/beta/{CATALOG}?$skiptoken=")
    assert sizes == [25, 25, 10]


def test_settings_of_a_policy_come_in_pages_of_25(own: Probe) -> None:
    """SBX-2"""
    own.put(CATALOG, policy(1, settingCount=60), {"settings": settings(60)})
    path = f"/beta/{CATALOG}/{policy(1)['id']}/settings"
    first = own.body(path)
    assert len(first["value"]) == 25 and first["@odata.count"] == 25
    assert [row["id"] for row in own.members(path)] == [str(i) for i in range(60)]
    assert len(own.body(f"{path}?&top=1000")["value"]) == 60


def test_other_lists_of_intune_have_a_thousand_to_a_page_and_the_directory_a_hundred(own: Probe) -> None:
    """SBX-2"""
    for number in range(1_001):
        own.put("deviceManagement/deviceCategories", {"id": str(number), "displayName": f"C{number}"})
        own.put("groups", {"id": f"00000000-0000-4000-8000-{number:012}", "displayName": f"G{number}"})
    page = own.body("/beta/deviceManagement/assignmentFilters")
    assert "@odata.count" not in page and page["value"] == []
    assert len(own.body("/beta/deviceManagement/deviceCategories")["value"]) == 500
    assert len(own.body("/beta/groups")["value"]) == 100
    assert len(own.body("/beta/groups?$top=999")["value"]) == 999
    assert len(own.members("/beta/groups")) == 1_001


@pytest.mark.parametrize(
    ("path", "top", "size"),
    [(CATALOG, 5_000, 1_000), ("deviceManagement/windowsFeatureUpdateProfiles", 1_000, 200)],
)
def test_a_page_larger_than_the_service_gives_is_lowered(own: Probe, path: str, top: int, size: int) -> None:
    """SBX-2"""
    for number in range(size + 1):
        own.put(path, policy(number))
    assert len(own.body(f"/beta/{path}?$top={top}")["value"]) == size


@pytest.mark.parametrize("top", ["1000", "0"])
def test_the_directory_refuses_a_page_larger_than_it_gives(probe: Probe, top: str) -> None:
    """SBX-2"""
    status, code, message = probe.error(f"/v1.0/groups?$top={top}")
    assert (status, code) == (400, "Request_BadRequest") and "between 1 and 999" in message


def test_the_directory_refuses_to_skip(probe: Probe) -> None:
    """SBX-2"""
    assert probe.error("/v1.0/groups?$skip=10") == (
        400,
        "Request_BadRequest",
        "'$skip' is not supported by the service.",
    )


def test_managed_devices_are_paged_by_links_alone(probe: Probe) -> None:
    """SBX-2"""
    path = "/v1.0/deviceManagement/managedDevices?$select=id&$top=5"
    assert probe.body(f"{path}&$skip=3")["value"] == probe.body(path)["value"]


def test_a_link_holds_the_options_of_the_first_request(probe: Probe) -> None:
    """SBX-2"""
    first = probe.body(f"/beta/{CATALOG}?$top=10&$select=id,name&$filter=platforms ne 'x'")
    given = parse_qs(urlsplit(first["@odata.nextLink"]).query)
    assert given["$top"] == ["10"] and given["$select"] == ["id,name"] and given["$filter"] == ["platforms ne 'x'"]
    second = probe.body(first["@odata.nextLink"])
    assert second["value"][0].keys() == {"id", "name"} and second["value"] != first["value"]


def test_a_token_is_good_for_its_own_list_and_options_only(probe: Probe) -> None:
    """SBX-2"""
    link = probe.body(f"/beta/{CATALOG}?$top=10")["@odata.nextLink"]
    token = parse_qs(urlsplit(link).query)["$skiptoken"][0]
    assert probe.get(link).status_code == 200
    for address in (
        f"/beta/{CATALOG}?$top=11&$skiptoken={quote(token)}",
        f"/beta/deviceAppManagement/mobileApps?$top=10&$skiptoken={quote(token)}",
        f"/beta/{CATALOG}?$top=10&$skiptoken={quote(token[:-4])}AAA%3D",
        f"/beta/{CATALOG}?$top=10&$skiptoken=nonsense",
        f"/beta/{CATALOG}?$top=10&$skiptoken=%F0%9F%9A%80",
    ):
        assert probe.error(address)[:2] == (400, "BadRequest"), address


def test_a_token_is_good_in_its_own_tenant_only(probe: Probe, as_app: object) -> None:
    """SBX-2"""
    link = probe.body(f"/beta/{CATALOG}?$top=10")["@odata.nextLink"]
    other = as_app("full", 1)  # type: ignore[operator]
    assert other.get(link).status_code == 400


def test_a_count_is_given_when_asked_for_and_on_the_first_page_only(probe: Probe) -> None:
    """SBX-2"""
    total = len(probe.tenant.collection("deviceAppManagement/mobileApps").objects)
    first = probe.body("/beta/deviceAppManagement/mobileApps?$count=true&$top=5")
    assert first["@odata.count"] == total
    assert "@odata.count" not in probe.body(first["@odata.nextLink"])
    assert probe.get("/beta/deviceAppManagement/mobileApps/$count").text == str(total)


@pytest.mark.parametrize("option", ["$top=x", "$top=-1", "$skip=1.5"])
def test_numbers_that_are_none_are_refused(probe: Probe, option: str) -> None:
    """SBX-3"""
    assert probe.error(f"/beta/{CATALOG}?{option}")[:2] == (400, "BadRequest")


def test_an_empty_page_can_have_a_next_one(probe: Probe) -> None:
    """SBX-2, SBX-11"""
    probe.fault("empty_page", path=f"/{CATALOG}", times=1)
    first = probe.body(f"/beta/{CATALOG}?$top=1000")
    assert first["value"] == []
    total = len(probe.tenant.collection(CATALOG).objects)
    assert len(probe.members(first["@odata.nextLink"])) == total
