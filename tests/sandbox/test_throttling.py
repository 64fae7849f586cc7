"""Service limits and how long one is told to wait (chapter 6). Small limits stand in for the real ones, except where the
real number is the point."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from providers.sandbox.catalogue import LISTINGS
from providers.sandbox.errors import GraphError
from providers.sandbox.throttle import LIMITS, Limit, Throttle, area_of, units_of
from tests.sandbox.conftest import CATALOG, Probe, _probe, policy

CONFIGURATIONS = "deviceManagement/deviceConfigurations"
POLICIES = "identity/conditionalAccess/policies"


def limit(own: Probe, area: str, count: int, seconds: float, **more: object) -> None:
    own.control("POST", "throttle", {"limits": {area: {"count": count, "seconds": seconds}}, **more}).raise_for_status()


def refused(throttle: Throttle, times: int, *, path: str, method: str = "GET", client: str = "a") -> int:
    """How many of `times` requests are refused."""
    number = 0
    for _ in range(times):
        try:
            throttle.count(tenant="t", client=client, method=method, segments=path.split("/"))
        except GraphError as error:
            number += error.status == 429
    return number


@pytest.mark.parametrize(
    ("path", "method", "at_most"),
    [
        (CATALOG, "GET", 1_000),
        (CATALOG, "POST", 100),
        (CONFIGURATIONS, "PATCH", 100),
        ("deviceAppManagement/mobileApps", "GET", 1_000),
        ("deviceManagement/managedDevices", "GET", 2_000),
        ("deviceManagement/managedDevices", "POST", 200),
        ("auditLogs/directoryAudits", "GET", 5),
        ("groups", "GET", 3_500),
        ("groups", "POST", 3_000),
        (POLICIES, "GET", 1),
    ],
)
def test_an_app_may_send_as_much_as_microsoft_says(path: str, method: str, at_most: int) -> None:
    """SBX-6"""
    assert refused(Throttle(), at_most + 3, path=path, method=method) == 3


def test_a_tenant_has_a_limit_over_all_its_apps() -> None:
    """SBX-6"""
    throttle = Throttle()
    assert refused(throttle, 1_000, path=CATALOG, client="a") == refused(throttle, 1_000, path=CATALOG, client="b") == 0
    assert refused(throttle, 1, path=CATALOG, client="c") == 1


def test_larger_tenants_have_more_of_the_directory() -> None:
    """SBX-6"""
    throttle = Throttle()
    for _ in range(7_990):
        throttle.count(tenant="t", client="a", method="GET", segments=["groups"], users=501)
    with pytest.raises(GraphError):
        for _ in range(20):
            throttle.count(tenant="t", client="a", method="GET", segments=["groups"], users=501)


def test_requests_to_the_directory_cost_different_amounts() -> None:
    """SBX-6"""
    costs = {
        "groups": 1, "users": 2, "users?$select=id": 1, "applications?$expand=owners": 3, "groups/1/members": 3,
        "groups/1/transitiveMembers": 5, "groups/1/members?$top=5&$select=id": 1, "groups?$top=5": 1,
    }  # fmt: skip
    assert {
        address: units_of("GET", address.split("?")[0].split("/"), address.partition("?")[2]) for address in costs
    } == costs


def test_areas_are_counted_apart_and_collections_of_one_area_together(own: Probe) -> None:
    """SBX-6"""
    limit(own, "device configuration", 2, 60)
    assert [
        own.get(f"/beta/{path}").status_code for path in (CONFIGURATIONS, "deviceManagement/deviceCompliancePolicies")
    ] == [200, 200]
    assert own.get(f"/beta/{CONFIGURATIONS}").status_code == 429
    assert own.get(f"/beta/{CATALOG}").status_code == 200


def test_every_collection_of_intune_has_an_area() -> None:
    """SBX-6"""
    areas = {path: area_of(path.split("/")) for path in LISTINGS}
    assert areas["deviceManagement/deviceShellScripts"] == areas["deviceManagement/managedDevices"] == "devices"
    assert areas[CATALOG] == areas["deviceManagement/compliancePolicies"] == "device configuration v2"
    assert areas["policies/authenticationStrengthPolicies"] == areas["groups"] == "directory"
    assert areas["identity/conditionalAccess/namedLocations"] == areas[POLICIES] == "conditional access"
    assert set(LIMITS) <= set(areas.values())


def test_writes_are_counted_apart_from_reads() -> None:
    """SBX-6"""
    throttle = Throttle()
    assert refused(throttle, 101, path=CATALOG, method="PATCH") == 1
    assert refused(throttle, 5, path=CATALOG, method="GET") == 0


def test_conditional_access_refuses_without_a_word_about_waiting(own: Probe, as_app: Callable[..., Probe]) -> None:
    """SBX-6: one request a second, over all apps of the tenant."""
    statuses = [own.get(f"/v1.0/{POLICIES}") for _ in range(3)]
    assert [one.status_code for one in statuses] == [200, 429, 429]
    assert all("retry-after" not in one.headers for one in statuses)
    assert statuses[1].json()["error"]["code"] == "TooManyRequests"
    reader = _probe(own.sandbox, "read_only")
    assert reader.get(f"/v1.0/{POLICIES}").status_code == 429


@pytest.mark.parametrize("form", ["seconds", "fraction", "date", "none"])
def test_the_wait_is_stated_in_each_form(own: Probe, form: str) -> None:
    """SBX-6"""
    limit(own, "device configuration", 1, 3, retry_after=form)
    own.get(f"/beta/{CONFIGURATIONS}")
    answer = own.get(f"/beta/{CONFIGURATIONS}")
    stated = answer.headers.get("retry-after")
    assert answer.status_code == 429
    if form == "none":
        assert stated is None
    elif form == "date":
        assert stated is not None and 0 < (parsedate_to_datetime(stated) - datetime.now(UTC)).total_seconds() <= 5
    else:
        assert stated is not None and 0 < float(stated) <= 4 and ("." in stated) == (form == "fraction")


def test_whoever_waits_as_told_is_let_in_and_whoever_does_not_waits_anew() -> None:
    """SBX-6"""
    now = [100.0]
    throttle = Throttle(lambda: now[0])
    throttle.configure(limits={"device configuration": {"count": 2, "seconds": 20}})

    def stated() -> int:
        """Seconds to wait; 0 when the request passed."""
        try:
            throttle.count(tenant="t", client="a", method="GET", segments=CONFIGURATIONS.split("/"))
        except GraphError as error:
            return int(error.headers["Retry-After"])
        return 0

    assert [stated(), stated()] == [0, 0]
    first = stated()
    assert first == 20
    now[0] += first
    assert stated() == 0
    now[0] += 1
    assert stated() == 0
    second = stated()
    now[0] += second - 1
    again = stated()
    assert again >= second
    now[0] += 1
    assert stated() >= second
    now[0] += 60
    assert stated() == 0


def test_refusals_of_intune_wrap_their_text(own: Probe) -> None:
    """SBX-6, SBX-7"""
    limit(own, "device configuration", 1, 60)
    own.get(f"/beta/{CONFIGURATIONS}")
    error = own.get(f"/beta/{CONFIGURATIONS}").json()["error"]
    assert error["code"] == "TooManyRequests"
    assert httpx.Response(200, text=error["message"]).json()["_version"] == 3


def test_the_directory_says_how_much_of_its_limit_is_used(own: Probe) -> None:
    """SBX-6"""
    assert own.get("/v1.0/groups").headers["x-ms-resource-unit"] == "1"
    limit(own, "directory", 5, 60)
    answers = [own.get("/v1.0/groups") for _ in range(6)]
    assert [one.headers.get("x-ms-throttle-limit-percentage") for one in answers] == [
        None,
        None,
        None,
        "0.80",
        "1.00",
        None,
    ]
    assert (
        answers[5].status_code == 429 and answers[5].headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    )
    assert answers[5].headers["x-ms-throttle-scope"].startswith("Tenant_Application/ReadWrite/")


def test_limits_can_be_switched_off_for_one_tenant_and_on_again(own: Probe) -> None:
    """SBX-6, SBX-11"""
    own.put(CATALOG, policy(1))
    other = _probe(own.sandbox, number=1)
    own.control("POST", "throttle", {"enabled": False, "tenant": "own"}).raise_for_status()
    assert {own.get(f"/v1.0/{POLICIES}").status_code for _ in range(5)} == {200}
    assert {other.get(f"/v1.0/{POLICIES}").status_code for _ in range(3)} == {200, 429}
    state = own.control("DELETE", "throttle").json()["throttle"]
    assert state["disabled_for"] == [] and own.get(f"/v1.0/{POLICIES}").status_code == 200
    assert own.get(f"/v1.0/{POLICIES}").status_code == 429


@pytest.mark.parametrize(
    "given",
    [
        {"retry_after": "soon"},
        {"limits": {"x": {}}},
        {"limits": {"x": {"count": "many", "seconds": 1}}},
        {"tenant": "nobody"},
        {"nonsense": 1},
    ],
)
def test_faulty_limits_are_refused(own: Probe, given: object) -> None:
    """SBX-11"""
    assert own.control("POST", "throttle", given).status_code == 400


def test_a_limit_is_units_in_seconds() -> None:
    """SBX-6"""
    assert LIMITS["conditional access"].tenant == Limit(1, 1) and not LIMITS["conditional access"].states_wait
