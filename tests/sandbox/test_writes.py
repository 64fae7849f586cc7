"""Writing, as far as it goes (chapter 8): enough for tools that move configuration."""

from tests.sandbox.conftest import CATALOG, Probe, policy, read_error, settings

CATEGORIES = "deviceManagement/deviceCategories"


def test_an_object_is_made_changed_and_deleted(own: Probe) -> None:
    """SBX-17"""
    made = own.send("POST", f"/beta/{CATEGORIES}/", body={"displayName": "New", "id": "mine"}).json()
    assert made["displayName"] == "New" and made["id"] != "mine" and made["description"] is None
    path = f"/beta/{CATEGORIES}/{made['id']}"
    assert own.send("PATCH", path, body={"displayName": "Newer"}).status_code == 200
    assert own.body(path)["displayName"] == "Newer"
    assert own.send("DELETE", path).status_code == 204 and own.get(path).status_code == 404


def test_settings_are_stored_below_their_policy_and_replaced_by_put(own: Probe) -> None:
    """SBX-17"""
    made = own.send("POST", f"/beta/{CATALOG}", body={"name": "P", "settings": settings(2)}).json()
    path = f"/beta/{CATALOG}/{made['id']}"
    assert "settings" not in own.body(path) and len(own.members(f"{path}/settings")) == 2
    assert own.send("PUT", path, body={"name": "P", "settings": settings(5)}).status_code in (200, 204)
    assert len(own.members(f"{path}/settings")) == 5


def test_assigning_replaces_the_whole_set(own: Probe) -> None:
    """SBX-17"""
    own.put(CATALOG, policy(1), {"assignments": [{"id": "old"}]})
    path = f"/beta/{CATALOG}/{policy(1)['id']}"
    target = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
    answer = own.send("POST", f"{path}/assign", body={"assignments": [{"target": target}]})
    assert answer.status_code == 200 and "@odata.context" in answer.json()
    assert [one["target"] for one in own.members(f"{path}/assignments")] == [target]
    assert read_error(own.send("POST", f"{path}/assign", body={}))[0] == 400


def test_an_action_behind_a_cast_is_found(own: Probe) -> None:
    """SBX-1, SBX-17"""
    path = "deviceAppManagement/mobileAppConfigurations"
    own.put(path, {"@odata.type": "#microsoft.graph.iosMobileAppConfiguration", "id": "1"})
    cast = "microsoft.graph.managedDeviceMobileAppConfiguration/assign"
    assert own.send("POST", f"/beta/{path}/1/{cast}", body={"assignments": []}).status_code == 200


def test_a_patch_without_a_change_is_refused(own: Probe) -> None:
    """SBX-7, SBX-17"""
    own.put(CATALOG, policy(1))
    answer = own.send("PATCH", f"/beta/{CATALOG}/{policy(1)['id']}", body={"id": "x"})
    assert read_error(answer) == (400, "BadRequest", "Invalid patch, at least 1 property must be changed")


def test_a_single_resource_is_changed_in_place(own: Probe) -> None:
    """SBX-17"""
    path = "/beta/deviceManagement/settings"
    assert own.send("PATCH", path, body={"deviceComplianceCheckinThresholdDays": 7}).status_code in (200, 204)
    assert own.body(path)["deviceComplianceCheckinThresholdDays"] == 7
    assert own.send("DELETE", path).status_code == 400


def test_an_app_protection_is_deleted_through_the_common_list(own: Probe) -> None:
    """SBX-17"""
    own.put("deviceAppManagement/iosManagedAppProtections", {"id": "T_1", "displayName": "MAM"})
    assert own.send("DELETE", "/beta/deviceAppManagement/managedAppPolicies/T_1").status_code in (200, 204)
    assert own.members("/beta/deviceAppManagement/iosManagedAppProtections") == []
