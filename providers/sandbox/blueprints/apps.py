"""Apps, one list of many kinds, and the sets that bundle them with policies."""

from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker, base64_of, named
from providers.sandbox.world import Children

# One picture for all: sixty kilobytes each would be most of a large tenant.
ICON = {"type": "image/png", "value": base64_of(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 160)}
_WIN32: Body = {
    "installCommandLine": "setup.exe /quiet",
    "uninstallCommandLine": "setup.exe /uninstall /quiet",
    "fileName": "setup.intunewin",
    "setupFilePath": "setup.exe",
    "size": 1_048_576,
    "committedContentVersion": "1",
    "displayVersion": "1.2.3",
    "minimumSupportedWindowsRelease": "21H1",
    "rules": [
        {
            "@odata.type": f"{GRAPH}win32LobAppFileSystemRule",
            "ruleType": "detection",
            "path": "C:\\Program Files\\Contoso",
            "fileOrFolderName": "contoso.exe",
            "check32BitOn64System": False,
            "operationType": "exists",
            "operator": "notConfigured",
            "comparisonValue": None,
        }
    ],
    "returnCodes": [{"returnCode": 0, "type": "success"}, {"returnCode": 3010, "type": "softReboot"}],
    "installExperience": {"runAsAccount": "system", "deviceRestartBehavior": "suppress", "maxRunTimeInMinutes": 60},
}
_KINDS: tuple[tuple[str, int, Body], ...] = (
    ("win32LobApp", 30, _WIN32),
    ("winGetApp", 14, {"packageIdentifier": "9WZDNCRFJ3PZ", "installExperience": {"runAsAccount": "user"}}),
    ("officeSuiteApp", 4, {"productIds": ["o365ProPlusRetail"], "updateChannel": "current", "localesToInstall": ["de-de"]}),
    ("webApp", 8, {"appUrl": "https://contoso.example/", "useManagedBrowser": False}),
    (
        "iosStoreApp",
        14,
        {
            "bundleId": "com.contoso.sample",
            "appStoreUrl": "https://apps.apple.com/app/id1",
            "applicableDeviceType": {"iPad": True, "iPhoneAndIPod": True},
            "minimumSupportedOperatingSystem": {"v14_0": True},
        },
    ),
    (
        "iosVppApp",
        4,
        {"bundleId": "com.contoso.vpp", "usedLicenseCount": 3, "totalLicenseCount": 100, "vppTokenAccountType": "business"},
    ),
    (
        "androidManagedStoreApp",
        12,
        {"packageId": "com.contoso.sample", "appIdentifier": "app:com.contoso.sample", "totalLicenseCount": 0},
    ),
    ("macOSPkgApp", 5, {"primaryBundleId": "com.contoso.pkg", "primaryBundleVersion": "1.0", "includedApps": []}),
    ("macOSOfficeSuiteApp", 1, {}),
    ("windowsMicrosoftEdgeApp", 1, {"channel": "stable"}),
    ("managedIOSStoreApp", 7, {"bundleId": "com.microsoft.office", "appAvailability": "global", "version": "1"}),
)  # fmt: skip


def app(make: Maker, number: int) -> Made:
    # One of each kind before chance decides.
    drawn = make.chance.choices(_KINDS, [weight for _, weight, _ in _KINDS])[0]
    kind, _, settings = _KINDS[number] if number < len(_KINDS) else drawn
    return app_of(make, number, kind, settings)


def app_of(make: Maker, number: int, kind: str, settings: Body, name: str = "") -> Made:
    assignments = make.assignments(body_id := make.id(), intent=True)
    if settings.get("appAvailability") == "global":
        assignments = []  # In every tenant from the beginning, and seldom used.
    body = {
        "@odata.type": f"{GRAPH}{kind}",
        **named(make, name or f"{make.names.topic()} {number:03}"),
        "id": body_id,
        "publisher": "Contoso",
        "largeIcon": ICON if make.chance_of(0.3) else None,
        "isFeatured": False,
        "owner": "",
        "developer": "",
        "notes": "",
        "uploadState": 1 if kind in ("win32LobApp", "macOSPkgApp") else 0,
        "publishingState": "published",
        "isAssigned": bool(assignments),
        "dependentAppCount": 0,
        "supersedingAppCount": 0,
        "supersededAppCount": 0,
        **settings,
    }
    make.apps.append(body["id"])
    if kind == "iosVppApp" and make.purchase_tokens:
        body["vppTokenId"], body["vppTokenAppleId"] = make.purchase_tokens[0], "apps0@contoso.example"
        body["vppTokenOrganizationName"] = "Contoso"
    categories: list[Body] = []
    if make.categories and make.chance_of(0.3):
        chosen = make.chance.choice(make.categories)
        categories = [{"id": chosen, "displayName": "Productivity", "lastModifiedDateTime": make.moment(2024)}]
    return body, {"assignments": assignments, "categories": categories, "relationships": []}


def win32(make: Maker, number: int, name: str) -> Made:
    return app_of(make, number, "win32LobApp", _WIN32, name)


def depend(parent: Made, child: Made, *, kind: str = "mobileAppDependency") -> None:
    """`parent` needs `child`, or replaces it: both ends show the relation and count it."""
    (upper, above), (lower, below) = parent, child
    more = {"dependencyType": "autoInstall"} if kind == "mobileAppDependency" else {"supersedenceType": "replace"}
    for body, children, other, side in ((upper, above, lower, "child"), (lower, below, upper, "parent")):
        children["relationships"].append(
            {
                "@odata.type": f"{GRAPH}{kind}",
                "id": f"{body['id']}_{other['id']}",
                "targetId": other["id"],
                "targetDisplayName": other["displayName"],
                "targetDisplayVersion": "1.0",
                "targetPublisher": "Contoso",
                "targetType": side,
                "sourceId": body["id"],
                **more,
            }
        )
    if kind == "mobileAppDependency":
        upper["dependentAppCount"] += 1
    else:
        upper["supersedingAppCount"] += 1
        lower["supersededAppCount"] += 1


def category(make: Maker, number: int) -> Made:
    names = ("Other apps", "Books & Reference", "Data management", "Productivity", "Business", "Development & Design")
    body = {"id": make.id(), "displayName": f"{names[number % len(names)]}", "lastModifiedDateTime": make.moment(2024)}
    make.categories.append(body["id"])
    return body, {}


def policy_set(make: Maker, number: int) -> Made:
    body = named(
        make,
        make.names.policy(number, purpose="Set"),
        status="success",
        errorCode="noError",
        guidedDeploymentTags=[],
    )
    body["roleScopeTags"] = body.pop("roleScopeTagIds")
    items = [
        {
            "@odata.type": f"{GRAPH}mobileAppPolicySetItem",
            "id": f"{body['id']}_{payload}",
            "payloadId": payload,
            "itemType": f"{GRAPH}win32LobApp",
            "displayName": "App",
            "status": "success",
            "errorCode": "noError",
            "intent": "required",
            "settings": None,
        }
        for payload in make.apps[number : number + 2]
    ]
    assignments = [{"id": one["id"], "target": one["target"]} for one in make.assignments(body["id"])]
    children: Children = {"assignments": assignments, "items": items}
    return body, children
