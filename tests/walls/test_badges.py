"""Every state that a page shows comes from the one catalogue, which knows every value it can have."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Field

from providers.permissions import matrix
from providers.services import expiry_state
from rbac import badges

ROOT = Path(__file__).resolve().parents[2]
APPS = ("rbac", "operations", "providers", "inventory", "restore", "tenantpilot")

# The domain of each field with choices; or, where it is no state, why a word is enough. A new field has to be decided.
DOMAINS = {
    "rbac.Tenant.status": "tenant.status",
    "rbac.Membership.role": "membership.role",
    "operations.OperationRun.status": "run.status",
    "operations.OperationRun.outcome": "run.outcome",
    "operations.OperationItem.result": "run.item",
    "operations.Notification.kind": "notification.kind",
    "providers.ProviderConnection.status": "connection.status",
    "providers.ProviderConnection.health": "connection.health",
    "inventory.InventoryItem.state": "item.state",
    "inventory.TypeReading.state": "reading.state",
}
NO_STATE = {
    "operations.OperationRun.trigger": "Why it began; nothing about how it is.",
    "providers.ProviderConnection.provider": "A name.",
    "providers.ProviderConnection.cloud": "A name.",
    "providers.ProviderCredential.kind": "A kind of thing.",
}
# States that are worked out, and stand in no field.
WORKED_OUT = {
    "account.state",
    "account.kind",
    "credential.state",
    "permission.state",
    "dashboard.credential",
    "dashboard.part",
    "type.capability",
    "type.confidence",
}
FIELDS = {
    f"{model._meta.label}.{field.name}": field
    for model in apps.get_models()
    if model._meta.app_label in APPS
    for field in model._meta.concrete_fields
    if field.choices
}
STATES = "|".join(sorted({label.rsplit(".", 1)[1] for label in DOMAINS} - {"kind"}))


def test_every_field_with_choices_is_decided() -> None:
    """ISO-16"""
    assert set(FIELDS) == set(DOMAINS) | set(NO_STATE)


@pytest.mark.parametrize(("label", "domain"), DOMAINS.items())
def test_the_catalogue_knows_every_value_of_a_state(label: str, domain: str) -> None:
    """ISO-16"""
    field: Field[Any, Any] = FIELDS[label]
    assert set(badges.domains()[domain]) == {value for value, _text in field.flatchoices}


def test_every_badge_has_a_label_an_icon_a_colour_and_a_meaning() -> None:
    """ISO-16"""
    assert set(badges.domains()) == set(DOMAINS.values()) | WORKED_OUT
    for domain, known in badges.domains().items():
        for value, badge in known.items():
            told = (domain, value)
            assert badge.value == value, told
            assert badge.label[0].isupper(), told
            assert re.fullmatch(r"[a-z_]+", badge.icon), told
            assert badge.colour in get_args(badges.Colour), told
            assert re.fullmatch(r"[A-Z].+\.", badge.meaning), told
        labels = [badge.label for badge in known.values()]
        assert len(labels) == len(set(labels)), domain


def test_the_worked_out_states_are_known_as_well() -> None:
    """ISO-16"""
    assert expiry_state(None) in badges.domains()["credential.state"]
    for known in (True, False):
        assert {grant.state for grant in matrix([], known=known)} <= set(badges.domains()["permission.state"])


def test_no_template_and_no_page_shows_a_state_by_itself() -> None:
    """ISO-16: its bare value, Django's own label for it, or a badge made by hand."""
    found = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text()
        if path.name != "badge.html" and re.search(r"tp-badge|unfold/helpers/label\.html", text):
            found.append(f"{path}: a badge by hand")
        found += [
            f"{path}: {shown}"
            for shown in re.findall(rf"\{{\{{[^}}]*\.(?:get_)?(?:{STATES})(?:_display)?\b[^}}]*\}}\}}", text)
        ]
    assert found == []


def test_no_list_has_a_bare_state_as_a_column(rf: Any) -> None:
    """ISO-16"""
    request = rf.get("/")
    request.tenant = None
    page: Any
    for model, page in admin.site._registry.items():
        columns = {f"{model._meta.label}.{name}" for name in page.get_list_display(request)}
        assert columns.isdisjoint(DOMAINS), model
