"""What only some types need of a reading: single objects, lists below parents, links, secrets, and reasons for no list at all."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from inventory.models import TypeReading
from inventory.operations import SyncInputs
from inventory.types import certificates, registry
from operations.executor import execute
from operations.models import OperationRun
from operations.services import Started, start_operation
from providers.graph.errors import failure_of_answer
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope
from tests.inventory.test_sync import Bench, bench, fault

__all__ = ["bench", "fault"]
pytestmark = pytest.mark.django_db(transaction=True)

Fault = Callable[..., None]
SETTINGS = "deviceManagement/settings"
PUSH = "deviceManagement/applePushNotificationCertificate"
TOKENS = "deviceManagement/depOnboardingSettings"
CONFIGURATIONS = "deviceManagement/deviceConfigurations"
ENROLLMENT = "deviceManagement/androidDeviceOwnerEnrollmentProfiles"
BRANDING = "deviceManagement/intuneBrandingProfiles"
CLOUD_PC = "deviceManagement/virtualEndpoint/provisioningPolicies"
INVENTORY = "deviceManagement/inventoryPolicies"


def _asked(bench: Bench, part: str) -> list[str]:
    """The addresses with `part` in them that were asked for, alone or in a batch."""
    addresses = [*(entry["url"] for entry in bench.requests()), *bench.batched()]
    return [address for address in addresses if part in address]


def test_every_list_of_a_tenant_is_read_in_one_sync(bench: Bench) -> None:
    """TYP-1, TYP-11: an empty tenant is empty in every type, save for what every tenant has once."""
    run = bench.sync()
    assert run.outcome == "succeeded", bench.failures(run)
    assert bench.failures(run) == {"terms_of_use": ("skipped", "people_only")}
    with scope(bench.tenant.pk):
        readings = {reading.type: reading for reading in TypeReading.objects.filter(run=run)}
    single = {declared.key for declared in registry.all_types() if declared.listing.single}
    assert {key for key, reading in readings.items() if reading.fetched} == single
    assert {key for key, reading in readings.items() if reading.state != "complete"} == {"terms_of_use"}


def test_a_whole_made_up_tenant_is_read_twice_and_the_second_time_nothing_has_changed(
    connection: ProviderConnection, contoso: Tenant, cast: SimpleNamespace
) -> None:
    """TYP-1, TYP-9"""
    runs = []
    for _ in range(2):
        inputs = SyncInputs(connection_id=connection.pk)
        started = start_operation("inventory.sync", inputs, actor=cast.operator, tenant=contoso)
        assert isinstance(started, Started), started
        execute(contoso.pk, started.run.pk)
        with scope(contoso.pk):
            runs.append(OperationRun.objects.get(pk=started.run.pk))
    first, second = runs
    assert (first.outcome, second.outcome) == ("succeeded", "succeeded"), first.failure_message
    assert first.created > 150
    assert (second.created, second.updated, second.deleted, second.unchanged) == (0, 0, 0, first.created)


def test_a_single_object_is_read_as_it_is_and_named_by_its_kind(bench: Bench) -> None:
    """TYP-11"""
    body = {"deviceComplianceCheckinThresholdDays": 30, "secureByDefault": True}
    bench.world.collection(SETTINGS).objects = {"settings": body}
    assert bench.sync("device_management_settings").created == 1
    item = bench.items("device_management_settings")["settings"]
    assert (item.name, item.assignment_count) == ("Tenant settings", None)
    assert body.items() <= bench.document("device_management_settings", "settings").items()
    assert bench.sync("device_management_settings").unchanged == 1
    body["secureByDefault"] = False
    assert bench.sync("device_management_settings").updated == 1


def test_a_single_object_that_a_tenant_may_lack_is_absent_only_when_graph_says_so(bench: Bench, fault: Fault) -> None:
    """TYP-11, TYP-14: Graph answers 404, or an object with nothing in it; a gateway's 404 says nothing about the tenant."""
    certificate = {"id": "c1", "appleIdentifier": "mdm@contoso.example", "expirationDateTime": "2027-01-01T00:00:00Z"}
    bench.world.collection(PUSH).objects = {"c1": certificate}
    bench.sync("apple_push_certificate")
    place = "applePushNotificationCertificate"
    assert bench.items("apple_push_certificate")[place].name == "mdm@contoso.example"

    fault("html", PUSH, status=404)
    run = bench.sync("apple_push_certificate")
    assert (run.outcome, bench.reading("apple_push_certificate", run).state) == ("failed", "failed")
    assert bench.items("apple_push_certificate")[place].state == "present"

    bench.sandbox.app.faults.clear()
    fault("status", PUSH, status=404)
    run = bench.sync("apple_push_certificate")
    assert (run.outcome, run.deleted) == ("succeeded", 1), bench.failures(run)
    assert bench.items("apple_push_certificate")[place].state == "missing"

    bench.sandbox.app.faults.clear()
    bench.sync("apple_push_certificate")
    assert bench.items("apple_push_certificate")[place].state == "present"
    certificate["appleIdentifier"] = None  # type: ignore[assignment]
    bench.sync("apple_push_certificate")
    assert bench.items("apple_push_certificate")[place].state == "missing"


