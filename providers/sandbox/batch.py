"""`$batch`: up to twenty requests in one, answered in any order."""

import random
from collections.abc import Callable
from typing import Any

from providers.sandbox.errors import GraphError, Response

AT_MOST = 20
# (method, path with query, headers, body) → answer
Handle = Callable[[str, str, dict[str, str], Any], Response]


def answer_batch(body: Any, handle: Handle, shuffle: random.Random) -> Response:
    """The outer answer is 200 whatever becomes of the parts. Raises GraphError 400 for a faulty batch."""
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests:
        raise GraphError(400, "BadRequest", "Invalid batch payload format.")
    if len(requests) > AT_MOST:
        raise GraphError(400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {AT_MOST}.")
    ids = [str(request.get("id", "")).lower() for request in requests if isinstance(request, dict)]
    if len(ids) < len(requests) or "" in ids or len(set(ids)) < len(ids):
        raise GraphError(400, "BadRequest", "Each request needs an id of its own.")
    statuses: dict[str, int] = {}
    responses = []
    for request in requests:
        failed = [i for i in request.get("dependsOn") or [] if statuses.get(str(i).lower(), 424) >= 400]
        response = _failed_dependency() if failed else _part(request, handle)
        statuses[str(request["id"]).lower()] = response.status
        part = {"id": str(request["id"]), "status": response.status, "headers": dict(response.headers)}
        if response.body is not None:
            part["body"] = response.body
        responses.append(part)
    shuffle.shuffle(responses)
    return Response(200, {"responses": responses})


def _part(request: dict[str, Any], handle: Handle) -> Response:
    headers = {str(k).lower(): str(v) for k, v in (request.get("headers") or {}).items()}
    url = str(request.get("url", ""))
    return handle(str(request.get("method", "GET")).upper(), "/" + url.lstrip("/"), headers, request.get("body"))


def _failed_dependency() -> Response:
    return Response(424, {"error": {"code": "FailedDependency", "message": "A request this one depends on failed."}})
