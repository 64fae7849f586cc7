"""What every tenant has somewhere and naive tools trip over. Each is recorded in `SandboxTenant.oddities` by its name."""

import unicodedata
from itertools import pairwise
from typing import Any

from providers.sandbox import schema
from providers.sandbox.blueprints import app_policies, apps, configuration, entra, scripts, settings
from providers.sandbox.blueprints.maker import ALL_DEVICES, ALL_USERS, GRAPH, Body, Made, Maker, base64_of
from providers.sandbox.world import OMA_SECRETS, SandboxTenant

_INTUNE, _APPS, _ACCESS = "deviceManagement", "deviceAppManagement", "identity/conditionalAccess"
CATALOG = f"{_INTUNE}/configurationPolicies"
CONFIGURATIONS = f"{_INTUNE}/deviceConfigurations"
_LARGEST = {"small": 1, "medium": 1, "large": 3}
# Longer than any file system takes, marks that file names refuse, blanks at the ends, pictures, both spellings of an umlaut,
# right to left, the same but for its case, and none at all.
NAMES = (
    "Windows – Baseline – Defender – "
    + "a rather complete description of what this policy is about and for whom it is " * 2,
    'Ring 1/2: [Pilot] "strict" <all> | #1 100%',
    "  Blanks at both ends  ",
    "Patch day 🚀",
    unicodedata.normalize("NFC", "Geräteschutz Grün"),
    unicodedata.normalize("NFD", "Geräteschutz Grün"),
    "سياسة كلمات المرور",
    "Case matters",
    "CASE MATTERS",
    "",
)


class _Adder:
    """Adds objects to a tenant and notes why."""

    def __init__(self, make: Maker, tenant: SandboxTenant) -> None:
        self.make, self.tenant = make, tenant

    def add(self, oddity: str, path: str, made: Made, **changes: Any) -> Body:
        body, children = made
        body |= changes
        collection = self.tenant.collection(path)
        collection.objects[body["id"]] = body
        collection.children[body["id"]] = children
        self.note(oddity, body["id"])
        return body

    def note(self, oddity: str, *ids: str) -> None:
        self.tenant.oddities.setdefault(oddity, []).extend(ids)

    def policy(self, oddity: str, count: int, **changes: Any) -> Body:
        number = 900 + len(self.tenant.collection(CATALOG).objects)
        name = changes.pop("name", "")
        made = settings.policy_of(self.make, number, "windows10", count, name=name)
        if "name" not in changes and not name and oddity == "name":
            changes["name"] = ""
        return self.add(oddity, CATALOG, made, **changes)


def add_oddities(make: Maker, tenant: SandboxTenant) -> None:
    """After everything else was made: they refer to it."""
    make.begin("oddities")
    adder = _Adder(make, tenant)
    _policies(adder)
    _assignments(adder)
    _secrets(adder)
    _scripts(adder)
    _apps(adder)
    _groups(adder)
    _conditional_access(adder)


