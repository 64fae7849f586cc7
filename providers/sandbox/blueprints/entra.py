"""Entra ID: groups and Conditional Access with what it refers to."""

from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker

_STATES = (("enabled", "enabledForReportingButNotEnforced", "disabled"), (60, 30, 10))
_OFFICE, _ADMIN_ROLE = "Office365", "62e90394-69f5-4237-9190-012177145e10"
_BUILT_IN_STRENGTHS = (
    ("00000000-0000-0000-0000-000000000002", "Multifactor authentication", ["password,sms", "fido2"]),
    ("00000000-0000-0000-0000-000000000003", "Passwordless MFA", ["deviceBasedPush", "fido2"]),
    ("00000000-0000-0000-0000-000000000004", "Phishing-resistant MFA", ["fido2", "windowsHelloForBusiness"]),
)


def group(make: Maker, number: int) -> Made:
    """Half of them dynamic, some synced, some that may hold roles, some of Microsoft 365."""
    dynamic, synced, roles, office = number % 2 == 0, number % 7 == 3, number % 23 == 5, number % 19 == 7
    object_id = make.id()
    make.groups.append(object_id)
    kinds = ["DynamicMembership"] if dynamic and not synced and not roles else []
    body: Body = {
        "id": object_id,
        "displayName": f"{('Devices', 'Users', 'Pilot', 'Exclude')[number % 4]} {make.names.topic()} {number:04}",
        "description": make.names.description(),
        "groupTypes": [*kinds, "Unified"] if office else kinds,
        "mailEnabled": office,
        "mailNickname": f"group{number:05}",
        "securityEnabled": True,
        "membershipRule": '(device.deviceOSType -eq "Windows") and (device.managementType -eq "MDM")'
        if kinds
        else None,
        "membershipRuleProcessingState": "On" if kinds else None,
        "isAssignableToRole": True if roles else None,
        "onPremisesSyncEnabled": True if synced else None,
        "onPremisesLastSyncDateTime": make.moment(2026) if synced else None,
        "onPremisesSecurityIdentifier": f"S-1-5-21-{make.chance.randrange(10**9)}" if synced else None,
        "visibility": "Private" if office else None,
        "createdDateTime": make.moment(2023),
        "renewedDateTime": make.moment(2025),
        "securityIdentifier": f"S-1-12-1-{make.chance.randrange(10**9)}",
    }
    return body, {"members": [], "owners": []}


def named_location(make: Maker, number: int) -> Made:
    head = {
        "id": make.id(),
        "displayName": f"{'Countries' if number % 2 else 'Office'} {number}",
        "createdDateTime": make.moment(2024),
        "modifiedDateTime": make.moment(2025),
    }
    make.locations.append(str(head["id"]))
    if number % 2:
        body = {
            "countriesAndRegions": ["DE", "AT", "CH"],
            "includeUnknownCountriesAndRegions": False,
            "countryLookupMethod": "clientIpAddress",
        }
        return {"@odata.type": f"{GRAPH}countryNamedLocation", **head, **body}, {}
    ranges = [
        {"@odata.type": f"{GRAPH}iPv4CidrRange", "cidrAddress": f"192.0.2.{number % 250}/32"},
        {"@odata.type": f"{GRAPH}iPv6CidrRange", "cidrAddress": f"2001:db8:{number:x}::/48"},
    ]
    return {"@odata.type": f"{GRAPH}ipNamedLocation", **head, "isTrusted": number % 4 == 0, "ipRanges": ranges}, {}


def strength(make: Maker, number: int) -> Made:
    builtin = number < len(_BUILT_IN_STRENGTHS)
    identity, name, combinations = (
        _BUILT_IN_STRENGTHS[number] if builtin else (make.id(), f"Strength {number}", ["fido2", "x509CertificateMultiFactor"])
    )  # fmt: skip
    make.strengths.append(identity)
    body = {
        "id": identity,
        "createdDateTime": "2021-12-01T00:00:00Z",
        "modifiedDateTime": "2021-12-01T00:00:00Z",
        "displayName": name,
        "description": "",
        "policyType": "builtIn" if builtin else "custom",
        "requirementsSatisfied": "mfa",
        "allowedCombinations": combinations,
    }
    return body, {"combinationConfigurations": []}


def context(make: Maker, number: int) -> Made:
    """Ids are c1, c2 …"""
    return {"id": f"c{number + 1}", "displayName": f"Step up {number + 1}", "description": "", "isAvailable": True}, {}


