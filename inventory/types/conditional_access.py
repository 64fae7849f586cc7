"""Conditional Access, and what its policies name: locations, strengths, contexts, terms of use."""

from typing import Any

from inventory.types.base import (
    Builtin,
    Capability,
    Category,
    Child,
    Limit,
    Listing,
    ObjectType,
    Permissions,
    Platform,
)
from inventory.types.documents import Body, of_type, where
from inventory.types.references import APP_ID, MICROSOFT, USER, Reference, Secret
from inventory.types.writing import Create, Delete, Part, Style, Update

_ROOT = "/identity/conditionalAccess/"
POLICIES = Listing(
    "conditional_access_policy",
    "Conditional Access policies",
    f"{_ROOT}policies",
    query="$top=999",
    version="v1.0",
    paced=True,
)
LOCATIONS = Listing(
    "named_location", "Named locations", f"{_ROOT}namedLocations", query="$top=999", version="v1.0", paced=True
)
STRENGTHS = Listing(
    "authentication_strength_policy",
    "Authentication strengths",
    "/policies/authenticationStrengthPolicies",
    version="v1.0",
    children=(Child("combinationConfigurations", inline=True),),
)
CONTEXTS = Listing(
    "authentication_context",
    "Authentication contexts",
    f"{_ROOT}authenticationContextClassReferences",
    version="v1.0",
)
TERMS = Listing(
    "terms_of_use",
    "Terms of use",
    "/identityGovernance/termsOfUse/agreements",
    query="$expand=files",
    version="v1.0",
    delegated=True,
)

_UNORDERED = tuple(
    f"{verb}{noun}"
    for verb in ("include", "exclude")
    for noun in ("Users", "Groups", "Roles", "Locations", "Platforms", "Applications", "ServicePrincipals")
)
_PEOPLE = frozenset({"All", "None", "GuestsOrExternalUsers"})
_PLACES = frozenset({"All", "AllTrusted"})
_APPS = frozenset({"All", "None", "Office365", "MicrosoftAdminPortals"})
_OWN_APPS = frozenset({"ServicePrincipalsInMyTenant"})
_CA_WRITE = ("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess")
_DELETED = "/identity/conditionalAccess/deletedItems/"


def _both(path: str, noun: str, to: str, reserved: frozenset[str] = frozenset()) -> tuple[Reference, Reference]:
    """What is included, and what is excluded."""
    return (
        Reference(f"{path}.include{noun}", to, reserved),
        Reference(f"{path}.exclude{noun}", to, reserved),
    )


def _is_managed_by_microsoft(body: Body) -> bool:
    return str(body.get("displayName", "")).startswith(("Microsoft-managed:", "[SharePoint admin center]"))


