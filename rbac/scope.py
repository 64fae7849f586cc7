"""Whose rows may be seen right now.

The scope lives in a context variable, which the managers read, and is copied into Postgres at the beginning of each
transaction, where the row-level security policies read it (`rbac.postgres`). Threads start without a scope and see nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import connections


class NoScope(RuntimeError):
    """Tenant data was touched without saying whose."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The tenants in sight. `fleet` adds the rows that belong to no tenant (fleet-wide runs)."""

    tenant_ids: tuple[int, ...]
    fleet: bool = False


_current: ContextVar[Scope | None] = ContextVar("tenantpilot_scope", default=None)


def current_scope() -> Scope | None:
    return _current.get()


def require_scope() -> Scope:
    """The scope; raises NoScope where none is set."""
    found = _current.get()
    if found is None:
        raise NoScope("No tenant scope is set: enter rbac.scope.scope(tenant_id) before touching tenant data.")
    return found


@contextmanager
def scope(*tenant_ids: int, fleet: bool = False) -> Iterator[Scope]:
    """Enter a scope of the named tenants; the previous one returns on exit.

    Raises NoScope for an empty scope (`None` is never "everything") and inside a transaction, because the copy in Postgres
    belongs to the transaction and would disagree with the context from there on.
    """
    if not tenant_ids and not fleet:
        raise NoScope("A scope names at least one tenant.")
    if not all(isinstance(tenant_id, int) for tenant_id in tenant_ids):
        raise NoScope(f"A scope is made of tenant ids, not of {tenant_ids!r}.")
    wanted = Scope(tuple(sorted(set(tenant_ids))), fleet)
    if wanted == _current.get():
        yield wanted
        return
    _refuse_inside_transaction()
    token = _current.set(wanted)
    try:
        _rewrite_in_test_transactions()
        yield wanted
    finally:
        _current.reset(token)
        _rewrite_in_test_transactions()


def _refuse_inside_transaction() -> None:
    for connection in connections.all(initialized_only=True):
        blocks = getattr(connection, "atomic_blocks", [])
        if blocks and not blocks[-1]._from_testcase:
            raise NoScope("A scope cannot be entered inside a transaction.")


def _rewrite_in_test_transactions() -> None:
    """Django's TestCase wraps a whole test in one transaction; there the copy is rewritten at each change of scope."""
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block and not connection.needs_rollback and hasattr(connection, "write_scope"):
            connection.write_scope()
