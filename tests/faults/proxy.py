"""A TCP proxy that loses answers, drops connections and refuses new ones."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Stands in front of a server on this machine; `port` is where it listens.

    `refuse` closes what is open and what comes. `swallow(needle)` lets the next request that contains `needle` through, waits
    for its answer and keeps it: the other end has done what was asked, and nobody hears of it. With `close` the connection
    breaks at that moment, else it stays silent. `cut(needle)` breaks the connection before the request gets through.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.swallowed = threading.Event()
        self._needle: bytes | None = None
        self._close = self._cut = False
        self._is_refusing = False
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self, needle: bytes, *, close: bool) -> None:
        with self._lock:
            self._needle, self._close, self._cut = needle, close, False
        self.swallowed.clear()

    def cut(self, needle: bytes) -> None:
        with self._lock:
            self._needle, self._cut = needle, True
        self.swallowed.clear()

    def refuse(self) -> None:
        with self._lock:
            self._is_refusing = True
            for end in self._open:
                _shut(end)
            self._open.clear()

    def accept_again(self) -> None:
        with self._lock:
            self._is_refusing = False

    def stop(self) -> None:
        self.refuse()
        _shut(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_refusing:
                    _shut(near)
                    continue
                far = socket.create_connection(self._target)
                self._open += [near, far]
            silent = threading.Event()
            threading.Thread(target=self._carry, args=(near, far, silent, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, silent, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, silent: threading.Event, is_request: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_request and self._is_awaited(data):
                    if self._cut:
                        self.swallowed.set()
                        break
                    silent.set()
                elif not is_request and silent.is_set():
                    self.swallowed.set()
                    if self._close:
                        break
                    continue
                target.sendall(data)
        _shut(source)
        _shut(target)

    def _is_awaited(self, data: bytes) -> bool:
        with self._lock:
            if self._needle is None or self._needle not in data:
                return False
            self._needle = None
            return True


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
