"""How many requests a tenant may be sent, counted in Redis over all workers, so that 429 stays the exception.

The limits are Microsoft's published ones per app and tenant ("Microsoft Graph service-specific throttling limits"), less a
reserve for the app's other work. Reads and writes have buckets of their own: reads never starve writes.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

import redis
import structlog
from django.conf import settings

from operations.guard import current_run

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests in any `seconds`."""

    count: int
    seconds: float


_INTUNE = {False: Limit(900, 20), True: Limit(90, 20)}
_LIMITS: dict[str, dict[bool, Limit]] = {
    "conditional_access": {False: Limit(1, 1.1), True: Limit(1, 1.1)},
    "directory": {False: Limit(3_000, 10), True: Limit(400, 20)},
    "devices": {False: Limit(1_800, 20), True: Limit(180, 20)},
}
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

# Two fixed windows weighted into a sliding one. Returns milliseconds to wait; 0 means taken.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local rest = redis.call('PTTL', KEYS[2])
if rest > 0 then return rest end
local window = tonumber(ARGV[2])
if tonumber(ARGV[1]) == 1 then
  -- One at a time: a weighted window would let only every second one be used.
  if redis.call('SET', KEYS[1], 1, 'NX', 'PX', window) then return 0 end
  return math.max(20, redis.call('PTTL', KEYS[1]))
end
local slot = math.floor(now / window)
local current = KEYS[1] .. ':' .. slot
local before = tonumber(redis.call('GET', KEYS[1] .. ':' .. (slot - 1)) or '0')
local used = tonumber(redis.call('GET', current) or '0')
local passed = now % window
local cost = tonumber(ARGV[3])
if used > 0 or before > 0 then
  if used + before * (window - passed) / window + cost > tonumber(ARGV[1]) then
    return math.max(20, math.min(window - passed, math.ceil(window / tonumber(ARGV[1]))))
  end
end
redis.call('INCRBY', current, cost)
redis.call('PEXPIRE', current, window * 2)
return 0
"""


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def family_of(path: str) -> str:
    """The service area a path is counted in."""
    parts = [part for part in path.split("?")[0].split("/") if part]
    first, second = [*parts, "", ""][:2]
    if first == "identity" and second == "conditionalAccess":
        return "conditional_access"
    if first in _DIRECTORY:
        return "directory"
    return _AREAS.get(second, f"{first}.{second}")


class Budget:
    """The budget of one tenant, named by `key`."""

    _local: dict[str, float] = defaultdict(float)
    _local_lock = threading.Lock()

    def __init__(self, key: str) -> None:
        self._key = key

    def take(self, family: str, *, write: bool = False, cost: int = 1) -> None:
        """Wait until `cost` requests may be sent, and count them. Waits show life to the run, and end with it."""
        limit = _LIMITS.get(family, _INTUNE)[write]
        bucket = f"tp:budget:{self._key}:{family}" + ("" if family in _SHARED_WINDOW else ":w" if write else ":r")
        while wait := self._ask(bucket, limit, cost):
            pause(wait)

    def hold(self, family: str, seconds: float, *, write: bool = False) -> None:
        """Nobody sends to this bucket for `seconds`: a request during Retry-After would prolong it for all."""
        bucket = f"tp:budget:{self._key}:{family}" + ("" if family in _SHARED_WINDOW else ":w" if write else ":r")
        try:
            _redis().set(f"{bucket}:hold", 1, px=max(1, int(seconds * 1000)))
        except redis.RedisError:
            log.warning("budget_unavailable", bucket=bucket)

    def _ask(self, bucket: str, limit: Limit, cost: int) -> float:
        try:
            answer = _redis().eval(
                _TAKE, 2, bucket, f"{bucket}:hold", limit.count, int(limit.seconds * 1000), min(cost, limit.count)
            )
            return int(answer) / 1000
        except redis.RedisError:
            log.warning("budget_unavailable", bucket=bucket)
            return self._ask_alone(bucket, limit, cost)

    def _ask_alone(self, bucket: str, limit: Limit, cost: int) -> float:
        """Without Redis nobody knows what the others send: this process takes a tenth, evenly spaced."""
        with self._local_lock:
            now, free_at = time.monotonic(), self._local[bucket]
            if now < free_at:
                return free_at - now
            self._local[bucket] = now + cost * limit.seconds / max(1, limit.count / 10)
            return 0


def pause(seconds: float) -> None:
    """Wait on behalf of the current run; without one (a delegated action) just wait, briefly."""
    run = current_run()
    if run is not None:
        run.sleep(seconds)
    else:
        time.sleep(min(seconds, 5.0))
