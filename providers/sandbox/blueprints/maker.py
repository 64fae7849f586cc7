"""What every blueprint needs: chance, ids, times, names, and the groups, filters and tags that were made before."""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from providers.sandbox.blueprints.names import Namer
from providers.sandbox.tenants import stable_id
from providers.sandbox.world import Children, GraphObject

Body = GraphObject
Made = tuple[Body, Children]
Blueprint = Callable[["Maker", int], Made]

GRAPH = "#microsoft.graph."
ALL_USERS = "acacacac-9df4-4c7d-9d50-4ef0226f57a9"
ALL_DEVICES = "adadadad-808e-44e2-905a-0b7873a8a531"
_NO_FILTER = {
    "deviceAndAppManagementAssignmentFilterId": None,
    "deviceAndAppManagementAssignmentFilterType": "none",
}


@dataclass(frozen=True, slots=True)
class Habits:
    """How a tenant of one size assigns: shares of 1, and how many targets an assigned policy has (with weights)."""

    unassigned: float
    all_devices: float
    all_users: float
    exclusion: float
    filtered: float
    targets: tuple[tuple[int, ...], tuple[int, ...]]


HABITS = {
    "small": Habits(0.30, 0.40, 0.15, 0.05, 0.05, ((1, 2, 3), (83, 14, 3))),
    "medium": Habits(0.25, 0.20, 0.10, 0.15, 0.15, ((1, 2, 3, 4, 5, 7), (60, 20, 10, 5, 3, 2))),
    "large": Habits(0.20, 0.08, 0.05, 0.25, 0.25, ((1, 2, 3, 5, 8, 15, 24), (38, 24, 14, 12, 6, 4, 2))),
}


@dataclass(slots=True)
class Maker:
    """One tenant in the making. `begin` starts a list: its chance depends on the list alone, so that a new blueprint leaves
    the objects of all others as they were.
    """

    slug: str
    size: str
    chance: random.Random = field(default_factory=random.Random)
    groups: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    mam_filters: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    purchase_tokens: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    notifications: list[str] = field(default_factory=list)
    locations: list[str] = field(default_factory=list)
    strengths: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    reusables: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    names: Namer = field(init=False)
    _path: str = ""
    _count: int = 0
    _weights: list[float] = field(default_factory=list)

    def begin(self, path: str) -> None:
        self._path, self._count = path, 0
        self.chance = random.Random(f"{self.slug}/{self.size}/{path}")  # noqa: S311
        self.names = Namer(self.slug, self.chance)
        # Few groups carry hundreds of policies, most carry one.
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self.groups) + 1)))

    @property
    def habits(self) -> Habits:
        return HABITS[self.size]

    def id(self) -> str:
        """The next id of this list: a GUID that depends on tenant, list and position."""
        self._count += 1
        return stable_id("world", self.slug, self._path, str(self._count))

    def chance_of(self, share: float) -> bool:
        return self.chance.random() < share

    def moment(self, year: int = 2026) -> str:
        """A point in time, written as Graph does: with no to seven digits of a second."""
        day, month, hour = self.chance.randrange(1, 29), self.chance.randrange(1, 13), self.chance.randrange(24)
        fraction = self.chance.choice(
            ("", "", f".{self.chance.randrange(10**7):07}", f".{self.chance.randrange(10**3):03}")
        )
        return f"{year}-{month:02}-{day:02}T{hour:02}:{self.chance.randrange(60):02}:{self.chance.randrange(60):02}{fraction}Z"

    def stamps(self) -> Body:
        return {"createdDateTime": self.moment(2024), "lastModifiedDateTime": self.moment(2025)}

    def scope_tags(self) -> list[str]:
        """Mostly the default, sometimes a site's own, rarely several or none."""
        if not self.tags or self.chance_of(0.7):
            return ["0"]
        return self.chance.sample(self.tags, self.chance.choice((1, 1, 1, min(2, len(self.tags)))))

    def group(self) -> str:
        if not self._weights:
            return self.id()
        return self.chance.choices(self.groups[: len(self._weights)], cum_weights=self._weights)[0]

    def assignments(
        self, object_id: str, *, intent: bool = False, groups_only: bool = False, filters: list[str] | None = None
    ) -> list[Body]:
        """Targets as tenants of this size have them; none for the share that is not assigned."""
        habits = self.habits
        if self.chance_of(habits.unassigned):
            return []
        number = self.chance.choices(habits.targets[0], habits.targets[1])[0]
        targets: dict[str, Body] = {}
        for _ in range(number):
            key, target = self._target(groups_only)
            targets.setdefault(key, self._filtered(target, self.filters if filters is None else filters))
        if self.chance_of(habits.exclusion):
            excluded = self.group()
            targets.setdefault(excluded, {**_target("exclusionGroup"), "groupId": excluded})
        return [self._assignment(object_id, key, target, intent) for key, target in targets.items()]

    def _target(self, groups_only: bool) -> tuple[str, Body]:
        draw = self.chance.random()
        if not groups_only and draw < self.habits.all_devices:
            return ALL_DEVICES, _target("allDevices")
        if not groups_only and draw < self.habits.all_devices + self.habits.all_users:
            return ALL_USERS, _target("allLicensedUsers")
        group = self.group()
        return group, {**_target("group"), "groupId": group}

    def _filtered(self, target: Body, filters: list[str]) -> Body:
        if not filters or not self.chance_of(self.habits.filtered):
            return target
        kind = "include" if self.chance_of(0.8) else "exclude"
        return target | {
            "deviceAndAppManagementAssignmentFilterId": self.chance.choice(filters),
            "deviceAndAppManagementAssignmentFilterType": kind,
        }

    def _assignment(self, object_id: str, key: str, target: Body, intent: bool) -> Body:
        made: Body = {"id": f"{object_id}_{key}", "source": "direct", "sourceId": object_id, "target": target}
        if intent:
            made["intent"] = self.chance.choices(("required", "available", "uninstall"), (60, 35, 5))[0]
            made["settings"] = None
        return made


def _target(kind: str) -> Body:
    return {"@odata.type": f"{GRAPH}{kind}AssignmentTarget", **_NO_FILTER}


def base64_of(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def named(make: Maker, name: str, **rest: Any) -> Body:
    """The head of most objects of Intune."""
    return {
        "id": make.id(),
        "displayName": name,
        "description": make.names.description(),
        **make.stamps(),
        "roleScopeTagIds": make.scope_tags(),
        **rest,
    }
