"""A new tenant and the entry that says who made it."""

from typing import Any

import psycopg
import pytest
from django.db import IntegrityError

from rbac.models import AuditEvent, Membership, Tenant, User
from rbac.scope import scope
from rbac.services import COMMAND_LINE, create_tenant, new_tenant_id

pytestmark = pytest.mark.django_db(transaction=True)

ADATUM: dict[str, Any] = {"name": "Adatum", "slug": "adatum", "entra_tenant_id": "0b8e7a31-5d0f-4d6e-9f5c-3a1d2c4b5e6f"}


def test_a_tenant_stands_with_its_audit_entry_or_not_at_all(owner_connection: psycopg.Connection[Any]) -> None:
    """CMD-2: if the entry cannot be written, the change does not happen."""
    person = User.objects.create_user("first")
    owner_connection.execute("ALTER TABLE rbac_auditevent ADD CONSTRAINT forbidden CHECK (false) NOT VALID")
    try:
        with pytest.raises(IntegrityError):
            create_tenant(actor=COMMAND_LINE, owner=person, **ADATUM)
    finally:
        owner_connection.execute("ALTER TABLE rbac_auditevent DROP CONSTRAINT forbidden")
    assert not Tenant.objects.exists() and not Membership.objects.exists()
    made = create_tenant(actor=COMMAND_LINE, owner=person, **ADATUM)
    with scope(made.pk):
        assert [(event.verb, event.target_id) for event in AuditEvent.objects.all()] == [
            ("tenant.created", str(made.pk))
        ]


def test_ids_drawn_beforehand_and_ids_of_the_database_never_meet() -> None:
    """CMD-2"""
    drawn = new_tenant_id()
    other = Tenant.objects.create(name="Other", slug="other", entra_tenant_id="0b8e7a31-5d0f-4d6e-9f5c-3a1d2c4b5e60")
    made = create_tenant(actor=COMMAND_LINE, tenant_id=drawn, **ADATUM)
    assert (made.pk, other.pk) == (drawn, drawn + 1)
