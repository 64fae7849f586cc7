"""Service limits per tenant and area, with the habits of the real service.

Numbers and areas: "Microsoft Graph service-specific throttling limits", read in 2026. They change, so `configure` can too.
"""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from providers.sandbox.errors import GraphError, IntuneError

RETRY_AFTER = ("seconds", "fraction", "date", "none")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` units in any `seconds`."""

    count: int
    seconds: float


# Which collections of Intune are counted together; the others have an area of their own name.
_AREAS = {
    "devices": (
        "managedDevices", "managedDeviceOverview", "detectedApps", "applePushNotificationCertificate", "deviceHealthScripts",
        "deviceComplianceScripts", "deviceManagementScripts", "deviceShellScripts", "deviceCustomAttributeShellScripts",
    ),
    "device configuration": (
        "deviceConfigurations", "deviceCompliancePolicies", "ndesConnectors", "settings", "managedDeviceCleanupRules",
        "deviceCompliancePolicyDeviceStateSummary",
    ),
    "device configuration v2": (
        "configurationPolicies", "reusablePolicySettings", "compliancePolicies", "inventoryPolicies",
        "configurationSettings", "configurationPolicyTemplates",
    ),
    "device intent": ("intents", "templates", "settingDefinitions"),
    "group policy": (
        "groupPolicyConfigurations", "groupPolicyDefinitions", "groupPolicyUploadedDefinitionFiles",
    ),
    "device enrollment": (
        "deviceCategories", "deviceEnrollmentConfigurations", "complianceManagementPartners", "deviceManagementPartners",
        "exchangeConnectors", "mobileThreatDefenseConnectors", "vppTokens",
    ),
    "enrollment": (
        "windowsAutopilotDeploymentProfiles", "windowsAutopilotDeviceIdentities", "importedDeviceIdentities",
        "depOnboardingSettings", "appleUserInitiatedEnrollmentProfiles",
    ),
    "updates": (
        "windowsFeatureUpdateProfiles", "windowsQualityUpdateProfiles", "windowsQualityUpdatePolicies",
        "windowsDriverUpdateProfiles",
    ),
    "rbac": ("roleDefinitions", "roleAssignments", "roleScopeTags", "operationApprovalPolicies"),
    "applications": (
        "mobileApps", "mobileAppCategories", "mobileAppConfigurations", "iosLobAppProvisioningConfigurations",
    ),
    "managed applications": (
        "managedAppPolicies", "iosManagedAppProtections", "androidManagedAppProtections", "windowsManagedAppProtections",
        "targetedManagedAppConfigurations", "mdmWindowsInformationProtectionPolicies",
        "windowsInformationProtectionPolicies",
    ),
    "android for work": (
        "androidManagedStoreAccountEnterpriseSettings", "androidDeviceOwnerEnrollmentProfiles",
        "androidForWorkEnrollmentProfiles",
    ),
    "tunnel": ("microsoftTunnelSites", "microsoftTunnelConfigurations"),
    "auditing": ("auditEvents",),
    "bundles": ("policySets",),
    "books": ("managedEBooks",),
    "company terms": ("termsAndConditions",),
    "notifications": ("notificationMessageTemplates",),
    "remote assistance": ("remoteAssistancePartners",),
}  # fmt: skip
_AREA_OF = {name.lower(): area for area, names in _AREAS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an area. `app` are per app and tenant, `tenant` for all apps of a tenant; None is no limit.

    `states_wait` is False where the service says nothing about how long to wait.
    """

    app: Limit | None = None
    app_writes: Limit | None = None
    tenant: Limit | None = None
    tenant_writes: Limit | None = None
    states_wait: bool = True


_INTUNE = Limits(Limit(1_000, 20), Limit(100, 20), Limit(2_000, 20), Limit(200, 20))
LIMITS = {
    "devices": Limits(Limit(2_000, 20), Limit(200, 20), Limit(4_000, 20), Limit(400, 20)),
    "conditional access": Limits(tenant=Limit(1, 1), states_wait=False),
    "audit logs": Limits(app=Limit(5, 10)),
    # Resource units, for a tenant of up to 50 users; larger tenants have more.
    "directory": Limits(Limit(3_500, 10), Limit(3_000, 150), None, Limit(18_000, 300)),
}
_WHOLE_GRAPH = Limit(130_000, 10)
_DIRECTORY_UNITS = ((500, 8_000), (50, 5_000))
_GET_COST = {"users": 2, "applications": 2, "members": 3, "transitiveMembers": 5, "getByIds": 3}


def area_of(segments: list[str]) -> str:
    """The area in which a path is counted."""
    first, second, third = [*(segment.lower() for segment in segments), "", "", ""][:3]
    if (first, second) == ("identity", "conditionalaccess") and third in ("policies", "namedlocations"):
        return "conditional access"
    if first in ("devicemanagement", "deviceappmanagement"):
        return _AREA_OF.get(second, second)
    return "audit logs" if first == "auditlogs" else "directory"


def units_of(method: str, segments: list[str], query: str) -> int:
    """What a directory request costs."""
    cost = 1
    if method == "GET" and segments:
        cost = max(_GET_COST.get(segments[0], 1), _GET_COST.get(segments[-1], 1))
    options = {name.lstrip("$"): value for name, _, value in (part.partition("=") for part in query.split("&"))}
    cost += ("expand" in options) - ("select" in options)
    top = options.get("top", "")
    cost -= top.isdecimal() and int(top) < 20
    return max(1, cost)


@dataclass(slots=True)
class _Bucket:
    sent: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0
    wait: float = 0.0
    closed_until: float = 0.0


class Throttle:
    """Counts requests; every limit is looked at side by side, and the first one reached answers 429.

    Refused requests count as well, and one that comes before the stated wait is over begins that wait anew.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._clock = threading.Lock(), clock
        self._buckets: dict[tuple[str, ...], _Bucket] = defaultdict(_Bucket)
        self.refused = 0
        self.enabled = True
        self._off_for: set[str] = set()
        self._retry_after = "seconds"
        self._limits: dict[str, Limits] = {}

    # -- switches ------------------------------------------------------------------------------------------------------

    def configure(
        self,
        *,
        enabled: bool | None = None,
        tenant: str = "",
        retry_after: str | None = None,
        limits: dict[str, dict[str, float]] | None = None,
    ) -> None:
        """`enabled` for the tenant of this slug or for all; how the wait is stated; `limits` per app by area.

        Raises ValueError for an unknown form or a limit that is none.
        """
        if retry_after is not None and retry_after not in RETRY_AFTER:
            raise ValueError(f"retry_after is one of {', '.join(RETRY_AFTER)}.")
        changed = {
            area: Limits(app=Limit(int(one["count"]), float(one["seconds"]))) for area, one in (limits or {}).items()
        }
        with self._lock:
            if enabled is not None and tenant:
                (self._off_for.discard if enabled else self._off_for.add)(tenant)
            elif enabled is not None:
                self.enabled = enabled
            self._retry_after = retry_after or self._retry_after
            self._limits |= changed
            self._buckets.clear()

    def reset(self, tenant: str = "") -> None:
        """As at the start, for the tenant of this slug or for all."""
        with self._lock:
            self._off_for.discard(tenant)
            if not tenant:
                self.enabled, self._retry_after = True, "seconds"
                self._limits.clear()
                self._off_for.clear()
            for key in [key for key in self._buckets if not tenant or key[0] == tenant]:
                del self._buckets[key]

    def state(self) -> dict[str, object]:
        return {
            "enabled": self.enabled,
            "disabled_for": sorted(self._off_for),
            "retry_after": self._retry_after,
            "limits": {name: {"count": one.app.count, "seconds": one.app.seconds} for name, one in self._limits.items() if one.app},
            "refused": self.refused,
        }  # fmt: skip

    # -- counting ------------------------------------------------------------------------------------------------------

    def count(
        self, *, tenant: str, client: str, method: str, segments: list[str], query: str = "", users: int = 0
    ) -> dict[str, str]:
        """Count a request of the app `client` in the tenant of this slug; `users` are how many it has.

        Returns headers about the use of the limit. Raises GraphError 429.
        """
        if not self.enabled or tenant in self._off_for:
            return {}
        area = area_of(segments)
        units = units_of(method, segments, query) if area == "directory" else 1
        limits = self._limits.get(area) or LIMITS.get(area, _INTUNE)
        use, wait = 0.0, 0.0
        with self._lock:
            for name, limit in _watched(
                limits, write=method != "GET", units=_units_for(users) if area == "directory" else 0
            ):
                key = (tenant, area, name, client if name.startswith("app") else "")
                share, left = self._take(self._buckets[key], limit, units if name == "app" else 1)
                use, wait = max(use, share), max(wait, left)
            _, left = self._take(self._buckets[("", "", "", client)], _WHOLE_GRAPH, 1)
            wait = max(wait, left)
            self.refused += wait > 0
        if wait > 0:
            stated = self._retry_after if limits.states_wait else "none"
            raise _too_many(area, client, tenant, _state_wait(wait, stated))
        if area != "directory":
            return {}
        return {"x-ms-resource-unit": str(units)} | (
            {"x-ms-throttle-limit-percentage": f"{use:.2f}"} if use >= 0.8 else {}
        )

    def _take(self, bucket: _Bucket, limit: Limit, units: int) -> tuple[float, float]:
        """(share of the limit in use, seconds to wait; 0 when the request may pass)."""
        now = self._clock()
        while bucket.sent and bucket.sent[0][0] <= now - limit.seconds:
            bucket.total -= bucket.sent.popleft()[1]
        waiting = now < bucket.closed_until
        over = bucket.total + units > limit.count
        bucket.sent.append((now, units))
        bucket.total += units
        if not over and not waiting:
            return bucket.total / limit.count, 0.0
        # Refused requests fill the window too, but never more than twice over: a storm must end some time.
        while bucket.total > 2 * limit.count and len(bucket.sent) > 1:
            bucket.total -= bucket.sent.popleft()[1]
        room = max(_room_at(bucket, limit, units) - now, 0.05)
        bucket.wait = max(room, bucket.wait) if waiting else room
        bucket.closed_until = now + bucket.wait
        return bucket.total / limit.count, bucket.wait


def _room_at(bucket: _Bucket, limit: Limit, units: int) -> float:
    """When enough of what was sent will have left the window."""
    left = bucket.total
    for at, cost in bucket.sent:
        left -= cost
        if left + units <= limit.count:
            return at + limit.seconds
    return bucket.sent[-1][0] + limit.seconds


def _watched(limits: Limits, *, write: bool, units: int) -> Iterator[tuple[str, Limit]]:
    """The limits a request is counted in. `units`: how many resource units the tenant has, where that depends on its size."""
    app = limits.app
    if units and app is not None and limits is LIMITS["directory"]:
        app = Limit(units, app.seconds)
    for name, limit in (("app", app), ("tenant", limits.tenant)):
        if limit is not None:
            yield name, limit
    for name, limit in (("app writes", limits.app_writes), ("tenant writes", limits.tenant_writes)):
        if write and limit is not None:
            yield name, limit


def _units_for(users: int) -> int:
    return next((units for more, units in _DIRECTORY_UNITS if users >= more), 3_500)


def _state_wait(wait: float, form: str) -> dict[str, str]:
    if form == "none":
        return {}
    if form == "fraction":
        return {"Retry-After": f"{wait + 0.05:.3f}"}
    whole = math.ceil(wait)
    if form == "date":
        return {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=whole + 1), usegmt=True)}
    return {"Retry-After": str(whole)}


def _too_many(area: str, client: str, tenant: str, headers: dict[str, str]) -> GraphError:
    if area == "directory":
        headers |= {
            "x-ms-throttle-scope": f"Tenant_Application/ReadWrite/{client}/{tenant}",
            "x-ms-throttle-information": "ResourceUnitLimitExceeded",
        }
        return GraphError(429, "TooManyRequests", "Too many requests.", headers)
    if area in ("conditional access", "audit logs"):
        return GraphError(429, "TooManyRequests", "Too many requests.", headers)
    return IntuneError(429, "TooManyRequests", "Too many requests.", headers)
