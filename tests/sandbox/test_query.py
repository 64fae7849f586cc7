"""$select, $expand, $filter, $search and $orderby (chapter 3)."""

import base64
from typing import Any

import pytest

from tests.sandbox.conftest import CATALOG, Probe, policy, settings

INTUNE = "deviceManagement"
APPS = "deviceAppManagement/mobileApps"


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows}


# -- $select -----------------------------------------------------------------------------------------------------------


def test_intune_answers_the_named_properties_with_the_id_and_ignores_unknown_ones(probe: Probe) -> None:
    """SBX-3"""
    rows = probe.members(f"/beta/{INTUNE}/deviceConfigurations?$select=displayName,nonsense")
    assert {frozenset(row) for row in rows} == {frozenset({"@odata.type", "id", "displayName"})}


def test_entra_answers_the_named_properties_alone_and_refuses_unknown_ones(probe: Probe) -> None:
    """SBX-3"""
    assert {frozenset(row) for row in probe.body("/v1.0/groups?$select=displayName")["value"]} == {
        frozenset({"displayName"})
    }
    status, code, message = probe.error("/v1.0/groups?$select=displayName,nonsense")
    assert (status, code) == (400, "BadRequest") and "'nonsense' on type 'microsoft.graph.group'" in message


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{INTUNE}/deviceManagementScripts", "scriptContent"),
        (f"{INTUNE}/deviceShellScripts", "scriptContent"),
        (f"{INTUNE}/deviceCustomAttributeShellScripts", "scriptContent"),
        (f"{INTUNE}/deviceHealthScripts", "detectionScriptContent"),
        (f"{INTUNE}/deviceHealthScripts", "remediationScriptContent"),
        (f"{INTUNE}/deviceComplianceScripts", "detectionScriptContent"),
    ],
)
def test_script_contents_are_null_in_lists_and_there_by_id(probe: Probe, path: str, name: str) -> None:
    """SBX-3: also when they are named."""
    for query in ("", f"?$select=id,{name}"):
        rows = probe.members(f"/beta/{path}{query}")
        assert rows and all(name in row and row[name] is None for row in rows)
    content = probe.body(f"/beta/{path}/{rows[0]['id']}")[name]
    assert base64.b64decode(content)


def test_what_the_list_of_apps_leaves_out_comes_by_id_or_when_it_is_named(probe: Probe) -> None:
    """SBX-3"""
    picture = probe.tenant.oddities["icon"][0]
    listed = by_id(probe.members(f"/beta/{APPS}"))[picture]
    assert listed["largeIcon"] is None and listed["rules"] is None and listed["roleScopeTagIds"] is None
    whole = probe.body(f"/beta/{APPS}/{picture}")
    assert whole["largeIcon"]["value"] and whole["rules"] and whole["roleScopeTagIds"] == ["0"]
    named = probe.body(f"/beta/{APPS}/{picture}?$select=roleScopeTagIds,id")
    assert (named["roleScopeTagIds"], named["id"]) == (["0"], picture)
    assert all(row["roleScopeTagIds"] for row in probe.members(f"/beta/{APPS}?$select=roleScopeTagIds,id"))


def test_reusable_settings_show_their_setting_when_it_is_named(probe: Probe) -> None:
    """SBX-3"""
    path = f"/beta/{INTUNE}/reusablePolicySettings"
    assert all(row["settingInstance"] is None for row in probe.members(path))
    assert all(row["settingInstance"] for row in probe.members(f"{path}?$select=id,settinginstance"))


def test_an_administrative_template_knows_its_origin_in_the_list_only(probe: Probe) -> None:
    """SBX-3"""
    path = f"/beta/{INTUNE}/groupPolicyConfigurations"
    row = probe.members(path)[0]
    assert row["policyConfigurationIngestionType"] == "builtIn"
    assert probe.body(f"{path}/{row['id']}")["policyConfigurationIngestionType"] == "unknown"


