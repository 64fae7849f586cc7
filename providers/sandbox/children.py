"""Below an object: expanded navigation properties, child collections, functions and single properties."""

import re
from typing import Any

from providers.sandbox import schema
from providers.sandbox.errors import Response, unknown_property, unknown_segment
from providers.sandbox.odata import HOST, Query, context_of, cut_page, keyed
from providers.sandbox.places import Place
from providers.sandbox.shapes import choose, complete, property_answer, type_of
from providers.sandbox.world import OMA_SECRETS, Children, GraphObject

_SECRET_CALL = re.compile(r"^getOmaSettingPlainTextValue\(secretReferenceValueId='([^']*)'\)$", re.IGNORECASE)


def expand(
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
        if place.cut_at is not None and len(members) > place.cut_at and not prefix:
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
    return expand(
        place,
        shown,
        query,
        children,
        type_name=actual if schema.knows(actual) else type_name,
        context=keyed(context, str(member.get("id"))),
        prefix=f"{prefix}/{member.get('id')}/",
    )


def answer_below(place: Place, body: GraphObject, children: Children, rest: list[str]) -> Response:
    """Navigation properties, functions and single properties of an object."""
    if found := _SECRET_CALL.match(rest[0]):
        return _plain_text(place, children, found[1])
    type_name, context, prefix = type_of(place, body), keyed(place.path, str(body["id"])), ""
    while True:
        name = _step(place, body, type_name, rest)
        if name is None:
            whole = complete(body, type_name) if schema.knows(type_name) else body
            return property_answer(whole, rest, context_of(place.version, "/".join((context, *rest))))
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
    rows = choose(place, members, type_name)
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
