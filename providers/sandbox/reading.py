"""Reading: lists, objects and single resources, with the query options that each takes."""

import re
from typing import Any

from providers.sandbox import schema
from providers.sandbox.children import answer_below, expand
from providers.sandbox.errors import GraphError, Response, unknown_property
from providers.sandbox.filters import Filter, matches_search
from providers.sandbox.odata import context_of, cut_page, keyed
from providers.sandbox.places import Place
from providers.sandbox.shapes import choose, complete, property_answer, type_of
from providers.sandbox.world import Children, GraphObject

_TIPS = "Use $select to choose only the properties your app needs, as this can lead to performance improvements."


def read(place: Place, *, consistency: str) -> Response:
    """Answer a GET. `consistency` is the header ConsistencyLevel."""
    _check_options(place, consistency)
    if place.listing.singleton:
        return _singleton(place)
    if not place.rest or place.rest[0].startswith(schema.NAMESPACE):
        return _list(place)
    first, *rest = place.rest
    if first == "$count":
        return Response(200, raw=str(len(_rows(place))).encode(), headers={"Content-Type": "text/plain"})
    found = place.find(first)
    if found is None:
        raise _missing(place, first)
    body, children = found
    while rest and rest[0].startswith(schema.NAMESPACE):
        if not schema.is_a(type_of(place, body), schema.short(rest.pop(0))):
            raise place.not_there(first)
    if not rest:
        return Response(200, _single(place, body, children))
    return answer_below(place, body, children, rest)


def _missing(place: Place, key: str) -> GraphError:
    if place.listing.directory and not re.fullmatch(r"[0-9a-fA-F-]{36}", key):
        return place.refuse(400, "Request_BadRequest", f"Invalid object identifier '{key}'.")
    return place.not_there(key)


# -- what is asked for -------------------------------------------------------------------------------------------------


def _check_options(place: Place, consistency: str) -> None:
    query, listing = place.query, place.listing
    for name in query.select if not listing.intune else ():
        # Intune ignores what it does not know; Entra does not.
        if name.split("/")[0].lower() not in schema.property_names(listing.type):
            raise unknown_property(name, listing.type)
    if not listing.directory:
        return
    if query.skip:
        raise GraphError(400, "Request_BadRequest", "'$skip' is not supported by the service.")
    if query.top is not None and not 1 <= query.top <= listing.most:
        text = f"Invalid page size specified: '{query.top}'. Must be between 1 and {listing.most} inclusive."
        raise GraphError(400, "Request_BadRequest", text)
    _check_advanced(place, consistency)


def _check_advanced(place: Place, consistency: str) -> None:
    """Directory objects answer some queries from an index that may lag, and only where the client says it knows."""
    query = place.query
    filtered = Filter(query.filter) if query.filter else None
    needs_count = (
        query.count
        or (bool(query.orderby) and filtered is not None)
        or (filtered is not None and bool(filtered.words & {"ne", "not"} or filtered.functions & {"endswith"}))
    )
    counted = "$count" in place.rest or bool(query.search)
    if query.search and not re.fullmatch(r'"[^"]*"(?:\s+(?:AND|OR)\s+"[^"]*")*', query.search.strip()):
        raise GraphError(400, "Request_BadRequest", f"Syntax error: the search '{query.search[:80]}' is not quoted.")
    if not needs_count and not counted:
        return
    if consistency.lower() != "eventual" or (needs_count and not query.count):
        text = "Request with this query is only supported with the header ConsistencyLevel: eventual"
        text += " and $count=true." if needs_count else "."
        raise GraphError(400, "Request_UnsupportedQuery", text)


def _rows(place: Place) -> list[tuple[GraphObject, Children]]:
    listing, query = place.listing, place.query
    rows = []
    for path in listing.union_of or (place.path,):
        collection = place.caller.tenant.collection(path)
        rows += [(body, collection.children.get(key, {})) for key, body in list(collection.objects.items())]
    for cast in place.rest:
        if cast.startswith(schema.NAMESPACE):
            rows = [row for row in rows if schema.is_a(type_of(place, row[0]), schema.short(cast))]
    bodies = {id(body): children for body, children in rows}
    kept = choose(place, [body for body, _ in rows], listing.type, listing.ignored_filters)
    if query.search:
        kept = [body for body in kept if matches_search(body, query.search)]
    return [(body, bodies[id(body)]) for body in kept]


