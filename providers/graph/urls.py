"""Where requests may go: addresses are built here and links are checked here."""

from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from operations.failures import Failure
from providers.clouds import CLOUDS, Cloud

VERSIONS = ("v1.0", "beta")


def graph_url(cloud: Cloud, version: str, path: str, params: dict[str, Any] | None = None) -> str:
    """The address of `path` (as in Microsoft's reference, with a leading slash) in `version` of the cloud's Graph."""
    if version not in VERSIONS:
        raise ValueError(f"Graph has the versions {VERSIONS}, not {version!r}.")
    if not path.startswith("/"):
        raise ValueError(f"A Graph path starts with a slash: {path!r}.")
    query = f"?{urlencode(params, quote_via=quote, safe='$,()/:')}" if params else ""
    joined = f"{query}" if "?" not in path else query.replace("?", "&", 1)
    return f"https://{CLOUDS[cloud].graph_host}/{version}{path}{joined}"


def check_link(cloud: Cloud, link: str) -> str:
    """`link` if it leads to this cloud's Graph; raises Failure("foreign_link") otherwise. The token must go nowhere else."""
    parts = urlsplit(link)
    clean = parts.scheme == "https" and parts.netloc.lower() in (
        CLOUDS[cloud].graph_host,
        f"{CLOUDS[cloud].graph_host}:443",
    )
    if not clean or not parts.path.startswith(tuple(f"/{version}/" for version in VERSIONS)) or "\\" in link:
        raise Failure("foreign_link", parts.netloc[:80])
    return link


def relative_to_version(url: str) -> tuple[str, str]:
    """(version, path with query) of a Graph address, as a part of a batch names it."""
    parts = urlsplit(url)
    _, version, *rest = parts.path.split("/")
    return version, "/" + "/".join(rest) + (f"?{parts.query}" if parts.query else "")
