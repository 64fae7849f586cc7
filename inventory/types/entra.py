"""Entra ID beside Conditional Access: groups, apps, sign-in branding, policies of the whole directory."""

from inventory.types.base import (
    CHANGE_ONLY,
    Builtin,
    BuiltinRule,
    Capability,
    Category,
    Confidence,
    Limit,
    Listing,
    ObjectType,
    Permissions,
    Platform,
    Restore,
)
from inventory.types.documents import where
from inventory.types.references import Reference, Secret
from inventory.types.writing import Create, Delete, Part, Style, Update

GROUPS = Listing("entra_group", "Groups", "/groups", query="$top=999", version="v1.0")
APPLICATIONS = Listing(
    "application_registration", "App registrations", "/applications", query="$top=999", version="v1.0"
)
PRINCIPALS = Listing(
    "service_principal",
    "Enterprise applications",
    "/servicePrincipals",
    # A whole one is large and says what its maker decided, for hundreds of Microsoft's own.
    query="$select=id,appId,displayName,accountEnabled,servicePrincipalType,appOwnerOrganizationId,tags&$top=999",
    version="v1.0",
)
ORGANIZATION = Listing("organization", "Organization", "/organization", query="$select=id", version="v1.0")
BRANDING = Listing(
    "organizational_branding_localization",
    "Sign-in branding",
    "/organization/{parent}/branding/localizations",
    below=ORGANIZATION,
    # Without a default branding there is nothing below it.
    exists=bool,
)
DEFAULTS = Listing(
    "security_defaults_policy",
    "Security defaults",
    "/policies/identitySecurityDefaultsEnforcementPolicy",
    version="v1.0",
    single=True,
)
METHODS = Listing(
    "authentication_methods_policy",
    "Authentication methods",
    "/policies/authenticationMethodsPolicy",
    version="v1.0",
    single=True,
)

