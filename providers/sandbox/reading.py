"""Reading: a list, an object, what stands below it, a single property."""

import re
from typing import Any

from providers.sandbox import schema
from providers.sandbox.catalogue import LISTINGS
from providers.sandbox.errors import GraphError, Response, unknown_property, unknown_segment
from providers.sandbox.filters import Filter, matches_search, order
from providers.sandbox.odata import HOST, Query, context_of, cut_page, keyed
from providers.sandbox.places import Place
from providers.sandbox.world import GraphObject

Children = dict[str, list[GraphObject]]
_SECRET_CALL = re.compile(r"^getOmaSettingPlainTextValue\(secretReferenceValueId='([^']*)'\)$", re.IGNORECASE)
# Where clear values of encrypted OMA-URI settings are kept; no route leads there.
OMA_SECRETS = "omaSecrets"
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
        if not schema.is_a(_type_of(place, body), schema.short(rest.pop(0))):
            raise place.not_there(first)
    if not rest:
        return Response(200, _single(place, body, children))
    return _below(place, body, children, rest)


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
            rows = [row for row in rows if schema.is_a(_type_of(place, row[0]), schema.short(cast))]
    bodies = {id(body): children for body, children in rows}
    kept = _select(place, [body for body, _ in rows], listing.type, listing.ignored_filters)
    if query.search:
        kept = [body for body in kept if matches_search(body, query.search)]
    return [(body, bodies[id(body)]) for body in kept]


def _select(place: Place, rows: list[GraphObject], type_name: str, ignored: tuple[str, ...] = ()) -> list[GraphObject]:
    query, listing = place.query, place.listing
    if query.filter:
        wanted = Filter(query.filter)
        known = schema.property_names(type_name)
        for name in wanted.names:
            if name in listing.refused_filters or (known and name.lower() not in known and not name.startswith("$")):
                raise place.refuse(400, "BadRequest", f"Invalid filter clause: {query.filter[:200]}")
        if wanted.functions & set(listing.failing_functions):
            raise place.refuse(500, "InternalError", "An internal server error has occurred.")
        if not wanted.names & set(ignored):
            # Where @odata.type is not stored, members have the type of their list.
            typed = ({"@odata.type": f"#{schema.NAMESPACE}{type_name}", **row} for row in rows)
            rows = [row for row, seen in zip(rows, typed, strict=True) if wanted(seen)]
    return order(rows, query.orderby) if query.orderby else rows


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
        return _property(whole, list(place.rest), context_of(place.version, "/".join((place.path, *place.rest))))
    context = context_of(place.version, place.path, select=place.query.select, entity=entity)
    return Response(200, {"@odata.context": context, **_selected(place, whole)})


def complete(body: GraphObject, type_name: str) -> GraphObject:
    """`body` with every property that its type has: those it lacks are unset."""
    actual = schema.short(body.get("@odata.type"))
    blank = schema.blank(actual if schema.knows(actual) else type_name)
    return {**blank, **body} if blank.keys() - body.keys() else dict(body)


def _whole(place: Place, body: GraphObject) -> GraphObject:
    whole = complete(body, place.listing.type)
    if place.listing.union_of and "@odata.type" not in whole:
        whole["@odata.type"] = f"#{schema.NAMESPACE}{_type_of(place, body)}"
    return whole


def _type_of(place: Place, body: GraphObject) -> str:
    """The type of a member; one that Graph's types do not have under this list counts as the list's own."""
    actual = schema.short(body.get("@odata.type"))
    if schema.is_a(actual, place.listing.type):
        return actual
    for path in place.listing.union_of:
        if str(body.get("id")) in place.caller.tenant.collection(path).objects:
            return LISTINGS[path].type
    return place.listing.type


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
    return _expand(
        place,
        shown,
        place.query,
        children,
        type_name=_type_of(place, body),
        context=keyed(place.path, key),
        prefix="",
    )


def _expand(
    place: Place,
    shown: GraphObject,
    query: Query,
    children: Children,
    *,
    type_name: str,
    context: str,
    prefix: str,
) -> GraphObject:
    """`shown` with its expanded navigation properties, each with a context of its own; a long one may be cut."""
    for name, inner in query.expand.items():
        name = _navigation_name(type_name, name)
        kind = schema.navigation_of_family(type_name)[name]
        below = f"{context}/{name}"
        members = [
            _member(
                place, member, inner, children, type_name=schema.core(kind), context=below, prefix=f"{prefix}{name}"
            )
            for member in children.get(f"{prefix}{name}", [])
        ]
        if not schema.is_many(kind):
            shown[f"{name}@odata.context"] = context_of(place.version, below, entity=True)
            shown[name] = members[0] if members else None
            continue
        shown[f"{name}@odata.context"] = context_of(place.version, below)
        if place.cut_at is not None and len(members) > place.cut_at:
            address = f"{place.version}/{place.path}/{shown.get('id')}/{name}"
            _, link = cut_page(members, Query(), address=address, owner=place.caller.tenant.slug, size=place.cut_at)
            shown[f"{name}@odata.nextLink"] = link
            members = members[: place.cut_at]
        shown[name] = members
    return shown


def _navigation_name(type_name: str, name: str) -> str:
    known = schema.navigation_of_family(type_name)
    if name in known:
        return name
    found = next((other for other in known if other.lower() == name.lower()), None)
    if found is None:
        raise unknown_property(name, type_name)
    return found


