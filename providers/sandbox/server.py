"""The sandbox on a socket: HTTP/1.1 with kept connections, a thread each."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from providers.sandbox.app import App
from providers.sandbox.errors import Response
from providers.sandbox.journal import Journal
from providers.sandbox.world import World

_LARGEST_REQUEST = 50 * 1024 * 1024
_CONTENT_TYPE = "application/json; charset=utf-8"


class Sandbox:
    """A running sandbox. `port` 0 takes a free one; `base_url` is known after `start`."""

    def __init__(self, world: World, *, port: int = 0, log: Path | None = None, host: str = "127.0.0.1") -> None:
        journal = Journal(log)
        self.app = App(world, log=journal if journal else None)
        self.world = world
        self._server = _Server((host, port), _handler_for(self.app))
        self.base_url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def start(self) -> str:
        self._thread.start()
        return self.base_url

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, kind: str, **details: Any) -> None:
        """Switch a fault on; see `providers.sandbox.faults`."""
        self.app.faults.add({"kind": kind, **details})


def describe(sandbox: Sandbox) -> dict[str, Any]:
    """What a client needs to use it: the ready line of `manage.py sandbox`."""
    return {
        "base_url": sandbox.base_url,
        "tenants": [
            {
                "slug": tenant.slug,
                "name": tenant.name,
                "entra_tenant_id": tenant.entra_tenant_id,
                "domain": tenant.domain,
                "apps": {
                    name: {"client_id": app.client_id, "client_secret": app.secret} for name, app in tenant.apps.items()
                },
            }
            for tenant in sandbox.world
        ],
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


def _handler_for(app: App) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "TenantPilotSandbox"
        sys_version = ""
        disable_nagle_algorithm = True
        timeout = 120

        def _answer(self) -> None:
            try:
                content = self._read()
            except ValueError:
                self.send_error(400)
                return
            if content is None:
                self.send_error(413)
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            _send(self, app.handle(self.command, self.path, headers, content))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _answer

        def _read(self) -> bytes | None:
            """The body; None when it is too large. Raises ValueError for lengths that are none."""
            if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
                length = int(self.headers.get("Content-Length") or 0)
                return self.rfile.read(length) if length <= _LARGEST_REQUEST else None
            pieces, total = [], 0
            while size := int(self.rfile.readline(100).split(b";")[0], 16):
                total += size
                if total > _LARGEST_REQUEST:
                    return None
                pieces.append(self.rfile.read(size))
                self.rfile.readline(10)
            while self.rfile.readline(1_000).strip():
                pass
            return b"".join(pieces)

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


def _send(handler: BaseHTTPRequestHandler, response: Response) -> None:
    kind, seconds = response.spoil or ("", 0.0)
    if kind == "reset":
        handler.close_connection = True
        return
    body = response.content()
    headers = {
        "Content-Type": _CONTENT_TYPE,
        "Cache-Control": "no-store",
        "Strict-Transport-Security": "max-age=31536000",
        "OData-Version": "4.0",
        **response.headers,
        "Content-Length": str(len(body)),
    }
    if response.status == 204:
        del headers["Content-Length"], headers["Content-Type"]
    lines = [f"HTTP/1.1 {response.status} {handler.responses.get(response.status, ('',))[0]}"]
    lines += [f"{name}: {value}" for name, value in {**headers, "Date": handler.date_time_string()}.items()]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if handler.command == "HEAD":
        handler.wfile.write(head)
    elif kind == "truncated":
        handler.wfile.write(head + body[: len(body) // 2])
        handler.close_connection = True
    elif kind == "drip":
        _drip(handler, head, body, seconds)
    else:
        handler.wfile.write(head + body)


def _drip(handler: BaseHTTPRequestHandler, head: bytes, body: bytes, seconds: float) -> None:
    handler.wfile.write(head)
    pieces = 20
    size = max(1, len(body) // pieces)
    for start in range(0, len(body), size):
        handler.wfile.write(body[start : start + size])
        time.sleep(seconds / pieces)
