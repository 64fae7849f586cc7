"""Reading: from a path to a list, an object, a navigation property or a stream."""

import re
from dataclasses import dataclass
from typing import Any

from providers.sandbox.auth import Caller
from providers.sandbox.catalogue import LISTINGS, NESTED_CHILDREN, Listing
from providers.sandbox.errors import GraphError, Response, no_route, not_there, unknown_segment
from providers.sandbox.odata import Query, context_of, cut_page, expand, select_rows, shape
from providers.sandbox.world import Collection

_SECRET_CALL = re.compile(r"^getOmaSettingPlainTextValue\(secretReferenceValueId='([^']*)'\)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads: a listing, its collection, and what stands after it."""

    path: str
    listing: Listing
    collection: Collection
    rest: tuple[str, ...]


def find_place(caller: Caller, segments: list[str], version: str, method: str) -> Place:
    """Raises GraphError 400 for routes that Graph does not have, 403 where the permission is missing."""
    for length in range(min(len(segments), 4), 0, -1):
        path = "/".join(segments[:length])
        listing = LISTINGS.get(path) or next((v for k, v in LISTINGS.items() if k.lower() == path.lower()), None)
        if listing is None:
            continue
        canonical = path if path in LISTINGS else next(k for k in LISTINGS if k.lower() == path.lower())
        if version == "v1.0" and not listing.v1:
            raise unknown_segment(segments[length - 1])
        _check_permission(caller, listing, method)
        return Place(canonical, listing, caller.tenant.collection(canonical), tuple(segments[length:]))
    if len(segments) > 1 and segments[0] in ("deviceManagement", "deviceAppManagement"):
        raise unknown_segment(segments[1])
    raise unknown_segment(segments[0]) if segments else no_route(method, "")


def _check_permission(caller: Caller, listing: Listing, method: str) -> None:
    readers = listing.readers()
    wanted = readers if method == "GET" else {name for name in readers if "ReadWrite" in name} or readers
    if not wanted or wanted & caller.roles:
        return
    if listing.entra:
        raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    scopes = ", ".join(sorted(wanted))
    raise GraphError(
        403,
        "Forbidden",
        f"Application is not authorized to perform this operation. Application must have one of the following scopes: {scopes}",
    )


def read(caller: Caller, place: Place, query: Query, *, version: str, consistency: str = "") -> Response:
    """Answer a GET."""
    if place.listing.singleton:
        body = next(iter(place.collection.objects.values()), None)
        if body is None:
            raise not_there(place.listing.entra, place.path)
        if place.rest:
            raise unknown_segment(place.rest[0])
        return Response(200, {"@odata.context": context_of(version, f"{place.path}/$entity"), **shape(body, query)})
    if not place.rest:
        return _list(place, query, version, consistency)
    first, *rest = place.rest
    if first == "$count":
        return Response(
            200,
            raw=str(len(select_rows(list(place.collection.objects.values()), query))).encode(),
            headers={"Content-Type": "text/plain"},
        )
    body = place.collection.objects.get(first)
    if body is None:
        raise not_there(place.listing.entra, first)
    if not rest:
        return Response(200, _object(place, body, query, version, single=True))
    return _below(caller, place, body, rest, query, version)


def _list(place: Place, query: Query, version: str, consistency: str) -> Response:
    entra = place.listing.entra
    if entra and query.skip:
        raise GraphError(400, "Request_BadRequest", "'$skip' is not supported by the service.")
    if entra and query.search and consistency.lower() != "eventual":
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            "Request with $search query parameter only works with the header ConsistencyLevel: eventual.",
        )
    rows = select_rows(_rows_of(place), query)
    size = min(query.top or place.listing.page, place.listing.most)
    page, link = cut_page(rows, query, address=f"/{version}/{place.path}", size=max(1, size))
    body: dict[str, Any] = {"@odata.context": context_of(version, place.path, select=query.select)}
    if query.count and not query.skiptoken:
        body["@odata.count"] = len(rows)
    elif place.listing.counts_page:
        # The count of this page, sent unasked: four tools took it for the total and lost data.
        body["@odata.count"] = len(page)
    if link:
        body["@odata.nextLink"] = link
    body["value"] = [_object(place, row, query, version, single=False) for row in page]
    return Response(200, body)


def _rows_of(place: Place) -> list[dict[str, Any]]:
    rows = list(place.collection.objects.values())
    if not place.listing.omitted:
        return rows
    return [{**row, **{name: None for name in place.listing.omitted if name in row}} for row in rows]


