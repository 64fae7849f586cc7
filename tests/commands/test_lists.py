"""`manage.py tenants`, `runs` and `inventory`: what is there, for scripts (specs/005-commands)."""

import subprocess
import sys
import tracemalloc
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from inventory.models import InventoryItem
from inventory.types import registry
from operations.models import OperationRun
from operations.services import Started, cancel_run, start_operation
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope
from rbac.services import SYSTEM, update_tenant
from tests.commands.conftest import TypeIn
from tests.processes import ROOT, environment

pytestmark = pytest.mark.django_db(transaction=True)

TYPE = "settings_catalog_policy"
HOSTILE = 'red \x1b[31malert\x07 "quoted", ]\n[CRITICAL] \u202egnp.exe'


def add_items(connection: ProviderConnection, *names: str, type: str = TYPE) -> None:
    with scope(connection.tenant_id):
        InventoryItem.objects.bulk_create(
            InventoryItem(
                tenant_id=connection.tenant_id,
                connection=connection,
                type=type,
                external_id=f"{type}-{number}",
                name=name,
                content_hash=b"0" * 32,
            )
            for number, name in enumerate(names)
        )


def start(tenant: Tenant, **inputs: Any) -> OperationRun:
    started = start_operation("sample.read", inputs, actor=SYSTEM, tenant=tenant)
    assert isinstance(started, Started), started
    return started.run


def test_tenants_are_listed_with_what_scripts_need(type_in: TypeIn, contoso: Tenant, cast: SimpleNamespace) -> None:
    """CMD-7: archived ones too."""
    update_tenant(contoso, actor=SYSTEM, status="archived")
    listed = {one["slug"]: one for one in type_in("tenants", "--json").data}
    assert set(listed) == {"contoso", "fabrikam"}
    assert datetime.fromisoformat(listed["contoso"].pop("created_at")).tzinfo is not None
    assert listed["contoso"] == {
        "slug": "contoso",
        "name": "Contoso",
        "entra_tenant_id": "c0c0c0c0-0000-4000-8000-000000000001",
        "status": "archived",
        "time_zone": "Europe/Berlin",
        "members": 4,
    }
    table = type_in("tenants").out.splitlines()
    assert table[0].split() == ["slug", "name", "status", "Entra", "tenant", "id", "members"]
    assert [line.split()[0] for line in table[1:]] == ["contoso", "fabrikam"]


@pytest.mark.parametrize("line", [["tenants"], ["runs"], ["inventory", "--tenant", "contoso"]])
def test_a_list_of_nothing_is_an_empty_list(type_in: TypeIn, request: Any, line: list[str]) -> None:
    """CMD-7"""
    if line[0] == "inventory":
        request.getfixturevalue("contoso")
    answer = type_in(*line, "--json")
    assert (answer.code, answer.data) == (0, [])


def test_runs_of_all_tenants_are_listed_newest_first(type_in: TypeIn, contoso: Tenant, fabrikam: Tenant) -> None:
    """CMD-7"""
    first, second, third = start(contoso), start(fabrikam), start(contoso, name="b")
    cancel_run(first, actor=SYSTEM)
    assert [one["id"] for one in type_in("runs", "--json").data] == [third.pk, second.pk, first.pk]
    assert [one["id"] for one in type_in("runs", "--json", "--tenant", "contoso").data] == [third.pk, first.pk]
    assert [one["id"] for one in type_in("runs", "--json", "--limit", "1").data] == [third.pk]
    (ended,) = type_in("runs", "--json", "--status", "completed").data
    assert (ended["id"], ended["tenant"], ended["outcome"]) == (first.pk, "contoso", "cancelled")
    assert ended["failure_hint"] == "What was done until then is kept. Start it again when you are ready."
    table = type_in("runs").out.splitlines()
    assert table[1].split()[:4] == [str(third.pk), "sample.read", "contoso", "queued"]
    assert "cancelled" in table[3]


