"""`$batch`: up to twenty requests in one, answered in any order (Microsoft's "JSON batching")."""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from providers.sandbox.errors import GraphError, Response

AT_MOST = 20
# (method, path with query, headers, body) → answer
Handle = Callable[[str, str, dict[str, str], Any], Response]
_METHODS = {"GET", "POST", "PATCH", "PUT", "DELETE"}


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch. `id` is as given, but a text; `after` is the id it waits for, in lower case."""

    id: str
    method: str
    url: str
    headers: dict[str, str]
    body: Any
    after: str = ""


def answer_batch(body: Any, handle: Handle, shuffle: random.Random) -> Response:
    """The outer answer is 200 whatever becomes of the parts. Raises GraphError 400 for a faulty batch."""
    parts = read_batch(body)
    statuses: dict[str, int] = {}
    responses = []
    for part in parts:
        response = (
            _failed_dependency()
            if part.after and statuses[part.after] >= 400
            else handle(part.method, part.url, part.headers, part.body)
        )
        statuses[part.id.lower()] = response.status
        responses.append(_wrap(part.id, response))
    shuffle.shuffle(responses)
    return Response(200, {"responses": responses})


def read_batch(body: Any) -> list[Part]:
    """The parts in their order. Raises GraphError 400 when any of them is faulty: then none is done."""
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests:
        raise _faulty("Invalid batch payload format.")
    if len(requests) > AT_MOST:
        raise _faulty(f"Number of batch request steps exceeds the maximum value of {AT_MOST}.")
    parts = [_read_part(request) for request in requests]
    ids = [part.id.lower() for part in parts]
    if len(set(ids)) < len(ids):
        raise _faulty("Request Id should be unique in a batch.")
    _check_order(parts)
    return parts


def _read_part(request: Any) -> Part:
    given = request if isinstance(request, dict) else {}
    identity, method, url = given.get("id"), given.get("method"), given.get("url")
    if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
        raise _faulty("Request Id cannot be null or empty.")
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise _faulty(f"The method of request {identity} is not supported.")
    if not isinstance(url, str) or not url.strip("/") or "://" in url.partition("?")[0]:
        raise _faulty(f"The url of request {identity} has to be relative to the version.")
    headers = given.get("headers") or {}
    if not isinstance(headers, dict):
        raise _faulty(f"The headers of request {identity} are not an object.")
    sent = {str(name).lower(): str(value) for name, value in headers.items()}
    if given.get("body") is not None and "content-type" not in sent:
        raise _faulty(f"Request {identity} has a body and needs a Content-Type header.")
    after = given.get("dependsOn") or []
    if not isinstance(after, list) or len(after) > 1:
        raise _faulty(f"Request {identity} may depend on one other request only.")
    return Part(
        str(identity),
        method.upper(),
        "/" + url.lstrip("/"),
        sent,
        given.get("body"),
        str(after[0]).lower() if after else "",
    )


def _check_order(parts: list[Part]) -> None:
    """All at once, one after the other, or all after the same one: nothing else."""
    ids = [part.id.lower() for part in parts]
    waits = [part.after for part in parts]
    if not any(waits):
        return
    for number, wait in enumerate(waits):
        if wait and wait not in ids[:number]:
            raise _faulty(f"Request {parts[number].id} depends on a request that does not stand before it.")
    chained = all(waits[number] == ids[number - 1] for number in range(1, len(parts)))
    same = len({wait for wait in waits if wait}) == 1
    if not chained and not same:
        raise _faulty("Only a sequence of requests, or requests that depend on the same one, are supported.")


def _wrap(identity: str, response: Response) -> dict[str, Any]:
    part: dict[str, Any] = {"id": identity, "status": response.status, "headers": dict(response.headers)}
    if response.raw is not None:
        part["body"] = base64.b64encode(response.raw).decode()
    elif response.body is not None:
        part["body"] = response.body
    return part


def _faulty(text: str) -> GraphError:
    return GraphError(400, "BadRequest", text)


def _failed_dependency() -> Response:
    body = {"error": {"code": "FailedDependency", "message": "A request that this one depends on failed."}}
    return Response(424, body)
