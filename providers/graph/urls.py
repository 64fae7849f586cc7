"""Where requests may go. An `Address` is the only thing the transport takes, and only this module makes one.

What comes from outside (links of Graph, addresses of the sign-in service) is compared after it was taken apart, and the parts
that were compared are what is sent: two parsers of one text might disagree about the host.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

from operations.failures import Failure
from providers.clouds import CLOUDS, Cloud

VERSIONS = ("v1.0", "beta")
# Percent signs stay: what is encoded already is not encoded again.
_KEPT = "/?:@!$&'()*+,;=%-._~"
# A tenant named in the path ("/v1.0/{tenant}/users") is how older addresses reach into another one.
_TENANT_SEGMENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|.*\..*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """An https address on a host of a cloud. `version` is empty for the sign-in service; `target` is path and query."""

    host: str
    target: str
    version: str = ""

    @property
    def relative(self) -> str:
        """Path and query below the version, as a part of a batch names it."""
        return self.target.removeprefix(f"/{self.version}")

    def __str__(self) -> str:
        return f"https://{self.host}{self.target}"


def graph_url(cloud: Cloud, version: str, path: str, params: dict[str, Any] | None = None) -> Address:
    """The address of `path` (as in Microsoft's reference, with a leading slash) in `version` of the cloud's Graph."""
    if version not in VERSIONS:
        raise ValueError(f"Graph has the versions {VERSIONS}, not {version!r}.")
    if not path.startswith("/") or not path.isprintable():
        raise ValueError(f"A Graph path starts with a slash and is printable: {path!r}.")
    if params:
        query = urlencode(params, quote_via=quote, safe="$,()/:")
        path = f"{path}{'&' if '?' in path else '?'}{query}"
    return Address(CLOUDS[cloud].graph_host, f"/{version}{quote(path, safe=_KEPT)}", version)


def check_link(cloud: Cloud, link: str, *, version: str = "") -> Address:
    """`link` as an address if it leads to this cloud's Graph, in `version` where one is given. The token must go nowhere else.

    Raises Failure("foreign_link").
    """
    parts = _take_apart(link, CLOUDS[cloud].graph_host)
    segments = unquote(parts.path).split("/")
    found = segments[1] if len(segments) > 2 else ""
    if found not in VERSIONS or (version and found != version):
        raise Failure("foreign_link", f"A link to {parts.path[:60]}.")
    if {".", ".."} & set(segments) or _TENANT_SEGMENT.fullmatch(segments[2]):
        raise Failure("foreign_link", f"A link to {parts.path[:60]}.")
    return Address(CLOUDS[cloud].graph_host, _target(parts), found)


def sign_in_url(cloud: Cloud, entra_tenant_id: str, url: str) -> Address:
    """An address of the sign-in service, if it is this cloud's and this tenant's. Raises Failure("foreign_link").

    The discovery document says where the secret is sent, so it is believed as little as any other answer.
    """
    parts = _take_apart(url, CLOUDS[cloud].login_host)
    segments = unquote(parts.path).split("/")
    if len(segments) < 3 or segments[1].lower() != entra_tenant_id.lower() or {".", ".."} & set(segments):
        raise Failure("foreign_link", f"A sign-in at {parts.path[:60]}.")
    return Address(CLOUDS[cloud].login_host, _target(parts))


def _take_apart(url: str, host: str) -> SplitResult:
    """The parts of `url`, whose host must be exactly `host`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Failure("foreign_link", "A link that is no address.") from error
    # urlsplit drops line ends and tabs silently; a browser takes a backslash for a slash.
    odd = not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "#" in url
    if odd or parts.scheme != "https" or "@" in parts.netloc or port not in (None, 443) or parts.hostname != host:
        raise Failure("foreign_link", f"A link to {parts.netloc[:80] or 'nowhere'}.")
    return parts


def _target(parts: SplitResult) -> str:
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