def test_lists_below_parents_are_read_for_each_parent(bench: Bench) -> None:
    """TYP-12"""
    for token in ("t1", "t2"):
        profile = {
            "@odata.type": "#microsoft.graph.depMacOSEnrollmentProfile",
            "id": f"{token}_p1",
            "displayName": f"Macs of {token}",
        }
        bench.put(TOKENS, {"id": token, "tokenName": token.upper()}, enrollmentProfiles=[profile])
    bench.put(TOKENS, {"id": "t3", "tokenName": "Without profiles"}, enrollmentProfiles=[])
    run = bench.sync("dep_onboarding_setting", "dep_enrollment_profile")
    assert (run.outcome, run.created) == ("succeeded", 5), bench.failures(run)
    profiles = bench.items("dep_enrollment_profile")
    assert set(profiles) == {"t1_p1", "t2_p1"}
    assert {item.platform for item in profiles.values()} == {"macOS"}
    assert {item.platform for item in bench.items("dep_onboarding_setting").values()} == {"iOS,macOS"}


def test_a_list_below_a_parent_that_fails_leaves_the_whole_type_unknown(bench: Bench, fault: Fault) -> None:
    """TYP-12, INV-6"""
    for token in ("t1", "t2"):
        bench.put(
            TOKENS, {"id": token, "tokenName": token}, enrollmentProfiles=[{"id": f"{token}_p", "displayName": "P"}]
        )
    bench.sync("dep_enrollment_profile")
    bench.world.collection(TOKENS).children["t1"]["enrollmentProfiles"].clear()
    fault("outage", f"{TOKENS}/t2/enrollmentProfiles")
    run = bench.sync("dep_enrollment_profile")
    assert bench.reading("dep_enrollment_profile", run).state == "failed"
    assert {item.state for item in bench.items("dep_enrollment_profile").values()} == {"present"}
    bench.sandbox.app.faults.clear()
    bench.sync("dep_enrollment_profile")
    assert {key: item.state for key, item in bench.items("dep_enrollment_profile").items()} == {
        "t1_p": "missing",
        "t2_p": "present",
    }


def test_a_profile_is_read_with_the_profiles_it_is_linked_to(bench: Bench) -> None:
    """TYP-4: only what the subtype can have is asked for, and a link that is not set is null."""
    wifi = {"@odata.type": "#microsoft.graph.windowsWifiEnterpriseEAPConfiguration", "id": "w1", "displayName": "Wi-Fi"}
    root = {"id": "r1", "displayName": "Root"}
    bench.put(CONFIGURATIONS, wifi, assignments=[], rootCertificatesForServerValidation=[root])
    scep = {"@odata.type": "#microsoft.graph.iosScepCertificateProfile", "id": "s1", "displayName": "SCEP"}
    bench.put(CONFIGURATIONS, scep, assignments=[], rootCertificate=[root])
    other = {"@odata.type": "#microsoft.graph.windows10CustomConfiguration", "id": "o1", "displayName": "OMA-URI"}
    bench.put(CONFIGURATIONS, other, assignments=[])
    run = bench.sync("device_configuration")
    assert run.outcome == "succeeded", bench.failures(run)
    document = bench.document("device_configuration", "w1")
    assert document["rootCertificatesForServerValidation"] == [root]
    assert document["rootCertificateForClientValidation"] is None
    assert bench.document("device_configuration", "s1")["rootCertificate"] == root
    assert not set(certificates.NAMES) & set(bench.document("device_configuration", "o1"))
    asked = _asked(bench, f"{CONFIGURATIONS}/")
    assert len(asked) == 4 and all("/microsoft.graph." in url and "$select=id,displayName" in url for url in asked)


def test_only_the_objects_that_need_it_are_read_by_id(bench: Bench) -> None:
    """TYP-4"""
    general = {"@odata.type": "#microsoft.graph.windows10GeneralConfiguration", "id": "g1", "displayName": "General"}
    control = {"id": "c1", "accessLevel": "forceDeny"}
    bench.put(CONFIGURATIONS, general, assignments=[], privacyAccessControls=[control])
    ring = {"@odata.type": "#microsoft.graph.windowsUpdateForBusinessConfiguration", "id": "u1", "displayName": "Ring"}
    bench.put(CONFIGURATIONS, ring, assignments=[])
    run = bench.sync("device_configuration", "windows_update_ring")
    assert run.outcome == "succeeded", bench.failures(run)
    assert bench.document("device_configuration", "g1")["privacyAccessControls"] == [control]
    assert len(_asked(bench, f"{CONFIGURATIONS}/")) == 1


