"""The sandbox on a socket: HTTP/1.1 with kept connections, a thread each."""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from providers.sandbox.app import App
from providers.sandbox.errors import Response
from providers.sandbox.world import World

_LARGEST_REQUEST = 50 * 1024 * 1024


class Journal:
    """Requests as JSON lines, in the file given and in the one that SANDBOX_LOG names."""

    def __init__(self, path: Path | None) -> None:
        named = os.environ.get("SANDBOX_LOG")
        self._paths = [p for p in {path, Path(named) if named else None} if p is not None]
        self._lock = threading.Lock()

    def __call__(self, method: str, url: str, body: Any, status: int) -> None:
        address, _, part = url.partition("#")
        entry = {"method": method, "url": address, "body": body, "status": status}
        if part:
            entry["in_batch"] = True
        line = orjson.dumps(entry) + b"\n"
        with self._lock:
            for path in self._paths:
                with path.open("ab") as file:
                    file.write(line)


class Sandbox:
    """A running sandbox. `port` 0 takes a free one; `base_url` is known after `start`."""

    def __init__(self, world: World, *, port: int = 0, log: Path | None = None, host: str = "127.0.0.1") -> None:
        journal = Journal(log)
        self.app = App(world, log=journal if journal._paths else None)
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

    def serve(self) -> None:
        """Serve in this thread until interrupted."""
        try:
            self._server.serve_forever()
        finally:
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
            length = int(self.headers.get("Content-Length") or 0)
            if length > _LARGEST_REQUEST:
                self.send_error(413)
                return
            content = self.rfile.read(length) if length else b""
            headers = {name.lower(): value for name, value in self.headers.items()}
            _send(self, app.handle(self.command, self.path, headers, content))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


def _send(handler: BaseHTTPRequestHandler, response: Response) -> None:
    body = response.content()
    if "x-fault-reset" in response.headers:
        handler.close_connection = True
        return
    headers = {
        "Content-Type": "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
        "Cache-Control": "no-store",
        "Strict-Transport-Security": "max-age=31536000",
        "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"5","ScaleUnit":"001"}}',
        **{name: value for name, value in response.headers.items() if not name.startswith("x-fault-")},
        "Content-Length": str(len(body)),
    }
    if response.status == 204:
        headers.pop("Content-Length")
    lines = [f"HTTP/1.1 {response.status} {handler.responses.get(response.status, ('',))[0]}"]
    lines += [f"{name}: {value}" for name, value in {**headers, "Date": handler.date_time_string()}.items()]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    if "x-fault-truncated" in response.headers:
        handler.wfile.write(head + body[: len(body) // 2])
        handler.close_connection = True
    elif "x-fault-drip" in response.headers:
        _drip(handler, head, body, float(response.headers["x-fault-drip"]))
    else:
        handler.wfile.write(head + body)


def _drip(handler: BaseHTTPRequestHandler, head: bytes, body: bytes, seconds: float) -> None:
    handler.wfile.write(head)
    pieces = 20
    size = max(1, len(body) // pieces)
    for start in range(0, len(body), size):
        handler.wfile.write(body[start : start + size])
        time.sleep(seconds / pieces)
