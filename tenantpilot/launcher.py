"""The commands of ./dev, inside the private environment."""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tenantpilot import checks, static_files
from tenantpilot.data import DataFolder, django_environment
from tenantpilot.migrating import migrate
from tenantpilot.processes import run_in_foreground
from tenantpilot.servers import CannotStart
from tenantpilot.up import Up

ROOT = Path(__file__).resolve().parent.parent
WORLDS = ("small", "medium", "large")
# These neither need tables nor may wait for them.
_WITHOUT_MIGRATING = {
    "migrate",
    "makemigrations",
    "showmigrations",
    "sqlmigrate",
    "check",
    "help",
    "version",
    "--help",
    "--version",
}


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    name, rest = arguments[0], arguments[1:]
    commands: dict[str, Callable[[list[str]], int]] = {
        "up": up,
        "test": test,
        "check": check,
        "manage": manage,
        "bench": bench,
    }
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return commands[name](rest)
    except CannotStart as error:
        sys.stderr.write(f"dev: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def up(arguments: list[str]) -> int:
    """Everything on this machine until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="./dev up", description=up.__doc__)
    parser.add_argument(
        "--port", type=_port, default=8000, help="where the console listens (8000); 0 takes any free one"
    )
    parser.add_argument("--data", type=Path, help="data folder (TENANTPILOT_DATA, else .tenantpilot)")
    parser.add_argument("--no-demo", action="store_true", help="no demo organisation and no Graph sandbox")
    parser.add_argument(
        "--world", type=_world, help="small, medium, large, or a folder of exports, for the demo organisation"
    )
    chosen = parser.parse_args(arguments)
    return Up(_data_folder(chosen.data), port=chosen.port, world=chosen.world, demo=not chosen.no_demo, root=ROOT).run()


def test(arguments: list[str]) -> int:
    """The tests, on servers that tests/servers.py starts."""
    os.chdir(ROOT)
    # In our place: the run's own signals, exit code and terminal, and nobody in between to be killed.
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


def check(arguments: list[str]) -> int:
    """Everything that can be said without running the product."""
    argparse.ArgumentParser(prog="./dev check", description=check.__doc__).parse_args(arguments)
    return checks.run(ROOT)


def manage(arguments: list[str]) -> int:
    """A manage.py command beside the running servers, or beside servers started for it alone."""
    data = None
    if arguments[:1] == ["--data"] and len(arguments) > 1:
        data, arguments = Path(arguments[1]), arguments[2:]
    command: list[str | Path] = [sys.executable, ROOT / "manage.py", *arguments]
    folder = _data_folder(data)
    with _servers(folder) as (environment, is_ours):
        if is_ours and not _WITHOUT_MIGRATING.intersection(arguments[:1] or ["help"]):
            migrate(folder.migrated, ROOT, environment)
        return run_in_foreground(command, env=environment, cwd=Path.cwd())


def bench(arguments: list[str]) -> int:
    """The benchmarks, on servers and a data folder of their own."""
    with tempfile.TemporaryDirectory(prefix="tenantpilot-bench-") as path:
        Path(path).chmod(0o711)
        folder = DataFolder(Path(path))
        with _servers(folder) as (environment, _is_ours):
            migrate(folder.migrated, ROOT, environment)
            static_files.collect(ROOT)
            return run_in_foreground([sys.executable, "-m", "benchmarks", *arguments], env=environment, cwd=ROOT)


@contextmanager
def _servers(folder: DataFolder) -> Iterator[tuple[dict[str, str], bool]]:
    """The environment of the servers in `folder`, and whether they were started for us."""
    folder.prepare()
    if not folder.lock():
        with folder.borrowed():
            yield django_environment(folder.read_endpoints()), False
        return
    try:
        addresses = folder.start_servers()
        folder.publish(addresses)
        yield django_environment(addresses), True
        folder.wait_for_borrowers()
    finally:
        folder.close()


def _data_folder(path: Path | None) -> DataFolder:
    return DataFolder(path or Path(os.environ.get("TENANTPILOT_DATA") or ROOT / ".tenantpilot"))


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


def _world(text: str) -> str:
    if text in WORLDS:
        return text
    if Path(text).is_dir():
        return str(Path(text).resolve())
    raise argparse.ArgumentTypeError(f"{text!r} is neither small, medium or large nor a folder")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
