"""Django's Postgres backend, telling each transaction whose rows it may see.

The setting is transaction-local: it is gone at commit and rollback, so nothing stays behind on a pooled connection. A
forgotten scope therefore means no rows, never another tenant's.
"""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base

from rbac.scope import current_scope

# Databases whose walls this process has found standing. The owner's is for migrations and passes the walls by design; the
# one without a database makes databases.
_checked = {"owner", NO_DB_ALIAS}


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._give_scope_a_transaction)

    def connect(self) -> None:
        """Connect; the first time in a process, refuse a role or tables without walls. Raises rbac.checks.WallsDown."""
        super().connect()
        if self.alias in _checked or not apps.models_ready:
            return
        # Late: settings name this module before models exist.
        from rbac.checks import WallsDown, insist

        try:
            insist(self)
        except WallsDown:
            self.close()
            raise
        _checked.add(self.alias)

    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        if not autocommit and current_scope() is not None:
            self.write_scope()

    def write_scope(self) -> None:
        """Copy the current scope into the open transaction (empty when there is none)."""
        scope = current_scope()
        tenant_ids = ",".join(map(str, scope.tenant_ids)) if scope else ""
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('app.tenants', %s, true), set_config('app.fleet', %s, true)",
                ["{" + tenant_ids + "}", "on" if scope and scope.fleet else ""],
            )

    def _give_scope_a_transaction(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        # In autocommit a transaction-local setting is lost at once, so each statement inside a scope gets a transaction.
        if current_scope() is None or self.in_atomic_block or not self.get_autocommit():
            return execute(sql, params, many, context)
        with transaction.atomic(using=self.alias):
            return execute(sql, params, many, context)
