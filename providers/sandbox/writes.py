"""Writing: create, change and delete objects, and assign them. Deliberately plain: enough for tools that move configuration."""

from datetime import UTC, datetime
from typing import Any

from providers.sandbox.errors import GraphError, Response, new_id, no_route, not_there
from providers.sandbox.odata import context_of
from providers.sandbox.routes import Place

_READ_ONLY = {"id", "createdDateTime", "lastModifiedDateTime", "version"}


def write(place: Place, method: str, body: Any, *, version: str) -> Response:
    """Answer POST, PATCH, PUT and DELETE. Raises GraphError as Graph would."""
    if method != "DELETE" and not isinstance(body, dict):
        raise GraphError(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
        )
    if not place.rest and method == "POST":
        return _create(place, body, version)
    if place.rest and place.rest[0] not in place.collection.objects:
        raise not_there(place.listing.entra, place.rest[0])
    if len(place.rest) == 1 and method in ("PATCH", "PUT"):
        return _change(place, place.rest[0], body, version)
    if len(place.rest) == 1 and method == "DELETE":
        del place.collection.objects[place.rest[0]]
        place.collection.children.pop(place.rest[0], None)
        return Response(204)
    if len(place.rest) == 2 and place.rest[1] == "assign" and method == "POST":
        return _assign(place, place.rest[0], body)
    raise no_route(method, place.path)


def _create(place: Place, body: dict[str, Any], version: str) -> Response:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = {name: value for name, value in body.items() if name not in _READ_ONLY and "@odata.context" not in name}
    children = {name: own.pop(name) for name in list(own) if name in place.listing.children}
    created = {**own, "id": new_id(), "createdDateTime": now, "lastModifiedDateTime": now}
    place.collection.objects[created["id"]] = created
    place.collection.children[created["id"]] = {
        name: [{"id": str(number), **member} for number, member in enumerate(members)]
        for name, members in children.items()
        if isinstance(members, list)
    }
    return Response(201, {"@odata.context": context_of(version, f"{place.path}/$entity"), **created})


def _change(place: Place, object_id: str, body: dict[str, Any], version: str) -> Response:
    own = {name: value for name, value in body.items() if name not in _READ_ONLY and "@odata.context" not in name}
    if not own:
        raise GraphError(400, "BadRequest", "Invalid patch, at least 1 property must be changed")
    for name in [name for name in own if name in place.listing.children]:
        members = own.pop(name)
        place.collection.children.setdefault(object_id, {})[name] = [{"id": str(n), **m} for n, m in enumerate(members)]
    changed = place.collection.objects[object_id]
    changed |= own
    if "lastModifiedDateTime" in changed:
        changed["lastModifiedDateTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if place.listing.entra:
        return Response(204)
    return Response(200, {"@odata.context": context_of(version, f"{place.path}/$entity"), **changed})


def _assign(place: Place, object_id: str, body: dict[str, Any]) -> Response:
    members = next((value for value in body.values() if isinstance(value, list)), None)
    if members is None:
        raise GraphError(400, "BadRequest", "The assignments are missing.")
    assigned = [
        {"id": f"{object_id}_{number}", **member} for number, member in enumerate(members) if isinstance(member, dict)
    ]
    place.collection.children.setdefault(object_id, {})["assignments"] = assigned
    return Response(
        200, {"@odata.context": "https://graph.microsoft.com/beta/$metadata#assignments", "value": assigned}
    )
