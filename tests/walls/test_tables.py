"""The first two walls for every tenant model of the registry: each holds alone, and a key tells nothing of the other tenant.

One filled pair of tenants serves a whole test, which goes through all models; a failure names the model.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from operations.models import Notification, OperationItem, OperationRun
from providers.models import ProviderConnection, ProviderCredential
from rbac.checks import tenant_models
from rbac.models import AuditEvent, Tenant, TenantModel, User
from rbac.scope import NoScope, scope
from tests.walls.factories import make_row

MODELS: list[Any] = tenant_models()
REFERENCES = [
    (model, field.name)
    for model in MODELS
    for field in model._meta.concrete_fields
    if isinstance(field, models.ForeignKey) and issubclass(field.related_model, TenantModel)  # type: ignore[arg-type]
]
pytestmark = pytest.mark.django_db

TOUCHES: dict[str, Callable[[Any], Any]] = {
    "all": lambda manager: manager.all(),
    "exists": lambda manager: manager.exists(),
    "count": lambda manager: manager.count(),
    "explain": lambda manager: manager.explain(),
    "iterator": lambda manager: manager.iterator(),
    "aiterator": lambda manager: manager.aiterator(),
    "get": lambda manager: manager.get(pk=1),
    "none": lambda manager: manager.none(),
    "raw": lambda manager: manager.raw("SELECT 1"),
    "values": lambda manager: manager.values("pk"),
    "aggregate": lambda manager: manager.aggregate(n=models.Count("pk")),
    "create": lambda manager: manager.create(),
    "bulk_create": lambda manager: manager.bulk_create([]),
    "update": lambda manager: manager.update(pk=1),
    "select_for_update": lambda manager: manager.select_for_update(),
}


def copy_of(row: Any, **changes: Any) -> Any:
    """An unsaved row with the same values."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return type(row)(**{**values, row._meta.pk.attname: None, **changes})


def check_constraints_now() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


# -- the manager -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_way_into_a_manager_is_open_without_a_scope(model: Any) -> None:
    """ISO-1"""
    for name, touch in TOUCHES.items():
        with pytest.raises(NoScope):
            pytest.fail(f"{name} gave {touch(model.objects)!r}")


@pytest.mark.django_db(transaction=True)
def test_the_manager_alone_shows_only_the_tenant_in_scope(both: SimpleNamespace, second_wall_off: None) -> None:
    """ISO-1: over a connection that the database's wall does not bind."""
    for model in MODELS:
        theirs = both.theirs[model]
        # The wall is off, or this would prove nothing.
        assert model.unscoped.filter(pk=theirs.pk).exists(), model
        with scope(both.contoso.pk):
            assert set(model.objects.values_list("tenant_id", flat=True)) == {both.contoso.pk}, model
            assert not model.objects.filter(pk=theirs.pk).exists(), model
            assert not model.objects.filter(pk=theirs.pk).update(tenant=both.contoso), model
        with pytest.raises(NoScope):
            model.objects.exists()


# -- the database ------------------------------------------------------------------------------------------------------


def test_the_database_alone_shows_changes_and_deletes_nothing_of_another_tenant(
    both: SimpleNamespace, first_wall_off: None
) -> None:
    """ISO-2"""
    for model in MODELS:
        theirs = both.theirs[model]
        with scope(both.contoso.pk):
            assert set(model.objects.values_list("tenant_id", flat=True)) == {both.contoso.pk}, model
            assert not model.objects.filter(pk=theirs.pk).exists(), model
            if model is not AuditEvent:
                assert model.objects.filter(pk=theirs.pk).update(tenant=both.contoso) == 0, model
                assert model.objects.filter(pk=theirs.pk)._raw_delete("default") == 0, model
        with scope(both.fabrikam.pk):
            assert model.objects.filter(pk=theirs.pk).exists(), model
        assert model.objects.count() == 0, model


def test_the_database_alone_refuses_a_row_for_another_tenant(both: SimpleNamespace) -> None:
    """ISO-2"""
    for model in MODELS:
        with scope(both.contoso.pk), pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            # Without RETURNING, which would also ask whether the row may be seen.
            model.objects.bulk_create([copy_of(both.theirs[model])], ignore_conflicts=True)
            pytest.fail(f"{model} was inserted")


