"""What a stored object looks like in an answer: complete, of a type, filtered, one property of it."""

from typing import Any

from providers.sandbox import schema
from providers.sandbox.catalogue import LISTINGS
from providers.sandbox.errors import Response, unknown_segment
from providers.sandbox.filters import Filter, order
from providers.sandbox.places import Place
from providers.sandbox.world import GraphObject


def complete(body: GraphObject, type_name: str) -> GraphObject:
    """`body` with every property that its type has: those it lacks are unset."""
    actual = schema.short(body.get("@odata.type"))
    blank = schema.blank(actual if schema.knows(actual) else type_name)
    return {**blank, **body} if blank.keys() - body.keys() else dict(body)


def type_of(place: Place, body: GraphObject) -> str:
    """The type of a member; one that Graph's types do not have under this list counts as the list's own."""
    actual = schema.short(body.get("@odata.type"))
    if schema.is_a(actual, place.listing.type):
        return actual
    for path in place.listing.union_of:
        if str(body.get("id")) in place.caller.tenant.collection(path).objects:
            return LISTINGS[path].type
    return place.listing.type


def choose(place: Place, rows: list[GraphObject], type_name: str, ignored: tuple[str, ...] = ()) -> list[GraphObject]:
    """The rows that `$filter` lets through, in the order of `$orderby`. `ignored` properties make a filter ineffective."""
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


def property_answer(whole: GraphObject, rest: list[str], context: str) -> Response:
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