# -- $expand -----------------------------------------------------------------------------------------------------------


def test_navigation_properties_appear_only_when_they_are_expanded(probe: Probe) -> None:
    """SBX-3"""
    wanted = probe.first(CATALOG, isAssigned=True)
    plain = probe.body(f"/beta/{CATALOG}/{wanted['id']}")
    assert not {"settings", "assignments"} & plain.keys()
    both = probe.body(f"/beta/{CATALOG}/{wanted['id']}?$expand=assignments,settings")
    assert len(both["settings"]) == wanted["settingCount"] and both["assignments"]


def test_actions_for_noncompliance_come_in_a_nested_expand_only(probe: Probe) -> None:
    """SBX-3"""
    path = f"/beta/{INTUNE}/deviceCompliancePolicies"
    key = probe.first(f"{INTUNE}/deviceCompliancePolicies")["id"]
    assert "scheduledActionsForRule" not in probe.body(f"{path}/{key}")
    for address in (path, f"{path}/{key}"):
        answer = probe.body(f"{address}?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)")
        policies = answer.get("value", [answer])
        actions = [
            a for p in policies for rule in p["scheduledActionsForRule"] for a in rule["scheduledActionConfigurations"]
        ]
        assert actions and {a["actionType"] for a in actions} >= {"block"}
    status, code, message = probe.error(f"{path}/{key}/scheduledActionsForRule")
    assert (status, code) == (
        400,
        "No method match route template",
    ) and "~/singleton/navigation/key/navigation" in message
    v2 = probe.first(f"{INTUNE}/compliancePolicies")["id"]
    rules = probe.members(
        f"/beta/{INTUNE}/compliancePolicies/{v2}/scheduledActionsForRule?$expand=scheduledActionConfigurations"
    )
    assert rules[0]["scheduledActionConfigurations"]


def test_options_inside_an_expand_are_obeyed(probe: Probe) -> None:
    """SBX-3"""
    key = probe.first(f"{INTUNE}/groupPolicyConfigurations")["id"]
    answer = probe.body(
        f"/beta/{INTUNE}/groupPolicyConfigurations/{key}"
        "?$expand=definitionValues($select=id,enabled;$expand=definition($select=displayName),presentationValues)"
    )
    value = answer["definitionValues"][0]
    assert "configurationType" not in value and value["definition"]["displayName"]
    assert "classType" not in value["definition"] and value["presentationValues"][0]["value"]


def test_values_below_values_have_addresses_of_their_own(probe: Probe) -> None:
    """SBX-3"""
    path = f"/beta/{INTUNE}/groupPolicyConfigurations/{probe.first(f'{INTUNE}/groupPolicyConfigurations')['id']}"
    value = probe.members(f"{path}/definitionValues?$expand=definition")[0]
    assert value["definition"]["categoryPath"]
    below = f"{path}/definitionValues/{value['id']}"
    assert probe.body(f"{below}/definition")["id"] == value["definition"]["id"]
    shown = probe.members(f"{below}/presentationValues?$expand=presentation")[0]
    assert shown["presentation"]["label"]
    assert probe.body(f"{below}/presentationValues/{shown['id']}/presentation")["id"] == shown["presentation"]["id"]


@pytest.mark.parametrize(
    ("path", "expand", "single"),
    [
        (f"{INTUNE}/intents", "assignments", False),
        (f"{INTUNE}/termsAndConditions", "assignments", False),
        ("deviceAppManagement/policySets", "assignments", True),
        ("deviceAppManagement/policySets", "items", True),
        ("deviceAppManagement/managedAppPolicies", "assignments", False),
    ],
)
def test_some_lists_do_not_expand(probe: Probe, path: str, expand: str, single: bool) -> None:
    """SBX-3"""
    key = probe.members(f"/beta/{path}")[0]["id"]
    assert probe.error(f"/beta/{path}?$expand={expand}")[:2] == (400, "BadRequest")
    assert (probe.get(f"/beta/{path}/{key}?$expand={expand}").status_code == 200) is single