def test_a_row_keeps_its_tenant_also_in_a_scope_of_both(both: SimpleNamespace) -> None:
    """ISO-3: the policy sees both tenants and would let a row move from one to the other."""
    for model in MODELS:
        refusal = "permission denied" if model is AuditEvent else "keeps its tenant|does not change"
        with scope(both.contoso.pk, both.fabrikam.pk):
            rows = model.objects.filter(pk=both.theirs[model].pk)
            assert rows.exists(), model
            with pytest.raises(DatabaseError, match=refusal), transaction.atomic():
                rows.update(tenant=both.contoso)
                pytest.fail(f"{model} moved")


def test_a_reference_across_tenants_is_refused(both: SimpleNamespace) -> None:
    """ISO-3: Postgres looks foreign keys up past row-level security."""
    # A completed run does not change, and would refuse for that reason.
    queued = {"status": "queued", "outcome": "pending", "completed_at": None}
    mine = {**both.mine, OperationRun: make_row(OperationRun, both.contoso, both.person, **queued)}
    for model, name in REFERENCES:
        foreign = both.theirs[model._meta.get_field(name).related_model]
        with (
            scope(both.contoso.pk, both.fabrikam.pk),
            pytest.raises(IntegrityError, match="_tenant_fk"),
            transaction.atomic(),
        ):
            model.objects.filter(pk=mine[model].pk).update(**{name: foreign.pk})
            check_constraints_now()
            pytest.fail(f"{model}.{name} points at another tenant's row")


def test_a_fleet_wide_row_points_at_no_row_of_a_tenant(both: SimpleNamespace) -> None:
    """ISO-3: a composite key is not looked at where one of its columns is null."""
    able = [(model, name) for model, name in REFERENCES if model._meta.get_field("tenant").null]
    assert able
    for model, name in able:
        wanted = copy_of(both.mine[model], tenant_id=None, **{f"{name}_id": both.mine[OperationRun].pk})
        with (
            scope(both.contoso.pk, fleet=True),
            pytest.raises(IntegrityError, match="without a tenant points at"),
            transaction.atomic(),
        ):
            wanted.save(force_insert=True)
            pytest.fail(f"{model}.{name} of no tenant points at a row of one")


def test_a_fleet_wide_run_has_items_and_notifications_of_its_own(cast: SimpleNamespace, contoso: Tenant) -> None:
    """ISO-4: and they stand in no tenant's sight."""
    with scope(fleet=True):
        run = OperationRun.objects.create(type="t", slot="s", inputs_hash="", initiator_name="x")
        for _again in range(2):
            OperationItem.objects.bulk_create(
                [OperationItem(run=run, key="k", label="l", result="failed")],
                update_conflicts=True,
                unique_fields=["tenant", "run", "key"],
                update_fields=["result"],
            )
            told = [Notification(run=run, user=cast.owner, kind="queued")]
            Notification.objects.bulk_create(told, ignore_conflicts=True)
        assert (OperationItem.objects.count(), Notification.objects.count()) == (1, 1)
    with scope(contoso.pk):
        assert not any(model.unscoped.exists() for model in (OperationRun, OperationItem, Notification))


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_key_names_the_tenant(model: Any) -> None:
    """ISO-5: a unique key without it answers whether another tenant has the same value."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, ARRAY(SELECT attname::text FROM pg_attribute "
            "WHERE attrelid = i.indrelid AND attnum = ANY(i.indkey)) "
            "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary",
            [model._meta.db_table],
        )
        keys = dict(cursor.fetchall())
    assert {name for name, columns in keys.items() if "tenant_id" not in columns} == set()


def test_naming_a_foreign_connection_does_not_tell_that_it_has_a_credential(both: SimpleNamespace) -> None:
    """ISO-5: it is refused for the reference, as an id that does not exist is."""
    foreign, missing = both.theirs[ProviderConnection].pk, 9_999_999
    for connection_id in (foreign, missing):
        forged = copy_of(both.mine[ProviderCredential], connection_id=connection_id)
        with scope(both.contoso.pk), pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
            forged.save(force_insert=True)
            check_constraints_now()


def test_the_person_of_a_row_is_no_way_to_rows_of_other_tenants(both: SimpleNamespace) -> None:
    """ISO-1: the reverse of a foreign key goes through the scoped manager as well."""
    stranger = User.objects.get(username="stranger")
    with scope(both.contoso.pk):
        assert not stranger.notifications.exists()
    with pytest.raises(NoScope):
        stranger.notifications.exists()
