"""`manage.py rotate_keys`: another key, nothing lost; and a key that is missed stops the start (specs/005-commands)."""

import base64
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from operations.failures import Failure
from providers import rotation, secrets
from providers.models import ProviderConnection, ProviderCredential
from providers.services import create_connection, open_client, set_credential
from rbac.models import AuditEvent, Tenant
from rbac.scope import scope
from rbac.services import COMMAND_LINE, update_tenant
from tests.commands.conftest import TypeIn
from tests.conftest import owner_parameters
from tests.processes import ROOT, manage, started
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

OLD = "old:" + base64.urlsafe_b64encode(b"o" * 32).decode().rstrip("=")
NEW = "new:" + base64.urlsafe_b64encode(b"n" * 32).decode().rstrip("=")


@pytest.fixture
def credentials(settings: Any, contoso: Tenant, fabrikam: Tenant) -> dict[int, str]:
    """Six credentials of two tenants, sealed with the old key: secret by connection id."""
    settings.CREDENTIAL_KEYS = [OLD]
    made: dict[int, str] = {}
    for number in range(6):
        tenant = (contoso, fabrikam)[number // 3]
        with scope(tenant.pk):
            connection = create_connection(
                actor=COMMAND_LINE,
                tenant=tenant,
                display_name=f"Connection {number}",
                entra_tenant_id=tenant.entra_tenant_id,
                client_id=f"1c9f8b42-6e10-4e7f-8a6d-4b2e3d5c6f7{number}",
            )
            made[connection.pk] = f"secret-number-{number}"
            set_credential(connection, actor=COMMAND_LINE, secret=made[connection.pk])
    return made


def opened(settings: Any, *keys: str) -> dict[int, str]:
    """Every credential, opened with these keys alone."""
    settings.CREDENTIAL_KEYS = list(keys)
    found = {}
    for tenant in Tenant.objects.all():
        with scope(tenant.pk):
            for row in ProviderCredential.objects.all():
                fields = secrets.open_sealed(bytes(row.sealed), connection_id=row.connection_id)
                found[row.connection_id] = fields["secret"]
    return found


def resealed_in_audit() -> int:
    with scope(*Tenant.objects.values_list("pk", flat=True)):
        return int(AuditEvent.objects.filter(verb="credential.resealed").count())


def test_every_credential_is_sealed_anew_and_opens_with_the_new_key_alone(
    type_in: TypeIn, settings: Any, credentials: dict[int, str], fabrikam: Tenant
) -> None:
    """CMD-8: of archived tenants too, counted and audited, and the token cache stays good."""
    update_tenant(fabrikam, actor=COMMAND_LINE, status="archived")
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    answer = type_in("rotate_keys")
    assert answer.code == 0, answer.err
    assert "Before: 6 with 'old'; the newest key is 'new'." in answer.out
    assert "6 credentials encrypted anew." in answer.out
    assert "After: 6 with 'new'; the newest key is 'new'." in answer.out
    assert "Nothing needs 'old' any more: it can be taken out of CREDENTIAL_KEYS." in answer.out
    assert opened(settings, NEW) == credentials
    with scope(fabrikam.pk):
        event = AuditEvent.objects.filter(verb="credential.resealed").first()
        assert event is not None
        assert (event.actor_name, event.before, event.after) == ("Command line", {"key": "old"}, {"key": "new"})
        assert set(ProviderCredential.objects.values_list("version", flat=True)) == {1}


def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    type_in: TypeIn, settings: Any, credentials: dict[int, str]
) -> None:
    """CMD-8"""
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    answer = type_in("rotate_keys", "--dry-run")
    assert answer.code == 0
    assert "6 of 6 credentials would be encrypted anew with 'new'." in answer.out
    assert rotation.keys_in_use() == Counter(old=6)
    assert resealed_in_audit() == 0