def test_scope_tags_expand_to_nothing_in_their_list(own: Probe) -> None:
    """SBX-3: which reads as "assigned to nobody"."""
    tag = {"id": "1", "displayName": "Site"}
    own.put(f"{INTUNE}/roleScopeTags", tag, {"assignments": [{"id": "1_g", "target": {"groupId": "g"}}]})
    assert own.members(f"/beta/{INTUNE}/roleScopeTags?$expand=assignments")[0]["assignments"] == []
    assert len(own.members(f"/beta/{INTUNE}/roleScopeTags/1/assignments")) == 1


def test_an_expand_with_a_cast_names_a_property_of_the_derived_type(probe: Probe) -> None:
    """SBX-3"""
    key = probe.first(f"{INTUNE}/roleAssignments")["id"]
    cast = "microsoft.graph.deviceAndAppManagementRoleAssignment/roleScopeTags"
    body = probe.body(f"/beta/{INTUNE}/roleAssignments/{key}?$expand={cast}")
    assert body["roleScopeTags"] and body["members"]
    assert all(row["members"] is None for row in probe.members(f"/beta/{INTUNE}/roleAssignments"))


def test_an_unknown_property_cannot_be_expanded(probe: Probe) -> None:
    """SBX-3"""
    status, code, message = probe.error(f"/beta/{CATALOG}?$expand=nonsense")
    assert (status, code) == (400, "BadRequest") and "'nonsense'" in message


def test_an_expanded_collection_may_be_cut_with_the_address_of_the_rest(own: Probe) -> None:
    """SBX-3, SBX-11"""
    own.put(CATALOG, policy(1, settingCount=60), {"settings": settings(60)})
    own.fault("cut_expand", path=f"/{CATALOG}", size=20)
    row = own.body(f"/beta/{CATALOG}?$expand=settings")["value"][0]
    assert len(row["settings"]) == 20
    rest = own.members(row["settings@odata.nextLink"])
    assert [one["id"] for one in (*row["settings"], *rest)] == [str(i) for i in range(60)]


# -- $filter -----------------------------------------------------------------------------------------------------------


IN_APPS = (
    "(microsoft.graph.managedApp/appAvailability) eq null or "
    "(microsoft.graph.managedApp/appAvailability) eq 'lineOfBusiness' or isAssigned eq true"
)
NO_UPDATES = (
    "not isof('microsoft.graph.windowsUpdateForBusinessConfiguration') and "
    "not isof('microsoft.graph.iosUpdateConfiguration')"
)
CONFIGURATIONS, ENROLLMENT = f"{INTUNE}/deviceConfigurations", f"{INTUNE}/deviceEnrollmentConfigurations"
OEM = "microsoft.graph.androidManagedStoreAppConfiguration/appSupportsOemConfig eq true"


def kind(row: dict[str, Any]) -> str:
    return str(row["@odata.type"]).removeprefix("#microsoft.graph.")


