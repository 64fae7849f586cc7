"""The sync from end to end: a real run, the real client, the sandbox over HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import call_command

from inventory import store
from inventory.models import InventoryItem, ItemVersion, TypeReading
from inventory.operations import SyncInputs
from inventory.types import registry
from operations import context
from operations.executor import execute
from operations.models import OperationItem, OperationRun
from operations.services import Refused, Started, start_operation
from providers.models import ProviderConnection
from providers.sandbox.load import empty_tenant
from providers.sandbox.server import Sandbox
from providers.sandbox.world import Collection, SandboxTenant, World
from providers.services import create_connection, set_credential
from rbac.models import Tenant
from rbac.scope import scope

pytestmark = pytest.mark.django_db(transaction=True)

CATALOG = "deviceManagement/configurationPolicies"
SCRIPTS = "deviceManagement/deviceManagementScripts"
APPS = "deviceAppManagement/mobileApps"
TEMPLATES = "deviceManagement/groupPolicyConfigurations"
INTENTS = "deviceManagement/intents"
FILTERS = "deviceManagement/assignmentFilters"


@dataclass
class Bench:
    """A tenant of the sandbox that a test fills, and a connection of Contoso to it."""

    world: SandboxTenant
    sandbox: Sandbox
    log: Path
    connection: ProviderConnection
    tenant: Tenant
    operator: Any

    def put(self, path: str, body: dict[str, Any], **children: list[dict[str, Any]]) -> dict[str, Any]:
        collection: Collection = self.world.collection(path)
        collection.objects[body["id"]] = body
        collection.children[body["id"]] = {name.replace("__", "/"): members for name, members in children.items()}
        return body

    def drop(self, path: str, identity: str) -> None:
        del self.world.collection(path).objects[identity]

    def requests(self) -> list[dict[str, Any]]:
        """What was sent to Graph, without the parts of batches."""
        found, parts = [], 0
        for entry in self._logged():
            # The parts of a batch follow its own line.
            parts, is_part = (parts - 1, True) if parts else (_parts_of(entry), False)
            if "/beta/" in entry["url"] and not is_part:
                found.append(entry)
        return found

    def batched(self) -> list[str]:
        """The addresses in all batches."""
        batches = [entry["body"] for entry in self._logged() if _parts_of(entry)]
        return [part["url"] for body in batches for part in body["requests"]]

    def _logged(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.log.read_bytes().splitlines()]

    def start(self, *types: str, **more: Any) -> Any:
        inputs = SyncInputs(connection_id=self.connection.pk, types=types, **more)
        return start_operation("inventory.sync", inputs, actor=self.operator, tenant=self.tenant)

    def sync(self, *types: str, **more: Any) -> OperationRun:
        started = self.start(*types, **more)
        assert isinstance(started, Started), started
        execute(self.tenant.pk, started.run.pk)
        with scope(self.tenant.pk):
            return OperationRun.objects.get(pk=started.run.pk)

    def items(self, key: str) -> dict[str, InventoryItem]:
        with scope(self.tenant.pk):
            found = InventoryItem.objects.filter(type=key).select_related("current_version__content")
            return {item.external_id: item for item in found}

    def document(self, key: str, identity: str) -> dict[str, Any]:
        version = self.items(key)[identity].current_version
        assert version is not None
        found = store.load_document(version.content)
        assert found is not None
        return found

    def reading(self, key: str, run: OperationRun) -> TypeReading:
        with scope(self.tenant.pk):
            return TypeReading.objects.get(run=run, type=key)

    def failures(self, run: OperationRun) -> dict[str, tuple[str, str]]:
        with scope(self.tenant.pk):
            rows = OperationItem.objects.filter(run=run).exclude(result="succeeded")
            return {row.key: (row.result, row.code) for row in rows}


def _parts_of(entry: dict[str, Any]) -> int:
    return len(entry["body"]["requests"]) if entry["url"].endswith("/$batch") else 0


@pytest.fixture
def bench(contoso: Tenant, cast: Any, settings: Any, tmp_path: Path) -> Iterator[Bench]:
    context.stopping.clear()
    world = empty_tenant("bench", "Bench")
    sandbox = Sandbox(World([world]), log=tmp_path / "requests")
    settings.SANDBOX_URL = sandbox.start()
    app = world.apps["full"]
    with scope(contoso.pk):
        connection = create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Bench",
            cloud="sandbox",
            entra_tenant_id=world.entra_tenant_id,
            client_id=app.client_id,
        )
        set_credential(connection, actor=cast.owner, secret=app.secret)
    yield Bench(world, sandbox, tmp_path / "requests", connection, contoso, cast.operator)
    sandbox.stop()


@pytest.fixture
def fault(bench: Bench) -> Callable[..., None]:
    def add(kind: str, path: str, **more: Any) -> None:
        bench.sandbox.app.faults.add({"kind": kind, "path": f"/{path}", "retry_after": "0", **more})

    return add


def _policy(number: int, **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": f"Policy {number}",
        "description": None,
        "platforms": "windows10",
        "technologies": "mdm",
        "createdDateTime": "2026-01-05T08:00:00Z",
        "lastModifiedDateTime": "2026-02-03T09:30:00Z",
        "settingCount": 0,
        "roleScopeTagIds": ["0"],
        "templateReference": {"templateId": "", "templateFamily": "none"},
        **more,
    }


def _settings(count: int) -> list[dict[str, Any]]:
    return [{"id": str(i), "settingInstance": {"settingDefinitionId": f"s{i}", "value": i}} for i in range(count)]


def _assignment(group: str) -> dict[str, Any]:
    target = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group}
    return {"id": f"a_{group}", "source": "direct", "target": target}


def test_a_policy_is_read_with_all_its_settings_and_assignments_over_all_pages(bench: Bench) -> None:
    """INV-11"""
    for number in range(60):
        policy = _policy(number)
        bench.put(CATALOG, policy, settings=_settings(60), assignments=[_assignment("g1"), _assignment("g2")])
    run = bench.sync("settings_catalog_policy")
    assert (run.outcome, run.created) == ("succeeded", 60), (run.failure_message, bench.failures(run))
    items = bench.items("settings_catalog_policy")
    assert len(items) == 60 and {item.assignment_count for item in items.values()} == {2}
    document = bench.document("settings_catalog_policy", _policy(7)["id"])
    assert [member["id"] for member in document["settings"]] == [str(i) for i in range(60)]
    assert {name: document[name] for name in _policy(7)} == _policy(7)
    reading = bench.reading("settings_catalog_policy", run)
    assert (reading.state, reading.expected, reading.fetched, reading.failed) == ("complete", 60, 60, 0)


def test_what_a_list_leaves_out_is_read_by_id(bench: Bench) -> None:
    """INV-11"""
    script = {
        "id": "s1",
        "displayName": "Script",
        "scriptContent": "ZWNobyAx",
        "fileName": "a.ps1",
        "roleScopeTagIds": ["0"],
    }
    bench.put(SCRIPTS, script, assignments=[_assignment("g1")])
    run = bench.sync("powershell_script")
    assert run.outcome == "succeeded", bench.failures(run)
    document = bench.document("powershell_script", "s1")
    assert document["scriptContent"] == "ZWNobyAx"
    assert [a["target"]["groupId"] for a in document["assignments"]] == ["g1"]


def test_values_of_an_administrative_template_come_with_their_presentations(bench: Bench) -> None:
    """INV-11"""
    bench.put(
        TEMPLATES,
        {"id": "t1", "displayName": "Template", "policyConfigurationIngestionType": "custom"},
        definitionValues=[{"id": "d1", "enabled": True}, {"id": "d2", "enabled": False}],
        definitionValues__d1__presentationValues=[{"id": "p1", "value": "x"}],
        assignments=[],
    )
    run = bench.sync("administrative_template")
    assert run.outcome == "succeeded", bench.failures(run)
    values = {value["id"]: value for value in bench.document("administrative_template", "t1")["definitionValues"]}
    assert [p["value"] for p in values["d1"]["presentationValues"]] == ["x"]
    assert values["d2"]["presentationValues"] == []


def test_a_change_makes_a_version_and_another_order_does_not(bench: Bench) -> None:
    """INV-4, INV-5"""
    bench.put(CATALOG, policy := _policy(1), settings=_settings(3), assignments=[_assignment("a"), _assignment("b")])
    bench.sync("settings_catalog_policy")
    policy["lastModifiedDateTime"] = "2026-06-06T06:06:06Z"
    bench.world.collection(CATALOG).children[policy["id"]]["assignments"].reverse()
    run = bench.sync("settings_catalog_policy")
    assert (run.unchanged, run.updated) == (1, 0)
    bench.world.collection(CATALOG).children[policy["id"]]["settings"][0]["settingInstance"]["value"] = "changed"
    run = bench.sync("settings_catalog_policy")
    assert (run.unchanged, run.updated) == (0, 1)
    with scope(bench.tenant.pk):
        assert list(ItemVersion.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_an_object_that_is_gone_is_missing_after_a_full_listing_only(bench: Bench, fault: Callable[..., None]) -> None:
    """INV-6, INV-12"""
    for number in range(30):
        bench.put(CATALOG, _policy(number), settings=[], assignments=[])
    bench.sync("settings_catalog_policy")
    bench.drop(CATALOG, gone := _policy(3)["id"])
    fault("outage", CATALOG, method="GET")
    run = bench.sync("settings_catalog_policy")
    assert run.outcome != "succeeded"
    assert bench.items("settings_catalog_policy")[gone].state == "present"
    reading = bench.reading("settings_catalog_policy", run)
    assert (reading.state, reading.expected, reading.code) == ("failed", None, "graph_unavailable")
    bench.sandbox.app.faults.clear()
    run = bench.sync("settings_catalog_policy")
    assert bench.items("settings_catalog_policy")[gone].state == "missing" and run.deleted == 1


def test_a_type_that_fails_does_not_fail_the_others(bench: Bench, fault: Callable[..., None]) -> None:
    """INV-12"""
    bench.put(CATALOG, _policy(1), settings=[], assignments=[])
    bench.put(FILTERS, {"id": "f1", "displayName": "Filter", "platform": "windows10AndLater", "rule": "x"})
    fault("outage", FILTERS)
    run = bench.sync()
    assert run.outcome == "partially_succeeded", (run.failure_code, run.failure_message)
    assert bench.failures(run) == {
        "assignment_filter": ("failed", "graph_unavailable"),
        "terms_of_use": ("skipped", "people_only"),
    }
    assert bench.reading("settings_catalog_policy", run).state == "complete"
    with scope(bench.tenant.pk):
        readings = dict(TypeReading.objects.filter(run=run).values_list("type", "state"))
    types = {declared.key for declared in registry.all_types()}
    assert set(readings) == types | {declared.key for declared in registry.other_kinds()}
    unread = {key: state for key, state in readings.items() if state != "complete"}
    assert unread == {"assignment_filter": "failed", "terms_of_use": "not_permitted"}


def test_an_object_whose_children_fail_is_a_failed_item_and_stays_as_it_was(
    bench: Bench, fault: Callable[..., None]
) -> None:
    """INV-6, INV-12"""
    for name in ("i1", "i2"):
        bench.put(INTENTS, {"id": name, "displayName": name.upper()}, settings=_settings(1), assignments=[])
    bench.sync("endpoint_security_intent")
    fault("status", f"{INTENTS}/i1/settings", status=404)
    run = bench.sync("endpoint_security_intent")
    assert run.outcome == "partially_succeeded"
    assert bench.failures(run) == {"endpoint_security_intent:i1": ("failed", "not_found")}
    assert bench.items("endpoint_security_intent")["i1"].state == "present"
    assert len(bench.document("endpoint_security_intent", "i1")["settings"]) == 1
    reading = bench.reading("endpoint_security_intent", run)
    assert (reading.state, reading.expected, reading.fetched, reading.failed) == ("partial", 2, 1, 1)


def test_a_missing_permission_is_a_failure_and_not_an_empty_type(bench: Bench, fault: Callable[..., None]) -> None:
    """INV-13"""
    bench.put(FILTERS, {"id": "f1", "displayName": "Filter"})
    bench.sync("assignment_filter")
    fault("permission_removed", FILTERS)
    run = bench.sync("assignment_filter", "scope_tag")
    assert run.outcome == "partially_succeeded"
    assert bench.failures(run) == {"assignment_filter": ("failed", "permission_missing")}
    assert bench.reading("assignment_filter", run).state == "not_permitted"
    assert bench.items("assignment_filter")["f1"].state == "present"


def test_an_app_without_any_permission_reads_nothing_and_says_so_for_each_type(bench: Bench) -> None:
    """INV-13"""
    bench.world.apps["full"].permissions.clear()
    run = bench.sync("assignment_filter", "entra_group", "conditional_access_policy")
    assert run.outcome == "failed" and run.created == 0
    assert set(bench.failures(run).values()) == {("failed", "permission_missing")}


def test_a_shrunken_type_is_held_back_and_can_be_accepted(bench: Bench) -> None:
    """INV-7"""
    for number in range(10):
        bench.put(CATALOG, _policy(number), settings=[], assignments=[])
    bench.sync("settings_catalog_policy")
    for number in range(5):
        bench.drop(CATALOG, _policy(number)["id"])
    run = bench.sync("settings_catalog_policy")
    assert run.outcome == "partially_succeeded"
    assert bench.failures(run) == {"settings_catalog_policy": ("failed", "suspicious_shrink")}
    reading = bench.reading("settings_catalog_policy", run)
    assert (reading.state, reading.code, reading.missing) == ("held_back", "suspicious_shrink", 0)
    assert all(item.state == "present" for item in bench.items("settings_catalog_policy").values())
    run = bench.sync("settings_catalog_policy", accept_shrink=("settings_catalog_policy",))
    assert (run.outcome, run.deleted) == ("succeeded", 5)


def test_an_unknown_kind_is_read_and_reported(bench: Bench) -> None:
    """INV-2"""
    bench.put(APPS, {"@odata.type": "#microsoft.graph.holographicApp", "id": "h1", "displayName": "Hologram"})
    bench.put(APPS, {"@odata.type": "#microsoft.graph.winGetApp", "id": "w1", "displayName": "Store"})
    run = bench.sync("app_winget", "app_other")
    assert run.outcome == "succeeded", bench.failures(run)
    assert set(bench.items("app_winget")) == {"w1"} and set(bench.items("app_other")) == {"h1"}
    assert "holographicApp" in bench.reading("app_other", run).message


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "nul\x00 and bell\x07", "n" * 10_000, "\u202egnp.exe"]
)
def test_a_hostile_name_is_read_whole(bench: Bench, name: str) -> None:
    """INV-8"""
    bench.put(FILTERS, {"id": "f1", "displayName": name, "description": name})
    run = bench.sync("assignment_filter")
    assert run.outcome == "succeeded", bench.failures(run)
    assert bench.document("assignment_filter", "f1")["displayName"] == name
    shown = bench.items("assignment_filter")["f1"].name
    assert len(shown) <= 512 and "\x00" not in shown and "\u202e" not in shown


def test_an_unknown_type_is_refused_before_anything_is_read(bench: Bench) -> None:
    """INV-2"""
    refused = bench.start("no_such_type")
    assert isinstance(refused, Refused) and refused.reasons[0].code == "invalid_inputs"


def test_requests_stay_few(bench: Bench) -> None:
    """INV-15: a list carries small policies whole; of what it cannot carry, twenty parts go in one batch."""
    for number in range(100):
        bench.put(CATALOG, _policy(number), settings=_settings(2), assignments=[])
        bench.put(INTENTS, {"id": f"i{number}", "displayName": "Intent"}, settings=_settings(2), assignments=[])
    run = bench.sync("settings_catalog_policy", "endpoint_security_intent")
    assert run.outcome == "succeeded" and run.created == 200
    sent = [entry["method"] for entry in bench.requests()]
    assert (sent.count("GET"), sent.count("POST")) == (2, 10)


def test_settings_that_the_list_cuts_off_are_asked_for(bench: Bench) -> None:
    """INV-11: the count that the service states is more than what the list carries."""
    bench.put(CATALOG, _policy(1, settingCount=99), settings=_settings(30), assignments=[])
    bench.sync("settings_catalog_policy")
    asked = bench.batched()
    assert len(asked) == 1 and "/settings?$top=1000" in asked[0]
    assert len(bench.document("settings_catalog_policy", _policy(1)["id"])["settings"]) == 30


def test_a_service_that_refuses_the_expand_is_read_without_it(bench: Bench, fault: Callable[..., None]) -> None:
    """INV-11"""
    bench.put(CATALOG, _policy(1), settings=_settings(2), assignments=[_assignment("g1")])
    fault("status", CATALOG, status=400, times=1)
    run = bench.sync("settings_catalog_policy")
    assert run.outcome == "succeeded", bench.failures(run)
    document = bench.document("settings_catalog_policy", _policy(1)["id"])
    assert len(document["settings"]) == 2 and len(document["assignments"]) == 1


def test_the_command_lists_what_is_there(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """INV-16"""
    bench.put(FILTERS, {"id": "f1", "displayName": "Filter", "platform": "windows10AndLater"})
    bench.sync("assignment_filter")
    call_command("inventory", "--tenant", "contoso", "--type", "assignment_filter", "--json")
    rows = orjson.loads(capsys.readouterr().out)
    assert [(row["type"], row["id"], row["name"], row["platform"], row["state"]) for row in rows] == [
        ("assignment_filter", "f1", "Filter", "windows", "present")
    ]
    assert rows[0]["first_seen"] <= rows[0]["last_seen"]
