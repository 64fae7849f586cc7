"""The test database, and the cast of people that appears in every test.

The suite connects as the serving role: as a role that passes the walls it would prove nothing. The database itself is
made, migrated and emptied by the owner.
"""

import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core.management.commands import flush
from django.db import connections
from django.test import Client

from providers.clouds import Cloud
from providers.models import ProviderConnection
from providers.sandbox.generate import build_world
from providers.sandbox.server import Sandbox
from providers.sandbox.world import SandboxTenant
from providers.services import create_connection, set_credential
from rbac.models import Membership, Tenant, User
from rbac.scope import scope

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """Create the test database through the owner and point the serving role's alias at it."""
    owner, serving = connections["owner"], connections["default"]
    suffix = getattr(request.config, "workerinput", {}).get("workerid", "")
    with django_db_blocker.unblock():
        original = owner.settings_dict["NAME"]
        owner.settings_dict["TEST"]["NAME"] = f"test_{original}{'_' + suffix if suffix else ''}"
        name = owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        serving.close()
        serving.settings_dict["NAME"] = name
        yield
        serving.close()
        owner.creation.destroy_test_db(original, verbosity=0)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """The real hasher takes a tenth of a second for each member of the cast."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _static_files_as_they_are(settings: Any) -> None:
    """Pages are tested without collecting static files first: the manifest that names them does not exist here."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(scope="session", autouse=True)
def _owner_empties_tables() -> Iterator[None]:
    """Transactional tests end with `flush`. The serving role holds no TRUNCATE, so the owner does it, past the append-only triggers."""

    def handle(self: flush.Command, **options: Any) -> None:
        with psycopg.connect(**owner_parameters(), autocommit=True) as connection:
            tables = connection.execute(
                "SELECT string_agg(format('%I', tablename), ', ') FROM pg_tables "
                "WHERE schemaname = 'public' AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission')"
            ).fetchone()
            connection.execute("ALTER TABLE rbac_auditevent DISABLE TRIGGER USER")
            connection.execute(f"TRUNCATE {tables[0]} RESTART IDENTITY CASCADE")  # type: ignore[index]
            connection.execute("ALTER TABLE rbac_auditevent ENABLE TRIGGER USER")

    original = flush.Command.handle
    flush.Command.handle = handle  # type: ignore[method-assign, assignment]
    yield
    flush.Command.handle = original  # type: ignore[method-assign]


def owner_parameters() -> dict[str, Any]:
    """How to reach the test's database as its owner."""
    settings = connections["owner"].settings_dict
    return {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }


@pytest.fixture
def owner_connection(db: None) -> Iterator[psycopg.Connection[Any]]:
    """A raw connection as the owner, who passes the walls: to look at what is really stored."""
    with psycopg.connect(**owner_parameters(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def contoso(db: None) -> Tenant:
    return Tenant.objects.create(
        name="Contoso",
        slug="contoso",
        entra_tenant_id="c0c0c0c0-0000-4000-8000-000000000001",
        time_zone="Europe/Berlin",
    )


@pytest.fixture
def fabrikam(db: None) -> Tenant:
    return Tenant.objects.create(
        name="Fabrikam", slug="fabrikam", entra_tenant_id="fafafafa-0000-4000-8000-000000000002"
    )


@pytest.fixture
def cast(contoso: Tenant, fabrikam: Tenant) -> SimpleNamespace:
    """Owner, manager, operator and read-only of Contoso; a stranger who owns Fabrikam; a superuser without any membership."""
    people = SimpleNamespace()
    for role in ("owner", "manager", "operator", "read_only"):
        person = User.objects.create_user(username=role, password=PASSWORD)
        Membership.objects.create(user=person, tenant=contoso, role=role)
        setattr(people, role, person)
    people.stranger = User.objects.create_user(username="stranger", password=PASSWORD)
    Membership.objects.create(user=people.stranger, tenant=fabrikam, role="owner")
    people.platform = User.objects.create_superuser(username="platform", password=PASSWORD)
    return people


@pytest.fixture
def sign_in() -> Any:
    """`sign_in(person)` is a client with that person's session."""

    def make(person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return make


@pytest.fixture(scope="session")
def _sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(build_world("small"))
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(_sandbox: Sandbox, settings: Any) -> Iterator[Sandbox]:
    """A Graph sandbox with the small world, as it was made: changes and faults end with the test."""
    settings.SANDBOX_URL = _sandbox.base_url
    _sandbox.app.throttle.configure(enabled=False)
    kept = pickle.dumps(_sandbox.world.tenants)
    yield _sandbox
    _sandbox.app.faults.clear()
    _sandbox.app.throttle.reset()
    _sandbox.app.authority.set_lifetime(None)
    _sandbox.world.tenants[:] = pickle.loads(kept)  # noqa: S301


@pytest.fixture
def connection(contoso: Tenant, cast: SimpleNamespace, sandbox_tenant: SandboxTenant) -> ProviderConnection:
    """Contoso's connection to the sandbox's Contoso, with the app that may do everything."""
    app = sandbox_tenant.apps["full"]
    with scope(contoso.pk):
        made = create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Contoso production",
            entra_tenant_id=sandbox_tenant.entra_tenant_id,
            client_id=app.client_id,
            cloud=Cloud.SANDBOX,
        )
        set_credential(made, actor=cast.owner, secret=app.secret)
    return made


@pytest.fixture
def sandbox_tenant(sandbox: Sandbox) -> SandboxTenant:
    """Contoso as the sandbox has it."""
    return sandbox.world.tenants[0]
