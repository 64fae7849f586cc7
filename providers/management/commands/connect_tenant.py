"""Connect a tenant without the console."""

import getpass
import sys
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from providers import certificates
from providers.certificates import Certificate, read_certificate
from providers.clouds import Cloud
from providers.onboarding import Onboarded, Onboarding, onboard
from rbac.command_line import MISTAKEN, HeadlessCommand, find_person, printable
from rbac.services import COMMAND_LINE

# Longer than any secret or password; reading on would only fill the memory.
_LONGEST_LINE = 4096


class Command(HeadlessCommand):
    help = (
        "Connect a tenant: make it if it is new, add or update its connection, and store the credential. "
        "Run again, it changes what differs. It does not talk to Microsoft; check the connection next."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slug", required=True, help="the tenant's part of every address: /t/SLUG/")
        parser.add_argument("--name", default="", help="needed for a new tenant")
        parser.add_argument("--entra-tenant-id", required=True, metavar="GUID")
        parser.add_argument("--client-id", required=True, metavar="GUID", help="of the app registration")
        credential = parser.add_mutually_exclusive_group(required=True)
        credential.add_argument(
            "--secret-stdin", action="store_true", help="the client secret's value is the line on standard input"
        )
        credential.add_argument(
            "--certificate", type=Path, metavar="FILE", help=".pem with certificate and key, or .pfx"
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="the key's password is the line on standard input"
        )
        parser.add_argument(
            "--expires-on", type=_day, metavar="YYYY-MM-DD", help="the secret's last day, as Entra shows it"
        )
        parser.add_argument("--cloud", choices=Cloud.values, default=Cloud.GLOBAL)
        parser.add_argument("--display-name", default="", help="the connection's name (the tenant's)")
        parser.add_argument("--time-zone", default="", metavar="ZONE", help="of a new tenant: UTC, Europe/Berlin, …")
        parser.add_argument("--owner", metavar="USERNAME", help="an account that becomes an owner of the tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        certificate, secret = None, ""
        if options["certificate"] is not None:
            if options["expires_on"]:
                message = "--expires-on is for a secret; a certificate says itself when it ends."
                raise CommandError(message, returncode=MISTAKEN)
            password = _read_line("Password of the private key") if options["password_stdin"] else ""
            certificate = _read_certificate(options["certificate"], password)
        elif options["password_stdin"]:
            raise CommandError("--password-stdin belongs to --certificate.", returncode=MISTAKEN)
        else:
            secret = _read_line("Client secret")
        wanted = Onboarding(
            slug=options["slug"],
            name=options["name"],
            time_zone=options["time_zone"],
            entra_tenant_id=options["entra_tenant_id"],
            client_id=options["client_id"],
            cloud=options["cloud"],
            display_name=options["display_name"],
            owner=find_person(options["owner"]) if options["owner"] else None,
            secret=secret,
            certificate=certificate,
            expires_at=options["expires_on"],
        )
        self._tell(onboard(wanted, actor=COMMAND_LINE))

    def _tell(self, done: Onboarded) -> None:
        tenant, connection = done.tenant, done.connection
        self.stdout.write(
            f"Tenant {tenant.slug} ({printable(tenant.name)}): {'made' if done.is_new_tenant else 'known'}"
        )
        kind = "made" if done.is_new_connection else "known"
        self.stdout.write(f"Connection {connection.pk} ({printable(connection.display_name)}): {kind}")
        self.stdout.write(f"Credential: {'stored' if done.is_new_credential else 'the same as before'}")
        if not tenant.memberships.filter(role="owner").exists():
            self.stdout.write("Nobody sees this tenant in the console yet: name an account with --owner.")
        which = "" if connection.is_default else f" --input connection_id={connection.pk}"
        self.stdout.write(f"Check it next: manage.py run connection.check --tenant {tenant.slug}{which} --wait")


def _read_line(what: str) -> str:
    """A line nobody sees: from a pipe as it is, from a terminal without echo. Raises CommandError."""
    if sys.stdin is not None and sys.stdin.isatty():
        text = getpass.getpass(f"{what}: ")
    else:
        try:
            text = sys.stdin.readline(_LONGEST_LINE + 1) if sys.stdin is not None else ""
        except UnicodeDecodeError:
            raise CommandError(f"{what}: standard input is not text.", returncode=MISTAKEN) from None
    text = text.rstrip("\r\n")
    if not text:
        message = f"{what}: nothing came on standard input. Pipe it in, for example from a file: … < FILE."
        raise CommandError(message, returncode=MISTAKEN)
    if len(text) > _LONGEST_LINE:
        raise CommandError(f"{what}: the line on standard input is far too long.", returncode=MISTAKEN)
    return text


def _read_certificate(path: Path, password: str) -> Certificate:
    try:
        with path.open("rb") as file:
            content = file.read(certificates.LARGEST + 1)
    except OSError as error:
        message = (
            f"The certificate file {str(path)!r} cannot be read ({error.strerror}). Name another with --certificate."
        )
        raise CommandError(message, returncode=MISTAKEN) from error
    try:
        return read_certificate(content, password=password)
    except ValidationError as error:
        if error.code == "certificate_password_missing":
            message = "The file is protected by a password. Give it with --password-stdin."
            raise CommandError(message, returncode=MISTAKEN) from error
        raise


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day; write it as YYYY-MM-DD") from None
