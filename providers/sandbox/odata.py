"""Query options and annotations: how Graph selects, orders, pages and marks what it answers."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from providers.sandbox.errors import GraphError
from providers.sandbox.filters import compile_filter

HOST = "https://graph.microsoft.com"
_OPTIONS = {"select", "filter", "top", "skip", "skiptoken", "orderby", "count", "expand", "search", "format"}
_SINGLE = {"definition", "presentation", "roleDefinition"}


@dataclass(slots=True)
class Query:
    """The options of one request; names come with or without `$`, values with `+` or `%20`."""

    select: list[str] = field(default_factory=list)
    expand: dict[str, str] = field(default_factory=dict)
    filter: str = ""
    orderby: str = ""
    search: str = ""
    top: int | None = None
    skip: int = 0
    skiptoken: str = ""
    count: bool = False
    rest: list[tuple[str, str]] = field(default_factory=list)


def parse_query(text: str) -> Query:
    """Raises GraphError 400 for a number that is none."""
    query = Query()
    for name, value in parse_qsl(text.lstrip("?&"), keep_blank_values=True):
        key = name.lstrip("$").lower()
        if key not in _OPTIONS:
            continue
        if key == "skiptoken":
            query.skiptoken = value
            continue
        query.rest.append((f"${key}", value))
        if key == "select":
            query.select = [part.strip() for part in value.split(",") if part.strip()]
        elif key == "expand":
            query.expand = _split_expand(value)
        elif key in ("top", "skip"):
            if not value.isdecimal():
                raise GraphError(
                    400, "BadRequest", f"Invalid value '{value[:40]}' for $" + key + " query option found."
                )
            setattr(query, key, int(value))
        elif key == "count":
            query.count = value.lower() == "true"
        elif key in ("filter", "orderby", "search"):
            setattr(query, key, value)
    return query


def _split_expand(text: str) -> dict[str, str]:
    """`a,b($expand=c)` → {"a": "", "b": "$expand=c"}; a cast before the name is dropped."""
    parts, depth, start = [], 0, 0
    for position, mark in enumerate(text + ","):
        depth += (mark == "(") - (mark == ")")
        if mark == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    found = {}
    for part in filter(None, parts):
        name, _, inner = part.partition("(")
        found[name.split("/")[-1].strip()] = inner.rstrip(")")
    return found


def select_rows(rows: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    """Filtered, searched and ordered rows."""
    if query.filter:
        test = compile_filter(query.filter)
        rows = [row for row in rows if test(row)]
    if query.search:
        term = query.search.strip('"').split(":")[-1].lower()
        rows = [row for row in rows if term in str(row.get("displayName") or row.get("name") or "").lower()]
    if query.orderby:
        name, _, direction = query.orderby.partition(" ")
        rows = sorted(
            rows, key=lambda row: str(row.get(name) or "").lower(), reverse=direction.strip().lower() == "desc"
        )
    return rows


def cut_page(rows: list[Any], query: Query, *, address: str, size: int) -> tuple[list[Any], str | None]:
    """One page and the link to the next. The token is bound to address and options: altered ones are refused."""
    start = query.skip
    binding = hashlib.sha256(repr((address, sorted(query.rest))).encode()).hexdigest()[:16]
    if query.skiptoken:
        try:
            bound, at = base64.urlsafe_b64decode(query.skiptoken.encode()).decode().split("|")
        except ValueError:
            bound, at = "", ""
        if bound != binding or not at.isdecimal():
            raise GraphError(400, "BadRequest", "The skip token is invalid.")
        start = int(at)
    page = rows[start : start + size]
    if start + size >= len(rows):
        return page, None
    token = base64.urlsafe_b64encode(f"{binding}|{start + size}".encode()).decode()
    options = [*((k, v) for k, v in query.rest if k != "$skip"), ("$skiptoken", token)]
    return page, f"{HOST}{address}?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in options)


def shape(body: dict[str, Any], query: Query) -> dict[str, Any]:
    """The selected properties, `id` and `@odata.type` always among them."""
    if not query.select:
        return body
    wanted = {name.split("/")[-1].lower() for name in query.select} | {"id", "@odata.type"}
    return {name: value for name, value in body.items() if name.lower() in wanted}


def expand(
    body: dict[str, Any],
    wanted: dict[str, str],
    children: dict[str, list[dict[str, Any]]],
    *,
    context: str,
    prefix: str = "",
) -> dict[str, Any]:
    """`body` with its expanded navigation properties, each with a context of its own."""
    expanded = dict(body)
    for name, inner in wanted.items():
        members = children.get(f"{prefix}{name}", [])
        deeper = parse_query(inner.replace(";", "&")) if inner else Query()
        shown = [
            expand(
                shape(member, deeper),
                deeper.expand,
                children,
                context=context,
                prefix=f"{prefix}{name}/{member.get('id')}/",
            )
            for member in members
        ]
        expanded[f"{name}@odata.context"] = f"{context}/{name}"
        if name in _SINGLE:
            expanded[name] = shown[0] if shown else None
            expanded[f"{name}@odata.context"] += "/$entity"
        else:
            expanded[name] = shown
    return expanded


def context_of(version: str, path: str, object_id: str = "", select: list[str] | None = None) -> str:
    key = f"('{object_id}')" if object_id else ""
    chosen = f"({','.join(select)})" if select else ""
    return f"{HOST}/{version}/$metadata#{path}{key}{chosen}"


_KEY = re.compile(r"\('([^']*)'\)|\(([\w-]+)\)")


def split_path(path: str) -> list[str]:
    """Segments of a path: keys in parentheses, casts, double and trailing slashes as clients send them."""
    segments: list[str] = []
    for part in path.split("/"):
        if not part or part.startswith("microsoft.graph."):
            continue
        if "=" not in part and (found := _KEY.search(part)):
            segments += [part[: found.start()], found[1] or found[2]]
        else:
            segments.append(part)
    return segments