def _member(
    place: Place,
    member: GraphObject,
    query: Query,
    children: Children,
    *,
    type_name: str,
    context: str,
    prefix: str,
) -> GraphObject:
    """A member of a child collection, with what is expanded below it."""
    wanted = {name.lower() for name in query.select} | {"id", "@odata.type"}
    shown = {name: value for name, value in member.items() if not query.select or name.lower() in wanted}
    if not query.expand:
        return shown
    actual = schema.short(member.get("@odata.type"))
    return _expand(
        place,
        shown,
        query,
        children,
        type_name=actual if schema.knows(actual) else type_name,
        context=keyed(context, str(member.get("id"))),
        prefix=f"{prefix}/{member.get('id')}/",
    )


# -- below an object ---------------------------------------------------------------------------------------------------


def _below(place: Place, body: GraphObject, children: Children, rest: list[str]) -> Response:
    """Navigation properties, functions and single properties of an object."""
    if found := _SECRET_CALL.match(rest[0]):
        return _plain_text(place, children, found[1])
    type_name, context, prefix = _type_of(place, body), keyed(place.path, str(body["id"])), ""
    while True:
        name = _step(place, body, type_name, rest)
        if name is None:
            whole = complete(body, type_name) if schema.knows(type_name) else body
            return _property(whole, rest, context_of(place.version, "/".join((context, *rest))))
        kind = schema.navigation_of_family(type_name)[name]
        type_name, context, prefix = schema.core(kind), f"{context}/{name}", f"{prefix}{name}"
        members, rest = children.get(prefix, []), rest[1:]
        if not schema.is_many(kind):
            if not members:
                raise place.not_there(name)
            body, prefix = members[0], f"{prefix}/"
            if not rest:
                return _child(place, body, children, type_name, context, prefix)
            continue
        if not rest:
            return _child_list(place, members, children, type_name=type_name, context=context, prefix=prefix)
        if rest[0] == "$count":
            return Response(200, raw=str(len(members)).encode(), headers={"Content-Type": "text/plain"})
        found_member = next((member for member in members if str(member.get("id")) == rest[0]), None)
        if found_member is None:
            raise place.not_there(rest[0])
        body, prefix, rest = found_member, f"{prefix}/{rest[0]}/", rest[1:]
        if not rest:
            return _child(place, body, children, type_name, context, prefix)
        context = keyed(context, str(body.get("id")))


def _step(place: Place, body: GraphObject, type_name: str, rest: list[str]) -> str | None:
    """The navigation property that the path goes on with; None where it names a plain property."""
    known = schema.navigation_of_family(type_name)
    name = next((name for name in known if name.lower() == rest[0].lower()), None)
    if name is not None:
        if name in place.listing.unrouted:
            raise place.no_route()
        return name
    properties = {prop.lower() for prop in (*schema.properties(type_name), *body)}
    if rest[0].lower() in properties:
        return None
    raise unknown_segment(rest[0])


def _property(whole: GraphObject, rest: list[str], context: str) -> Response:
    """The value of a property, in an object of its own; nothing where it is unset."""
    value: Any = whole
    for name in rest:
        if name == "$value":
            return Response(200, raw=str(value).encode(), headers={"Content-Type": "text/plain"})
        if not isinstance(value, dict):
            raise unknown_segment(name)
        key = next((key for key in value if key.lower() == name.lower()), None)
        if key is None:
            raise unknown_segment(name)
        value = value[key]
    if value is None:
        return Response(204)
    if isinstance(value, dict):
        return Response(200, {"@odata.context": context, **value})
    return Response(200, {"@odata.context": context, "value": value})


def _child(
    place: Place, member: GraphObject, children: Children, type_name: str, context: str, prefix: str
) -> Response:
    at = prefix.removesuffix("/").removesuffix(f"/{member.get('id')}")
    shown = _member(place, member, place.query, children, type_name=type_name, context=context, prefix=at)
    return Response(200, {"@odata.context": context_of(place.version, context, entity=True), **shown})


def _child_list(
    place: Place, members: list[GraphObject], children: Children, *, type_name: str, context: str, prefix: str
) -> Response:
    query, listing = place.query, place.listing
    rows = _select(place, members, type_name)
    usual = listing.child_page.get(prefix, 1000 if listing.intune else listing.page)
    size = min(usual if query.top is None else query.top, 1000)
    address = "/".join((place.version, place.path, *place.rest))
    page, link = cut_page(
        rows, query, address=address, owner=place.caller.tenant.slug, size=max(1, size), empty=place.empty_page
    )
    body: dict[str, Any] = {"@odata.context": context_of(place.version, context, select=query.select)}
    if query.count and not query.skiptoken:
        body["@odata.count"] = len(rows)
    elif listing.counts_page and prefix in listing.child_page:
        body["@odata.count"] = len(page)
    if link:
        body["@odata.nextLink"] = link
    body["value"] = [
        _member(place, member, query, children, type_name=type_name, context=context, prefix=prefix) for member in page
    ]
    return Response(200, body)


def _plain_text(place: Place, children: Children, reference: str) -> Response:
    """The clear value of a secret: a read that needs the permission to write."""
    needed = "DeviceManagementConfiguration.ReadWrite.All"
    if needed not in place.caller.roles:
        text = f"Application is not authorized to perform this operation. Application must have one of the following scopes: {needed}"
        raise place.refuse(403, "Forbidden", text)
    for secret in children.get(OMA_SECRETS, []):
        if secret.get("id") == reference:
            context = f"{HOST}/{place.version}/$metadata#Edm.String"
            return Response(200, {"@odata.context": context, "value": secret["value"]})
    raise place.not_there(reference)