# -- lists and objects -------------------------------------------------------------------------------------------------


def _list(place: Place) -> Response:
    query, listing = place.query, place.listing
    rows = _rows(place)
    if listing.skip_ignored:
        query.skip = 0
    size = min(listing.page if query.top is None else query.top, listing.most)
    address = "/".join((place.version, place.path, *place.rest))
    page, link = cut_page(
        rows, query, address=address, owner=place.caller.tenant.slug, size=max(1, size), empty=place.empty_page
    )
    body: dict[str, Any] = {"@odata.context": context_of(place.version, place.path, select=query.select)}
    if query.count and not query.skiptoken:
        body["@odata.count"] = len(rows)
    elif listing.counts_page:
        body["@odata.count"] = len(page)
    if link:
        body["@odata.nextLink"] = link
    if listing.intune and not query.select:
        body["@microsoft.graph.tips"] = f"{_TIPS} For example: GET {place.path}?$select=id"
    body["value"] = [_row(place, row, children) for row, children in page]
    return Response(200, body)


def _row(place: Place, body: GraphObject, children: Children) -> GraphObject:
    """An object as its list shows it."""
    listing, query = place.listing, place.query
    left_out = set(listing.omitted)
    named = {name.lower() for name in query.select}
    left_out |= {name for name in listing.named_only if name.lower() not in named}
    whole = _whole(place, body)
    if left_out:
        whole = {name: value for name, value in whole.items() if name not in left_out} | {
            name: None for name in left_out if name in whole
        }
    for name in query.expand:
        if name in listing.only_single_expand or name in listing.refuses_expand or "*" in listing.refuses_expand:
            raise place.refuse(400, "BadRequest", f"The property '{name}' cannot be used in the $expand query option.")
    return _shown(place, whole, body, {} if set(query.expand) & set(listing.empty_expand) else children)


def _single(place: Place, body: GraphObject, children: Children) -> GraphObject:
    listing, query = place.listing, place.query
    for name in query.expand:
        if name in listing.refuses_expand or "*" in listing.refuses_expand:
            raise place.refuse(400, "BadRequest", f"The property '{name}' cannot be used in the $expand query option.")
    whole = _whole(place, body)
    for name, value in listing.single_shows:
        if name in whole:
            whole[name] = value
    context = context_of(place.version, place.path, select=query.select, entity=True)
    return {"@odata.context": context, **_shown(place, whole, body, children)}


def _singleton(place: Place) -> Response:
    """Always an object: what was never set up has its properties unset."""
    body = next(iter(place.collection.objects.values()), {})
    entity = schema.is_a(place.listing.type, "entity")
    whole = {**complete(body, place.listing.type), "id": body.get("id") or place.caller.tenant.entra_tenant_id}
    if not entity:
        del whole["id"]
    if place.rest:
        return property_answer(whole, list(place.rest), context_of(place.version, "/".join((place.path, *place.rest))))
    context = context_of(place.version, place.path, select=place.query.select, entity=entity)
    return Response(200, {"@odata.context": context, **_selected(place, whole)})


def _whole(place: Place, body: GraphObject) -> GraphObject:
    whole = complete(body, place.listing.type)
    if place.listing.union_of and "@odata.type" not in whole:
        whole["@odata.type"] = f"#{schema.NAMESPACE}{type_of(place, body)}"
    return whole


def _selected(place: Place, whole: GraphObject) -> GraphObject:
    """The named properties; Intune adds `id`, and a type stays where it is given."""
    if not place.query.select:
        return whole
    wanted = {name.split("/")[-1].lower() for name in place.query.select} | {"@odata.type"}
    if place.listing.intune:
        wanted.add("id")
    return {name: value for name, value in whole.items() if name.lower() in wanted}


def _shown(place: Place, whole: GraphObject, body: GraphObject, children: Children) -> GraphObject:
    shown = _selected(place, whole)
    if not place.query.expand:
        return shown
    key = str(body.get("id"))
    return expand(
        place,
        shown,
        place.query,
        children,
        type_name=type_of(place, body),
        context=keyed(place.path, key),
        prefix="",
    )