def test_done_twice_the_second_time_does_nothing(type_in: TypeIn, settings: Any, credentials: dict[int, str]) -> None:
    """CMD-8"""
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    type_in("rotate_keys")
    assert "0 credentials encrypted anew." in type_in("rotate_keys").out
    assert resealed_in_audit() == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("obstacle", "done"),
    [
        (
            "SELECT 1 FROM providers_providercredential WHERE id = "
            "(SELECT id FROM providers_providercredential ORDER BY id OFFSET 3 LIMIT 1) FOR UPDATE",
            3,
        ),
        # The first is sealed anew, and its audit entry waits: killed there, the change must not stay without the entry.
        ("LOCK TABLE rbac_auditevent IN SHARE ROW EXCLUSIVE MODE", 0),
    ],
    ids=["between two credentials", "inside a transaction"],
)
def test_killed_in_the_middle_it_loses_nothing_and_goes_on_from_there(
    settings: Any,
    credentials: dict[int, str],
    owner_connection: psycopg.Connection[Any],
    tmp_path: Path,
    obstacle: str,
    done: int,
) -> None:
    """CMD-8: kill -9 of the real process, held in place by a lock."""
    command = [sys.executable, str(ROOT / "manage.py"), "rotate_keys"]
    with psycopg.connect(**owner_parameters()) as holder:
        holder.execute(obstacle)
        with started(command, tmp_path / "log", CREDENTIAL_KEYS=f"{NEW},{OLD}") as process:
            wait_until(lambda: process.poll() is not None or bool(waiting_backends(owner_connection)), seconds=30)
            assert process.poll() is None, (tmp_path / "log").read_text()
            (backend,) = waiting_backends(owner_connection)
            process.kill()
            process.wait(10)
    # Free of the lock, Postgres notices that nobody is there any more.
    alive = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
    wait_until(lambda: owner_connection.execute(alive, [backend]).fetchone() is None)

    settings.CREDENTIAL_KEYS = [NEW, OLD]
    assert rotation.keys_in_use() == Counter({"new": done, "old": 6 - done}) - Counter()
    assert opened(settings, NEW, OLD) == credentials
    assert resealed_in_audit() == done
    again = manage("rotate_keys", CREDENTIAL_KEYS=f"{NEW},{OLD}")
    assert again.returncode == 0, again.stderr
    assert f"{6 - done} credentials encrypted anew." in again.stdout
    assert opened(settings, NEW) == credentials
    assert resealed_in_audit() == 6


def waiting_backends(owner: psycopg.Connection[Any]) -> list[int]:
    """The server processes that wait for a lock; of other roles' sessions the owner sees no more than that."""
    return [pid for (pid,) in owner.execute("SELECT DISTINCT pid FROM pg_locks WHERE NOT granted").fetchall()]


def test_one_that_cannot_be_opened_stops_no_other_and_is_named(
    type_in: TypeIn, settings: Any, credentials: dict[int, str], contoso: Tenant
) -> None:
    """CMD-8: a credential moved to another row, as a thief would."""
    with scope(contoso.pk):
        first, second, _third = ProviderCredential.objects.order_by("pk")
        ProviderCredential.objects.filter(pk=second.pk).update(sealed=first.sealed)
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    answer = type_in("rotate_keys")
    assert answer.code == 1
    assert "5 credentials encrypted anew." in answer.out
    assert "1 credentials could not be opened and stay as they are: contoso: Connection 1 (" in answer.err
    assert "belongs to another connection" in answer.err
    assert "can be taken out" not in answer.out
    assert rotation.keys_in_use() == Counter(new=5, old=1)


def test_a_damaged_credential_is_named_too(
    type_in: TypeIn, settings: Any, credentials: dict[int, str], contoso: Tenant
) -> None:
    """CMD-8"""
    with scope(contoso.pk):
        first = ProviderCredential.objects.order_by("pk")[0]
        ProviderCredential.objects.filter(pk=first.pk).update(sealed=b"v1:old:\xff\x00")
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    answer = type_in("rotate_keys")
    assert answer.code == 1
    assert "contoso: Connection 0 (The stored credential is damaged.)" in answer.err


