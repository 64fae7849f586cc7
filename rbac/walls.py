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


class TenantStays(_SqlOperation):
    """A trigger by which a row keeps its tenant: in a scope of several, the policy alone would let it move from one to another.

    Part of every `TenantWall`; by itself only for walls that were built before it was.
    """

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name], {}

    def describe(self) -> str:
        return f"Keep each {self.model_name} in its tenant"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute(
            "CREATE OR REPLACE FUNCTION tenant_stays() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING MESSAGE = 'A row of ' || TG_TABLE_NAME || ' keeps its tenant'; END $$"
        )
        schema_editor.execute(
            f'CREATE OR REPLACE TRIGGER tenant_stays BEFORE UPDATE OF tenant_id ON "{self._table(to_state, app_label, self.model_name)}" '
            "FOR EACH ROW WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION tenant_stays()"
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = self._table(from_state, app_label, self.model_name)
        schema_editor.execute(f'DROP TRIGGER IF EXISTS tenant_stays ON "{table}"')


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
        TenantStays(self.model_name).database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = schema_editor.quote_name(self._table(from_state, app_label, self.model_name))
        TenantStays(self.model_name).database_backwards(app_label, schema_editor, from_state, to_state)
        schema_editor.execute(f"DROP POLICY tenant_wall ON {table}")
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


class _ReferenceOperation(_SqlOperation):
    """An operation on `model_name.field_name`, which points at `to` ("app.Model")."""

    def __init__(self, model_name: str, field_name: str, *, to: str) -> None:
        self.model_name, self.field_name, self.to = model_name, field_name, to

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name, self.field_name], {"to": self.to}

    def _names(self, app_label: str, state: Any) -> tuple[str, str, str]:
        model = state.apps.get_model(app_label, self.model_name)
        target = state.apps.get_model(self.to)._meta.db_table
        return str(model._meta.db_table), str(model._meta.get_field(self.field_name).column), str(target)


class FleetReference(_ReferenceOperation):
    """A row without a tenant points only at another without one. The composite key of `TenantReference` does not look at nulls.

    Part of every `TenantReference` of a table that allows such rows; by itself only for those made before it was.
    """

    def describe(self) -> str:
        return f"Keep {self.model_name}.{self.field_name} of fleet-wide rows out of tenants"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column, target = self._names(app_label, to_state)
        name = self._trigger(table, column)
        schema_editor.execute(
            f'CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
            f'IF NOT EXISTS (SELECT FROM "{target}" WHERE id = NEW."{column}" AND tenant_id IS NULL) THEN '
            f"RAISE EXCEPTION 'A row of {table} without a tenant points at a row of one' "
            "USING ERRCODE = 'foreign_key_violation'; END IF; RETURN NEW; END $$"
        )
        schema_editor.execute(
            f'CREATE OR REPLACE TRIGGER "{name}" BEFORE INSERT OR UPDATE OF "{column}" ON "{table}" FOR EACH ROW '
            f'WHEN (NEW.tenant_id IS NULL AND NEW."{column}" IS NOT NULL) EXECUTE FUNCTION "{name}"()'
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column, _target = self._names(app_label, from_state)
        schema_editor.execute(f'DROP FUNCTION IF EXISTS "{self._trigger(table, column)}"() CASCADE')

    def _trigger(self, table: str, column: str) -> str:
        return f"{table}_{column}_fleet"[:63]


class TenantReference(_ReferenceOperation):
    """A foreign key that also compares the tenant.

    Postgres checks foreign keys past row-level security, so a row could otherwise point at another tenant's row. The pair
    (tenant_id, id) of the target becomes unique once.
    """

    def describe(self) -> str:
        return f"Keep {self.model_name}.{self.field_name} inside its tenant"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column, target = self._names(app_label, to_state)
        unique = f"{target}_tenant_id_key"[:63]
        schema_editor.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{unique}" ON "{target}" (tenant_id, id)')
        schema_editor.execute(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{self._constraint(table, column)}" '
            f'FOREIGN KEY (tenant_id, "{column}") REFERENCES "{target}" (tenant_id, id) DEFERRABLE INITIALLY DEFERRED'
        )
        if self._allows_fleet(app_label, to_state):
            self._fleet().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column, _target = self._names(app_label, from_state)
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{self._constraint(table, column)}"')
        if self._allows_fleet(app_label, from_state):
            self._fleet().database_backwards(app_label, schema_editor, from_state, to_state)

    def _constraint(self, table: str, column: str) -> str:
        return f"{table}_{column}_tenant_fk"[:63]

    def _allows_fleet(self, app_label: str, state: Any) -> bool:
        return bool(state.apps.get_model(app_label, self.model_name)._meta.get_field("tenant").null)

    def _fleet(self) -> FleetReference:
        return FleetReference(self.model_name, self.field_name, to=self.to)


class UniqueInTenant(_SqlOperation):
    """The uniqueness of a one-to-one field, with the tenant in its key.

    Postgres compares keys past row-level security: an insert that names another tenant's row would otherwise be told that
    something points at it already.
    """

    def __init__(self, model_name: str, field_name: str) -> None:
        self.model_name, self.field_name = model_name, field_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name, self.field_name], {}

    def describe(self) -> str:
        return f"Compare {self.model_name}.{self.field_name} inside its tenant"

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column, model = self._names(app_label, to_state)
        # Django names the constraint of a column by a hash, or leaves it to Postgres: found by its column instead.
        for found in schema_editor._constraint_names(model, [column], unique=True, primary_key=False):
            schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{found}"')
        schema_editor.execute(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{self._constraint(table, column)}" UNIQUE (tenant_id, "{column}")'
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table, column, _model = self._names(app_label, from_state)
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{self._constraint(table, column)}"')
        schema_editor.execute(f'ALTER TABLE "{table}" ADD UNIQUE ("{column}")')

    def _names(self, app_label: str, state: Any) -> tuple[str, str, Any]:
        model = state.apps.get_model(app_label, self.model_name)
        return model._meta.db_table, model._meta.get_field(self.field_name).column, model

    def _constraint(self, table: str, column: str) -> str:
        return f"{table}_{column}_in_tenant"[:63]


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
