"""From a path to a place: the listing, what the caller may do there, and what stands after it."""

import re
from dataclasses import dataclass, field

from providers.sandbox import schema
from providers.sandbox.auth import Caller
from providers.sandbox.catalogue import BY_LOWER_CASE, LISTINGS, LONGEST_PATH, Listing
from providers.sandbox.errors import GraphError, IntuneError, no_route, unknown_segment, wrong_verb
from providers.sandbox.odata import Query
from providers.sandbox.world import Collection, GraphObject

_ALTERNATE_KEY = re.compile(r"^([A-Za-z]+)='([^']*)'$")
_CONTAINERS = {
    "devicemanagement": "deviceManagement",
    "deviceappmanagement": "deviceAppManagement",
}


@dataclass(slots=True)
class Place:
    """Where a request leads. `rest` are the segments after the listing's path; `version` is "v1.0" or "beta".

    `cut_at` and `empty_page` are switched on by faults: expanded collections are cut after so many members, a list begins
    with a page without members.
    """

    caller: Caller
    path: str
    listing: Listing
    rest: tuple[str, ...]
    version: str
    method: str
    query: Query = field(default_factory=Query)
    cut_at: int | None = None
    empty_page: bool = False

    @property
    def collection(self) -> Collection:
        return self.caller.tenant.collection(self.path)

    def find(self, key: str) -> tuple[GraphObject, dict[str, list[GraphObject]]] | None:
        """The object with its children, by id or by an alternate key (`appId='…'`)."""
        named = _ALTERNATE_KEY.match(key)
        for path in self.listing.union_of or (self.path,):
            collection = self.caller.tenant.collection(path)
            if named is not None:
                owner = (own for own, body in collection.objects.items() if body.get(named[1]) == named[2])
                key = next(owner, key)
            if (body := collection.objects.get(key)) is not None:
                return body, collection.children.get(key, {})
        return None

    def refuse(self, status: int, code: str, message: str) -> GraphError:
        return (IntuneError if self.listing.intune else GraphError)(status, code, message)

    def not_there(self, key: str) -> GraphError:
        if self.listing.intune:
            return IntuneError(404, "ResourceNotFound", f"The resource with id '{key}' was not found.")
        if not self.listing.directory:
            return GraphError(404, "ResourceNotFound", f"{key} is not a valid object id or does not exist.")
        text = f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
        return GraphError(404, "Request_ResourceNotFound", text)

    def no_route(self) -> GraphError:
        if self.listing.intune:
            return no_route(self.method, [*self.path.split("/"), *self.rest])
        return wrong_verb()


def find_place(caller: Caller, segments: list[str], version: str, method: str) -> Place:
    """Raises GraphError 400 for routes that Graph does not have, 403 where the permission is missing."""
    segments = _split_alternate_key(segments)
    for length in range(min(len(segments), LONGEST_PATH), 0, -1):
        path = BY_LOWER_CASE.get("/".join(segments[:length]).lower())
        if path is None:
            continue
        listing = LISTINGS[path]
        if version == "v1.0" and not listing.v1:
            raise unknown_segment(segments[length - 1])
        place = Place(caller, path, listing, tuple(segments[length:]), version, method)
        if method != "GET" and not listing.write:
            raise place.no_route()
        _check_permission(caller, listing, method)
        return place
    raise _unknown(segments, method)


def _split_alternate_key(segments: list[str]) -> list[str]:
    """`servicePrincipals(appId='…')` → two segments; a function with an argument stays one."""
    for number, segment in enumerate(segments):
        name, bracket, key = segment.partition("(")
        if bracket and "/".join((*segments[:number], name)).lower() in BY_LOWER_CASE:
            return [*segments[:number], name, key.removesuffix(")"), *segments[number + 1 :]]
    return segments


def _unknown(segments: list[str], method: str) -> GraphError:
    """The gateway refuses what metadata does not know; what it knows and Intune does not route, Intune refuses."""
    container = _CONTAINERS.get(segments[0].lower()) if segments else None
    if container is None:
        return unknown_segment(segments[0] if segments else "")
    if len(segments) > 1 and segments[1] not in {**schema.navigation(container), **schema.properties(container)}:
        return unknown_segment(segments[1])
    return no_route(method, segments)


def _check_permission(caller: Caller, listing: Listing, method: str) -> None:
    wanted = listing.read if method == "GET" else listing.write
    if wanted is not None:
        held = wanted & caller.roles
        if not wanted or held == wanted or (held and not (listing.write_all and method != "GET")):
            return
    if not listing.intune:
        if listing.type in ("conditionalAccessPolicy", "namedLocation"):
            text = "You cannot perform the requested operation, required scopes are missing in the token."
            raise GraphError(403, "AccessDenied", text)
        raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    scopes = ", ".join(sorted(wanted or ()))
    text = f"Application is not authorized to perform this operation. Application must have one of the following scopes: {scopes}"
    if not caller.roles:
        text = f"Application {caller.app.client_id} does not have application permissions configured."
    raise IntuneError(403, "Forbidden", text)
