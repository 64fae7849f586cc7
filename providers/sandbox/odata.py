"""Query options and annotations: how Graph selects, orders, pages and marks what it answers."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from providers.sandbox.errors import GraphError

HOST = "https://graph.microsoft.com"
_OPTIONS = {"select", "filter", "top", "skip", "skiptoken", "orderby", "count", "expand", "search"}
_KEY = secrets.token_bytes(32)


@dataclass(slots=True)
class Query:
    """The options of one request; names come with or without `$`, values with `+` or `%20`.

    `expand` maps each navigation property to the options in its parentheses. `given` are all options as they came, without
    the skip token: what a token is bound to.
    """

    select: list[str] = field(default_factory=list)
    expand: dict[str, "Query"] = field(default_factory=dict)
    filter: str = ""
    orderby: str = ""
    search: str = ""
    top: int | None = None
    skip: int = 0
    skiptoken: str = ""
    count: bool = False
    given: list[tuple[str, str]] = field(default_factory=list)


def parse_query(text: str) -> Query:
    """Raises GraphError 400 for a number that is none."""
    return _query(parse_qsl(text.lstrip("?&"), keep_blank_values=True))


def _query(options: list[tuple[str, str]]) -> Query:
    query = Query()
    for name, value in options:
        key = name.lstrip("$").lower()
        if key not in _OPTIONS:
            continue
        if key == "skiptoken":
            query.skiptoken = value
            continue
        query.given.append((f"${key}", value))
        if key == "select":
            query.select = [part.strip() for part in value.split(",") if part.strip()]
        elif key == "expand":
            query.expand = _parse_expand(value)
        elif key in ("top", "skip"):
            if not value.isdecimal():
                text = f"Invalid value '{value[:40]}' for ${key} query option found. The ${key} query option requires a non-negative integer value."
                raise GraphError(400, "BadRequest", text)
            setattr(query, key, int(value))
        elif key == "count":
            query.count = value.lower() == "true"
        else:
            setattr(query, key, value)
    return query


def _parse_expand(text: str) -> dict[str, Query]:
    """`a,b($expand=c;$top=1)` → {"a": …, "b": …}; a cast before the name is dropped."""
    found = {}
    for part in split_outside(text, ","):
        name, _, inner = part.partition("(")
        options = [tuple(one.partition("=")[::2]) for one in split_outside(inner.strip().removesuffix(")"), ";")]
        found[name.split("/")[-1].strip()] = _query(options)  # type: ignore[arg-type]
    return found


def split_outside(text: str, mark: str) -> list[str]:
    """The parts of `text` between marks that stand in no parentheses and no quotes; empty ones left out."""
    parts, depth, quoted, start = [], 0, False, 0
    for position, char in enumerate(text):
        quoted ^= char == "'"
        depth += 0 if quoted else (char == "(") - (char == ")")
        if char == mark and depth == 0 and not quoted:
            parts.append(text[start:position].strip())
            start = position + 1
    return [part for part in (*parts, text[start:].strip()) if part]


def cut_page(
    rows: list[Any], query: Query, *, address: str, owner: str, size: int, empty: bool = False
) -> tuple[list[Any], str | None]:
    """One page and the link to the next. `address` is a path with version.

    The token in the link is good for this address, these options and `owner` (a tenant) only. `empty`: a page without
    members that has a next one all the same.
    """
    bound = (owner, address.lower(), sorted((k, v) for k, v in query.given if k != "$skip"))
    start = _read_token(query.skiptoken, bound) if query.skiptoken else query.skip
    page = [] if empty else rows[start : start + size]
    following = start + len(page)
    if not empty and following >= len(rows):
        return page, None
    options = [*((k, v) for k, v in query.given if k != "$skip"), ("$skiptoken", _token(following, bound))]
    return page, f"{HOST}/{quote(address)}?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in options)


def _token(start: int, bound: object) -> str:
    """Opaque: it names a place in this very list, and nobody can make one for another."""
    mark = hmac.digest(_KEY, repr((start, bound)).encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(f"{start}:".encode() + mark).decode()


def _read_token(token: str, bound: object) -> int:
    try:
        start = int(base64.urlsafe_b64decode(token.encode("ascii")).partition(b":")[0])
    except ValueError:
        start = -1
    if start < 0 or not hmac.compare_digest(token.encode(), _token(start, bound).encode()):
        raise GraphError(400, "BadRequest", "Skip token is invalid or does not belong to this query.")
    return start


def context_of(version: str, path: str, *, select: list[str] | None = None, entity: bool = False) -> str:
    """`@odata.context`. `path` has the keys of parents in it: see `keyed`."""
    chosen = f"({','.join(select)})" if select else ""
    return f"{HOST}/{version}/$metadata#{path}{chosen}{'/$entity' if entity else ''}"


def keyed(path: str, key: str) -> str:
    return f"{path}('{key}')"


def split_path(path: str) -> list[str]:
    """Segments of a path as clients send it: double and trailing slashes, keys in parentheses (`policies('ID')`)."""
    segments: list[str] = []
    for raw in path.split("/"):
        part = unquote(raw)
        if not part:
            continue
        name, bracket, key = part.partition("(")
        if bracket and key.endswith(")") and "=" not in key and name:
            segments += [name, key[:-1].strip("'")]
        else:
            segments.append(part)
    return segments
