"""Run benchmarks by name, print a table of each and write JSON beside it. An error on either side fails the run."""

import argparse
import importlib
import os
import sys
from pathlib import Path

import django

NAMES = ("pages", "starts", "sync")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(NAMES)}; all when none is given")
    parser.add_argument(
        "--quick", action="store_true", help="a twentieth of the sizes: shows that it runs, not how fast"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder for the JSON files")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantpilot.settings")
    django.setup()

    from benchmarks.ground import throw_away_database

    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        with throw_away_database():
            report = module.run(quick=chosen.quick)
        report.write(chosen.out / f"{name}.json")
        sys.stdout.write(report.table() + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
