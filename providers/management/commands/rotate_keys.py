"""Encrypt stored credentials anew with the newest key."""

from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from providers import rotation, secrets
from providers.rotation import Sealed
from rbac.command_line import HeadlessCommand, printable
from rbac.services import COMMAND_LINE


class Command(HeadlessCommand):
    help = (
        "Encrypt stored credentials anew with the first key of CREDENTIAL_KEYS, one by one. It may be stopped anywhere: "
        "the next time it goes on from there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        ring = secrets.ring()
        found = list(rotation.sealed_credentials())
        due = [one for one in found if one.key != ring.current]
        self._tell("Before", Counter(one.key for one in found), ring)
        if options["dry_run"]:
            self.stdout.write(f"{len(due)} of {len(found)} credentials would be encrypted anew with {ring.current!r}.")
            return
        problems = self._reseal(due)
        # Asked again: a process that still has the old ring may have stored one meanwhile.
        left = rotation.keys_in_use()
        self._tell("After", left, ring)
        if problems:
            raise CommandError(
                f"{len(problems)} credentials could not be opened and stay as they are: {'; '.join(problems[:20])}. "
                "Give their key back in CREDENTIAL_KEYS and run this again, or set them again with `manage.py connect_tenant`."
            )
        if set(left) - {ring.current}:
            raise CommandError(
                f"Somebody stored a credential with an older key meanwhile. Restart every process with {ring.current!r} "
                "as the first key of CREDENTIAL_KEYS, then run this again."
            )
        if len(ring.keys) > 1:
            spare = ", ".join(repr(name) for name in ring.keys if name != ring.current)
            self.stdout.write(f"Nothing needs {spare} any more: it can be taken out of CREDENTIAL_KEYS.")

    def _reseal(self, due: list[Sealed]) -> list[str]:
        """Seal what is due; what could not be opened, and why."""
        done, problems = 0, []
        for one in due:
            try:
                done += rotation.reseal(one, actor=COMMAND_LINE)
            except secrets.CannotOpen as error:
                problems.append(printable(f"{one.owner} ({error})"))
        self.stdout.write(f"{done} credentials encrypted anew.")
        return problems

    def _tell(self, when: str, keys: Counter[str], ring: secrets.KeyRing) -> None:
        counted = ", ".join(f"{number} with {printable(name)!r}" for name, number in sorted(keys.items()))
        self.stdout.write(f"{when}: {counted or 'no credentials'}; the newest key is {ring.current!r}.")
