"""The walls are there, and nothing serves without them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, connections, models, transaction
from django.test.utils import isolate_apps

from rbac import checks
from rbac.checks import WallsDown, check_every_model_is_decided, find_breaches, insist, tenant_models
from rbac.models import TenantModel

ROOT = Path(__file__).resolve().parents[2]


def breaches(database: Any = connection) -> str:
    return " ".join(find_breaches(database))


# -- every model is decided --------------------------------------------------------------------------------------------


def test_every_model_belongs_to_a_tenant_or_says_why_not() -> None:
    """ISO-6"""
    assert check_every_model_is_decided() == []


def test_a_model_that_nobody_decided_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """ISO-6: also the table that joins it to others."""
    with isolate_apps("rbac", "operations") as isolated:

        class Forgotten(models.Model):  # noqa: DJ008
            others = models.ManyToManyField("self")

            class Meta:
                app_label = "operations"

        class Decided(TenantModel):
            class Meta:
                app_label = "operations"

        monkeypatch.setattr(checks, "apps", isolated)
        found = [error.msg for error in check_every_model_is_decided()]
    assert len(found) == 2
    assert "operations.Forgotten belongs to no tenant and does not say why." in found
    assert Decided  # type: ignore[truthy-function]


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
def test_a_tenant_is_never_missing_where_the_table_has_no_clause_for_it(db: None, model: Any) -> None:
    """ISO-4: a nullable tenant goes with a policy that names fleet-wide rows, and only with such a one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.attnotnull, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid), p.polcmd, "
            "p.polpermissive, p.polroles::oid[] FROM pg_policy p "
            "JOIN pg_attribute a ON a.attrelid = p.polrelid AND a.attname = 'tenant_id' "
            "WHERE p.polrelid = %s::regclass",
            [model._meta.db_table],
        )
        rows = cursor.fetchall()
    assert len(rows) == 1
    never_null, seen, written, command, permissive, roles = rows[0]
    assert seen == written
    assert (command, permissive, list(roles)) == ("*", True, [0])
    assert "app.tenants" in seen
    assert ("app.fleet" in seen) is (not never_null) is model._meta.get_field("tenant").null


# -- what passes the walls, or would -----------------------------------------------------------------------------------


def test_the_serving_role_passes_no_wall_and_owns_nothing(db: None) -> None:
    """ISO-7"""
    assert breaches() == ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE pg_has_role(relowner, 'MEMBER')")
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT table_name FROM information_schema.table_privileges "
            "WHERE grantee = current_user AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')"
        )
        assert cursor.fetchall() == []


def test_no_view_and_no_function_looks_past_the_wall(db: None) -> None:
    """ISO-7: a view shows what its owner sees, a SECURITY DEFINER function does what its owner may."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef")
        assert cursor.fetchall() == []


OWNER = pytest.mark.django_db(databases=["default", "owner"])
TABLE = "operations_operationitem"


@OWNER
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (f"ALTER TABLE {TABLE} NO FORCE ROW LEVEL SECURITY", f"not forced on {TABLE}"),
        (f"ALTER TABLE {TABLE} DISABLE ROW LEVEL SECURITY", f"not forced on {TABLE}"),
        (f"DROP POLICY tenant_wall ON {TABLE}", f"{TABLE} has the policies none"),
        (f"CREATE POLICY wider ON {TABLE} USING (true)", f"{TABLE} has the policies tenant_wall, wider"),
    ],
)
def test_a_table_without_its_wall_is_found(change: str, told: str) -> None:
    """ISO-7"""
    owner = connections["owner"]
    assert told not in breaches(owner)
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute(change)
        assert told in breaches(owner)
        transaction.set_rollback(True, using="owner")


@OWNER
def test_the_owner_of_the_tables_is_refused_as_a_serving_role() -> None:
    """ISO-7"""
    with pytest.raises(WallsDown, match=r"tenantpilot_owner passes row-level security .* owns rbac_auditevent"):
        insist(connections["owner"])


def test_the_check_command_tells_the_same(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """ISO-7"""
    call_command("check", databases=["default"])
    monkeypatch.setattr(checks, "find_breaches", lambda _database: ["The wall has a hole."])
    with pytest.raises(SystemCheckError, match=r"The wall has a hole\."):
        call_command("check", databases=["default"])


# -- nothing serves ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import tenantpilot.wsgi"],
        [
            "-m",
            "celery",
            "-A",
            "tenantpilot",
            "worker",
            "-P",
            "threads",
            "-c",
            "1",
            "--without-gossip",
            "--without-mingle",
        ],
        ["manage.py", "sweep"],
        ["manage.py", "schedule", "--once"],
    ],
    ids=["web", "worker", "sweeper", "scheduler"],
)
def test_no_process_starts_with_a_role_that_passes_the_walls(
    transactional_db: None, command: list[str], address_of: Callable[[str], str]
) -> None:
    """ISO-7"""
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": address_of("owner")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "passes row-level security" in ended.stderr + ended.stdout


@pytest.mark.slow
def test_the_web_process_starts_with_the_serving_role(transactional_db: None, address_of: Callable[[str], str]) -> None:
    """ISO-7: the refusals above are for the role, and for nothing else."""
    subprocess.run(
        [sys.executable, "-c", "import tenantpilot.wsgi"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": address_of("default")},
        timeout=60,
        check=True,
    )