def _without_empty(value: Any) -> Any:
    """Empty lists and objects are refused here; what is only made of such goes with them."""
    if isinstance(value, dict):
        kept = {name: _without_empty(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in ({}, [])}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value


def _as_accepted(body: dict[str, Any]) -> dict[str, Any]:
    """A policy as the service takes it back: of a strength its id alone, and resilience defaults only where they are disabled."""
    grant, session = body.get("grantControls"), body.get("sessionControls")
    if isinstance(grant, dict) and isinstance(strength := grant.get("authenticationStrength"), dict):
        grant["authenticationStrength"] = {"id": strength.get("id")}
    if isinstance(session, dict) and session.get("disableResilienceDefaults") is not True:
        session.pop("disableResilienceDefaults", None)
    return {name: inner for name, value in body.items() if (inner := _without_empty(value)) not in ({}, [])}


TYPES = (
    ObjectType(
        key="conditional_access_policy",
        label="Conditional Access policy",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=POLICIES,
        permissions=Permissions(("Policy.Read.All",), (*_CA_WRITE, "Application.Read.All"), write_all=True),
        restore_order=600,
        odata_types=("conditionalAccessPolicy",),
        unordered=(*_UNORDERED, "clientAppTypes", "builtInControls", "termsOfUse", "customAuthenticationFactors"),
        references=(
            *_both("conditions.users", "Groups", "entra_group"),
            *_both("conditions.users", "Users", USER, _PEOPLE),
            *_both("conditions.users", "Roles", MICROSOFT),
            *_both("conditions.locations", "Locations", LOCATIONS.key, _PLACES),
            *_both("conditions.applications", "Applications", APP_ID, _APPS),
            *_both("conditions.clientApplications", "ServicePrincipals", "service_principal", _OWN_APPS),
            Reference("conditions.applications.includeAuthenticationContextClassReferences", CONTEXTS.key),
            Reference("grantControls.authenticationStrength.id", STRENGTHS.key),
            Reference("grantControls.termsOfUse", TERMS.key),
        ),
        builtin=Builtin(_is_managed_by_microsoft, "Policies that Microsoft or SharePoint manages are made by them"),
        limits=(
            Limit(
                Capability.RESTORE,
                "Made disabled or report-only, and switched on in a step of its own",
                partly=True,
            ),
            Limit(
                Capability.ACROSS,
                "Users cannot be made; custom controls and Global Secure Access profiles belong to other products",
                partly=True,
            ),
        ),
        create=Create(
            strip=("deletedDateTime", "templateId", "conditions.deviceStates"),
            requires=("displayName", "state", "conditions"),
            prepare=_as_accepted,
        ),
        update=Update(strip=("deletedDateTime", "templateId", "conditions.deviceStates"), prepare=_as_accepted),
        delete=Delete(recover=f"{_DELETED}policies/{{id}}/restore"),
        licence="Entra ID P1; conditions on risk need P2",
    ),
    ObjectType(
        key="named_location",
        label="Named location",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=LOCATIONS,
        permissions=Permissions(("Policy.Read.All",), _CA_WRITE, write_all=True),
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
        builtin=Builtin(
            of_type("compliantNetworkNamedLocation"), "The compliant network location is made by the service"
        ),
        match=("displayName", "@odata.type"),
        create=Create(strip=("deletedDateTime",), requires=("@odata.type", "displayName"), slow=True),
        update=Update(strip=("deletedDateTime",)),
        delete=Delete(recover=f"{_DELETED}namedLocations/{{id}}/restore"),
        licence="Entra ID P1",
    ),
    ObjectType(
        key="authentication_strength_policy",
        label="Authentication strength",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=STRENGTHS,
        permissions=Permissions(
            read=("Policy.Read.AuthenticationMethod", "Policy.Read.All"),
            write=("Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"),
        ),
        restore_order=45,
        odata_types=("authenticationStrengthPolicy",),
        unordered=("allowedCombinations", "combinationConfigurations"),
        builtin=Builtin(
            where("policyType", "builtIn"),
            "Built-in strengths have the same id everywhere",
            known_by=lambda body: str(body.get("id", "")),
        ),
        create=Create(strip=("policyType", "requirementsSatisfied"), requires=("displayName", "allowedCombinations")),
        update=Update(strip=("policyType", "requirementsSatisfied")),
        parts=(
            Part(
                "allowedCombinations",
                Style.ACTION,
                call="updateAllowedCombinations",
                key="allowedCombinations",
                inline=True,
            ),
            Part("combinationConfigurations", Style.MEMBERS),
        ),
        licence="Entra ID P1",
    ),
    ObjectType(
        key="authentication_context",
        label="Authentication context",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=CONTEXTS,
        permissions=Permissions(
            read=("AuthenticationContext.Read.All", "Policy.Read.ConditionalAccess"),
            write=("AuthenticationContext.ReadWrite.All", "Policy.ReadWrite.ConditionalAccess"),
        ),
        restore_order=46,
        odata_types=("authenticationContextClassReference",),
        limits=(
            Limit(Capability.ACROSS, "Its id may have another meaning there: a free one is taken instead", partly=True),
        ),
        create=Create(requires=("id", "displayName", "description", "isAvailable"), own_id=True),
        licence="Entra ID P1",
    ),
    ObjectType(
        key="terms_of_use",
        label="Terms of use",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=TERMS,
        # Of a signed-in person; no app can have them.
        permissions=Permissions(("Agreement.Read.All",), ("Agreement.ReadWrite.All",)),
        restore_order=44,
        odata_types=("agreement",),
        unordered=("files",),
        secrets=(Secret("The documents themselves", "files.fileData.data"),),
        limits=(
            Limit(Capability.LIST, "Graph shows terms of use to signed-in people alone, and to no app"),
            Limit(Capability.RESTORE, "A signed-in person must do it, with the documents at hand"),
        ),
        create=Create(
            strip=("files.id", "acceptances", "file"),
            requires=("displayName", "isViewingBeforeAcceptanceRequired", "files"),
        ),
        update=Update(strip=("acceptances", "file")),
        licence="Entra ID P1",
    ),
)