def test_a_credential_stored_with_the_old_key_meanwhile_is_noticed(
    type_in: TypeIn, settings: Any, credentials: dict[int, str], contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CMD-8: by a web process that was not restarted yet."""
    reseal = rotation.reseal

    def and_meanwhile(one: rotation.Sealed, **more: Any) -> bool:
        done = reseal(one, **more)
        settings.CREDENTIAL_KEYS = [OLD, NEW]
        with scope(contoso.pk):
            connection = ProviderConnection.objects.order_by("pk")[0]
            set_credential(connection, actor=COMMAND_LINE, secret="stored-with-the-old-key")
        settings.CREDENTIAL_KEYS = [NEW, OLD]
        return done

    monkeypatch.setattr(rotation, "reseal", and_meanwhile)
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    answer = type_in("rotate_keys")
    assert answer.code == 1
    assert "Restart every process with 'new' as the first key" in answer.err


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (["no-key-here"], "CREDENTIAL_KEYS is a list of id:key"),
        (["a:c2hvcnQ"], "CREDENTIAL_KEYS is a list of id:key"),
        ([NEW, NEW], "CREDENTIAL_KEYS names the key id 'new' twice."),
        ([], "CREDENTIAL_KEYS is empty"),
    ],
)
@pytest.mark.parametrize("line", [["rotate_keys"], ["check"]])
def test_a_ring_that_cannot_be_read_is_said_without_quoting_it(
    type_in: TypeIn, settings: Any, line: list[str], keys: list[str], sentence: str
) -> None:
    """CMD-9"""
    settings.CREDENTIAL_KEYS = keys
    answer = type_in(*line)
    assert answer.code == (0 if line == ["check"] and not keys else 1)
    assert sentence in answer.err
    assert "bm5u" not in answer.err and "c2hvcnQ" not in answer.err and "no-key-here" not in answer.err


def test_a_key_that_was_taken_out_too_early_is_found_with_what_to_do(
    type_in: TypeIn, settings: Any, credentials: dict[int, str], contoso: Tenant
) -> None:
    """CMD-9: at `migrate` and at any start; ordinary commands still work, to mend it."""
    settings.CREDENTIAL_KEYS = [NEW]
    migrating = manage("migrate", CREDENTIAL_KEYS=NEW)
    assert migrating.returncode == 1 and "CREDENTIAL_KEYS lacks 'old'" in migrating.stderr
    answer = type_in("check", "--database", "default")
    assert answer.code == 1
    assert "CREDENTIAL_KEYS lacks 'old', which 6 stored credentials need (contoso: Connection 0; " in answer.err
    assert "Put the key back and run `manage.py rotate_keys` before it is taken out." in answer.err
    line = ["--slug", "contoso", "--entra-tenant-id", str(contoso.entra_tenant_id), "--secret-stdin"]
    client = ["--client-id", "1c9f8b42-6e10-4e7f-8a6d-4b2e3d5c6f70"]
    mended = type_in("connect_tenant", *line, *client, said="secret-number-0")
    assert mended.code == 0, mended.err
    assert "which 5 stored credentials need" in type_in("check", "--database", "default").err
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    assert type_in("rotate_keys").code == 0
    settings.CREDENTIAL_KEYS = [NEW]
    assert type_in("check", "--database", "default").code == 0


def test_a_run_with_a_lost_key_fails_with_its_own_code(settings: Any, credentials: dict[int, str]) -> None:
    """CMD-9: where a process runs on without the key."""
    settings.CREDENTIAL_KEYS = [NEW]
    tenant = Tenant.objects.get(slug="contoso")
    with scope(tenant.pk), pytest.raises(Failure) as raised:
        open_client(ProviderConnection.objects.order_by("pk")[0])
    assert raised.value.code == "credential_unreadable"


SERVING = {
    "web": ["-m", "gunicorn", "tenantpilot.wsgi", "--bind", "127.0.0.1:0"],
    "worker": ["-m", "celery", "-A", "tenantpilot", "worker", "-P", "threads", "-c", "1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("part", sorted(SERVING))
def test_what_serves_does_not_start_without_a_key_that_is_needed(
    credentials: dict[int, str], tmp_path: Path, part: str
) -> None:
    """CMD-9: one sentence in its log, and an end that is not tried again for ever."""
    log = tmp_path / "log"
    with started([sys.executable, *SERVING[part]], log, CREDENTIAL_KEYS=NEW) as process:
        assert process.wait(30) == 3, log.read_text()
    assert "CREDENTIAL_KEYS lacks 'old'" in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("part", sorted(SERVING))
def test_what_serves_starts_with_it(credentials: dict[int, str], tmp_path: Path, part: str) -> None:
    """CMD-9: the test above would pass as well with a part that never starts."""
    log = tmp_path / "log"
    ready = {"web": "Listening at", "worker": "ready."}
    with started(
        [sys.executable, *SERVING[part], *(["-l", "info"] if part == "worker" else [])],
        log,
        LOG_LEVEL="INFO",
        CREDENTIAL_KEYS=OLD,
    ) as process:
        wait_until(lambda: process.poll() is not None or ready[part] in log.read_text(), seconds=30)
        assert process.poll() is None, log.read_text()
