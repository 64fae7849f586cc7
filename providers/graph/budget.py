"""How many requests a tenant may be sent, counted in Redis over all workers, so that 429 stays the exception.

The limits are Microsoft's published ones per app and tenant ("Microsoft Graph service-specific throttling limits"), less a
reserve for the app's other work. Reads and writes have buckets of their own: reads never starve writes.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from operations.guard import current_run

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests in any `seconds`, whenever they begin."""

    count: int
    seconds: float


_INTUNE = {False: Limit(900, 20), True: Limit(90, 20)}
_LIMITS: dict[str, dict[bool, Limit]] = {
    "conditional_access": {False: Limit(1, 1.05), True: Limit(1, 1.05)},
    "directory": {False: Limit(3_000, 10), True: Limit(400, 20)},
    "devices": {False: Limit(1_800, 20), True: Limit(180, 20)},
}
# Reads and writes counted together, by every app that talks to the tenant.
_SHARED_WINDOW = {"conditional_access"}
_AREAS = {
    "configurationPolicies": "configuration_v2",
    "reusablePolicySettings": "configuration_v2",
    "compliancePolicies": "configuration_v2",
    "managedDevices": "devices",
    "detectedApps": "devices",
}
_DIRECTORY = {
    "groups",
    "users",
    "applications",
    "servicePrincipals",
    "organization",
    "policies",
    "directory",
    "subscribedSkus",
    "roleManagement",
}

# The window in 20 slots: a request counts until its whole slot is older than the window, so no window of any beginning ever
# holds more than the limit. Returns milliseconds to wait; 0 means taken.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local rest = redis.call('PTTL', KEYS[2])
if rest > 0 then return rest end
local count, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local width = math.ceil(window / 20)
local slot = math.floor(now / width)
local used, slots = 0, {}
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local at, sent = tonumber(stored[i]), tonumber(stored[i + 1])
  if at < slot - 20 then
    redis.call('HDEL', KEYS[1], stored[i])
  else
    used = used + sent
    slots[#slots + 1] = {at, sent}
  end
end
if used + cost <= count then
  redis.call('HINCRBY', KEYS[1], string.format('%d', slot), cost)
  redis.call('PEXPIRE', KEYS[1], window + 2 * width)
  return 0
end
table.sort(slots, function(a, b) return a[1] < b[1] end)
local excess = used + cost - count
for _, one in ipairs(slots) do
  excess = excess - one[2]
  if excess <= 0 then return math.max(1, math.min((one[1] + 21) * width - now, window + width)) end
end
return width
"""

_HOLD = "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end"
# After Redis failed it is left alone for so long; asking at each request would cost its time-out each time.
_LEFT_ALONE_SECONDS = 5.0


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
    )


def family_of(path: str) -> str:
    """The service area a path (below the version) is counted in."""
    parts = [part for part in path.split("?")[0].split("/") if part]
    first, second = [*parts, "", ""][:2]
    if first in ("identity", "identityProtection"):
        return "conditional_access"
    if first in _DIRECTORY:
        return "directory"
    return _AREAS.get(second, f"{first}.{second}")


class Budget:
    """The budget of one tenant, named by `key`."""

    # Without Redis: when this process may send to each bucket again.
    _free_at: dict[str, float] = defaultdict(float)
    _ask_again_at = 0.0
    _lock = threading.Lock()

    def __init__(self, key: str) -> None:
        self._key = key

    def take(self, family: str, *, write: bool = False, cost: int = 1) -> None:
        """Wait until `cost` requests may be sent, and count them. Waits show life to the run, and end with it."""
        while wait := self.ask(family, write=write, cost=cost):
            pause(wait)

    def ask(self, family: str, *, write: bool = False, cost: int = 1) -> float:
        """Seconds to wait before `cost` requests may be sent; 0 when they may, and then they are counted."""
        limit = _LIMITS.get(family, _INTUNE)[write]
        bucket = self._bucket(family, write)
        arguments = (limit.count, int(limit.seconds * 1000), min(cost, limit.count))
        answer = self._run(_TAKE, bucket, f"{bucket}:hold", *arguments)
        return self._ask_alone(bucket, limit, cost) if answer is None else int(answer) / 1000

    def hold(self, family: str, seconds: float, *, write: bool = False) -> None:
        """Nobody sends to this bucket for `seconds`: a request during Retry-After would prolong it for all."""
        bucket = self._bucket(family, write)
        if self._run(_HOLD, f"{bucket}:hold", max(1, int(seconds * 1000)), keys=1) is None:
            with self._lock:
                self._free_at[bucket] = max(self._free_at[bucket], time.monotonic() + seconds)

    def _bucket(self, family: str, write: bool) -> str:
        return f"tp:budget:{self._key}:{family}" + ("" if family in _SHARED_WINDOW else ":w" if write else ":r")

    def _run(self, script: str, *arguments: Any, keys: int = 2) -> Any:
        """The script's answer (0 for none); None without Redis."""
        if time.monotonic() < Budget._ask_again_at:
            return None
        try:
            return _redis().eval(script, keys, *arguments) or 0
        except redis.RedisError as error:
            Budget._ask_again_at = time.monotonic() + _LEFT_ALONE_SECONDS
            log.warning("graph.budget_unavailable", error=type(error).__name__)
            return None

    def _ask_alone(self, bucket: str, limit: Limit, cost: int) -> float:
        """Without Redis nobody knows what the others send: this process takes a tenth, evenly spaced."""
        with self._lock:
            now, free_at = time.monotonic(), self._free_at[bucket]
            if now < free_at:
                return free_at - now
            self._free_at[bucket] = now + cost * limit.seconds * 10 / limit.count
            return 0


def pause(seconds: float) -> None:
    """Wait on behalf of the current run; without one (a delegated action) just wait, briefly."""
    run = current_run()
    if run is not None:
        run.sleep(seconds)
    else:
        time.sleep(min(seconds, 5.0))
