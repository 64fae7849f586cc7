"""Annotations, nulls and forms of values (chapter 4)."""

import re
from typing import Any

import pytest

from providers.sandbox.world import OMA_SECRETS
from tests.sandbox.conftest import CATALOG, HOST, Probe, policy, settings

METADATA = f"{HOST}/beta/$metadata#"
INTUNE = "deviceManagement"


def test_a_list_and_an_object_say_where_they_belong(probe: Probe) -> None:
    """SBX-4"""
    key = probe.first(CATALOG)["id"]
    assert probe.body(f"/beta/{CATALOG}")["@odata.context"] == f"{METADATA}{CATALOG}"
    assert probe.body(f"/beta/{CATALOG}/{key}")["@odata.context"] == f"{METADATA}{CATALOG}/$entity"
    assert probe.body(f"/beta/{CATALOG}?$select=id,name")["@odata.context"] == f"{METADATA}{CATALOG}(id,name)"
    single = probe.body(f"/beta/{CATALOG}/{key}?$select=id,name")
    assert single["@odata.context"] == f"{METADATA}{CATALOG}(id,name)/$entity"
    assert probe.body("/v1.0/groups")["@odata.context"] == f"{HOST}/v1.0/$metadata#groups"


def test_what_stands_below_an_object_names_the_keys_of_its_parents(probe: Probe) -> None:
    """SBX-4: clients match answers to objects by the id in this text."""
    key = probe.first(CATALOG)["id"]
    assert (
        probe.body(f"/beta/{CATALOG}/{key}/assignments")["@odata.context"]
        == f"{METADATA}{CATALOG}('{key}')/assignments"
    )
    path = f"{INTUNE}/groupPolicyConfigurations"
    template = probe.first(path)["id"]
    value = probe.members(f"/beta/{path}/{template}/definitionValues")[0]["id"]
    answer = probe.body(f"/beta/{path}/{template}/definitionValues/{value}/presentationValues")
    assert answer["@odata.context"] == f"{METADATA}{path}('{template}')/definitionValues('{value}')/presentationValues"


def test_an_expanded_property_has_a_context_of_its_own(probe: Probe) -> None:
    """SBX-4"""
    row = probe.body(f"/beta/{CATALOG}?$expand=assignments,settings")["value"][0]
    for name in ("assignments", "settings"):
        assert row[f"{name}@odata.context"] == f"{METADATA}{CATALOG}('{row['id']}')/{name}"
    nested = probe.body(
        f"/beta/{INTUNE}/deviceCompliancePolicies?$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)"
    )["value"][0]
    rule = nested["scheduledActionsForRule"][0]
    context = f"{METADATA}{INTUNE}/deviceCompliancePolicies('{nested['id']}')/scheduledActionsForRule"
    assert nested["scheduledActionsForRule@odata.context"] == context
    assert (
        rule["scheduledActionConfigurations@odata.context"]
        == f"{context}('{rule['id']}')/scheduledActionConfigurations"
    )


def test_lists_of_intune_hand_out_advice(probe: Probe) -> None:
    """SBX-4"""
    assert "$select" in probe.body(f"/beta/{CATALOG}")["@microsoft.graph.tips"]
    assert "@microsoft.graph.tips" not in probe.body(f"/beta/{CATALOG}?$select=id")


def test_full_metadata_adds_types_links_and_actions(probe: Probe) -> None:
    """SBX-4"""
    answer = probe.get(f"/beta/{CATALOG}?$top=1", accept="application/json;odata.metadata=full")
    row = answer.json()["value"][0]
    assert "odata.metadata=full" in answer.headers["content-type"]
    assert row["@odata.type"] == "#microsoft.graph.deviceManagementConfigurationPolicy"
    assert row["@odata.id"] == row["@odata.editLink"] == f"{CATALOG}('{row['id']}')"
    assert row["settings@odata.navigationLink"].endswith(f"{CATALOG}('{row['id']}')/settings")
    assert "#microsoft.graph.assign" in row
    single = probe.body(f"/beta/{CATALOG}/{row['id']}", accept="application/json;odata.metadata=full")
    assert single["@odata.id"] == row["@odata.id"]


def test_no_metadata_leaves_values_links_and_counts(probe: Probe) -> None:
    """SBX-4"""
    body = probe.body(f"/beta/{CATALOG}?$top=1&$expand=settings", accept="application/json;odata.metadata=none")
    assert [name for name in body if "@" in name] == ["@odata.count", "@odata.nextLink"]
    assert not [name for name in body["value"][0] if "@" in name]


def test_categories_of_apps_cannot_be_had_with_full_metadata(probe: Probe) -> None:
    """SBX-4"""
    path = "/beta/deviceAppManagement/mobileApps?$expand=categories"
    assert probe.get(path, accept="application/json;odata.metadata=full").status_code == 400
    assert probe.get(path, accept="application/json;odata.metadata=minimal").status_code == 200


def test_every_property_of_a_type_is_there_and_unset_ones_are_null(own: Probe) -> None:
    """SBX-4"""
    own.put(CATALOG, {"id": "p1", "name": "Bare"})
    body = own.body(f"/beta/{CATALOG}/p1")
    assert body["name"] == "Bare" and body["description"] is None and body["templateReference"] is None
    assert body["roleScopeTagIds"] == [] and not {"settings", "assignments"} & body.keys()
    kind = "#microsoft.graph.windows10CompliancePolicy"
    own.put(f"{INTUNE}/deviceCompliancePolicies", {"@odata.type": kind, "id": "c1", "passwordRequired": True})
    found = own.body(f"/beta/{INTUNE}/deviceCompliancePolicies/c1")
    assert found["passwordRequired"] is True and found["bitLockerEnabled"] is None
    assert found["validOperatingSystemBuildRanges"] == [] and "systemIntegrityProtectionEnabled" not in found


