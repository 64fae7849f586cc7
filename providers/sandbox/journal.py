"""Requests as JSON lines: what the sandbox was asked, and with what status it answered."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import orjson

from providers.sandbox.app import Entry


class Journal:
    """Appends to the file given and to the one that SANDBOX_LOG names. False when there is neither.

    A line has `method`, `url` (as Microsoft's hosts would see it), `body` (the parsed JSON; null for sign-in, which holds
    secrets) and `status`. The requests of a `$batch` follow its own line, each as a line like any other.
    """

    def __init__(self, path: Path | None) -> None:
        named = os.environ.get("SANDBOX_LOG")
        self._paths = {p.absolute() for p in (path, Path(named) if named else None) if p is not None}
        self._lock = threading.Lock()
        for p in self._paths:
            # Now, and not with the first request: a folder that is missing must be said at the start.
            p.touch()

    def __bool__(self) -> bool:
        return bool(self._paths)

    def __call__(self, entries: Iterable[Entry]) -> None:
        lines = b"".join(
            orjson.dumps({"method": method, "url": url, "body": body, "status": status}) + b"\n"
            for method, url, body, status in entries
        )
        with self._lock:
            for path in self._paths:
                with path.open("ab") as file:
                    file.write(lines)
