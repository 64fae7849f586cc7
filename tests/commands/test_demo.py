"""`manage.py demo`: the demo organisation of `./dev up` (specs/005-commands, docs/start.md)."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client

from operations.executor import execute
from operations.models import Notification, OperationRun
from operations.services import Refused, Started, start_operation
from providers import secrets
from providers.models import ProviderConnection, ProviderCredential
from providers.sandbox.server import Sandbox, describe
from rbac.models import Membership, Tenant, User
from rbac.scope import scope
from tests.commands.conftest import Answer, TypeIn

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Answer]


@pytest.fixture
def ready_line(sandbox: Sandbox) -> dict[str, Any]:
    """What `manage.py sandbox` prints, for a test to change."""
    return describe(sandbox)


@pytest.fixture
def make_demo(type_in: TypeIn, ready_line: dict[str, Any], tmp_path: Path) -> Make:
    """`make_demo()` makes the demo organisation of `ready_line`."""

    def make() -> Answer:
        (tmp_path / "sandbox.json").write_bytes(orjson.dumps(ready_line))
        return type_in("demo", "--sandbox-file", tmp_path / "sandbox.json")

    return make


def accounts_of(folder: Path) -> dict[str, str]:
    return {one["username"]: one["password"] for one in orjson.loads((folder / "demo-accounts.json").read_bytes())}


def connection_of(slug: str) -> ProviderConnection:
    with scope(Tenant.objects.get(slug=slug).pk):
        return ProviderConnection.objects.get()


def runs_of(slug: str) -> list[OperationRun]:
    with scope(Tenant.objects.get(slug=slug).pk):
        return list(OperationRun.objects.order_by("pk"))


def do_checks(slug: str) -> None:
    tenant = Tenant.objects.get(slug=slug)
    for run in runs_of(slug):
        if run.type == "connection.check":
            execute(tenant.pk, run.pk)


def test_each_account_signs_in_and_sees_what_its_role_may(make_demo: Make, tmp_path: Path) -> None:
    """CMD-10"""
    answer = make_demo()
    assert answer.code == 0, answer.err
    file = tmp_path / "demo-accounts.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    accounts = accounts_of(tmp_path)
    assert [one["role"] for one in orjson.loads(file.read_bytes())] == list(accounts)
    assert list(accounts) == ["owner", "manager", "operator", "read-only", "stranger"]
    assert len(set(accounts.values())) == 5 and min(map(len, accounts.values())) >= 16
    assert not any(password in answer.out + answer.err for password in accounts.values())
    sees = {}
    for name, password in accounts.items():
        assert Client().login(username=name, password=password)
        person = User.objects.get(username=name)
        assert not person.is_superuser
        sees[name] = {one.tenant.slug: one.role for one in person.memberships_by_tenant.values()}
    for name, role in (
        ("owner", "owner"),
        ("manager", "manager"),
        ("operator", "operator"),
        ("read-only", "read_only"),
    ):
        assert sees[name] == {"contoso": role, "fabrikam": role}
    assert sees["stranger"] == {"northwind": "owner"}


def test_every_tenant_is_connected_and_looked_at_and_nobody_is_told(make_demo: Make) -> None:
    """CMD-10: a check, a sync and a snapshot each, so that no page is empty."""
    assert make_demo().code == 0
    for slug in ("contoso", "fabrikam", "northwind"):
        runs = runs_of(slug)
        assert [run.type for run in runs] == ["connection.check", "inventory.sync", "compliance.snapshot"]
        with scope(runs[0].tenant_id or 0):
            assert not Notification.objects.exists()
        do_checks(slug)
    assert [connection_of(slug).health for slug in ("contoso", "fabrikam", "northwind")] == [
        "healthy",
        "degraded",
        "healthy",
    ]


def test_the_read_only_account_can_change_nothing_and_the_operator_can(make_demo: Make) -> None:
    """CMD-10: as docs/start.md says."""
    make_demo()
    contoso = Tenant.objects.get(slug="contoso")
    starts = {
        name: start_operation("sample.read", {}, actor=User.objects.get(username=name), tenant=contoso)
        for name in ("read-only", "stranger", "operator")
    }
    refused = {name: start.reasons[0].code for name, start in starts.items() if isinstance(start, Refused)}
    assert refused == {"read-only": "not_permitted", "stranger": "not_permitted"}
    assert isinstance(starts["operator"], Started)


def test_a_second_time_nothing_changes(
    make_demo: Make, count_rows: Callable[[], dict[str, int]], tmp_path: Path
) -> None:
    """CMD-10: passwords and verdicts stay, nothing starts."""
    make_demo()
    accounts = accounts_of(tmp_path)
    do_checks("contoso")
    before = count_rows()
    assert make_demo().code == 0
    assert (count_rows(), accounts_of(tmp_path)) == (before, accounts)
    assert connection_of("contoso").health == "healthy"
    assert Client().login(username="operator", password=accounts["operator"])


def test_a_changed_sandbox_is_followed_in_place(make_demo: Make, ready_line: dict[str, Any]) -> None:
    """CMD-10: new client id, new secret, and a new look at the tenant."""
    make_demo()
    before = connection_of("contoso")
    do_checks("contoso")
    app = ready_line["tenants"][0]["apps"]["full"]
    app["client_id"], app["client_secret"] = "2d0a9c53-7f21-4f80-9b7e-5c3f4e6d7081", "sandbox-changed-secret"
    assert make_demo().code == 0
    after = connection_of("contoso")
    assert (after.pk, str(after.client_id), after.status) == (before.pk, app["client_id"], "not_verified")
    with scope(after.tenant_id):
        sealed = ProviderCredential.objects.get().sealed
    assert secrets.open_sealed(bytes(sealed), connection_id=after.pk) == {"secret": "sandbox-changed-secret"}
    assert [run.type for run in runs_of("contoso")].count("connection.check") == 2
    assert [run.type for run in runs_of("northwind")].count("connection.check") == 1


def test_a_tenant_that_came_first_joins_the_others(make_demo: Make, ready_line: dict[str, Any]) -> None:
    """CMD-10: `--world DIR` puts one of its own before; who sees what stays as it was."""
    make_demo()
    first = {**ready_line["tenants"][0], "slug": "imported", "name": "Imported"}
    first["entra_tenant_id"] = "5d1a7f52-4f0e-4f5e-9a55-6f6a3f6f2b11"
    ready_line["tenants"].insert(0, first)
    assert make_demo().code == 0
    assert {one.tenant.slug for one in Membership.objects.filter(user__username="operator")} == {
        "imported",
        "contoso",
        "fabrikam",
    }
    assert [one.tenant.slug for one in Membership.objects.filter(user__username="stranger")] == ["northwind"]


def test_a_lost_file_of_accounts_means_new_passwords(make_demo: Make, tmp_path: Path) -> None:
    """CMD-10"""
    make_demo()
    before = accounts_of(tmp_path)
    (tmp_path / "demo-accounts.json").unlink()
    assert make_demo().code == 0
    after = accounts_of(tmp_path)
    assert not set(before.values()) & set(after.values())
    assert Client().login(username="owner", password=after["owner"])


def test_a_new_database_gets_the_passwords_of_the_file(make_demo: Make, tmp_path: Path) -> None:
    """CMD-10"""
    listed = [{"role": "owner", "username": "owner", "password": "kept-from-before-1"}]
    (tmp_path / "demo-accounts.json").write_bytes(orjson.dumps(listed))
    make_demo()
    assert accounts_of(tmp_path)["owner"] == "kept-from-before-1"
    assert Client().login(username="owner", password="kept-from-before-1")


def test_an_account_of_a_real_person_is_left_alone(
    make_demo: Make, count_rows: Callable[[], dict[str, int]], tmp_path: Path
) -> None:
    """CMD-10, CMD-1: the demo takes over no account that it did not make, and then makes nothing at all."""
    User.objects.create_user("operator", email="someone@contoso.example", password="their-own-password")
    before = count_rows()
    answer = make_demo()
    assert (answer.code, count_rows()) == (1, before)
    assert "There are accounts that the demo did not make: operator." in answer.err
    assert Client().login(username="operator", password="their-own-password")
    assert not (tmp_path / "demo-accounts.json").exists()


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b"{}", b'{"tenants": []}', b'{"tenants": [{"slug": "x"}]}']
)
def test_a_file_that_is_no_ready_line_is_refused(type_in: TypeIn, tmp_path: Path, content: bytes | None) -> None:
    """CMD-1"""
    file = tmp_path / "sandbox.json"
    if content is not None:
        file.write_bytes(content)
    answer = type_in("demo", "--sandbox-file", file)
    assert (answer.code, Tenant.objects.count(), User.objects.count()) == (2, 0, 0)
    assert str(file) in answer.err
    assert ("cannot be read" if content is None else "does not hold the line") in answer.err


def test_without_a_sandbox_there_is_no_demo(make_demo: Make, settings: Any) -> None:
    """CMD-1"""
    settings.SANDBOX_URL = ""
    answer = make_demo()
    assert (answer.code, Tenant.objects.count(), User.objects.count()) == (2, 0, 0)
    assert "This deployment has no sandbox." in answer.err