def _object(place: Place, body: dict[str, Any], query: Query, version: str, *, single: bool) -> dict[str, Any]:
    listing = place.listing
    if not single and listing.omitted and query.select:
        # What a list leaves out comes back when it is named.
        named = {name.lower() for name in query.select}
        full = place.collection.objects.get(str(body.get("id")), body)
        body = {
            **body,
            **{
                name: full[name]
                for name in listing.omitted
                if name.lower() in named and name in full and "Script" not in name
            },
        }
    for name in query.expand:
        if name not in listing.children:
            raise GraphError(
                400, "BadRequest", f"Parsing OData Select and Expand failed: Could not find a property named '{name}'."
            )
        if name in listing.no_expand or (not single and f"list:{name}" in listing.no_expand):
            raise GraphError(400, "BadRequest", f"The query specified in the URI is not valid. The property '{name}' cannot be used in the $expand query option.")  # fmt: skip  # noqa: E501
    shown = shape(body, query)
    if query.expand:
        children = place.collection.children.get(str(body.get("id")), {})
        shown = expand(shown, query.expand, children, context=context_of(version, place.path, str(body.get("id"))))
    if single:
        return {"@odata.context": context_of(version, f"{place.path}/$entity", select=None), **shown}
    return shown


def _below(caller: Caller, place: Place, body: dict[str, Any], rest: list[str], query: Query, version: str) -> Response:
    """Navigation properties, functions and single properties of an object."""
    object_id, name = str(body["id"]), rest[0]
    children = place.collection.children.get(object_id, {})
    if found := _SECRET_CALL.match(name):
        return _plain_text(caller, children, found[1], version)
    if name not in place.listing.children and name not in children:
        if name in body and len(rest) == 1:
            return Response(
                200, {"@odata.context": context_of(version, place.path, object_id) + f"/{name}", "value": body[name]}
            )
        raise unknown_segment(name)
    prefix = name
    while len(rest) > 1:
        members = {str(member.get("id")): member for member in children.get(prefix, [])}
        if rest[1] not in members:
            raise not_there(place.listing.entra, rest[1])
        if len(rest) == 2:
            member = members[rest[1]]
            shown = expand(
                shape(member, query),
                query.expand,
                children,
                context=f"{context_of(version, place.path, object_id)}/{prefix}",
                prefix=f"{prefix}/{rest[1]}/",
            )
            return Response(
                200, {"@odata.context": f"{context_of(version, place.path, object_id)}/{prefix}/$entity", **shown}
            )
        nested = NESTED_CHILDREN.get(prefix.split("/")[-1], ())
        if rest[2] not in nested and f"{prefix}/{rest[1]}/{rest[2]}" not in children:
            raise unknown_segment(rest[2])
        prefix, rest = f"{prefix}/{rest[1]}/{rest[2]}", rest[2:]
    return _child_list(place, object_id, prefix, children, query, version)


def _child_list(
    place: Place, object_id: str, prefix: str, children: dict[str, list[dict[str, Any]]], query: Query, version: str
) -> Response:
    rows = select_rows(children.get(prefix, []), query)
    name = prefix.split("/")[-1]
    if name in ("definition", "presentation", "roleDefinition"):
        if not rows:
            raise not_there(False, prefix)
        return Response(
            200, {"@odata.context": f"{context_of(version, place.path, object_id)}/{prefix}/$entity", **rows[0]}
        )
    size = min(
        query.top or place.listing.child_page.get(name, place.listing.page if place.listing.entra else 1000), 1000
    )
    page, link = cut_page(rows, query, address=f"/{version}/{place.path}/{object_id}/{prefix}", size=max(1, size))
    context = f"{context_of(version, place.path, object_id)}/{prefix}"
    body: dict[str, Any] = {"@odata.context": context}
    if link:
        body["@odata.nextLink"] = link
    body["value"] = [
        expand(shape(row, query), query.expand, children, context=context, prefix=f"{prefix}/{row.get('id')}/")
        for row in page
    ]
    return Response(200, body)


def _plain_text(caller: Caller, children: dict[str, list[dict[str, Any]]], reference: str, version: str) -> Response:
    if "DeviceManagementConfiguration.ReadWrite.All" not in caller.roles:
        raise GraphError(
            403,
            "Forbidden",
            "Application must have one of the following scopes: DeviceManagementConfiguration.ReadWrite.All",
        )
    for secret in children.get("omaSecrets", []):
        if secret.get("id") == reference:
            return Response(
                200,
                {
                    "@odata.context": f"https://graph.microsoft.com/{version}/$metadata#Edm.String",
                    "value": secret["value"],
                },
            )
    raise not_there(False, reference)