def test_a_kind_that_nobody_knows_is_answered_as_it_is(probe: Probe) -> None:
    """SBX-4"""
    for path, key in zip(
        (f"{INTUNE}/deviceConfigurations", "deviceAppManagement/mobileApps"),
        probe.tenant.oddities["unknown type"],
        strict=True,
    ):
        body = probe.body(f"/beta/{path}/{key}")
        assert "olographic" in body["@odata.type"]
        assert probe.get(f"/beta/{path}/{key}?$expand=assignments").status_code == 200


@pytest.mark.parametrize("path", ["iosManagedAppProtections", "androidManagedAppProtections"])
def test_lists_of_one_kind_leave_the_type_out_and_the_common_list_has_it(probe: Probe, path: str) -> None:
    """SBX-4: a client has to remember where an object came from."""
    rows = probe.members(f"/beta/deviceAppManagement/{path}")
    assert rows and not any("@odata.type" in row for row in rows)
    common = {row["id"]: row for row in probe.members("/beta/deviceAppManagement/managedAppPolicies")}
    for row in rows:
        assert common[row["id"]]["@odata.type"] == f"#microsoft.graph.{path.removesuffix('s')}"


def test_single_resources_are_objects_even_where_nothing_was_set_up(own: Probe) -> None:
    """SBX-4"""
    for path in ("applePushNotificationCertificate", "androidManagedStoreAccountEnterpriseSettings", "settings"):
        body = own.body(f"/beta/{INTUNE}/{path}")
        assert "value" not in body and len(body) > 5
    assert own.body(f"/beta/{INTUNE}/settings")["deviceComplianceCheckinThresholdDays"] is None


def test_ids_are_not_always_guids(probe: Probe) -> None:
    """SBX-4"""
    ids = {
        name: [row["id"] for row in probe.members(f"/beta/{path}")]
        for name, path in (
            ("tag", f"{INTUNE}/roleScopeTags"),
            ("enrollment", f"{INTUNE}/deviceEnrollmentConfigurations"),
            ("protection", "deviceAppManagement/iosManagedAppProtections"),
            ("context", "identity/conditionalAccess/authenticationContextClassReferences"),
        )
    }
    assert ids["tag"][:2] == ["0", "1"] and ids["context"][0] == "c1"
    assert f"{probe.tenant.entra_tenant_id}_DefaultPlatformRestrictions" in ids["enrollment"]
    assert any(key.endswith("_SinglePlatformRestriction") for key in ids["enrollment"])
    assert all(re.match(r"T_[0-9a-f-]{36}$", key) for key in ids["protection"])


def test_times_have_up_to_seven_digits_of_a_second(probe: Probe) -> None:
    """SBX-4"""
    times = [row["lastModifiedDateTime"] for row in probe.members(f"/beta/{CATALOG}")]
    digits = {len(found[1]) if (found := re.search(r"\.(\d+)Z$", text)) else 0 for text in times}
    assert digits == {0, 3, 7}


def test_secrets_of_custom_profiles_are_masked_and_their_values_need_the_right_to_write(
    probe: Probe, as_app: Any
) -> None:
    """SBX-4"""
    key = probe.tenant.oddities["masked OMA-URI value"][0]
    path = f"/beta/{INTUNE}/deviceConfigurations/{key}"
    secret = next(one for one in probe.body(path)["omaSettings"] if one["isEncrypted"])
    assert secret["value"] == "****"
    call = f"getOmaSettingPlainTextValue(secretReferenceValueId='{secret['secretReferenceValueId']}')"
    assert probe.body(f"{path}/{call}")["value"].startswith("clear-")
    assert probe.body(f"/beta/{INTUNE}/deviceConfigurations//{key}/{call}")["@odata.context"].endswith("#Edm.String")
    reader = as_app("read_only")
    status, code, message = reader.error(f"{path}/{call}")
    assert (status, code) == (403, "Forbidden") and "ReadWrite.All" in message
    assert probe.get(f"{path}/getOmaSettingPlainTextValue(secretReferenceValueId='nobody')").status_code == 404
    assert probe.get(f"{path}/{OMA_SECRETS}").status_code == 400


def test_secret_settings_come_back_as_a_token(probe: Probe) -> None:
    """SBX-4"""
    key = probe.tenant.oddities["secret setting"][0]
    value = probe.members(f"/beta/{CATALOG}/{key}/settings")[0]["settingInstance"]["simpleSettingValue"]
    assert value["valueState"] == "encryptedValueToken"


def test_new_members_of_enumerations_can_be_hidden_from_clients_that_do_not_ask(own: Probe) -> None:
    """SBX-4, SBX-11"""
    own.put(CATALOG, policy(1, platforms="androidEnterprise", technologies="mdm,android"), {"settings": settings(1)})
    path = f"/beta/{CATALOG}"
    assert own.members(path)[0]["platforms"] == "androidEnterprise"
    own.fault("future_enums")
    row = own.members(path)[0]
    assert (row["platforms"], row["technologies"]) == ("unknownFutureValue", "mdm,unknownFutureValue")
    assert own.body(f"{path}/{row['id']}")["platforms"] == "unknownFutureValue"
    answer = own.get(path, prefer="include-unknown-enum-members")
    assert answer.headers["preference-applied"] == "include-unknown-enum-members"
    assert answer.json()["value"][0]["platforms"] == "androidEnterprise"
