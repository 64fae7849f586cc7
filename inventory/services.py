"""Questions about the inventory, answered from the database."""

from django.db.models import QuerySet

from inventory.models import InventoryItem, TypeReading
from inventory.types import registry


def find_items(*, tenant_id: int, type_key: str = "", search: str = "") -> QuerySet[InventoryItem]:
    """The items of a tenant by type and name. Raises Failure("invalid_inputs") for an unknown type."""
    items = InventoryItem.objects.filter(tenant_id=tenant_id).order_by("type", "name", "id")
    if type_key:
        items = items.filter(type=registry.get(type_key).key)
    if search:
        items = items.filter(name__icontains=search.replace("\x00", ""))
    return items


def latest_readings(*, tenant_id: int) -> dict[str, TypeReading]:
    """The latest reading of each type that was ever read in the tenant."""
    readings = TypeReading.objects.filter(tenant_id=tenant_id).order_by("type", "-id").distinct("type")
    return {reading.type: reading for reading in readings}
