"""Entra ID: groups and Conditional Access."""

from inventory.types.base import (
    Body,
    Capability,
    Category,
    Limit,
    Listing,
    ObjectType,
    Permissions,
    Platform,
    Reference,
    Restore,
    short_type,
)

GROUPS = Listing("entra_group", "Groups", "/groups", query="$top=999", version="v1.0")
POLICIES = Listing(
    "conditional_access_policy",
    "Conditional Access policies",
    "/identity/conditionalAccess/policies",
    query="$top=999",
    version="v1.0",
    paced=True,
)
LOCATIONS = Listing(
    "named_location",
    "Named locations",
    "/identity/conditionalAccess/namedLocations",
    query="$top=999",
    version="v1.0",
    paced=True,
)
STRENGTHS = Listing(
    "authentication_strength_policy",
    "Authentication strengths",
    "/policies/authenticationStrengthPolicies",
    version="v1.0",
)

_WHO = "conditions.users."
_UNORDERED = tuple(
    f"{verb}{noun}"
    for verb in ("include", "exclude")
    for noun in ("Users", "Groups", "Roles", "Locations", "Platforms", "Applications", "ServicePrincipals")
)


def _is_synced(body: Body) -> bool:
    return body.get("onPremisesSyncEnabled") is True


def _is_managed_by_microsoft(body: Body) -> bool:
    return str(body.get("displayName", "")).startswith("Microsoft-managed:")


def _is_service_location(body: Body) -> bool:
    return short_type(body) == "compliantNetworkNamedLocation"


def _is_builtin_strength(body: Body) -> bool:
    return body.get("policyType") == "builtIn"


TYPES = (
    ObjectType(
        key="entra_group",
        label="Group",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=GROUPS,
        permissions=Permissions(
            read=("Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All"), write=("Group.ReadWrite.All",)
        ),
        restore=Restore.FULL,
        restore_order=0,
        odata_types=("group",),
        volatile=(
            "membershipRuleProcessingStatus",
            "renewedDateTime",
            "securityIdentifier",
            "onPremisesLastSyncDateTime",
        ),
        unordered=("groupTypes", "proxyAddresses", "resourceProvisioningOptions"),
        is_builtin=_is_synced,
        builtin="Groups synced from a directory are made there",
        limits=(Limit(Capability.READ, "Members and owners are not read: they are not configuration", partly=True),),
    ),
    ObjectType(
        key="conditional_access_policy",
        label="Conditional Access policy",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=POLICIES,
        permissions=Permissions(
            read=("Policy.Read.All",),
            write=("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All"),
        ),
        restore=Restore.FULL,
        restore_order=600,
        odata_types=("conditionalAccessPolicy",),
        unordered=(*_UNORDERED, "clientAppTypes", "builtInControls", "termsOfUse", "customAuthenticationFactors"),
        references=(
            Reference(f"{_WHO}includeGroups", "entra_group"),
            Reference(f"{_WHO}excludeGroups", "entra_group"),
            Reference("conditions.locations.includeLocations", "named_location"),
            Reference("conditions.locations.excludeLocations", "named_location"),
            Reference("grantControls.authenticationStrength.id", "authentication_strength_policy"),
            Reference("grantControls.termsOfUse", "terms_of_use"),
        ),
        is_builtin=_is_managed_by_microsoft,
        builtin="Policies that Microsoft manages are made by Microsoft",
    ),
    ObjectType(
        key="named_location",
        label="Named location",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=LOCATIONS,
        permissions=Permissions(
            read=("Policy.Read.All",), write=("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess")
        ),
        restore=Restore.FULL,
        restore_order=50,
        odata_types=(
            "ipNamedLocation",
            "countryNamedLocation",
            "compliantNetworkNamedLocation",
            "serviceTagNamedLocation",
            "privateLinkNamedLocation",
        ),
        fallback=True,
        unordered=("ipRanges", "countriesAndRegions"),
        is_builtin=_is_service_location,
        builtin="The compliant network location is made by the service",
    ),
    ObjectType(
        key="authentication_strength_policy",
        label="Authentication strength",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=STRENGTHS,
        permissions=Permissions(
            read=("Policy.Read.All", "Policy.Read.AuthenticationMethod"),
            write=("Policy.ReadWrite.ConditionalAccess", "Policy.ReadWrite.AuthenticationMethod"),
        ),
        restore=Restore.FULL,
        restore_order=45,
        odata_types=("authenticationStrengthPolicy",),
        unordered=("allowedCombinations", "combinationConfigurations"),
        is_builtin=_is_builtin_strength,
        builtin="Built-in strengths have the same id everywhere",
    ),
)
