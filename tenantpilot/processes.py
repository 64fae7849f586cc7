"""Child processes that cannot outlive the process that started them."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


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
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; on Linux the kernel sends it `death_signal` when this process is gone.

    Call it from the main thread: the kernel watches the thread that forked. `user` is (uid, gid); `prepare` runs in the
    child before the command. The session keeps a terminal's Ctrl-C from reaching the child beside our own, orderly stop.
    """
    parent = os.getpid()

    def in_child() -> None:
        if prepare is not None:
            prepare()
        if _libc is not None:
            # After `prepare`: a change of user would clear the setting.
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    identity: dict[str, Any] = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=in_child,
        pass_fds=tuple(pass_fds),
        **identity,
    )


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