def _policies(adder: _Adder) -> None:
    make = adder.make
    for number in range(_LARGEST[make.size]):
        count = (300, 250, 326)[number]
        adder.policy("hundreds of settings", count)
    adder.policy("a full page of settings", 25)
    adder.policy("one more than a page of settings", 26)
    for name in NAMES:
        adder.policy("name", 2, name=name)
    first = adder.policy("one name, two contents", 3, name="Twin")
    second = adder.policy("one name, two contents", 4, name="Twin")
    assert first["id"] != second["id"]  # noqa: S101
    original = adder.policy("two names, one content", 3, name="Copied from")
    body, children = settings.policy_of(make, 990, "windows10", 3, name="Copied to")
    children["settings"] = adder.tenant.collection(CATALOG).children[original["id"]]["settings"]
    adder.add("two names, one content", CATALOG, (body, children))
    old = {
        "templateId": f"{make.id()}_1",
        "templateFamily": "endpointSecurityAntivirus",
        "templateDisplayVersion": "Version 1",
    }
    adder.policy("old template", 3, templateReference={**old, "templateDisplayName": "Microsoft Defender Antivirus"})
    unknown = {**old, "templateFamily": "endpointSecurityQuantum", "templateDisplayName": "Quantum"}
    adder.policy("unknown template family", 2, templateReference=unknown)
    adder.policy(
        "times", 1, createdDateTime="0001-01-01T00:00:00Z", lastModifiedDateTime="2031-01-01T00:00:00.1234567Z"
    )
    retired = configuration.intent(make, 991)
    adder.add("retired intent", f"{_INTUNE}/intents", retired, isMigratingToConfigurationPolicy=True)
    flat = configuration.device_of(make, 992, "windows10GeneralConfiguration", "windows10", _every_property())
    adder.add("hundreds of properties", CONFIGURATIONS, flat)
    unknown_kind = configuration.device_of(
        make, 993, "windowsHolographicConfiguration", "windows10", {"hologram": True}
    )
    adder.add("unknown type", CONFIGURATIONS, unknown_kind)
    payload = base64_of("<plist>" + "<key>Contoso</key><string>x</string>" * 14_000 + "</plist>")
    mac = {"payloadName": "Large", "payloadFileName": "large.mobileconfig", "payload": payload}
    adder.add(
        "large payload", CONFIGURATIONS, configuration.device_of(make, 994, "macOSCustomConfiguration", "macOS", mac)
    )
    many = configuration.device_of(make, 995, "windows10CustomConfiguration", "windows10", {})
    many[0]["omaSettings"], many[1][OMA_SECRETS] = configuration.oma_settings(make, 110)
    adder.add("a hundred OMA-URI settings", CONFIGURATIONS, many)
    default = adder.tenant.collection(f"{_INTUNE}/deviceEnrollmentConfigurations").objects
    adder.note("default enrollment", *(key for key, body in default.items() if body["priority"] == 0))


def _every_property() -> Body:
    """A profile in which nearly everything is set to its default."""
    values: dict[str, Any] = {"boolean": False, "boolean?": False, "number": 0}
    kinds = schema.properties("windows10GeneralConfiguration")
    own = {name: kind for name, kind in kinds.items() if name not in schema.properties("deviceConfiguration")}
    chosen = {name: members[0] for name, kind in own.items() if (members := schema.members(kind))}
    return chosen | {name: values[kind] for name, kind in own.items() if kind in values}


def _assignments(adder: _Adder) -> None:
    make = adder.make

    def assigned(oddity: str, *targets: Body) -> None:
        body = adder.policy(oddity, 2, isAssigned=True)
        members = [
            {"id": f"{body['id']}_{number}", "source": "direct", "sourceId": body["id"], "target": target}
            for number, target in enumerate(targets)
        ]
        adder.tenant.collection(CATALOG).children[body["id"]]["assignments"] = members

    def target(kind: str, filter_id: str | None = None, filter_type: str = "none", **more: str) -> Body:
        return {
            "@odata.type": f"{GRAPH}{kind}AssignmentTarget",
            "deviceAndAppManagementAssignmentFilterId": filter_id,
            "deviceAndAppManagementAssignmentFilterType": filter_type,
            **more,
        }

    chosen = make.filters[0]
    assigned("filter includes", target("allDevices", chosen, "include"))
    assigned("filter excludes", target("allLicensedUsers", chosen, "exclude"))
    assigned("filter is gone", target("allDevices", make.id(), "include"))
    assigned("group is gone", target("group", groupId=make.id()))
    assigned("exclusion", target("allDevices"), target("exclusionGroup", groupId=make.groups[0]))
    assigned("virtual groups by id", target("group", groupId=ALL_USERS), target("group", groupId=ALL_DEVICES))
    adder.policy("no scope tag", 1, roleScopeTagIds=[])
    adder.policy("several scope tags", 1, roleScopeTagIds=make.tags[:3])
    adder.policy("scope tag is gone", 1, roleScopeTagIds=["0", "4711"])


def _secrets(adder: _Adder) -> None:
    make = adder.make
    body = adder.policy("secret setting", 1)
    children = adder.tenant.collection(CATALOG).children[body["id"]]
    children["settings"][0]["settingInstance"] = settings.secret(make, "device_vendor_msft_wifi_contoso_presharedkey")
    wifi = {"ssid": "Guests", "networkName": "Guests", "wifiSecurityType": "wpaPersonal", "preSharedKey": None}
    made = configuration.device_of(make, 996, "windowsWifiConfiguration", "windows10", wifi)
    adder.add("pre-shared key", CONFIGURATIONS, made)
    oma = configuration.device_of(make, 997, "windows10CustomConfiguration", "windows10", {})
    oma[0]["omaSettings"], oma[1][OMA_SECRETS] = configuration.oma_settings(make, 2)
    adder.add("masked OMA-URI value", CONFIGURATIONS, oma)


