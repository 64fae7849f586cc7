"""The first two walls: the manager and the database (docs/isolation.md)."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction

from operations.models import OperationRun
from rbac.models import Tenant
from rbac.scope import NoScope, current_scope, scope


def make_run(tenant: Tenant, **fields: object) -> OperationRun:
    with scope(tenant.pk):
        return OperationRun.objects.create(
            tenant=tenant, type="test.noop", slot="s", inputs_hash="", initiator_name="x", **fields
        )


@pytest.mark.django_db
def test_without_a_scope_the_manager_raises() -> None:
    with pytest.raises(NoScope):
        OperationRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("ids", [(), (None,)])
def test_nothing_is_never_everything(ids: tuple[None, ...]) -> None:
    with pytest.raises(NoScope), scope(*ids):  # type: ignore[arg-type]
        pass


@pytest.mark.django_db(transaction=True)
def test_a_scope_shows_only_its_tenant(contoso: Tenant, fabrikam: Tenant) -> None:
    mine, _theirs = make_run(contoso), make_run(fabrikam)
    with scope(contoso.pk):
        assert list(OperationRun.objects.all()) == [mine]
    with scope(contoso.pk, fabrikam.pk):
        assert OperationRun.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_database_alone_hides_other_tenants(contoso: Tenant, fabrikam: Tenant) -> None:
    make_run(contoso), make_run(fabrikam)
    assert OperationRun.unscoped.count() == 0
    with scope(contoso.pk):
        assert {run.tenant_id for run in OperationRun.unscoped.all()} == {contoso.pk}
        assert {run.tenant_id for run in OperationRun.unscoped.iterator(chunk_size=1)} == {contoso.pk}
    assert OperationRun.unscoped.count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_to_write_for_another_tenant(contoso: Tenant, fabrikam: Tenant) -> None:
    with scope(contoso.pk), pytest.raises(DatabaseError, match="row-level security"):
        OperationRun.unscoped.create(tenant=fabrikam, type="t", slot="s", inputs_hash="", initiator_name="x")


@pytest.mark.django_db(transaction=True)
def test_the_previous_scope_returns_and_nothing_stays_on_the_connection(contoso: Tenant, fabrikam: Tenant) -> None:
    make_run(contoso)
    with scope(contoso.pk):
        with scope(fabrikam.pk):
            assert OperationRun.objects.count() == 0
        assert OperationRun.objects.count() == 1
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            OperationRun.objects.count()
            raise ZeroDivisionError
        assert OperationRun.objects.count() == 1
    assert current_scope() is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.tenants', true), '')")
        assert cursor.fetchone() == ("",)


@pytest.mark.django_db(transaction=True)
def test_a_scope_is_refused_inside_a_transaction(contoso: Tenant) -> None:
    with transaction.atomic(), pytest.raises(NoScope), scope(contoso.pk):
        pass


@pytest.mark.django_db(transaction=True)
def test_a_thread_starts_without_a_scope(contoso: Tenant) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(OperationRun.unscoped.count())
        connection.close()

    make_run(contoso)
    with scope(contoso.pk):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [0]


@pytest.mark.django_db(transaction=True)
def test_commit_hooks_run_in_the_scope_they_were_registered_in(contoso: Tenant) -> None:
    run = make_run(contoso)
    seen: list[int] = []
    with scope(contoso.pk), transaction.atomic():
        transaction.on_commit(lambda: seen.append(OperationRun.objects.filter(pk=run.pk).count()))
    assert seen == [1]


@pytest.mark.django_db
def test_the_suite_connects_as_a_role_that_the_wall_binds() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user AND schemaname = 'public'")
        assert cursor.fetchone() == (0,)
