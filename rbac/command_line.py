"""What the commands of every app share: how they find what they are told, how they answer, and how they say no."""

import getpass
import os
import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import structlog
from django.core.exceptions import NON_FIELD_ERRORS, ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from rbac import audit
from rbac.models import Tenant, User
from rbac.redaction import redact_and_cut

DONE, NOT_DONE, MISTAKEN = 0, 1, 2


class HeadlessCommand(BaseCommand):
    """A command for people and scripts.

    What goes wrong is one sentence with its remedy on standard error, never a traceback: exit code 2 when what was typed
    is wrong, 1 when it could not be done. Every audit entry it causes carries a request id that starts with `command-`.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        with _named_request(), _explained():
            try:
                said = super().execute(*args, **options)
                self.stdout.flush()
                return said
            except BrokenPipeError:
                # `… | head` has read enough. What Python still holds for the pipe must not fail at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise SystemExit(NOT_DONE) from None

    def write_json(self, value: Any) -> None:
        """One JSON value, indented."""
        self.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())

    def write_json_list(self, values: Iterable[Any]) -> None:
        """A JSON list with one value to a line, written while `values` are still being read."""
        separator = "["
        for value in values:
            self.stdout.write(separator, ending="\n")
            self.stdout.write(orjson.dumps(value).decode(), ending="")
            separator = ","
        self.stdout.write("[]" if separator == "[" else "\n]")

    def write_table(self, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table for people; columns are as wide as they need to be."""
        table = [list(headings), *([printable(cell) for cell in row] for row in rows)]
        widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
        for row in table:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def find_tenant(slug: str) -> Tenant:
    """The tenant, archived or not. Raises CommandError."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        message = f"There is no tenant {slug[:60]!r}. `manage.py tenants` lists them."
        raise CommandError(message, returncode=MISTAKEN)
    return tenant


def find_person(username: str) -> User:
    """The account. Raises CommandError, also for one that is switched off."""
    person = User.objects.filter(username=username).first()
    if person is None:
        message = f"There is no account {username[:150]!r}. Make it with `manage.py createsuperuser` or in the console."
        raise CommandError(message, returncode=MISTAKEN)
    if not person.is_active:
        message = f"The account {username!r} is switched off. Name another, or switch it on in the console."
        raise CommandError(message, returncode=MISTAKEN)
    return person


def printable(value: Any) -> str:
    """`value` for a terminal: names from tenants may hold sequences that would steer it."""
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


@contextmanager
def _named_request() -> Iterator[None]:
    """Say in logs and audit that a command did it, and which account of this machine typed it."""
    name = f"command-{_system_account()}-{uuid.uuid4().hex[:12]}"
    token = audit.request_id.set(name)
    try:
        with structlog.contextvars.bound_contextvars(request_id=name):
            yield
    finally:
        audit.request_id.reset(token)


def _system_account() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that has no account.
        name = str(os.getuid())
    return re.sub(r"[^A-Za-z0-9]+", "-", name)[:32]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise CommandError(" ".join(_sentences(error)), returncode=MISTAKEN) from error
    except IntegrityError as error:
        message = "Somebody else changed the same at this moment, and nothing was done. Run the command again."
        raise CommandError(message) from error
    except ProgrammingError as error:
        raise CommandError(f"The tables are not up to date: run `manage.py migrate`. ({_first_line(error)})") from error
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
    except (OperationalError, InterfaceError) as error:
        message = f"The database does not answer: start it, or correct DATABASE_URL. ({_first_line(error)})"
        raise CommandError(message) from error


def _sentences(error: ValidationError) -> Iterator[str]:
    if not hasattr(error, "error_dict"):
        yield from error.messages
        return
    for field, messages in error.message_dict.items():
        for message in messages:
            yield message if field == NON_FIELD_ERRORS else f"{field}: {message}"


def _first_line(error: Error) -> str:
    return redact_and_cut((str(error).strip().splitlines() or [type(error).__name__])[0], 200)