@pytest.mark.parametrize(
    ("path", "expression", "check"),
    [
        (f"{INTUNE}/roleScopeTags", "isBuiltIn eq false", lambda r: not r["isBuiltIn"]),
        (
            CATALOG,
            "startsWith(platforms,'win') or startsWith(platforms,'mac')",
            lambda r: r["platforms"] in ("windows10", "macOS"),
        ),
        (
            CONFIGURATIONS,
            "isof('microsoft.graph.macOSGeneralDeviceConfiguration')",
            lambda r: kind(r) == "macOSGeneralDeviceConfiguration",
        ),
        (
            CONFIGURATIONS,
            NO_UPDATES,
            lambda r: kind(r) not in ("windowsUpdateForBusinessConfiguration", "iosUpdateConfiguration"),
        ),
        (
            CONFIGURATIONS,
            "isof('microsoft.graph.windows10CustomConfiguration') eq false",
            lambda r: kind(r) != "windows10CustomConfiguration",
        ),
        (
            CONFIGURATIONS,
            "lastModifiedDateTime gt 2025-06-01T00:00:00Z",
            lambda r: r["lastModifiedDateTime"] > "2025-06",
        ),
        (APPS, "(isof('microsoft.graph.win32LobApp'))", lambda r: kind(r) == "win32LobApp"),
        (APPS, "isof('microsoft.graph.managedApp')", lambda r: kind(r) == "managedIOSStoreApp"),
        (APPS, IN_APPS, lambda r: r.get("appAvailability") != "global" or r["isAssigned"]),
        ("deviceAppManagement/mobileAppConfigurations", OEM, lambda r: r.get("appSupportsOemConfig")),
        (
            ENROLLMENT,
            "deviceEnrollmentConfigurationType eq 'limit' and priority eq 0",
            lambda r: (r["deviceEnrollmentConfigurationType"], r["priority"]) == ("limit", 0),
        ),
        (ENROLLMENT, "priority ge 1 and priority lt 9", lambda r: 1 <= r["priority"] < 9),
    ],
)
def test_filters_that_clients_send_are_evaluated(probe: Probe, path: str, expression: str, check: Any) -> None:
    """SBX-3"""
    everything, found = probe.members(f"/beta/{path}"), probe.members(f"/beta/{path}?$filter={expression}")
    assert by_id(found).keys() == {row["id"] for row in everything if check(row)}
    assert 0 < len(found) < len(everything)


def test_a_quote_is_doubled_inside_a_text(own: Probe) -> None:
    """SBX-3"""
    own.put(CATALOG, policy(1, name="O'Brien's"))
    assert len(own.members(f"/beta/{CATALOG}?$filter=name eq 'O''Brien''s'")) == 1
    assert own.members(f"/beta/{CATALOG}?$filter=name eq 'OBrien'") == []


def test_a_typed_literal_and_the_relations_of_an_app(probe: Probe) -> None:
    """SBX-3"""
    app = probe.tenant.oddities["dependencies three deep"][1]
    path = f"/beta/{APPS}/{app}/relationships"
    assert {row["targetType"] for row in probe.members(path)} == {"parent", "child"}
    kind = "microsoft.graph.mobileAppRelationshipType'child'"
    assert [row["targetType"] for row in probe.members(f"{path}?$filter=targetType eq {kind}")] == ["child"]


def test_audit_events_are_filtered_by_time_and_by_their_resources(own: Probe) -> None:
    """SBX-3"""
    for number, kind in enumerate(("Create", "Get", "Patch")):
        own.put(
            f"{INTUNE}/auditEvents",
            {
                "id": str(number),
                "activityDateTime": f"2026-01-0{number + 1}T00:00:00.5Z",
                "activityOperationType": kind,
                "resources": [{"auditResourceType": f"Type{number}"}],
            },
        )
    when = "activityDateTime gt 2026-01-01T00:00:00Z and activityDateTime le 2026-01-03T00:00:00Z"
    path = f"/beta/{INTUNE}/auditEvents?$orderby=activityDateTime desc&$filter="
    assert [row["id"] for row in own.members(f"{path}{when}")] == ["1", "0"]
    assert [row["id"] for row in own.members(f"{path}{when} and activityOperationType ne 'Get'")] == ["0"]
    of = "resources/any(s:s/auditResourceType eq 'Type2')"
    assert [row["id"] for row in own.members(f"{path}{of}")] == ["2"]


@pytest.mark.parametrize(
    ("path", "expression"),
    [
        (f"{INTUNE}/deviceHealthScripts", "isGlobalScript eq true"),
        (f"{INTUNE}/managedDevices", "deviceEnrollmentType eq 'userEnrollment'"),
    ],
)
def test_some_filters_make_no_difference(probe: Probe, path: str, expression: str) -> None:
    """SBX-3"""
    assert len(probe.members(f"/beta/{path}?$filter={expression}")) == len(probe.members(f"/beta/{path}")) > 0