def _scripts(adder: _Adder) -> None:
    make, path = adder.make, f"{_INTUNE}/deviceManagementScripts"
    for oddity, content in (
        ("script with a byte order mark", "\ufeffWrite-Output 'BOM'\r\n".encode()),
        ("script in UTF-16", "\ufeffWrite-Output 'wide'\r\n".encode("utf-16-le")),
        ("blank script", b""),
        ("large script", b"# padding\r\n" * 20_000),
    ):
        made = scripts.powershell(make, 997)
        adder.add(oddity, path, made, displayName=oddity.capitalize(), scriptContent=base64_of(content))


def _apps(adder: _Adder) -> None:
    make, path = adder.make, f"{_APPS}/mobileApps"
    chain = [apps.win32(make, 990 + number, f"Layer {number}") for number in range(4)]
    for upper, lower in pairwise(chain):
        apps.depend(upper, lower)
    old, new = apps.win32(make, 996, "Suite 2025"), apps.win32(make, 997, "Suite 2026")
    apps.depend(new, old, kind="mobileAppSupersedence")
    for made in chain:
        adder.add("dependencies three deep", path, made)
    for made in (old, new):
        adder.add("supersedence", path, made)
    adder.add("icon", path, apps.win32(make, 998, "With a picture"), largeIcon=apps.ICON)
    adder.add("unknown type", path, apps.app_of(make, 999, "holographicApp", {}, "Hologram"))
    protection = app_policies.ios(make, 999)
    protection[1]["assignments"] = [
        {
            "id": f"{protection[0]['id']}_{ALL_USERS}",
            "source": "direct",
            "sourceId": protection[0]["id"],
            "target": {"@odata.type": f"{GRAPH}groupAssignmentTarget", "groupId": ALL_USERS},
        }
    ]
    adder.add("all users as a group", f"{_APPS}/iosManagedAppProtections", protection)


def _groups(adder: _Adder) -> None:
    make, collection = adder.make, adder.tenant.collection("groups")
    outer, inner = entra.group(make, 8_001), entra.group(make, 8_002)
    outer[1]["members"] = [{"@odata.type": f"{GRAPH}group", **inner[0]}]
    adder.add("nested groups", "groups", inner)
    adder.add("nested groups", "groups", outer)
    for _ in range(2):
        adder.add("two groups of one name", "groups", entra.group(make, 8_003), displayName="Same name")
    for oddity, name in (("role-assignable group", "isAssignableToRole"), ("synced group", "onPremisesSyncEnabled")):
        adder.note(oddity, *[key for key, body in collection.objects.items() if body.get(name)][:3])


def _conditional_access(adder: _Adder) -> None:
    make, path = adder.make, f"{_ACCESS}/policies"
    for grant in ("block", "mfa", "compliantDevice", "strength", "terms", "none"):
        adder.add(f"grant: {grant}", path, entra.policy_of(make, 900, grant=grant, name=f"CA900-Oddity-{grant}"))
    for risk in ("userRiskLevels", "signInRiskLevels"):
        made = entra.policy_of(make, 901, grant="mfa", name=f"CA901-Oddity-{risk}")
        made[0]["conditions"][risk] = ["high"]
        adder.add("risk condition", path, made)
    made = entra.policy_of(make, 902, grant="block", name="CA902-Oddity-gone")
    users = made[0]["conditions"]["users"]
    users |= {"includeUsers": [make.id()], "excludeGroups": [make.id()]}
    made[0]["conditions"]["applications"]["includeApplications"] = [make.id()]
    adder.add("deleted group, user and app", path, made)
    for state in ("disabled", "enabledForReportingButNotEnforced"):
        made = entra.policy_of(make, 903, grant="mfa", name=f"CA903-Oddity-{state}")
        adder.add(f"state: {state}", path, made, state=state)
