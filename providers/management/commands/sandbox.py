"""`manage.py sandbox`: a Microsoft Graph to try things on."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from providers.sandbox.generate import SIZES, build_world
from providers.sandbox.load import empty_tenant, load_folder
from providers.sandbox.server import Sandbox, describe
from providers.sandbox.world import World


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
        refused: list[dict[str, str]] = []
        tenants = World([])
        loaded: dict[str, int] = {}
        if load is not None:
            if not load.is_dir():
                raise CommandError(f"{load} is not a folder.")
            tenant = empty_tenant("imported", load.resolve().name)
            report = load_folder(load, into=tenant)
            refused = [{"file": name, "reason": reason} for name, reason in report.refused]
            loaded = report.loaded
            tenants.tenants.append(tenant)
        if world or load is None:
            tenants.tenants += build_world(world or "small").tenants
        try:
            sandbox = Sandbox(tenants, port=port, log=log)
        except OSError as error:
            raise CommandError(f"Port {port} cannot be used: {error.strerror}.") from error
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        sandbox.start()
        ready = describe(sandbox)
        if load is not None:
            ready |= {"loaded": loaded, "refused": refused}
        self.stdout.write(orjson.dumps(ready).decode())
        self.stdout.flush()
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            sandbox.stop()