@pytest.mark.parametrize(
    ("path", "expression", "status"),
    [
        (f"{INTUNE}/assignmentFilters", "displayName eq 'x'", 400),
        ("deviceAppManagement/managedAppPolicies", "id eq 'x'", 400),
        (f"{INTUNE}/deviceEnrollmentConfigurations", "endsWith(displayName,'x')", 500),
        (CATALOG, "nonsense eq 1", 400),
        (CATALOG, "name eq", 400),
        (CATALOG, "((name eq 'x')", 400),
        (CATALOG, "frobnicate(name)", 400),
    ],
)
def test_some_filters_are_refused(probe: Probe, path: str, expression: str, status: int) -> None:
    """SBX-3"""
    found, code, message = probe.error(f"/beta/{path}?$filter={expression}")
    assert found == status and code == {400: "BadRequest", 500: "InternalError"}[status]
    assert status == 500 or message.startswith("Invalid filter clause")


# -- $search, $orderby, the directory ----------------------------------------------------------------------------------


def test_apps_are_found_by_kind_and_word(probe: Probe) -> None:
    """SBX-3"""
    rows = probe.members(f"/beta/{APPS}?$filter=(isof('microsoft.graph.win32LobApp'))&$search=\"suite 202\"")
    assert {row["displayName"] for row in rows} == {"Suite 2025", "Suite 2026"}


def test_lists_are_ordered_by_texts_and_by_numbers(probe: Probe) -> None:
    """SBX-3"""
    path = f"/beta/{INTUNE}/deviceEnrollmentConfigurations?$orderby="
    priorities = [row["priority"] for row in probe.members(f"{path}priority desc")]
    assert priorities == sorted(priorities, reverse=True) and len(set(priorities)) > 1
    names = [row["displayName"].lower() for row in probe.members(f"{path}displayName")]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("query", "counted"),
    [
        ('$search="displayName:users"', False),
        ("$filter=displayName ne 'x'", True),
        ("$filter=not startsWith(displayName,'x')", True),
        ("$filter=endsWith(displayName,'1')", True),
        ("$filter=startsWith(displayName,'U')&$orderby=displayName", True),
        ("$count=true", True),
    ],
)
def test_advanced_queries_of_the_directory_need_their_header(probe: Probe, query: str, counted: bool) -> None:
    """SBX-3"""
    bare = query.replace("&$count=true", "")
    assert probe.error(f"/v1.0/groups?{bare}")[:2] == (400, "Request_UnsupportedQuery")
    full = f"/v1.0/groups?{bare}" + ("" if not counted or "$count" in bare else "&$count=true")
    assert probe.get(full, consistencylevel="eventual").status_code == 200
    if counted and "$count" not in bare:
        assert probe.get(f"/v1.0/groups?{bare}", consistencylevel="eventual").status_code == 400


def test_a_search_of_the_directory_is_quoted(probe: Probe) -> None:
    """SBX-3"""
    found = probe.members(
        '/v1.0/groups?$search="displayName:Same name"&$select=id,displayName', consistencylevel="eventual"
    )
    assert [row["displayName"] for row in found] == ["Same name"] * 2
    assert probe.error("/v1.0/groups?$search=displayName:x", consistencylevel="eventual")[1] == "Request_BadRequest"


def test_the_number_of_groups_can_be_asked_for(probe: Probe) -> None:
    """SBX-3"""
    total = len(probe.tenant.collection("groups").objects)
    assert probe.get("/v1.0/groups/$count", consistencylevel="eventual").text == str(total)
    assert probe.error("/v1.0/groups/$count")[1] == "Request_UnsupportedQuery"
