"""What declarations do to documents: find references and secrets, know built-in objects, prepare bodies. And survive any document."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.types import registry
from inventory.types.documents import objects_in, slots
from inventory.types.facts import name_of, platform_of
from inventory.types.references import ALL_USERS, NO_ID

ZERO = "c0000000-0000-4000-8000-00000000000"
TENANTS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")


def _found(key: str, document: dict[str, Any]) -> dict[str, list[str]]:
    """The ids that the references of a type find, by the kind of what they name."""
    found: dict[str, list[str]] = {}
    for reference in registry.get(key).references:
        for slot in reference.slots(document):
            found.setdefault(str(reference.kind), []).append(slot.value)
    return found


def _prepared(key: str, body: dict[str, Any], *, changing: bool = False) -> dict[str, Any]:
    declared = registry.get(key)
    verb = declared.update if changing else declared.create
    assert verb is not None and verb.prepare is not None
    return verb.prepare(copy.deepcopy(body))


# -- references --------------------------------------------------------------------------------------------------------


def test_assignments_name_groups_filters_and_tags_but_no_virtual_groups() -> None:
    """TYP-10"""
    target = {"groupId": f"{ZERO}1", "deviceAndAppManagementAssignmentFilterId": f"{ZERO}2"}
    nobody = {"groupId": ALL_USERS, "deviceAndAppManagementAssignmentFilterId": NO_ID}
    document = {
        "assignments": [{"target": target}, {"target": nobody}, {"target": None}],
        "roleScopeTagIds": ["0", "3"],
    }
    assert _found("device_configuration", document) == {
        "assigned group": [f"{ZERO}1"],
        "filter": [f"{ZERO}2"],
        "scope tag": ["3"],
    }


def test_a_reusable_setting_is_found_at_any_depth_of_a_policy() -> None:
    """TYP-10"""
    value = {"@odata.type": "#microsoft.graph.deviceManagementConfigurationReferenceSettingValue", "value": f"{ZERO}7"}
    plain = {"@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue", "value": f"{ZERO}8"}
    group = {"children": [{"choiceSettingValue": {"children": [{"simpleSettingCollectionValue": [value, plain]}]}}]}
    document = {"settings": [{"settingInstance": {"groupSettingCollectionValue": [group]}}]}
    assert _found("endpoint_security_policy", document) == {"reusable setting": [f"{ZERO}7"]}
    slot = next(iter(next(r for r in registry.get("endpoint_security_policy").references if r.find).slots(document)))
    slot.fill("mapped")
    assert _found("endpoint_security_policy", document) == {"reusable setting": ["mapped"]}


def test_the_device_group_of_a_preparation_policy_and_the_script_of_a_linux_policy_are_values_of_settings() -> None:
    """TYP-10"""
    groups = {
        "settingDefinitionId": "enrollment_autopilot_dpp_devicesecuritygroupids",
        "simpleSettingCollectionValue": [{"value": f"{ZERO}1"}],
    }
    document = {"settings": [{"settingInstance": groups}]}
    assert _found("autopilot_device_preparation_policy", document) == {"group": [f"{ZERO}1"]}
    assert _found("settings_catalog_policy", document) == {}
    script = {
        "settingDefinitionId": "linux_customcompliance_discoveryscript",
        "simpleSettingValue": {"value": f"{ZERO}2"},
    }
    assert _found("compliance_policy_v2", {"settings": [{"settingInstance": script}]}) == {
        "reusable setting": [f"{ZERO}2"]
    }


def test_words_that_mean_the_same_everywhere_are_no_references_of_conditional_access() -> None:
    """TYP-10"""
    document = {
        "conditions": {
            "users": {"includeUsers": ["All"], "excludeUsers": [f"{ZERO}1"], "excludeGroups": [f"{ZERO}2"]},
            "applications": {"includeApplications": ["Office365", f"{ZERO}3"]},
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted", f"{ZERO}4", NO_ID]},
        },
        "grantControls": {"authenticationStrength": {"id": f"{ZERO}5"}, "termsOfUse": [f"{ZERO}6"]},
    }
    assert _found("conditional_access_policy", document) == {
        "user": [f"{ZERO}1"],
        "group": [f"{ZERO}2"],
        "service principal": [f"{ZERO}3"],
        "location": [f"{ZERO}4"],
        "authentication strength": [f"{ZERO}5"],
        "terms of use": [f"{ZERO}6"],
    }


def test_secrets_are_found_where_they_must_be_entered_again() -> None:
    """TYP-10"""
    secret = {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationSecretSettingValue",
        "value": "token",
        "valueState": "encryptedValueToken",
    }
    catalog = {"settings": [{"settingInstance": {"simpleSettingValue": secret}}]}
    masked = {"omaUri": "./x", "isEncrypted": True, "value": "****"}
    oma = {"omaSettings": [masked, {"omaUri": "./y", "isEncrypted": False, "value": "seen"}], "preSharedKey": None}

    def places(key: str, document: dict[str, Any]) -> list[Any]:
        return [slot.holder for one in registry.get(key).secrets for slot in one.slots(document)]

    assert places("settings_catalog_policy", catalog) == [secret]
    assert places("device_configuration", oma) == [oma, masked]


# -- built-in objects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("scope_tag", {"id": "0", "isBuiltIn": True}),
        (
            "rbac_role_definition",
            {"id": f"{ZERO}1", "displayName": "Help Desk Operator", "isBuiltInRoleDefinition": True},
        ),
        ("authentication_strength_policy", {"id": "00000000-0000-0000-0000-000000000002", "policyType": "builtIn"}),
        ("enrollment_limit", {"id": "{tenant}_DefaultLimit", "priority": 0}),
        (
            "enrollment_status_page",
            {"id": "{tenant}_DefaultWindows10EnrollmentCompletionPageConfiguration", "priority": 0},
        ),
        ("windows_restore_configuration", {"id": "{tenant}_x", "deviceEnrollmentConfigurationType": "windowsRestore"}),
        ("intune_branding_profile", {"id": "{tenant}_default", "isDefaultProfile": True}),
        (
            "app_builtin_managed",
            {"id": "{tenant}_app", "appAvailability": "global", "bundleId": "com.microsoft.outlook"},
        ),
    ],
)
def test_a_builtin_object_is_recognised_and_has_its_twin_in_every_tenant(key: str, body: dict[str, Any]) -> None:
    """TYP-10"""
    builtin = registry.get(key).builtin
    assert builtin is not None and builtin.known_by is not None
    twins = [{**body, "id": body["id"].replace("{tenant}", tenant)} for tenant in TENANTS]
    assert all(builtin.is_one(twin) for twin in twins)
    assert len({builtin.known_by(twin) for twin in twins}) == 1 and builtin.known_by(twins[0])
    assert not builtin.is_one({"id": "x", "displayName": "Made by somebody", "priority": 3})


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("entra_group", {"onPremisesSyncEnabled": True}),
        ("remediation_script", {"isGlobalScript": True}),
        ("conditional_access_policy", {"displayName": "Microsoft-managed: Block legacy authentication"}),
        ("conditional_access_policy", {"displayName": "[SharePoint admin center]Block access"}),
        ("named_location", {"@odata.type": "#microsoft.graph.compliantNetworkNamedLocation"}),
        ("device_configuration", {"@odata.type": "#microsoft.graph.unsupportedDeviceConfiguration"}),
        ("compliance_policy", {"@odata.type": "#microsoft.graph.defaultDeviceCompliancePolicy"}),
        ("notification_message_template", {"displayName": "EnrollmentNotificationInternalMEO"}),
        ("compliance_management_partner", {"partnerState": "unknown"}),
        ("device_management_partner", {"isConfigured": False}),
        ("remote_assistance_partner", {"onboardingStatus": "notOnboarded"}),
        ("organizational_branding_localization", {"id": "0"}),
    ],
)
def test_an_object_of_the_service_is_recognised(key: str, body: dict[str, Any]) -> None:
    """TYP-10"""
    builtin = registry.get(key).builtin
    assert builtin is not None and builtin.is_one(body) and not builtin.is_one({})


def test_the_parent_of_a_profile_is_told_from_its_id() -> None:
    """TYP-12"""
    parent_of = registry.get("dep_enrollment_profile").listing.parent_of
    assert parent_of is not None and parent_of(f"{ZERO}1_{ZERO}2") == f"{ZERO}1"


# -- bodies ------------------------------------------------------------------------------------------------------------


def test_a_conditional_access_policy_is_written_without_what_the_service_refuses() -> None:
    """TYP-7: the operator stays as it is: public baselines carry OR beside a strength."""
    body = {
        "displayName": "CA001",
        "conditions": {"users": {"includeUsers": ["All"], "excludeGroups": []}, "platforms": None, "locations": {}},
        "grantControls": {
            "operator": "OR",
            "authenticationStrength": {"id": "s1", "displayName": "Phishing-resistant"},
        },
        "sessionControls": {"disableResilienceDefaults": False, "signInFrequency": {"value": 4}},
    }
    assert _prepared("conditional_access_policy", body) == {
        "displayName": "CA001",
        "conditions": {"users": {"includeUsers": ["All"]}, "platforms": None},
        "grantControls": {"operator": "OR", "authenticationStrength": {"id": "s1"}},
        "sessionControls": {"signInFrequency": {"value": 4}},
    }
    kept = {"sessionControls": {"disableResilienceDefaults": True}}
    assert _prepared("conditional_access_policy", kept) == kept


def test_a_policy_set_is_made_of_its_items_without_their_state() -> None:
    """TYP-7"""
    item = {
        "@odata.type": "#x",
        "id": "i1",
        "payloadId": "p1",
        "intent": "required",
        "status": "success",
        "errorCode": 0,
    }
    assert _prepared("policy_set", {"displayName": "Set", "guidedDeploymentTags": "", "items": [item]}) == {
        "displayName": "Set",
        "guidedDeploymentTags": [],
        "items": [{"@odata.type": "#x", "payloadId": "p1", "intent": "required"}],
    }


def test_an_intent_is_made_from_its_template_with_its_settings_as_a_delta() -> None:
    """TYP-7"""
    body = {"displayName": "Firewall", "settings": [{"id": "1", "definitionId": "d", "valueJson": "true"}]}
    assert _prepared("endpoint_security_intent", body) == {
        "displayName": "Firewall",
        "settingsDelta": [{"definitionId": "d", "valueJson": "true"}],
    }


def test_small_refusals_of_the_service_are_met() -> None:
    """TYP-7"""
    office = {"officeSuiteAppDefaultFileFormat": "notConfigured"}
    assert _prepared("app_m365_windows", office) == {"officeSuiteAppDefaultFileFormat": "officeOpenXMLFormat"}
    assert _prepared("autopilot_deployment_profile", {"managementServiceAppId": None}) == {"managementServiceAppId": ""}
    messages = {"localizedNotificationMessages": [{"isDefault": False, "locale": "de"}, {"isDefault": True}]}
    assert _prepared("notification_message_template", messages) == {
        "localizedNotificationMessages": [{"locale": "de"}, {"isDefault": True}]
    }


def test_an_id_that_the_caller_chooses_is_sent_and_every_other_is_not() -> None:
    """TYP-7"""
    chosen = {declared.key for declared in registry.all_types() if "id" not in declared.left_out_of_create()}
    assert chosen == {"authentication_context", "organizational_branding_localization"}
    assert all("id" in declared.left_out_of_update() for declared in registry.all_types())


# -- any document ------------------------------------------------------------------------------------------------------

_names = st.sampled_from(
    sorted(
        {
            part
            for declared in registry.all_types()
            for path in (
                *(reference.path for reference in declared.references),
                *declared.volatile,
                *declared.unordered,
            )
            for part in path.split(".")
        }
        | {"id", "displayName", "@odata.type", "settingInstance", "settingDefinitionId", "value", "isDefault", "items"}
    )
)
_leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("#microsoft.graph.group")
_hostile = st.dictionaries(
    _names,
    st.recursive(
        _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3), max_leaves=8
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(_hostile)
def test_no_document_breaks_any_declaration(document: dict[str, Any]) -> None:
    """TYP-15: properties of the wrong kind give no answer, not an error."""
    for declared in [*registry.all_types(), *registry.other_kinds()]:
        name_of(declared, document)
        platform_of(declared, document)
        registry.classify(declared.listing, document)
        if declared.builtin is not None:
            declared.builtin.is_one(document)
            if declared.builtin.known_by is not None:
                assert isinstance(declared.builtin.known_by(document), str)
        for reference in declared.references:
            assert all(isinstance(slot.value, str) for slot in reference.slots(document))
        for secret in declared.secrets:
            list(secret.slots(document))
        for verb in (declared.create, declared.update):
            if verb is not None and verb.prepare is not None:
                assert isinstance(verb.prepare(copy.deepcopy(document)), dict)


def test_a_document_may_be_nested_deeper_than_the_interpreter_recurses() -> None:
    """TYP-15"""
    document: dict[str, Any] = {}
    inner = document
    for _ in range(20_000):
        inner["children"] = [{}]
        inner = inner["children"][0]
    assert sum(1 for _ in objects_in(document)) == 20_001
    assert list(slots(document, "children.children.id")) == []