def test_images_of_a_branding_profile_come_from_their_own_addresses(bench: Bench) -> None:
    """TYP-4"""
    logo = {"type": "image/png", "value": "iVBORw0KGgo="}
    body = {"id": "b1", "profileName": "Portal", "themeColorLogo": logo, "lightBackgroundLogo": None}
    bench.put(BRANDING, {**body, "landingPageCustomizedImage": None}, assignments=[])
    run = bench.sync("intune_branding_profile")
    assert run.outcome == "succeeded", bench.failures(run)
    document = bench.document("intune_branding_profile", "b1")
    assert (document["themeColorLogo"], document["lightBackgroundLogo"]) == (logo, None)
    assert bench.items("intune_branding_profile")["b1"].name == "Portal"


def test_a_live_secret_that_graph_gives_out_is_not_stored(bench: Bench) -> None:
    """TYP-13"""
    profile = {
        "id": "a1",
        "displayName": "Kiosks",
        "tokenValue": "ABCDEFGHIJ",
        "qrCodeContent": '{"token":"ABCDEFGHIJ"}',
        "qrCodeImage": None,
        "wifiPassword": "hunter2",
    }
    bench.put(ENROLLMENT, profile)
    bench.sync("android_device_owner_enrollment_profile")
    document = bench.document("android_device_owner_enrollment_profile", "a1")
    kept_out = {"tokenValue": None, "qrCodeContent": None, "wifiPassword": None}
    assert {name: document[name] for name in profile} == {**profile, **kept_out}
    profile["tokenValue"] = "KLMNOPQRST"
    assert bench.sync("android_device_owner_enrollment_profile").unchanged == 1
    assert not _asked(bench, f"{ENROLLMENT}/")


def test_what_only_people_may_see_is_not_asked_for_and_not_called_empty(bench: Bench) -> None:
    """TYP-14"""
    run = bench.sync("terms_of_use", "assignment_filter")
    assert run.outcome == "succeeded" and bench.failures(run) == {"terms_of_use": ("skipped", "people_only")}
    reading = bench.reading("terms_of_use", run)
    assert (reading.state, reading.expected, reading.code) == ("not_permitted", None, "people_only")
    assert "signed-in people" in reading.message
    assert not _asked(bench, "termsOfUse")


def test_a_product_that_the_tenant_lacks_is_passed_over(bench: Bench, fault: Fault) -> None:
    """TYP-14: a permission nobody would grant without the product is nothing to mend; any other is."""
    fault("permission_removed", CLOUD_PC)
    run = bench.sync("w365_provisioning_policy", "w365_user_setting")
    assert run.outcome == "succeeded", run.failure_message
    assert bench.failures(run) == {"w365_provisioning_policy": ("skipped", "permission_missing")}
    reading = bench.reading("w365_provisioning_policy", run)
    assert (reading.state, reading.expected) == ("not_permitted", None)
    fault("permission_removed", "deviceManagement/assignmentFilters")
    run = bench.sync("assignment_filter", "scope_tag")
    assert bench.failures(run) == {"assignment_filter": ("failed", "permission_missing")}


@pytest.mark.parametrize("key", ["driver_update_profile", "device_management_settings", "dep_enrollment_profile"])
def test_a_missing_licence_is_not_applicable_whatever_the_form_of_the_list(
    bench: Bench, fault: Fault, key: str
) -> None:
    """TYP-14"""
    listing = registry.get(key).listing
    fault("unlicensed", (listing.below or listing).path.strip("/"))
    run = bench.sync(key, "assignment_filter")
    assert run.outcome == "succeeded", run.failure_message
    assert bench.failures(run) == {listing.key: ("skipped", "not_licensed")}
    reading = bench.reading(key, run)
    assert (reading.state, reading.expected, reading.fetched) == ("not_applicable", None, 0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"code": "BadRequest", "message": "Request not applicable to target tenant."}}),
        (403, {"error": {"code": "Forbidden", "message": '{"Message":"AppLifecycle_2210 - Operation ID (x)"}'}}),
        (
            400,
            {
                "error": {
                    "code": "UnknownError",
                    "message": '{"ErrorCode":"BadRequest","Message":"{\\"Message\\":\\"Request not applicable to target tenant.\\"}"}',
                }
            },
        ),
    ],
    ids=["plain", "wrapped", "wrapped twice"],
)
def test_every_way_of_saying_that_there_is_no_licence_is_understood(status: int, body: dict[str, Any]) -> None:
    """TYP-14: Intune puts JSON text into its messages, sometimes twice."""
    failure = failure_of_answer(status, orjson.dumps(body), request_id="r", retry_after=None)
    assert failure.code == "not_licensed"


def test_a_list_of_no_published_schema_may_be_unknown_to_graph_and_no_other_list(bench: Bench, fault: Fault) -> None:
    """TYP-14"""
    fault("status", INVENTORY, status=400)
    run = bench.sync("inventory_policy", "assignment_filter")
    assert run.outcome == "succeeded" and bench.failures(run) == {"inventory_policy": ("skipped", "bad_request")}
    assert bench.reading("inventory_policy", run).state == "not_applicable"
    fault("status", "deviceManagement/deviceCategories", status=400)
    run = bench.sync("device_category", "assignment_filter")
    assert bench.failures(run) == {"device_category": ("failed", "bad_request")}
    assert bench.reading("device_category", run).state == "failed"
