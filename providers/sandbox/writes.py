"""Writing: create, change and delete objects, and assign them. Deliberately plain: enough for tools that move configuration."""

from datetime import UTC, datetime
from typing import Any

from providers.sandbox import schema
from providers.sandbox.errors import GraphError, Response, new_id
from providers.sandbox.odata import context_of, keyed
from providers.sandbox.places import Place
from providers.sandbox.shapes import complete
from providers.sandbox.world import Collection, GraphObject

_READ_ONLY = {"id", "createdDateTime", "lastModifiedDateTime", "version"}


def write(place: Place, body: Any) -> Response:
    """Answer POST, PATCH, PUT and DELETE. Raises GraphError as Graph would."""
    method = place.method
    if method != "DELETE" and not isinstance(body, dict):
        text = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
        raise GraphError(400, "BadRequest", text)
    if place.listing.singleton:
        if method != "PATCH" or place.rest:
            raise place.no_route()
        own = next(iter(place.collection.objects), "")
        return _change(place, place.collection, own or place.path.rpartition("/")[2], body)
    rest = [segment for segment in place.rest if not segment.startswith(schema.NAMESPACE)]
    if not rest:
        if method == "POST" and not place.listing.union_of:
            return _create(place, body)
        raise place.no_route()
    collection = _holder(place, rest[0])
    if len(rest) == 1 and method in ("PATCH", "PUT"):
        return _change(place, collection, rest[0], body)
    if len(rest) == 1 and method == "DELETE":
        del collection.objects[rest[0]]
        collection.children.pop(rest[0], None)
        return Response(204)
    if len(rest) == 2 and rest[1].lower() == "assign" and method == "POST":
        return _assign(place, collection, rest[0], body)
    raise place.no_route()


def _holder(place: Place, key: str) -> Collection:
    for path in place.listing.union_of or (place.path,):
        collection = place.caller.tenant.collection(path)
        if key in collection.objects:
            return collection
    raise place.not_there(key)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _own(body: GraphObject) -> GraphObject:
    return {name: value for name, value in body.items() if name not in _READ_ONLY and "@odata.context" not in name}


def _take_children(place: Place, own: GraphObject) -> dict[str, list[GraphObject]]:
    """Navigation properties out of a body; members without an id are numbered."""
    names = [name for name in own if name in schema.navigation_of_family(place.listing.type)]
    taken = {name: own.pop(name) for name in names}
    return {
        name: [{"id": str(number), **member} for number, member in enumerate(members) if isinstance(member, dict)]
        for name, members in taken.items()
        if isinstance(members, list)
    }


def _create(place: Place, body: GraphObject) -> Response:
    own = _own(body)
    children = _take_children(place, own)
    created = {**own, "id": new_id(), "createdDateTime": _now(), "lastModifiedDateTime": _now()}
    place.collection.objects[created["id"]] = created
    place.collection.children[created["id"]] = children
    context = context_of(place.version, place.path, entity=True)
    return Response(201, {"@odata.context": context, **complete(created, place.listing.type)})


def _change(place: Place, collection: Collection, object_id: str, body: GraphObject) -> Response:
    own = _own(body)
    if not own:
        raise place.refuse(400, "BadRequest", "Invalid patch, at least 1 property must be changed")
    for name, members in _take_children(place, own).items():
        collection.children.setdefault(object_id, {})[name] = members
    changed = collection.objects.setdefault(object_id, {"id": object_id})
    changed |= own
    if "lastModifiedDateTime" in changed:
        changed["lastModifiedDateTime"] = _now()
    if not place.listing.intune:
        return Response(204)
    context = context_of(place.version, place.path, entity=True)
    return Response(200, {"@odata.context": context, **complete(changed, place.listing.type)})


def _assign(place: Place, collection: Collection, object_id: str, body: GraphObject) -> Response:
    members = next((value for value in body.values() if isinstance(value, list)), None)
    if members is None:
        raise place.refuse(400, "BadRequest", "The assignments are missing.")
    assigned = [
        {"id": f"{object_id}_{number}", **member} for number, member in enumerate(members) if isinstance(member, dict)
    ]
    collection.children.setdefault(object_id, {})["assignments"] = assigned
    context = context_of(place.version, f"{keyed(place.path, object_id)}/assignments")
    return Response(200, {"@odata.context": context, "value": assigned})
