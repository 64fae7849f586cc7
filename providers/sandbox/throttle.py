"""Service limits per tenant and area (Microsoft's published service-specific limits), with the habits of the real service."""

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass

from providers.sandbox.errors import GraphError


@dataclass(frozen=True, slots=True)
class Limit:
    count: int
    seconds: float


_LIMITS: dict[str, dict[bool, Limit]] = {
    "conditional_access": {False: Limit(1, 1.0), True: Limit(1, 1.0)},
    "directory": {False: Limit(3_500, 10), True: Limit(3_000, 150)},
    "devices": {False: Limit(2_000, 20), True: Limit(200, 20)},
}
_AREA = {False: Limit(1_000, 20), True: Limit(100, 20)}


def area_of(path: str) -> str:
    first, _, rest = path.partition("/")
    second = rest.partition("/")[0]
    if first == "identity":
        return "conditional_access"
    if first in ("deviceManagement", "deviceAppManagement"):
        if second in ("configurationPolicies", "reusablePolicySettings", "compliancePolicies"):
            return "configuration_v2"
        return "devices" if second in ("managedDevices", "detectedApps") else f"{first}.{second}"
    return "directory"


class Throttle:
    """Counts requests per app, tenant, area and kind. Refused requests count too."""

    def __init__(self) -> None:
        self.enabled = True
        self._lock = threading.Lock()
        self._sent: dict[tuple[str, str, str, bool], deque[float]] = defaultdict(deque)
        self.refused = 0

    def count(self, *, tenant: str, client: str, path: str, write: bool) -> None:
        """Raises GraphError 429 above the limit; Conditional Access refuses without Retry-After."""
        if not self.enabled:
            return
        area = area_of(path)
        shared = area == "conditional_access"
        limit = _LIMITS.get(area, _AREA)[write]
        now = time.monotonic()
        with self._lock:
            sent = self._sent[(tenant, "" if shared else client, area, write and not shared)]
            while sent and sent[0] <= now - limit.seconds:
                sent.popleft()
            over = len(sent) >= limit.count
            sent.append(now)
            if len(sent) > limit.count * 2:
                sent.popleft()
            if not over:
                return
            self.refused += 1
            wait = max(1, round(sent[0] + limit.seconds - now))
        headers = {} if shared else {"Retry-After": str(wait)}
        raise GraphError(429, "TooManyRequests", "Too many requests.", headers)

    def reset(self) -> None:
        with self._lock:
            self._sent.clear()
