"""Intune's own administration: filters, tags, roles, categories, terms, partners, purchase tokens."""

from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker, named

_RULES = (
    ("windows10AndLater", '(device.deviceOwnership -eq "Corporate")'),
    ("windows10AndLater", '(device.model -startsWith "Surface") or (device.manufacturer -eq "Contoso")'),
    ("macOS", '(device.osVersion -startsWith "15.")'),
    ("iOS", '(device.enrollmentProfileName -eq "Kiosk")'),
    ("androidForWork", '(device.deviceOwnership -eq "Personal")'),
)
_BUILT_IN_ROLES = (
    "Policy and Profile manager", "School Administrator", "Help Desk Operator", "Application Manager",
    "Endpoint Security Manager", "Read Only Operator", "Intune Role Administrator",
)  # fmt: skip
_ACTIONS = (
    "Microsoft.Intune_Organization_Read",
    "Microsoft.Intune_DeviceConfigurations_Read",
    "Microsoft.Intune_DeviceConfigurations_Assign",
    "Microsoft.Intune_MobileApps_Read",
    "Microsoft.Intune_ManagedDevices_Read",
    "Microsoft.Intune_Roles_Read",
)


def assignment_filter(make: Maker, number: int) -> Made:
    """Every sixth is for managed apps, which only app policies take."""
    managed = number % 6 == 5
    platform, rule = _RULES[number % len(_RULES)]
    body = named(
        make,
        make.names.policy(number, purpose="Filter"),
        platform="iOSMobileApplicationManagement" if managed else platform,
        rule='(app.deviceManufacturer -eq "Contoso")' if managed else rule,
        payloads=[],
        assignmentFilterManagementType="apps" if managed else "devices",
    )
    body["roleScopeTags"] = body.pop("roleScopeTagIds")
    (make.mam_filters if managed else make.filters).append(body["id"])
    return body, {}


def scope_tag(make: Maker, number: int) -> Made:
    """Numbers, not GUIDs; 0 is the default tag of every tenant."""
    body: Body = {
        "id": str(number),
        "displayName": "Default" if number == 0 else f"Site {number:02}",
        "description": "Default Role Scope Tag" if number == 0 else "",
        "isBuiltIn": number == 0,
    }
    make.tags.append(body["id"])
    group = make.group() if number else ""
    target = {"@odata.type": f"{GRAPH}groupAssignmentTarget", "groupId": group}
    return body, {"assignments": [{"id": f"{number}_{group}", "target": target}] if number and make.groups else []}


def role(make: Maker, number: int) -> Made:
    """The service's own roles first, then those of the tenant with an assignment each."""
    builtin = number < len(_BUILT_IN_ROLES)
    allowed = list(_ACTIONS[: 2 + number % 5])
    permission = {
        "actions": allowed,
        "resourceActions": [{"allowedResourceActions": allowed, "notAllowedResourceActions": []}],
    }
    body: Body = {
        "@odata.type": f"{GRAPH}deviceAndAppManagementRoleDefinition",
        "id": make.id(),
        "displayName": _BUILT_IN_ROLES[number] if builtin else f"Custom role {number}",
        "description": "What this role may do",
        "isBuiltInRoleDefinition": builtin,
        "isBuiltIn": builtin,
        "roleScopeTagIds": ["0"],
        "permissions": [permission],
        "rolePermissions": [permission],
    }
    make.roles.append(body["id"])
    return body, {"roleAssignments": []}


def role_assignment(make: Maker, number: int) -> Made:
    """Of a custom role where there is one. Its role definition knows it too: see `generate`."""
    roles = make.roles[len(_BUILT_IN_ROLES) :] or make.roles
    scope = make.chance.sample(make.groups, min(2, len(make.groups)))
    body = {
        "@odata.type": f"{GRAPH}deviceAndAppManagementRoleAssignment",
        "id": make.id(),
        "displayName": f"Assignment {number}",
        "description": "",
        "scopeType": "resourceScope",
        "scopeMembers": scope[:1],
        "resourceScopes": scope[:1],
        "members": scope,
        "roleScopeTagIds": make.scope_tags(),
    }
    definition = {"id": roles[number % len(roles)], "displayName": f"Custom role {number}"}
    tags = [{"id": tag, "displayName": f"Site {tag}"} for tag in body["roleScopeTagIds"]]
    return body, {"roleDefinition": [definition], "roleScopeTags": tags}


def category(make: Maker, number: int) -> Made:
    body: Body = {"id": make.id(), "displayName": f"Category {number}", "description": None, "roleScopeTagIds": ["0"]}
    return body, {}


def terms(make: Maker, number: int) -> Made:
    body = named(
        make,
        f"Terms {number}",
        title="Terms of use",
        bodyText="Please read.\n\n1. Be kind.\n2. Lock your screen.",
        acceptanceStatement="I accept.",
        version=1,
    )
    body["modifiedDateTime"] = body.pop("lastModifiedDateTime")
    return body, {"assignments": []}


def branding(make: Maker, number: int) -> Made:
    body = {
        "id": make.id(),
        "profileName": "Default" if number == 0 else f"Branding {number}",
        "profileDescription": "",
        "isDefaultProfile": number == 0,
        **make.stamps(),
        "displayName": "Contoso",
        "themeColor": {"r": 0, "g": 114, "b": 198},
        "showLogo": False,
        "contactITName": "Service desk",
        "contactITEmailAddress": "help@contoso.example",
        "onlineSupportSiteUrl": "https://contoso.example/help",
        "roleScopeTagIds": ["0"],
    }
    return body, {"assignments": []}


def purchase_token(make: Maker, number: int) -> Made:
    body: Body = {
        "id": make.id(),
        "organizationName": "Contoso",
        "vppTokenAccountType": "business",
        "appleId": f"apps{number}@contoso.example",
        "expirationDateTime": "2027-02-01T00:00:00Z",
        "lastModifiedDateTime": make.moment(2025),
        "lastSyncDateTime": make.moment(2026),
        "token": None,
        "state": "valid",
        "tokenActionResults": [],
        "lastSyncStatus": "completed",
        "automaticallyUpdateApps": True,
        "countryOrRegion": "de",
        "displayName": f"Purchases {number}",
        "roleScopeTagIds": ["0"],
    }
    make.purchase_tokens.append(body["id"])
    return body, {}


def partner(make: Maker, number: int) -> Made:
    body = {
        "id": make.id(),
        "lastHeartbeatDateTime": make.moment(2026),
        "partnerState": "enabled",
        "displayName": f"Partner {number}",
        "macOsOnboarded": True,
        "androidOnboarded": False,
        "iosOnboarded": False,
        "macOsEnrollmentAssignments": [],
    }
    return body, {}
