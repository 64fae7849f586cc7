"""When a request is sent again. Nothing here waits or sends; the client does.

A write is repeated only after throttling, when Graph has said that it did nothing.
"""

import random
import threading

from operations.failures import Failure

TRIES = 6
LONGEST_TOTAL_WAIT = 600.0
# How often one request is sent at most, by what went wrong. A slow or unreadable answer seldom gets better.
_TRIES_AFTER = {"throttled": TRIES, "graph_unavailable": TRIES, "timed_out_request": 2, "response_malformed": 2}


class Allowance:
    """Repetitions after trouble of the service: a fifth of the requests sent, and a few to begin with.

    In an outage every request fails; without this each would be sent six times, to a service that is down already.
    """

    def __init__(self, start: float = 20.0) -> None:
        self._left, self._lock = start, threading.Lock()

    def earn(self) -> None:
        """A first try was sent."""
        with self._lock:
            self._left = min(self._left + 0.2, 100.0)

    def spend(self) -> bool:
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Patience:
    """The tries of one request (or of what is left of one batch)."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._allowance.earn()
        self.tries = 0
        self.waited = 0.0

    def may_repeat(self, failure: Failure, *, read: bool) -> bool:
        """Whether to send once more after `failure`. Counts this try."""
        self.tries += 1
        if self.tries >= _TRIES_AFTER.get(failure.code, 0):
            return False
        return failure.code == "throttled" or (read and self._allowance.spend())

    def wait_for(self, stated: float | None) -> float:
        """Seconds until the next try: at least as long as Graph stated, else longer each time.

        Raises Failure("throttled") when the waits add up to more than a run should sit through.
        """
        seconds = min(60.0, 2.0 ** (self.tries - 1)) * random.uniform(0.7, 1.3) if stated is None else stated  # noqa: S311
        if self.waited + seconds > LONGEST_TOTAL_WAIT:
            raise Failure("throttled", f"Graph asked for more than {LONGEST_TOTAL_WAIT:.0f} s of waiting.")
        self.waited += seconds
        return seconds
