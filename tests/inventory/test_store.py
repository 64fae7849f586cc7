"""Items, versions, contents and the marking of what is gone."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory import store
from inventory.models import Content, InventoryItem, ItemVersion, TypeReading
from inventory.reading import Found
from inventory.types import registry
from operations.context import RunContext
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope
from tests.inventory.conftest import Inside

pytestmark = pytest.mark.django_db
CATALOG = registry.get("settings_catalog_policy")


def _policy(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"policy-{number}",
        "name": f"Policy {number}",
        "platforms": "windows10",
        "lastModifiedDateTime": "2026-01-02T03:04:05Z",
        "settings": [{"id": "0", "value": number}, {"id": "1", "value": "x"}],
        "assignments": [],
        **more,
    }


@pytest.fixture
def world(contoso: Tenant, link: ProviderConnection, inside_run: Inside) -> SimpleNamespace:
    """`world.sync(documents)` stores them as one complete reading; returns counts and what was missing."""

    def sync(documents: list[dict[str, Any]], *, unread: tuple[str, ...] = (), accept: bool = False) -> SimpleNamespace:
        result = SimpleNamespace(counts=Counter[str](), missing=None)

        def work(run: RunContext) -> None:
            since = store.database_now()
            found = [Found(CATALOG, document["id"], document) for document in documents]
            for (_type, what), number in store.store_chunk(run, connection_id=link.pk, found=found).items():
                result.counts[what] += number
            result.missing = store.mark_missing(
                run, connection_id=link.pk, type_key=CATALOG.key, since=since, unread=unread, accept=accept
            )

        result.run = inside_run(work)
        assert result.run.outcome == "succeeded", result.run.failure_message
        return result

    def item(number: int) -> InventoryItem:
        with scope(contoso.pk):
            return InventoryItem.objects.select_related("current_version__content").get(external_id=f"policy-{number}")

    return SimpleNamespace(sync=sync, item=item, tenant=contoso, link=link)


def test_a_new_object_becomes_an_item_with_its_first_version(world: SimpleNamespace) -> None:
    """INV-4"""
    assert world.sync([_policy(1), _policy(2)]).counts == {"created": 2}
    item = world.item(1)
    assert (item.name, item.platform, item.assignment_count, item.state) == ("Policy 1", "windows", 0, "present")
    assert item.current_version.number == 1
    assert store.load_document(item.current_version.content) == _policy(1)


def test_an_unchanged_object_makes_no_version_and_is_seen_again(world: SimpleNamespace) -> None:
    """INV-4"""
    world.sync([_policy(1)])
    before = world.item(1)
    reordered = _policy(1, lastModifiedDateTime="2026-09-09T00:00:00Z", version=9)
    reordered["settings"] = [{"id": "0", "value": "x"}, {"id": "1", "value": 1}]
    assert world.sync([reordered]).counts == {"unchanged": 1}
    after = world.item(1)
    assert after.current_version_id == before.current_version_id and after.changed_at == before.changed_at
    assert after.last_seen_at > before.last_seen_at and after.first_seen_at == before.first_seen_at
    assert after.current_version.last_seen_at > before.current_version.last_seen_at
    with scope(world.tenant.pk):
        assert ItemVersion.objects.count() == Content.objects.count() == 1


def test_a_change_makes_a_version_and_the_old_one_keeps_its_interval(world: SimpleNamespace) -> None:
    """INV-4"""
    world.sync([_policy(1)])
    assert world.sync([_policy(1, description="new", name="Renamed")]).counts == {"updated": 1}
    item = world.item(1)
    assert (item.name, item.description, item.current_version.number) == ("Renamed", "new", 2)
    with scope(world.tenant.pk):
        first, second = item.versions.order_by("number")
    assert first.last_seen_at < second.first_seen_at
    assert first.content_hash != second.content_hash


def test_going_back_to_an_older_state_stores_no_content_twice(world: SimpleNamespace) -> None:
    """INV-4"""
    for document in (_policy(1), _policy(1, description="b"), _policy(1)):
        world.sync([document])
    assert world.item(1).current_version.number == 3
    with scope(world.tenant.pk):
        assert Content.objects.count() == 2


def test_an_object_that_a_complete_list_no_longer_names_is_missing_and_may_come_back(world: SimpleNamespace) -> None:
    """INV-6"""
    everything = [_policy(number) for number in range(10)]
    world.sync(everything)
    assert world.sync(everything[1:]).missing.gone == 1
    gone = world.item(0)
    assert gone.state == "missing" and gone.missing_since is not None and gone.current_version is not None
    assert world.sync(everything[1:]).missing.gone == 0
    assert world.item(0).missing_since == gone.missing_since
    assert world.sync(everything).counts == {"unchanged": 10}
    assert world.item(0).state == "present" and world.item(0).missing_since is None


def test_an_object_that_was_listed_and_could_not_be_read_is_not_missing(world: SimpleNamespace) -> None:
    """INV-6"""
    everything = [_policy(number) for number in range(10)]
    world.sync(everything)
    assert world.sync(everything[1:], unread=("policy-0",)).missing.gone == 0
    assert world.item(0).state == "present"


def test_a_type_that_shrinks_by_more_than_thirty_percent_is_held_back_until_it_is_accepted(
    world: SimpleNamespace,
) -> None:
    """INV-7"""
    everything = [_policy(number) for number in range(10)]
    world.sync(everything)
    missing = world.sync(everything[4:]).missing
    assert (missing.held_back, missing.gone, missing.known) == (True, 4, 10)
    assert world.item(0).state == "present"
    accepted = world.sync(everything[4:], accept=True).missing
    assert (accepted.held_back, accepted.gone) == (False, 4)
    assert world.item(0).state == "missing"


def test_thirty_percent_and_a_few_single_objects_are_ordinary(world: SimpleNamespace) -> None:
    """INV-7"""
    everything = [_policy(number) for number in range(10)]
    world.sync(everything)
    assert world.sync(everything[3:]).missing.gone == 3
    few = [_policy(number) for number in range(3, 10)]
    world.sync(few)
    assert world.sync(few[2:]).missing.held_back is False


def test_the_items_of_another_type_or_connection_are_left_alone(world: SimpleNamespace) -> None:
    """INV-6"""
    world.sync([_policy(1)])
    with scope(world.tenant.pk):
        other = ProviderConnection.objects.create(
            tenant=world.tenant,
            display_name="Other",
            entra_tenant_id="d0d0d0d0-0000-4000-8000-000000000001",
            client_id="d1d1d1d1-0000-4000-8000-000000000001",
        )
        InventoryItem.objects.create(
            tenant=world.tenant, connection=other, type=CATALOG.key, external_id="elsewhere", content_hash=b"x" * 32
        )
    assert world.sync([]).missing.gone == 1
    with scope(world.tenant.pk):
        assert InventoryItem.objects.get(external_id="elsewhere").state == "present"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("bell\x07 nul\x00 line\n\u202eright to left", "bell nul line right to left"),
        ("x" * 10_000, "x" * 512),
        (["no", "name"], ""),
        (None, ""),
    ],
)
def test_hostile_names_are_stored_whole_and_shown_harmlessly(world: SimpleNamespace, name: Any, shown: str) -> None:
    """INV-8"""
    world.sync([_policy(1, name=name, description=name)])
    item = world.item(1)
    assert item.name == shown
    document = store.load_document(item.current_version.content)
    assert document is not None and document["name"] == name


def test_a_damaged_content_is_no_document(world: SimpleNamespace) -> None:
    """INV-4"""
    world.sync([_policy(1)])
    content = world.item(1).current_version.content
    content.body = b"\x00damaged"
    assert store.load_document(content) is None


def test_a_chunk_costs_the_same_number_of_queries_whatever_its_size(world: SimpleNamespace, inside_run: Inside) -> None:
    """INV-9"""
    numbers: dict[int, list[int]] = {}
    for size in (3, 60):
        documents = [_policy(number, size=size) for number in range(1000 * size, 1000 * size + size)]
        found = [Found(CATALOG, document["id"], document) for document in documents]

        def work(run: RunContext, found: list[Found] = found, size: int = size) -> None:
            for _time in range(2):
                with CaptureQueriesContext(connection) as queries:
                    store.store_chunk(run, connection_id=world.link.pk, found=found)
                numbers.setdefault(size, []).append(len(queries))

        assert inside_run(work).outcome == "succeeded"
    assert numbers[3] == numbers[60]
    # begin, lease, turn, known items, items seen, versions seen, commit
    assert numbers[60][1] <= 7


def test_a_lost_run_stores_nothing(world: SimpleNamespace, inside_run: Inside, owner_connection: Any) -> None:
    """INV-4"""

    def work(run: RunContext) -> None:
        run.attempt += 1
        store.store_chunk(run, connection_id=world.link.pk, found=[Found(CATALOG, "policy-1", _policy(1))])

    inside_run(work)
    with scope(world.tenant.pk):
        assert not InventoryItem.objects.exists() and not Content.objects.exists()


def test_a_second_reading_of_a_type_in_one_run_replaces_the_first(world: SimpleNamespace, inside_run: Inside) -> None:
    """INV-10"""

    def work(run: RunContext) -> None:
        for state in ("failed", "complete"):
            reading = TypeReading(
                tenant_id=store.tenant_of(run),
                run_id=run.id,
                connection=world.link,
                type=CATALOG.key,
                state=state,
                read_at=store.database_now(),
            )
            store.write_readings(run, [reading])

    assert inside_run(work).outcome == "succeeded"
    with scope(world.tenant.pk):
        assert [reading.state for reading in TypeReading.objects.all()] == ["complete"]
