"""Migration operations that build the walls inside Postgres, and the rights of the serving role."""

from typing import Any

from django.conf import settings
from django.db import connections
from django.db.migrations.operations.base import Operation

# In a scalar sub-select, so that the setting is read once a statement; the cast around it makes ANY take it as an array.
_TENANTS = "(SELECT coalesce(nullif(current_setting('app.tenants', true), ''), '{}'))::bigint[]"
_FLEET = "(tenant_id IS NULL AND current_setting('app.fleet', true) = 'on')"


class _SqlOperation(Operation):
    """An operation that changes the database and not Django's picture of the models."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        return None

    def _table(self, state: Any, app_label: str, model_name: str) -> str:
        return str(state.apps.get_model(app_label, model_name)._meta.db_table)


class TenantWall(_SqlOperation):
    """Row-level security, forced, over a table with `tenant_id`. With `fleet`, rows without a tenant are visible to fleet scopes."""

    def __init__(self, model_name: str, *, fleet: bool = False) -> None:
        self.model_name, self.fleet = model_name, fleet

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name], {"fleet": self.fleet}

    def describe(self) -> str:
        return f"Wall off the tenants of {self.model_name}"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = schema_editor.quote_name(self._table(to_state, app_label, self.model_name))
        condition = f"tenant_id = ANY({_TENANTS})" + (f" OR {_FLEET}" if self.fleet else "")
        schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        schema_editor.execute(f"CREATE POLICY tenant_wall ON {table} USING ({condition}) WITH CHECK ({condition})")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = schema_editor.quote_name(self._table(from_state, app_label, self.model_name))
        schema_editor.execute(f"DROP POLICY tenant_wall ON {table}")
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


class TenantReference(_SqlOperation):
    """A foreign key that also compares the tenant.

    Postgres checks foreign keys past row-level security, so a row could otherwise point at another tenant's row.
    `model_name.field_name` points at `to` ("app.Model"); the pair (tenant_id, id) of the target becomes unique once.
    """

    def __init__(self, model_name: str, field_name: str, *, to: str) -> None:
        self.model_name, self.field_name, self.to = model_name, field_name, to

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name, self.field_name], {"to": self.to}

    def describe(self) -> str:
        return f"Keep {self.model_name}.{self.field_name} inside its tenant"

    def _names(self, app_label: str, state: Any) -> tuple[str, str, str, str, str]:
        table = self._table(state, app_label, self.model_name)
        column = state.apps.get_model(app_label, self.model_name)._meta.get_field(self.field_name).column
        target = str(state.apps.get_model(self.to)._meta.db_table)
        return table, column, target, f"{table}_{column}_tenant_fk"[:63], f"{target}_tenant_id_key"[:63]

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column, target, name, unique = self._names(app_label, to_state)
        schema_editor.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{unique}" ON "{target}" (tenant_id, id)')
        schema_editor.execute(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (tenant_id, "{column}") '
            f'REFERENCES "{target}" (tenant_id, id) DEFERRABLE INITIALLY DEFERRED'
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, _column, _target, name, _unique = self._names(app_label, from_state)
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')


class AppendOnly(_SqlOperation):
    """Triggers that refuse UPDATE, DELETE and TRUNCATE, whoever asks (row triggers alone do not see TRUNCATE)."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name], {}

    def describe(self) -> str:
        return f"Make {self.model_name} append-only"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = self._table(to_state, app_label, self.model_name)
        schema_editor.execute(
            f"CREATE FUNCTION {table}_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        for name, event, level in (("row", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT")):
            schema_editor.execute(
                f"CREATE TRIGGER append_only_{name} BEFORE {event} ON {table} "
                f"FOR EACH {level} EXECUTE FUNCTION {table}_refuse_change()"
            )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = self._table(from_state, app_label, self.model_name)
        schema_editor.execute(f"DROP FUNCTION {table}_refuse_change() CASCADE")


def grant_serving_role(*, using: str, **_kwargs: Any) -> None:
    """After a migration as owner: the serving role may read and write rows, and change nothing else.

    Append-only tables are granted SELECT and INSERT alone: the first of their two locks.
    """
    role = str(settings.DATABASES["default"]["USER"])
    connection = connections[using]
    if connection.settings_dict["USER"] == role:
        return
    quoted = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {quoted}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quoted}")
        cursor.execute(
            "SELECT event_object_table FROM information_schema.triggers WHERE trigger_name = 'append_only_row'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {connection.ops.quote_name(table)} FROM {quoted}")
        cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {quoted}")