def policy(make: Maker, number: int) -> Made:
    grant = make.chance.choices(("mfa", "block", "compliantDevice", "strength"), (55, 15, 15, 15))[0]
    who = make.chance.choices(("All", "groups", "roles", "guests"), (60, 25, 10, 5))[0]
    return policy_of(make, number, grant=grant, who=who)


def policy_of(make: Maker, number: int, *, grant: str, who: str = "All", name: str = "") -> Made:
    """A policy with one kind of grant; "none" has session controls only."""
    persona = {"All": "Global", "groups": "Internals", "roles": "Admins", "guests": "Guests"}[who]
    body: Body = {
        "id": make.id(),
        "templateId": None,
        "displayName": name or f"CA{100 + number}-{persona}-{make.names.topic().replace(' ', '')}-AnyApp-AnyPlatform-{grant.upper()}",
        "createdDateTime": make.moment(2024),
        "modifiedDateTime": make.moment(2025),
        "deletedDateTime": None,
        "state": make.chance.choices(*_STATES)[0],
        "sessionControls": _session() if grant == "none" else None,
        "conditions": _conditions(make, who),
        "grantControls": None if grant == "none" else _grant(make, grant),
    }  # fmt: skip
    return body, {}


def _session() -> Body:
    return {
        "disableResilienceDefaults": None,
        "applicationEnforcedRestrictions": None,
        "cloudAppSecurity": None,
        "persistentBrowser": {"mode": "never", "isEnabled": True},
        "signInFrequency": {
            "value": 8,
            "type": "hours",
            "authenticationType": "primaryAndSecondaryAuthentication",
            "frequencyInterval": "timeBased",
            "isEnabled": True,
        },
    }


def _grant(make: Maker, kind: str) -> Body:
    controls = {"strength": [], "terms": []}.get(kind, [kind])
    strength_id = make.chance.choice(make.strengths) if kind == "strength" and make.strengths else None
    return {
        "operator": "OR",
        "builtInControls": controls,
        "customAuthenticationFactors": [],
        "termsOfUse": [make.id()] if kind == "terms" else [],
        "authenticationStrength": None
        if strength_id is None
        else {
            "id": strength_id,
            "createdDateTime": "2021-12-01T00:00:00Z",
            "modifiedDateTime": "2021-12-01T00:00:00Z",
            "displayName": "Phishing-resistant MFA",
            "description": "",
            "policyType": "builtIn",
            "requirementsSatisfied": "mfa",
            "allowedCombinations": ["fido2"],
        },
    }


def _conditions(make: Maker, who: str) -> Body:
    locations = make.locations and make.chance_of(0.3)
    platforms = make.chance_of(0.25)
    apps = make.chance.choices((["All"], [_OFFICE], [make.id()]), (65, 10, 25))[0]
    guests = {
        "guestOrExternalUserTypes": "b2bCollaborationGuest,b2bCollaborationMember",
        "externalTenants": {"@odata.type": f"{GRAPH}conditionalAccessAllExternalTenants", "membershipKind": "all"},
    }
    return {
        "userRiskLevels": [],
        "signInRiskLevels": [],
        "clientAppTypes": ["all"],
        "servicePrincipalRiskLevels": [],
        "insiderRiskLevels": None,
        "devices": {"deviceFilter": {"mode": "exclude", "rule": 'device.trustType -eq "AzureAD"'}}
        if make.chance_of(0.1)
        else None,
        "clientApplications": None,
        "authenticationFlows": None,
        "platforms": {"includePlatforms": ["all"], "excludePlatforms": ["iOS"]} if platforms else None,
        "locations": {"includeLocations": ["All"], "excludeLocations": [make.chance.choice(make.locations), "AllTrusted"]}
        if locations
        else None,
        "applications": {
            "includeApplications": apps,
            "excludeApplications": [],
            "includeUserActions": [],
            "includeAuthenticationContextClassReferences": [],
            "applicationFilter": None,
        },
        "users": {
            "includeUsers": ["All"] if who == "All" else [],
            "excludeUsers": [],
            "includeGroups": [make.group()] if who == "groups" else [],
            # The groups that stay in when everything else is locked out, and one of the policy's own.
            "excludeGroups": list(dict.fromkeys([*make.groups[:1], make.group()])),
            "includeRoles": [_ADMIN_ROLE] if who == "roles" else [],
            "excludeRoles": [],
            "includeGuestsOrExternalUsers": guests if who == "guests" else None,
            "excludeGuestsOrExternalUsers": None,
        },
    }  # fmt: skip
