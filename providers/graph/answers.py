"""What a read asks for, and the body of an answer, parsed with limits."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from operations.failures import Failure

DEEPEST = 100
# For `$search`, `$count` and the other advanced queries of the directory; goes with every page of a list.
ADVANCED_QUERY = {"ConsistencyLevel": "eventual"}
# Without it Graph delivers newer members of enumerations as "unknownFutureValue", and the real value is lost.
_PREFER = "include-unknown-enum-members"


def read_headers(headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of a read: the caller's, and the wish for every value as it is."""
    given = dict(headers or {})
    stated = given.pop("Prefer", "")
    return {**given, "Prefer": f"{stated}, {_PREFER}" if stated else _PREFER}


@dataclass(frozen=True, slots=True)
class GraphReply:
    """A successful answer. `body` is the parsed JSON object ({} for an empty body), `raw` its bytes as they came.

    `version` is that of the request ("" where it is not known): a link to the next page leads to the same one.
    """

    status: int
    body: dict[str, Any]
    raw: bytes
    request_id: str
    version: str = ""

    @property
    def next_link(self) -> str | None:
        link = self.body.get("@odata.nextLink")
        return link if isinstance(link, str) and link else None

    @property
    def values(self) -> list[Any]:
        """The members of a list answer. Raises Failure when it is none."""
        found = self.body.get("value")
        if not isinstance(found, list):
            raise Failure(
                "response_malformed", "A list was answered without “value”.", graph_request_id=self.request_id
            )
        return found


# A whole number that may need more than 64 bits, or digits inside a text that look like one.
_MANY_DIGITS = re.compile(rb"[:,\[\s]-?[0-9]{19,}[\s,\]}]")


def parse(body: bytes, *, request_id: str) -> dict[str, Any]:
    """The JSON object in `body`; {} for nothing. Raises Failure("response_malformed") for anything else, and for one too deep.

    orjson decides what JSON is: what it refuses (lone surrogates, NaN, 1e400), Postgres could not keep.
    """
    if not body:
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Failure("response_malformed", "The answer is no JSON.", graph_request_id=request_id) from error
    if not isinstance(found, dict):
        raise Failure("response_malformed", "The answer is no JSON object.", graph_request_id=request_id)
    if _is_too_deep(found):
        text = f"The answer is nested deeper than {DEEPEST} levels."
        raise Failure("response_malformed", text, graph_request_id=request_id)
    if _MANY_DIGITS.search(body) and _has_lossy_number(body):
        text = "The answer holds a whole number of more than 64 bits."
        raise Failure("response_malformed", text, graph_request_id=request_id)
    return found


def _has_lossy_number(body: bytes) -> bool:
    """orjson makes a float of such a number, and a backup would hold another one than the tenant."""
    lossy = False

    def look(digits: str) -> int:
        nonlocal lossy
        lossy = lossy or len(digits) > 20 or not -(2**63) <= int(digits) < 2**64
        return 0

    # Slower, and only for a body that looks suspicious; its depth is known to be harmless by now.
    json.loads(body, parse_int=look)
    return lossy


def _is_too_deep(value: Any) -> bool:
    """Without recursion: recursion is what a hostile document wants to exhaust."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list) and inner
        ]
        if not level:
            return False
    return True
