"""What the inventory needs of the other parts, compared with what they declare."""

from inventory.models import InventoryItem, TypeReading
from inventory.types import registry
from operations.registry import get
from providers import permissions
from rbac.badges import domains


def test_every_type_can_be_read_with_a_permission_of_the_matrix() -> None:
    """INV-13, TYP-5"""
    asked = {grant.permission for grant in permissions.matrix((), known=False)}
    for declared in registry.all_types():
        assert asked & set(declared.permissions.read) or declared.listing.delegated, declared.key


def test_the_matrix_asks_for_nothing_that_only_writing_needs() -> None:
    """TYP-5: a reader never uses a permission to write, and none that only people can have."""
    asked = {
        grant.permission for grant in permissions.matrix((), known=False) if "inventory.sync" in grant.capabilities
    }
    assert all(".Read." in name for name in asked), asked
    assert not asked & {name for one in registry.all_types() if one.listing.delegated for name in one.permissions.read}


def test_every_state_of_items_and_readings_has_a_badge() -> None:
    """INV-10"""
    for domain, field in (("item.state", InventoryItem.State), ("reading.state", TypeReading.State)):
        assert set(domains()[domain]) == set(field.values)


def test_the_sync_shares_the_slot_of_its_connection_and_never_writes() -> None:
    """INV-12"""
    sync = get("inventory.sync")
    assert sync.slot(sync.parse({"connection_id": 7})) == "connection:7"
    assert sync.writes is False
