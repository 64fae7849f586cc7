"""Hosts, versions and odd forms of addresses (chapter 1 of the service's behaviour)."""

import re
from uuid import UUID

import pytest

from tests.sandbox.conftest import CATALOG, Probe, policy, read_error, settings

GUID = re.compile(r"^[0-9a-f-]{36}$")


def test_both_hosts_are_answered_at_one_address(probe: Probe) -> None:
    """SBX-1"""
    tenant = probe.tenant.entra_tenant_id
    assert probe.http.get(f"/{tenant}/v2.0/.well-known/openid-configuration").status_code == 200
    assert probe.get("/v1.0/organization").json()["value"][0]["id"] == tenant
    assert probe.get("/beta/organization").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "deviceManagement/deviceShellScripts/?$expand=assignments",
        "deviceManagement//deviceShellScripts",
        "deviceManagement/deviceShellScripts??$expand=assignments",
        "deviceManagement/deviceShellScripts?&top=1000",
        "deviceManagement/deviceShellScripts?expand=assignments",
        "deviceManagement/deviceShellScripts?%24expand=assignments",
        "devicemanagement/DEVICESHELLSCRIPTS",
    ],
)
def test_odd_forms_of_a_list_are_understood(probe: Probe, address: str) -> None:
    """SBX-1"""
    body = probe.body(f"/beta/{address}")
    assert len(body["value"]) == len(probe.tenant.collection("deviceManagement/deviceShellScripts").objects)
    assert ("assignments" in body["value"][0]) == ("expand" in address)


def test_a_key_stands_in_parentheses_or_after_a_slash(probe: Probe) -> None:
    """SBX-1"""
    wanted = probe.first(CATALOG)
    for address in (f"{CATALOG}/{wanted['id']}", f"{CATALOG}('{wanted['id']}')", f"{CATALOG}//{wanted['id']}/"):
        assert probe.body(f"/beta/{address}")["name"] == wanted["name"]
    settings_of = f"{CATALOG}('{wanted['id']}')/settings"
    assert len(probe.members(f"/beta/{settings_of}")) == wanted["settingCount"]


def test_an_alternate_key_finds_an_application(own: Probe) -> None:
    """SBX-1"""
    own.put("servicePrincipals", {"id": "5" * 8 + "-0000-4000-8000-000000000001", "appId": "abc", "displayName": "App"})
    assert own.body("/v1.0/servicePrincipals(appId='abc')")["displayName"] == "App"
    assert own.error("/v1.0/servicePrincipals(appId='nobody')")[0] in (400, 404)


def test_names_in_select_are_compared_without_case_and_answered_in_graphs_case(probe: Probe) -> None:
    """SBX-1"""
    row = probe.body("/beta/deviceManagement/reusablePolicySettings?$select=id,settinginstance,displayname")["value"][0]
    assert {"id", "settingInstance", "displayName"} <= row.keys() and "settinginstance" not in row


@pytest.mark.parametrize("value", ["isBuiltIn+eq+false", "isBuiltIn%20eq%20false"])
def test_a_plus_sign_or_an_escape_is_a_blank(probe: Probe, value: str) -> None:
    """SBX-1"""
    rows = probe.members(f"/beta/deviceManagement/roleScopeTags?$filter={value}")
    assert rows and not any(row["isBuiltIn"] for row in rows)


def test_a_cast_in_the_path_limits_a_list_and_checks_an_object(probe: Probe) -> None:
    """SBX-1"""
    path = "/beta/deviceManagement/deviceConfigurations"
    kind = "microsoft.graph.windowsUpdateForBusinessConfiguration"
    rows = probe.members(f"{path}/{kind}")
    assert rows and {row["@odata.type"] for row in rows} == {f"#{kind}"}
    assert probe.body(f"{path}/{rows[0]['id']}/{kind}")["id"] == rows[0]["id"]
    assert probe.error(f"{path}/{rows[0]['id']}/microsoft.graph.iosUpdateConfiguration")[0] == 404


def test_a_single_property_can_be_asked_for(own: Probe) -> None:
    """SBX-1"""
    own.put(CATALOG, policy(1, description=None))
    answer = own.body(f"/beta/{CATALOG}/{policy(1)['id']}/name")
    assert answer["value"] == "Policy 1" and answer["@odata.context"].endswith(f"{CATALOG}('{policy(1)['id']}')/name")
    assert own.get(f"/beta/{CATALOG}/{policy(1)['id']}/description").status_code == 204
    assert own.get(f"/beta/{CATALOG}/{policy(1)['id']}/nonsense").status_code == 400


def test_settings_of_the_tenant_are_a_property_and_no_list(probe: Probe) -> None:
    """SBX-1"""
    body = probe.body("/beta/deviceManagement/settings")
    assert body["deviceComplianceCheckinThresholdDays"] == 30 and "value" not in body


def test_options_on_writes_are_ignored(own: Probe) -> None:
    """SBX-1"""
    own.put(CATALOG, policy(1), {"settings": settings(1)})
    path = f"/beta/{CATALOG}/{policy(1)['id']}?$filter=name eq 'x'&$top=nonsense&expand=settings"
    assert own.send("DELETE", path).status_code in (200, 204)
    assert own.get(f"/beta/{CATALOG}/{policy(1)['id']}").status_code == 404


def test_every_answer_carries_the_headers_of_the_service(probe: Probe) -> None:
    """SBX-7"""
    mine = "3f0a0f6e-1111-4222-8333-444455556666"
    for path in ("/beta/groups?$top=1", "/beta/nonsense", f"/beta/groups/{mine}"):
        response = probe.get(path, client_request_id=mine)
        assert response.headers["client-request-id"] == mine
        UUID(response.headers["request-id"])
        assert "ServerInfo" in response.headers["x-ms-ags-diagnostic"]
        assert response.headers["content-type"].startswith("application/json")
        assert response.headers.get_list("date") and response.headers["strict-transport-security"]
    response = probe.get("/beta/groups?$top=1")
    assert response.headers["client-request-id"] == response.headers["request-id"]
    assert "odata.metadata=minimal" in response.headers["content-type"]


@pytest.mark.parametrize("path", ["/v3.0/groups", "/groups", "/", "/nonsense"])
def test_an_unknown_version_is_refused(probe: Probe, path: str) -> None:
    """SBX-7"""
    assert probe.error(path)[:2] == (400, "BadRequest")


def test_what_only_beta_has_is_unknown_to_v1(probe: Probe) -> None:
    """SBX-1"""
    status, code, message = probe.error(f"/v1.0/{CATALOG}")
    assert (status, code) == (400, "BadRequest") and "'configurationPolicies'" in message
    assert probe.get("/v1.0/deviceManagement/deviceConfigurations").status_code == 200


def test_a_body_may_come_in_chunks(own: Probe) -> None:
    """SBX-1"""
    pieces = (piece for piece in (b'{"displayName":', b' "In chunks"}'))
    headers = {"Authorization": f"Bearer {own.token}", "Content-Type": "application/json"}
    response = own.http.post("/beta/deviceManagement/deviceCategories", content=pieces, headers=headers)
    assert response.status_code == 201 and response.json()["displayName"] == "In chunks"


def test_verbs_that_http_has_and_graph_has_not_are_refused(probe: Probe) -> None:
    """SBX-7"""
    assert probe.send("OPTIONS", "/beta/groups").status_code == 405
    assert read_error(probe.send("OPTIONS", "/beta/groups"))[1] == "Request_BadRequest"
