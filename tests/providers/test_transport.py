"""The one way out: its fences, its hosts, and a deadline that covers everything."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction

from operations.failures import Failure
from operations.guard import OutsideCallForbidden, delegated_action, rendering_page
from providers.clouds import CLOUDS, Cloud
from providers.graph import transport
from providers.graph.urls import Address, graph_url
from tests.providers.script import Script

pytestmark = pytest.mark.django_db
ORGANIZATION = graph_url(Cloud.SANDBOX, "v1.0", "/organization")


class Raw:
    """A server that sends the given pieces, one every `pause` seconds, whatever it is asked."""

    def __init__(self, pieces: list[bytes], pause: float) -> None:
        self._pieces, self._pause = pieces, pause
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.heard = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self._socket.accept()
                with connection, suppress(OSError):
                    self.heard += connection.recv(65_536)
                    for piece in self._pieces:
                        connection.sendall(piece)
                        time.sleep(self._pause)

    def stop(self) -> None:
        self._socket.close()


@pytest.fixture
def raw(settings: Any) -> Iterator[Callable[..., Raw]]:
    made: list[Raw] = []

    def make(pieces: list[bytes], pause: float = 0.0) -> Raw:
        made.append(Raw(pieces, pause))
        settings.SANDBOX_URL = made[-1].url
        return made[-1]

    yield make
    for one in made:
        one.stop()


def send(address: Any = ORGANIZATION, cloud: Cloud = Cloud.SANDBOX, **more: Any) -> transport.Answer:
    return transport.send(cloud, "GET", address, headers={"Authorization": "Bearer canary"}, **more)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([bytes([one]) for one in b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 500], id="headers"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", *[b"x"] * 500], id="body"),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 500], id="chunks"),
    ],
)
def test_a_server_that_sends_a_byte_now_and_then_is_left_at_the_deadline(
    inside_run: Any, raw: Any, pieces: list[bytes]
) -> None:
    """PRO-20: F32. Each single read is quick enough; only their sum is not."""
    raw(pieces, pause=0.05)
    started = time.monotonic()
    with pytest.raises(Failure) as found:
        inside_run(lambda run: send(deadline=1.0))
    assert found.value.code == "timed_out_request"
    assert 0.9 < time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([b""], "graph_unavailable"),
        ([b"SSH-2.0-OpenSSH_9\r\n"], "graph_unavailable"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"], "response_malformed"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"], "response_malformed"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], "response_malformed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx"], "response_malformed"),
    ],
)
def test_what_is_no_whole_http_is_a_failure(inside_run: Any, raw: Any, pieces: list[bytes], code: str) -> None:
    """PRO-20: F33."""
    raw(pieces)
    with pytest.raises(Failure) as found:
        inside_run(lambda run: send(deadline=5))
    assert found.value.code == code


def test_nobody_listening_is_an_outage(inside_run: Any, settings: Any) -> None:
    """PRO-21"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.SANDBOX_URL = f"http://127.0.0.1:{port}"
    with pytest.raises(Failure) as found:
        inside_run(lambda run: send())
    assert found.value.code == "graph_unavailable"


@pytest.mark.parametrize(
    "location", ["https://evil.example/", "https://graph.microsoft.com/v1.0/groups", "/elsewhere", ""]
)
def test_a_redirect_is_never_followed(inside_run: Any, raw: Any, location: str) -> None:
    """PRO-19: F36. httpx would keep the token on the same host."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    server = raw([answer])
    with pytest.raises(Failure) as found:
        inside_run(lambda run: send())
    assert found.value.code == "foreign_link"
    assert server.heard.count(b"GET ") == 1


@pytest.mark.parametrize(
    "address",
    [
        Address("evil.example", "/v1.0/groups", "v1.0"),
        Address("graph.microsoft.us", "/v1.0/groups", "v1.0"),
        "https://graph.microsoft.com/v1.0/groups",
    ],
)
def test_only_an_address_on_a_host_of_the_cloud_is_taken(inside_run: Any, script: Script, address: Any) -> None:
    """PRO-19"""
    with pytest.raises(Failure) as found:
        inside_run(lambda run: send(address))
    assert found.value.code == "foreign_link"
    assert script.heard == []


def test_without_a_sandbox_its_connections_say_so(inside_run: Any, settings: Any) -> None:
    """PRO-1"""
    settings.SANDBOX_URL = ""
    with pytest.raises(Failure) as found:
        inside_run(lambda run: send())
    assert found.value.code == "sandbox_not_configured"


@pytest.mark.parametrize("cloud", [cloud for cloud in Cloud if cloud != Cloud.SANDBOX])
def test_real_clouds_are_reached_at_their_own_names_whatever_the_sandbox_is(cloud: Cloud, settings: Any) -> None:
    """PRO-1: a sandbox beside a real tenant must not get its requests, nor its secret."""
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    address = graph_url(cloud, "v1.0", "/organization")
    assert transport._target(cloud, address) == f"https://{CLOUDS[cloud].graph_host}/v1.0/organization"


def test_proxies_of_the_environment_are_not_trusted(
    inside_run: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch, make_client: Any
) -> None:
    """PRO-13: they would see every token."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    transport._pool.cache_clear()
    assert inside_run(lambda run: make_client().get("/organization")).status == 200


# -- fences ----------------------------------------------------------------------------------------------------------


def test_nothing_goes_out_without_a_run(script: Script) -> None:
    """PRO-13"""
    with pytest.raises(OutsideCallForbidden):
        send()
    assert script.heard == []


def test_nothing_goes_out_from_a_thread_that_a_run_started_by_hand(inside_run: Any, script: Script) -> None:
    """PRO-13: an allow-list refuses what nobody thought of."""
    errors: list[BaseException] = []

    def forgotten() -> None:
        try:
            send()
        except BaseException as error:
            errors.append(error)

    def act(run: Any) -> None:
        thread = threading.Thread(target=forgotten)
        thread.start()
        thread.join()

    inside_run(act)
    assert [type(error) for error in errors] == [OutsideCallForbidden]
    assert script.heard == []


def test_nothing_goes_out_while_a_page_renders(inside_run: Any, script: Script) -> None:
    """PRO-13"""

    def act(run: Any) -> None:
        with rendering_page():
            send()

    with pytest.raises(OutsideCallForbidden):
        inside_run(act)
    assert script.heard == []


def test_nothing_goes_out_inside_a_transaction(inside_run: Any, script: Script) -> None:
    """PRO-13"""

    def act(run: Any) -> None:
        with transaction.atomic():
            send()

    with pytest.raises(OutsideCallForbidden):
        inside_run(act)
    assert script.heard == []


def test_a_delegated_action_of_a_person_may_call_without_a_run(sandbox: Any, cast: Any) -> None:
    """PRO-13"""
    with delegated_action(actor=cast.operator, purpose="group search"):
        assert send().status == 401
