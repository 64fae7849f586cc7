"""Child processes that cannot outlive the process that started them."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
# Looked up here: a forked child should do as little as it can.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals,
    stdout: int | IO[bytes] | None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: tuple[int, int] | None = None,
    prepare: Callable[[], None] | None = None,
    pass_fds: Sequence[int] = (),
    foreground: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `command`; on Linux the kernel sends it `death_signal` when this process is gone.

    Call it from the main thread: the kernel watches the thread that forked. `user` is (uid, gid); `prepare` runs in the
    child before the command. Unless `foreground`, the child has a session of its own, which keeps a terminal's Ctrl-C
    from reaching it beside our orderly stop; in the foreground it shares the terminal, and its errors stay apart.
    """
    parent = os.getpid()

    def in_child() -> None:
        if prepare is not None:
            prepare()
        if _prctl is not None:
            # After `prepare`: a change of user would clear the setting.
            _prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    identity: dict[str, Any] = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=None if foreground else subprocess.DEVNULL,
        stdout=stdout,
        stderr=None if foreground else subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=not foreground,
        preexec_fn=in_child,
        pass_fds=tuple(pass_fds),
        **identity,
    )


def run_to_end(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path) -> tuple[int, str]:
    """Run `command` without a terminal; its exit code and what it said."""
    process = spawn(command, death_signal=signal.SIGKILL, stdout=subprocess.PIPE, env=env, cwd=cwd)
    try:
        said, _none = process.communicate()
    except BaseException:
        kill_group(process)
        raise
    return process.returncode, said.decode(errors="replace")


def run_in_foreground(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path) -> int:
    """Run `command` on our terminal; its exit code, 128 + n when signal n ended it."""
    process = spawn(command, death_signal=signal.SIGTERM, stdout=None, env=env, cwd=cwd, foreground=True)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        # Ctrl-C reaches everything on the terminal; said twice it would be an order to drop everything.
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def stop(process: subprocess.Popen[bytes], number: signal.Signals, *, timeout: float) -> None:
    """Ask `process` to stop with signal `number`; after `timeout` seconds kill it and its group."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End `process` and everything in its session at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
