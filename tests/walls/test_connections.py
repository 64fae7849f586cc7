"""Nothing of a scope stays on a connection, whichever way it was left, and nothing that runs beside it inherits it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from operations.models import OperationRun
from rbac.models import Tenant
from rbac.scope import NoScope, scope
from tests.walls.factories import make_row, mark_of

pytestmark = pytest.mark.django_db(transaction=True)
TIMES = 20


@pytest.fixture(autouse=True, params=["persistent", "pooled"])
def _lent(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    """Connections that stay open from one request to the next, and connections that a pool lends."""
    served = connection.settings_dict
    kept = {name: served[name] for name in ("OPTIONS", "CONN_MAX_AGE")}
    connection.close()
    if request.param == "pooled":
        served.update(
            OPTIONS={**served["OPTIONS"], "pool": {"min_size": 1, "max_size": 2, "timeout": 2}}, CONN_MAX_AGE=0
        )
    else:
        served["CONN_MAX_AGE"] = None
    yield
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    served.update(kept)


def look() -> set[int]:
    """The tenants of all runs that the connection shows, past every manager."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tenant_id FROM operations_operationrun")
        return {row[0] for row in cursor.fetchall()}


def give_back() -> None:
    """What Django does at the end of a request."""
    connection.close_if_unusable_or_obsolete()


def leave_plainly() -> None:
    look()


def leave_by_an_exception() -> None:
    with transaction.atomic():
        look()
        raise ZeroDivisionError


def leave_by_a_database_error() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def leave_by_rollback() -> None:
    with transaction.atomic():
        look()
        transaction.set_rollback(True)


def leave_by_a_savepoint() -> None:
    with transaction.atomic(), suppress(ZeroDivisionError), transaction.atomic():
        look()
        raise ZeroDivisionError


def leave_by_termination() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


WAYS_OUT: list[Callable[[], None]] = [
    leave_plainly,
    leave_by_an_exception,
    leave_by_a_database_error,
    leave_by_rollback,
    leave_by_a_savepoint,
    leave_by_termination,
]


def test_whoever_borrows_the_connection_next_sees_nothing_of_the_scope_before(both: SimpleNamespace) -> None:
    """ISO-8"""
    for leave in WAYS_OUT:
        for _time in range(TIMES):
            with suppress(ZeroDivisionError, DatabaseError), scope(both.contoso.pk):
                assert look() == {both.contoso.pk}, leave
                leave()
            give_back()
            assert look() == set(), leave
            give_back()
            with scope(both.fabrikam.pk):
                assert look() == {both.fabrikam.pk}, leave
            give_back()


def test_the_same_connections_go_from_tenant_to_tenant(both: SimpleNamespace) -> None:
    """ISO-8: otherwise the test above would prove nothing."""
    used: dict[int, set[int]] = {}
    # An odd number in turn: the pool may lend two connections alternately.
    for tenant in [both.contoso, both.fabrikam, both.fabrikam] * TIMES:
        with scope(tenant.pk), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            used.setdefault(cursor.fetchone()[0], set()).add(tenant.pk)
        give_back()
    assert {both.contoso.pk, both.fabrikam.pk} in used.values()
    assert len(used) <= 2


def test_a_cursor_on_the_server_keeps_to_the_scope(both: SimpleNamespace) -> None:
    """ISO-8: also row by row, in and outside a transaction."""
    with scope(both.contoso.pk):
        assert {run.tenant_id for run in OperationRun.unscoped.iterator(chunk_size=1)} == {both.contoso.pk}
        with transaction.atomic():
            assert {run.tenant_id for run in OperationRun.unscoped.iterator(chunk_size=1)} == {both.contoso.pk}
    assert list(OperationRun.unscoped.iterator(chunk_size=1)) == []


def test_a_thread_beside_the_scope_sees_nothing(both: SimpleNamespace) -> None:
    """ISO-8"""
    seen: list[Any] = []

    def work() -> None:
        for _time in range(TIMES):
            seen.append(look())
        try:
            OperationRun.objects.exists()
        except NoScope as refusal:
            seen.append(refusal)
        connection.close()

    with scope(both.contoso.pk):
        look()
        connection.close()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen[:TIMES] == [set()] * TIMES
    assert isinstance(seen[TIMES], NoScope)


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ask(both: SimpleNamespace, cast: SimpleNamespace, sign_in: Any, settings: Any) -> Callable[[str, str], str]:
    """`ask("owner", "/t/contoso/careless/lazily/")` is what the page told."""
    settings.ROOT_URLCONF = "tests.walls.pages"
    clients = {name: sign_in(getattr(cast, name)) for name in ("owner", "stranger", "platform")}

    def read(name: str, address: str) -> str:
        answer = clients[name].get(address)
        assert answer.status_code == 200, answer
        return b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()

    return read


def test_a_page_sees_its_tenant_until_its_template_is_rendered(
    ask: Callable[[str, str], str], both: SimpleNamespace
) -> None:
    """ISO-8: requests of two tenants in turn, over one connection."""
    for _time in range(TIMES):
        mine, theirs = ask("owner", "/t/contoso/careless/lazily/"), ask("stranger", "/t/fabrikam/careless/lazily/")
        assert mark_of(both.contoso) in mine
        assert mark_of(both.fabrikam) in theirs
        assert mark_of(both.fabrikam) not in mine
        assert mark_of(both.contoso) not in theirs
        assert look() == set()


def test_what_outlives_the_page_sees_nothing(ask: Callable[[str, str], str], both: SimpleNamespace) -> None:
    """ISO-8: a streaming body and a thread have left the scope, or never had it; a commit hook is still in it."""
    for _time in range(TIMES):
        for page in ("streaming", "in_a_thread"):
            assert ask("owner", f"/t/contoso/careless/{page}/").startswith("no scope / nothing / "), page
    told = ask("owner", "/t/contoso/careless/after_commit/")
    assert mark_of(both.contoso) in told
    assert mark_of(both.fabrikam) not in told
    # A person without a membership has no scope at all, not the widest.
    assert ask("platform", "/careless/in_a_thread/").startswith("no scope / nothing / ")


def test_a_scope_may_not_be_entered_where_the_copy_in_postgres_would_disagree(contoso: Tenant, cast: Any) -> None:
    """ISO-9"""
    with transaction.atomic(), pytest.raises(NoScope), scope(contoso.pk):
        pass
    with scope(contoso.pk), transaction.atomic(), scope(contoso.pk):
        # The same scope is no change; so that a service may be called from a page's transaction.
        make_row(OperationRun, contoso, cast.owner)
