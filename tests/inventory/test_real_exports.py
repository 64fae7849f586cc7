"""Folders of real exports, loaded into the sandbox and synced: nothing lost, nothing altered.

The folders are not part of the project; TENANTPILOT_REAL_EXPORTS names them, or they stand beside the checkout.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project

from inventory import store
from inventory.models import InventoryItem
from inventory.types import registry
from providers.sandbox.load import load_folder
from rbac.scope import scope
from tests.inventory.test_sync import Bench, bench

__all__ = ["bench"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

_named = os.environ.get("TENANTPILOT_REAL_EXPORTS")
EXPORTS = Path(_named) if _named else Path(project.BASE_DIR).parent / "shared" / "real-exports"
# Every folder that has objects in Graph's own JSON.
FOLDERS = [
    "alexfilipin-ca",
    "ces2026-intunecd",
    "clutch2view-nis2",
    "fortigi-ca",
    "intunehydrationkit",
    "j0eyv-ca-baseline",
    "ms-acsc-hardening",
    "ms-intune-config-frameworks",
    "ms-intune-my-macs",
    "ncsc-device-security",
    "snapshot-recovery-sample",
]


@pytest.mark.skipif(not EXPORTS.is_dir(), reason="The real exports are not here.")
@pytest.mark.parametrize("name", FOLDERS)
def test_as_many_items_per_type_as_the_folder_has_objects_and_none_altered(bench: Bench, name: str) -> None:
    """INV-14"""
    report = load_folder(EXPORTS / name, into=bench.world)
    run = bench.sync()
    assert run.outcome == "succeeded", (run.failure_message, bench.failures(run))
    lists = {listing.path.lstrip("/"): listing for listing in registry.listings()}
    loaded = {path: number for path, number in report.loaded.items() if path in lists}
    assert loaded
    with scope(bench.tenant.pk):
        items = list(InventoryItem.objects.select_related("current_version__content"))
    # Settings of the tenant are there whether an export has them or not.
    unasked = {path for path, listing in lists.items() if listing.single and path not in loaded}
    found = Counter(registry.get(item.type).listing.path.lstrip("/") for item in items)
    assert {path: number for path, number in found.items() if path not in unasked} == loaded
    for item in items:
        listing = registry.get(item.type).listing
        path = listing.path.lstrip("/")
        if path in unasked:
            continue
        objects = bench.world.collection(path).objects
        original = next(iter(objects.values())) if listing.single else objects[item.external_id]
        document = store.load_document(item.current_version.content) if item.current_version else None
        assert document is not None
        altered = _differences(original, document)
        # A place to store it in the sandbox; Graph's settings of a tenant have none.
        assert set(altered) <= ({"id"} if listing.single else set()), (path, item.name, altered)
    assert bench.sync().unchanged == len(items)


def _differences(original: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    return {name: document.get(name) for name, value in original.items() if document.get(name) != value}
