"""How much an answer says about itself: `Accept: application/json;odata.metadata=full`, `minimal` or `none`."""

import re
from collections.abc import Mapping
from typing import Any

from providers.sandbox import schema
from providers.sandbox.errors import GraphError, Response
from providers.sandbox.odata import HOST

_WANTED = re.compile(r"odata\.metadata=(full|none|minimal)", re.IGNORECASE)
_KEPT = ("@odata.nextLink", "@odata.count", "@odata.deltaLink")
_CONTENT_TYPE = "application/json;odata.metadata={};odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


def annotate(accept: str, path: str, type_name: str, response: Response) -> None:
    """Add or take away annotations in place. Raises GraphError 400 where the service cannot do it."""
    found = _WANTED.search(accept)
    wanted = found[1].lower() if found else "minimal"
    if response.raw is not None or not isinstance(response.body, dict):
        return
    response.headers.setdefault("Content-Type", _CONTENT_TYPE.format(wanted))
    if wanted == "minimal":
        return
    body = response.body
    members = body["value"] if isinstance(body.get("value"), list) else [body]
    if wanted == "full":
        if any("categories" in member for member in members if isinstance(member, dict) and type_name == "mobileApp"):
            raise GraphError(400, "BadRequest", "The metadata of categories cannot be computed.")
        whole = path if body.get("value") is members else path.rpartition("/")[0]
        for number, member in enumerate(members):
            if isinstance(member, dict) and "id" in member:
                members[number] = _in_full(member, whole, type_name)
        if body.get("value") is not members:
            response.body = members[0]
        return
    response.body = _without(body)


def _in_full(member: Mapping[str, Any], path: str, type_name: str) -> dict[str, Any]:
    actual = schema.short(member.get("@odata.type")) or type_name
    link = f"{path}('{member['id']}')"
    full: dict[str, Any] = {name: value for name, value in member.items() if name == "@odata.context"}
    full |= {"@odata.type": f"#{schema.NAMESPACE}{actual}", "@odata.id": link, "@odata.editLink": link}
    full |= {name: value for name, value in member.items() if name not in full}
    for name in schema.navigation(actual):
        full[f"{name}@odata.associationLink"] = f"{HOST}/beta/{link}/{name}/$ref"
        full[f"{name}@odata.navigationLink"] = f"{HOST}/beta/{link}/{name}"
    if "assignments" in schema.navigation(actual):
        full[f"#{schema.NAMESPACE}assign"] = {
            "title": f"{schema.NAMESPACE}assign",
            "target": f"{HOST}/beta/{link}/{schema.NAMESPACE}assign",
        }
    return full


def _without(value: Any) -> Any:
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {name: _without(inner) for name, inner in value.items() if "@" not in name or name in _KEPT}