_APPLICATIONS = Permissions(("Application.Read.All", "Application.ReadWrite.All"), ("Application.ReadWrite.All",))
_ONE = Limit(Capability.RESTORE, "There is one for the tenant: it is changed, never made anew", partly=True)
_EVERYBODY = frozenset({"all_users"})
_CAMPAIGN = "registrationEnforcement.authenticationMethodsRegistrationCampaign"
_GROUP_COMPUTED = (
    "deletedDateTime",
    "expirationDateTime",
    "renewedDateTime",
    "mail",
    "proxyAddresses",
    "securityIdentifier",
    "uniqueName",
    "membershipRuleProcessingStatus",
    "resourceProvisioningOptions",
    "serviceProvisioningErrors",
    "cloudLicensing",
    "assignedLicenses",
    "isArchived",
    "createdByAppId",
    "writebackConfiguration",
    "infoCatalogs",
    *(
        f"onPremises{name}"
        for name in (
            "DomainName",
            "LastSyncDateTime",
            "NetBiosName",
            "ProvisioningErrors",
            "SamAccountName",
            "SecurityIdentifier",
            "SyncEnabled",
        )
    ),
)

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
        restore_order=0,
        odata_types=("group",),
        volatile=(
            "membershipRuleProcessingStatus",
            "renewedDateTime",
            "securityIdentifier",
            "onPremisesLastSyncDateTime",
        ),
        unordered=("groupTypes", "proxyAddresses", "resourceProvisioningOptions"),
        builtin=Builtin(where("onPremisesSyncEnabled", True), "Groups synced from a directory are made there"),
        limits=(
            Limit(Capability.READ, "Members and owners are not read: they are not configuration", partly=True),
            Limit(Capability.RESTORE, "A group comes back without members, save a dynamic one", partly=True),
        ),
        create=Create(
            strip=_GROUP_COMPUTED,
            requires=("displayName", "mailEnabled", "mailNickname", "securityEnabled"),
            slow=True,
        ),
        update=Update(
            strip=_GROUP_COMPUTED, fixed=("isAssignableToRole", "resourceBehaviorOptions", "creationOptions")
        ),
    ),
    ObjectType(
        key="application_registration",
        label="App registration",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=APPLICATIONS,
        permissions=_APPLICATIONS,
        restore_order=5,
        restore=Restore.METADATA_ONLY,
        odata_types=("application",),
        unordered=("requiredResourceAccess", "resourceAccess", "redirectUris", "identifierUris", "tags"),
        secrets=(Secret("Client secrets, shown once when they are made"), Secret("Private keys of certificates")),
        limits=(
            Limit(
                Capability.RESTORE, "A new one would have another app id, and whatever names the old one would break"
            ),
        ),
        create=None,
        update=Update(strip=("appId", "publisherDomain", "passwordCredentials", "keyCredentials")),
        delete=Delete(recover="/directory/deletedItems/{id}/restore"),
        confidence=Confidence.DOCUMENTED,
    ),
    ObjectType(
        key="service_principal",
        label="Enterprise application",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=PRINCIPALS,
        permissions=_APPLICATIONS,
        restore_order=5,
        restore=Restore.METADATA_ONLY,
        odata_types=("servicePrincipal",),
        unordered=("tags",),
        limits=(
            Limit(Capability.READ, "Only what tells one from another is read", partly=True),
            Limit(
                Capability.RESTORE,
                "A known app is brought into the tenant by its app id, and no more of it",
                partly=True,
            ),
        ),
        create=Create(only=("appId",), requires=("appId",), slow=True),
        update=Update(only=("accountEnabled", "tags")),
        delete=Delete(recover="/directory/deletedItems/{id}/restore"),
    ),
    ObjectType(
        key="organizational_branding_localization",
        label="Sign-in branding",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=BRANDING,
        permissions=Permissions(
            ("Organization.Read.All", "Organization.ReadWrite.All"), ("Organization.ReadWrite.All",), assumed=True
        ),
        restore_order=610,
        restore=Restore.METADATA_ONLY,
        odata_types=("organizationalBrandingLocalization",),
        name_property="id",
        builtin=Builtin(
            where("id", "0"),
            "The default branding is changed where it exists",
            BuiltinRule.CHANGE,
            lambda body: str(body.get("id", "")),
        ),
        limits=(
            Limit(Capability.READ, "Images are not read", partly=True),
            Limit(Capability.RESTORE, "Images must be uploaded again", partly=True),
        ),
        match=("id",),
        create=Create(requires=("id",), own_id=True),
        confidence=Confidence.ONE_SOURCE,
    ),
    ObjectType(
        key="authentication_methods_policy",
        label="Authentication methods policy",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=METHODS,
        permissions=Permissions(("Policy.Read.All",), ("Policy.ReadWrite.AuthenticationMethod",), assumed=True),
        restore_order=598,
        odata_types=("authenticationMethodsPolicy",),
        unordered=("authenticationMethodConfigurations", "includeTargets", "excludeTargets"),
        references=tuple(
            Reference(f"{path}.{verb}Targets.id", "entra_group", _EVERYBODY)
            for path in ("authenticationMethodConfigurations", _CAMPAIGN)
            for verb in ("include", "exclude")
        ),
        limits=(_ONE,),
        parts=(Part("authenticationMethodConfigurations", Style.MEMBERS),),
        confidence=Confidence.ONE_SOURCE,
        **CHANGE_ONLY,
    ),
    ObjectType(
        key="security_defaults_policy",
        label="Security defaults",
        category=Category.ENTRA,
        platform=Platform.ENTRA,
        listing=DEFAULTS,
        permissions=Permissions(
            ("Policy.Read.All",), ("Policy.Read.All", "Policy.ReadWrite.SecurityDefaults"), write_all=True
        ),
        # Before Conditional Access: while they are on, an enabled policy is refused.
        restore_order=599,
        odata_types=("identitySecurityDefaultsEnforcementPolicy",),
        limits=(_ONE,),
        update=Update(only=("isEnabled",)),
        **CHANGE_ONLY,
    ),
)
