"""`manage.py sandbox`: a Microsoft Graph to try things on."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from providers.sandbox.generate import SIZES, build_world
from providers.sandbox.load import LoadReport, load_folder
from providers.sandbox.server import Sandbox, describe
from providers.sandbox.tenants import empty_tenant
from providers.sandbox.world import World
from rbac.command_line import MISTAKEN

# Refused files that are named one by one on standard error.
_NAMED = 20


class Command(BaseCommand):
    help = "Run a Microsoft Graph sandbox. Prints one JSON line once it answers: its address, tenants and apps."
    # It needs neither the database nor the other apps.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="port of 127.0.0.1; a free one when not given")
        parser.add_argument("--world", choices=SIZES, help="generated tenants (default small, none with --load)")
        parser.add_argument(
            "--load", type=Path, metavar="DIR", help="a folder of exported policies, as the first tenant"
        )
        parser.add_argument("--log", type=Path, metavar="FILE", help="append each request to FILE as a JSON line")

    def handle(
        self, *args: Any, port: int, world: str | None, load: Path | None, log: Path | None, **options: Any
    ) -> None:
        tenants = World([])
        report = self._load(load, tenants) if load is not None else None
        if world or load is None:
            tenants.tenants += build_world(world or "small").tenants
        sandbox = _open(tenants, port, log)
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        sandbox.start()
        ready = describe(sandbox)
        if report is not None:
            refused = [{"file": name, "reason": reason} for name, reason in report.refused]
            ready |= {"loaded": report.loaded, "refused": refused}
        self.stdout.write(orjson.dumps(ready).decode())
        self.stdout.flush()
        over.wait()
        sandbox.stop()

    def _load(self, folder: Path, into: World) -> LoadReport:
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.", returncode=MISTAKEN)
        tenant = empty_tenant("imported", folder.resolve().name)
        report = load_folder(folder, into=tenant)
        into.tenants.append(tenant)
        for name, reason in report.refused[:_NAMED]:
            self.stderr.write(f"not loaded: {name}: {reason}")
        if (more := len(report.refused) - _NAMED) > 0:
            self.stderr.write(f"not loaded: {more} more; the ready line names all of them.")
        if not report.loaded:
            self.stderr.write(f"Nothing in {folder} could be loaded; the tenant is empty.")
        self.stderr.flush()
        return report


def _open(tenants: World, port: int, log: Path | None) -> Sandbox:
    if not 0 <= port <= 65_535:
        raise CommandError(f"{port} is no port; ports go up to 65535.", returncode=MISTAKEN)
    try:
        return Sandbox(tenants, port=port, log=log)
    except OSError as error:
        if error.filename is not None:
            raise CommandError(f"The log {error.filename} cannot be written: {error.strerror}.") from error
        raise CommandError(f"Port {port} cannot be used: {error.strerror}.") from error
