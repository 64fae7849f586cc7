"""`$batch`: up to twenty requests in one (Microsoft's "JSON batching")."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from operations.failures import Failure
from providers.graph.answers import read_headers

AT_MOST = 20


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a batch. `id` is the caller's, unique in the call; `path` starts with a slash."""

    id: str
    path: str
    version: str = "v1.0"
    method: str = "GET"
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_read(self) -> bool:
        return self.method == "GET"


def chunks(requests: Iterable[BatchRequest]) -> Iterator[list[BatchRequest]]:
    """Lists of at most twenty; the source is read only as far as needed."""
    source = iter(requests)
    while chunk := list(islice(source, AT_MOST)):
        yield chunk


def compose(requests: list[BatchRequest]) -> dict[str, Any]:
    """The body of a batch. Ids are positions: the caller's may be too long or differ by case alone."""
    return {"requests": [_part(str(number), request) for number, request in enumerate(requests)]}


def _part(number: str, request: BatchRequest) -> dict[str, Any]:
    part: dict[str, Any] = {"id": number, "method": request.method, "url": request.path}
    # The headers of the batch itself do not reach its parts.
    headers = read_headers(request.headers) if request.is_read else dict(request.headers)
    if request.body is not None:
        part["body"] = request.body
        headers.setdefault("Content-Type", "application/json")
    if headers:
        part["headers"] = headers
    return part


def match(requests: list[BatchRequest], body: Any) -> dict[int, dict[str, Any]]:
    """The part of each request, by position. Raises Failure when the answer is no batch; a part may be missing."""
    parts = body.get("responses") if isinstance(body, dict) else None
    if not isinstance(parts, list):
        raise Failure("response_malformed", "A batch was answered without responses.")
    found: dict[int, dict[str, Any]] = {}
    for part in parts:
        number = str(part.get("id", "")) if isinstance(part, dict) else ""
        if number.isdecimal() and int(number) < len(requests) and isinstance(part.get("status"), int):
            found[int(number)] = part
    return found