def test_fleet_wide_runs_are_listed_with_those_of_all_tenants(type_in: TypeIn, contoso: Tenant) -> None:
    """CMD-7"""
    run = start_operation("sample.read", {}, actor=SYSTEM, tenant=None)
    assert isinstance(run, Started)
    (listed,) = type_in("runs", "--json").data
    assert (listed["id"], listed["tenant"]) == (run.run.pk, None)
    assert type_in("runs", "--json", "--tenant", "contoso").data == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (["runs", "--tenant", "nowhere"], "There is no tenant 'nowhere'."),
        (["runs", "--status", "great"], "invalid choice: 'great'"),
        (["runs", "--limit", "0"], "a whole number from 1 to 1,000,000"),
        (["runs", "--limit", "many"], "a whole number from 1 to 1,000,000"),
        (["inventory"], "the following arguments are required: --tenant"),
        (["inventory", "--tenant", "nowhere"], "There is no tenant 'nowhere'."),
        (["inventory", "--tenant", "contoso", "--type", "nothing"], "nothing"),
        (["tenants", "--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_a_mistake_is_said_in_one_sentence(type_in: TypeIn, contoso: Tenant, line: list[str], sentence: str) -> None:
    """CMD-1"""
    answer = type_in(*line)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err


def test_the_inventory_is_a_list_of_objects_with_type_id_and_name(
    type_in: TypeIn, connection: ProviderConnection, fabrikam: Tenant
) -> None:
    """INV-16, CMD-7: of one tenant, and of one type if asked for."""
    other = next(one.key for one in registry.all_types() if one.key != TYPE)
    add_items(connection, "B", "A", HOSTILE)
    add_items(connection, "C", type=other)
    listed = type_in("inventory", "--tenant", "contoso", "--json").data
    assert {(one["type"], one["id"], one["name"]) for one in listed} == {
        (TYPE, f"{TYPE}-0", "B"),
        (TYPE, f"{TYPE}-1", "A"),
        (TYPE, f"{TYPE}-2", HOSTILE),
        (other, f"{other}-0", "C"),
    }
    only = type_in("inventory", "--tenant", "contoso", "--type", other, "--json").data
    assert [one["name"] for one in only] == ["C"]
    assert type_in("inventory", "--tenant", "fabrikam", "--json").data == []


def test_a_name_cannot_steer_the_terminal(type_in: TypeIn, connection: ProviderConnection) -> None:
    """CMD-7: in tables; JSON keeps names as they are."""
    add_items(connection, HOSTILE)
    shown = type_in("inventory", "--tenant", "contoso").out
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert len(shown.splitlines()) == 2


def test_a_large_inventory_is_written_while_it_is_read(
    connection: ProviderConnection, owner_connection: psycopg.Connection[Any]
) -> None:
    """CMD-7: three times the objects do not take more memory."""

    class Counting:
        lines = 0

        def write(self, text: str) -> None:
            self.lines += text.count("\n")

    def peak_with(total: int) -> int:
        owner_connection.execute(
            "INSERT INTO inventory_inventoryitem (tenant_id, connection_id, type, external_id, name, description, platform,"
            " odata_type, state, content_hash) SELECT %s, %s, %s, 'id-' || n, 'Policy ' || n, repeat('d', 300), '', '',"
            " 'present', '' FROM generate_series((SELECT count(*) FROM inventory_inventoryitem) + 1, %s) AS n",
            [connection.tenant_id, connection.pk, TYPE, total],
        )
        out: Any = Counting()
        tracemalloc.start()
        call_command("inventory", "--tenant", "contoso", "--json", stdout=out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert out.lines == total + 2
        return peak

    peak_with(10)
    small = peak_with(4_000)
    assert peak_with(12_000) < small * 1.3


def test_a_reader_that_has_enough_is_no_error(connection: ProviderConnection) -> None:
    """CMD-1: `manage.py inventory … | head` shows no traceback."""
    add_items(connection, *(f"Policy {number} {'x' * 200}" for number in range(2000)))
    command = [sys.executable, str(ROOT / "manage.py"), "inventory", "--tenant", "contoso", "--json"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"[\n"
        process.stdout.close()
        assert process.stderr.read() == b""
