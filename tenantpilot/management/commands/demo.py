"""The demo organisation: the tenants of a sandbox, people with each role, and a first look at everything."""

import secrets
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import CommandError, CommandParser

from operations.models import OperationRun
from operations.services import Started, start_operation
from providers.clouds import Cloud
from providers.models import ProviderConnection
from providers.onboarding import Onboarded, Onboarding, onboard
from rbac.capabilities import Role
from rbac.command_line import MISTAKEN, HeadlessCommand
from rbac.models import Membership, Tenant, User
from rbac.scope import scope
from rbac.services import COMMAND_LINE, set_role
from tenantpilot.data import write_private

# Role in every tenant but the last, by account.
MEMBERS = {"owner": Role.OWNER, "manager": Role.MANAGER, "operator": Role.OPERATOR, "read-only": Role.READ_ONLY}
# Owns the last tenant, and sees no other.
STRANGER = "stranger"
# Accounts of the demo are known by this address: an account of a real person with such a name is left alone.
_MAIL = "{username}@demo.tenantpilot.example"
_FIRST_LOOK = ("connection.check", "inventory.sync", "compliance.snapshot")


class Command(HeadlessCommand):
    help = (
        "Make the demo organisation from the ready line of a sandbox: tenants, connections, accounts, first runs. "
        "The accounts are written to demo-accounts.json beside it. Run again, it brings up to date what changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sandbox-file", type=Path, required=True, metavar="PATH", help="the line that `manage.py sandbox` prints"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["sandbox_file"]
        described = _read_sandbox(path)
        _insist_on_our_accounts()
        connected = [_connect(tenant, _app_for(n, len(described))) for n, tenant in enumerate(described)]
        accounts = _make_accounts(path.with_name("demo-accounts.json"))
        tenants = [done.tenant for done in connected]
        _give_roles(tenants, accounts)
        started = sum(_look(done) for done in connected)
        self.stdout.write(f"{len(tenants)} tenants, {len(accounts)} accounts, {started} runs started")


def _read_sandbox(path: Path) -> list[dict[str, Any]]:
    """The tenants of the ready line. Raises CommandError."""
    try:
        tenants = orjson.loads(path.read_bytes())["tenants"]
        if tenants and all(_is_described(tenant) for tenant in tenants):
            return list(tenants)
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}).", returncode=MISTAKEN) from error
    except (ValueError, LookupError, TypeError, AttributeError):
        pass
    message = f"{path} does not hold the line that `manage.py sandbox` prints once it is ready."
    raise CommandError(message, returncode=MISTAKEN)


def _is_described(tenant: dict[str, Any]) -> bool:
    apps = tenant["apps"]
    return {"slug", "name", "entra_tenant_id"} <= tenant.keys() and all(
        {"client_id", "client_secret"} <= apps[name].keys() for name in ("full", "lacking")
    )


def _app_for(number: int, count: int) -> str:
    """The app registration of a tenant: with three or more, the last but one shows what a lack of permissions looks like."""
    return "lacking" if count >= 3 and number == count - 2 else "full"


def _connect(described: dict[str, Any], app: str) -> Onboarded:
    chosen = described["apps"][app]
    known = Tenant.objects.filter(slug=described["slug"]).first()
    replaces = None
    if known is not None:
        with scope(known.pk):
            replaces = ProviderConnection.objects.filter(cloud=Cloud.SANDBOX).values_list("pk", flat=True).first()
    wanted = Onboarding(
        slug=described["slug"],
        name=described["name"],
        entra_tenant_id=described["entra_tenant_id"],
        client_id=chosen["client_id"],
        secret=chosen["client_secret"],
        cloud=Cloud.SANDBOX,
        replaces=replaces,
    )
    return onboard(wanted, actor=COMMAND_LINE)


def _insist_on_our_accounts() -> None:
    """Raise CommandError where somebody else has an account of such a name: the demo would set its password."""
    taken = User.objects.filter(username__in=[*MEMBERS, STRANGER])
    foreign = sorted(one.username for one in taken if one.email != _MAIL.format(username=one.username))
    if foreign:
        raise CommandError(
            f"There are accounts that the demo did not make: {', '.join(foreign)}. Use a database of its own for the demo, "
            "or start without it (./dev up --no-demo)."
        )


def _make_accounts(path: Path) -> dict[str, User]:
    """An account for each role, with the passwords of the file, or new ones where it names none."""
    known = _read_passwords(path)
    passwords = {name: known.get(name) or secrets.token_urlsafe(12) for name in (*MEMBERS, STRANGER)}
    # Before the accounts: a password that was set and not kept would lock everybody out.
    listed = [{"role": name, "username": name, "password": password} for name, password in passwords.items()]
    write_private(path, orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode())
    return {name: _make_account(name, password) for name, password in passwords.items()}


def _make_account(name: str, password: str) -> User:
    person = User.objects.filter(username=name).first() or User(username=name, email=_MAIL.format(username=name))
    if not person.is_active or not person.password or not person.check_password(password):
        person.is_active = True
        person.set_password(password)
        person.save()
    return person


def _read_passwords(path: Path) -> dict[str, str]:
    try:
        return {str(entry["username"]): str(entry["password"]) for entry in orjson.loads(path.read_bytes())}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CommandError(f"{path} cannot be read. Delete it, and the accounts get new passwords.") from error


def _give_roles(tenants: list[Tenant], accounts: dict[str, User]) -> None:
    strangers = tenants[-1] if len(tenants) > 1 else None
    for tenant in tenants:
        wanted = {STRANGER: Role.OWNER} if tenant == strangers else MEMBERS
        for name, role in wanted.items():
            if not Membership.objects.filter(tenant=tenant, user=accounts[name], role=role).exists():
                set_role(actor=COMMAND_LINE, tenant=tenant, user=accounts[name], role=role)


def _look(done: Onboarded) -> int:
    """Start what fills the pages, where it never ran or where the connection changed; the number of runs started."""
    inputs = {"connection_id": done.connection.pk}
    with scope(done.tenant.pk):
        ran = set(OperationRun.objects.filter(inputs__contains=inputs).values_list("type", flat=True).distinct())
        is_new = done.is_new_connection or done.is_new_credential
        due = [key for key in _FIRST_LOOK if is_new or key not in ran]
        starts = [start_operation(key, inputs, actor=COMMAND_LINE, tenant=done.tenant) for key in due]
    # The scheduler may have been quicker: then its run was joined.
    return sum(isinstance(start, Started) for start in starts)
