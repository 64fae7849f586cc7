"""Failure codes: what went wrong, said once, with what to do about it.

Codes are an interface: stable, lower snake, never renamed. Each app registers its own; a page or a command shows the
sentence and the hint of the code, never a traceback.
"""

import re
from dataclasses import dataclass

from rbac.redaction import redact, redact_and_cut

# Graph's are GUIDs. What else a server puts in their place is not kept: it may be what it was sent.
_REQUEST_ID = re.compile(r"(client-request-id )?[0-9A-Za-z-]{1,40}")


@dataclass(frozen=True, slots=True)
class FailureCode:
    """`sentence` says what happened, `hint` what a person can do. A `fatal` failure is about the whole run, not one item."""

    code: str
    sentence: str
    hint: str
    fatal: bool = False


class Failure(Exception):
    """A known failure. `detail` may come from outside: it is redacted and cut here, once.

    `no_effect`: whoever raises it knows that the write it speaks of was not done. `retry_after` is in seconds.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        graph_request_id: str = "",
        retry_after: float | None = None,
        no_effect: bool = False,
    ) -> None:
        self.code = code
        self.no_effect = no_effect
        self.detail = redact_and_cut(detail, 400)
        self.graph_request_id = graph_request_id
        self.retry_after = retry_after
        super().__init__(self.message)

    @property
    def graph_request_id(self) -> str:
        """By which Microsoft finds the request; empty where it has not the form of one."""
        return self._graph_request_id

    @graph_request_id.setter
    def graph_request_id(self, told: str) -> None:
        self._graph_request_id = told if _REQUEST_ID.fullmatch(told) and redact(told) == told else ""

    @property
    def fatal(self) -> bool:
        return describe(self.code).fatal

    @property
    def message(self) -> str:
        sentence = describe(self.code).sentence
        return f"{sentence} {self.detail}".strip()[:500]


_codes: dict[str, FailureCode] = {}


def register_codes(*codes: FailureCode) -> None:
    """Declare failure codes. Raises ValueError for a code that exists already."""
    for code in codes:
        if code.code in _codes:
            raise ValueError(f"Failure code {code.code!r} is declared twice.")
        _codes[code.code] = code


def all_codes() -> dict[str, FailureCode]:
    return dict(_codes)


def describe(code: str) -> FailureCode:
    """The declaration of `code`; a code of an older version that is gone still gets a readable answer."""
    return _codes.get(code) or FailureCode(code, code.replace("_", " ").capitalize() + ".", "See the operation's log.")


register_codes(
    FailureCode("items_failed", "Some items could not be processed.", "Open the run and look at its failed items."),
    FailureCode(
        "internal_error",
        "Something unexpected went wrong in TenantPilot.",
        "Retry the run. If it fails again, give the run's number to whoever runs the servers: their log has the details.",
        fatal=True,
    ),
    FailureCode(
        "timed_out",
        "The run reached its time limit.",
        "What was done is kept. Start it again; if it keeps happening, choose fewer types.",
        fatal=True,
    ),
    FailureCode(
        "cancelled",
        "The run was cancelled.",
        "What was done until then is kept. Start it again when you are ready.",
        True,
    ),
    FailureCode(
        "worker_lost",
        "The worker that ran this stopped answering.",
        "Retry the run; what it had done is kept. Work that only reads is started again once by itself.",
        fatal=True,
    ),
    FailureCode(
        "worker_stopped",
        "The worker was stopped for maintenance.",
        "Work that only reads is started again once by itself; retry the rest.",
        True,
    ),
    FailureCode(
        "dispatch_failed",
        "The run could not be handed to a worker.",
        "The message broker does not answer. Try again in a minute, then ask whoever runs the servers.",
        fatal=True,
    ),
    FailureCode(
        "dispatch_lost",
        "No worker picked the run up.",
        "Check on the health page that a worker is running, then retry.",
        fatal=True,
    ),
    FailureCode(
        "not_permitted", "Your role does not allow this.", "Ask an owner of the tenant for the role that does.", True
    ),
    FailureCode(
        "busy", "Another run is using the same connection.", "Wait for it to end, or cancel it, then start again.", True
    ),
    FailureCode("tenant_archived", "The tenant is archived.", "Make the tenant active again first.", fatal=True),
    FailureCode("invalid_inputs", "The inputs are not valid.", "Correct the inputs and start again.", fatal=True),
    FailureCode(
        "storage_failed",
        "The database refused to store a result.",
        "Retry; if it stays, ask whoever runs the servers.",
        True,
    ),
)
