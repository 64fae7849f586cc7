"""The list paths that the sandbox answers: what each holds, who may read and write it, and how it differs from the others.

Sources: Microsoft Graph reference, its published types and permissions, and what clients of the service have reported.
"""

from dataclasses import dataclass, field

from providers.sandbox import schema


@dataclass(frozen=True, slots=True)
class Listing:
    """One collection, or one single resource.

    `type` is the type of its members. `read` and `write` are permissions of which one suffices; with `write_all` all of
    `write` are needed. An empty `read` means that any app may read, None that none may.

    What lists show differently from a GET by id: `omitted` properties are unset; `named_only` ones too, unless `$select`
    names them. `refuses_expand` is never expanded in this list (with "*": nothing is), `only_single_expand` on one object
    only, `empty_expand` gives empty collections. `unrouted` children are in metadata, but no route leads to them.
    `ignored_filters` make no difference, `refused_filters` are 400.
    """

    type: str
    read: frozenset[str] | None = frozenset()
    write: frozenset[str] = frozenset()
    write_all: bool = False
    v1: bool = True
    page: int = 1000
    most: int = 1000
    child_page: dict[str, int] = field(default_factory=dict)
    counts_page: bool = False
    skip_ignored: bool = False
    omitted: tuple[str, ...] = ()
    named_only: tuple[str, ...] = ()
    refuses_expand: tuple[str, ...] = ()
    only_single_expand: tuple[str, ...] = ()
    empty_expand: tuple[str, ...] = ()
    unrouted: tuple[str, ...] = ()
    ignored_filters: tuple[str, ...] = ()
    refused_filters: tuple[str, ...] = ()
    failing_functions: tuple[str, ...] = ()
    single_shows: tuple[tuple[str, str], ...] = ()
    union_of: tuple[str, ...] = ()
    singleton: bool = False
    directory: bool = False
    intune: bool = False


_ASSIGNED = "assignments"
_CONFIGURATION, _SERVICE, _APPS, _RBAC = "Configuration", "ServiceConfig", "Apps", "RBAC"
_SCRIPTS, _DEVICES = "Scripts", "ManagedDevices"
_POLICY = frozenset({"Policy.Read.All"})
_CA_WRITE = frozenset({"Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All"})

LISTINGS: dict[str, Listing] = {}


def _permissions(areas: tuple[str, ...], *kinds: str) -> frozenset[str]:
    return frozenset(f"DeviceManagement{area}.{kind}.All" for area in areas for kind in kinds)


def _add(path: str, *areas: str, write: tuple[str, ...] = (), **more: object) -> None:
    """A collection of Intune, readable by the permissions of `areas`, writable by those of `write` (else of `areas`)."""
    container, _, name = path.rpartition("/")
    kind = str(more.pop("type", "")) or schema.core(
        {**schema.navigation(container), **schema.properties(container)}[name]
    )
    more.setdefault("v1", False)
    LISTINGS[path] = Listing(
        kind,
        read=_permissions(areas, "Read", "ReadWrite"),
        write=_permissions(write or areas, "ReadWrite"),
        intune=True,
        **more,  # type: ignore[arg-type]
    )


def _add_all(container: str, areas: tuple[str, ...], *names: str, **more: object) -> None:
    for name in names:
        _add(f"{container}/{name}", *areas, **more)  # type: ignore[arg-type]


def _add_entra(path: str, kind: str, read: frozenset[str] | None, *write: str, **more: object) -> None:
    defaults: dict[str, object] = {"page": 100, "most": 999}
    LISTINGS[path] = Listing(kind, read=read, write=frozenset(write), **{**defaults, **more})  # type: ignore[arg-type]


_MANAGEMENT, _APP_MANAGEMENT = "deviceManagement", "deviceAppManagement"

# -- configuration -----------------------------------------------------------------------------------------------------
_add(
    f"{_MANAGEMENT}/configurationPolicies",
    _CONFIGURATION,
    page=25,
    child_page={"settings": 25},
    # The count of this page, sent unasked: four tools took it for the total and lost data.
    counts_page=True,
)
_add(f"{_MANAGEMENT}/inventoryPolicies", _CONFIGURATION, type="deviceManagementConfigurationPolicy")
_add(f"{_MANAGEMENT}/reusablePolicySettings", _CONFIGURATION, named_only=("settingInstance",))
_add(f"{_MANAGEMENT}/deviceConfigurations", _CONFIGURATION, v1=True)
_add(
    f"{_MANAGEMENT}/groupPolicyConfigurations",
    _CONFIGURATION,
    single_shows=(("policyConfigurationIngestionType", "unknown"),),
)
_add(f"{_MANAGEMENT}/groupPolicyUploadedDefinitionFiles", _CONFIGURATION, refuses_expand=("*",))
_add(f"{_MANAGEMENT}/intents", _CONFIGURATION, refuses_expand=(_ASSIGNED,))
_add(f"{_MANAGEMENT}/hardwareConfigurations", _CONFIGURATION, omitted=("configurationFileContent",))
_add_all(
    _MANAGEMENT,
    (_CONFIGURATION,),
    "groupPolicyDefinitions",
    "templates",
    "configurationSettings",
    "configurationPolicyTemplates",
    "settingDefinitions",
    "derivedCredentials",
    "managedDeviceCleanupRules",
    "microsoftTunnelSites",
    "microsoftTunnelConfigurations",
    "ndesConnectors",
)
_add(
    f"{_MANAGEMENT}/resourceAccessProfiles",
    _SERVICE,
    type=schema.core(schema.navigation(_MANAGEMENT).get("resourceAccessProfiles", "deviceManagementResourceAccessProfileBase")),
)  # fmt: skip

# -- compliance --------------------------------------------------------------------------------------------------------
_add(f"{_MANAGEMENT}/compliancePolicies", _CONFIGURATION)
_add(
    f"{_MANAGEMENT}/deviceCompliancePolicies",
    _CONFIGURATION,
    v1=True,
    # The nested expand on the policy is the only way to them.
    unrouted=("scheduledActionsForRule",),
)
_add(
    f"{_MANAGEMENT}/deviceComplianceScripts",
    _CONFIGURATION,
    _SCRIPTS,
    write=(_SCRIPTS,),
    omitted=("detectionScriptContent",),
)
_add(f"{_MANAGEMENT}/notificationMessageTemplates", _SERVICE, v1=True)

# -- scripts -----------------------------------------------------------------------------------------------------------
_add_all(
    _MANAGEMENT,
    (_SCRIPTS, _CONFIGURATION, _DEVICES),
    "deviceManagementScripts",
    "deviceShellScripts",
    "deviceCustomAttributeShellScripts",
    write=(_SCRIPTS, _CONFIGURATION),
    omitted=("scriptContent",),
)
_add(
    f"{_MANAGEMENT}/deviceHealthScripts",
    _SCRIPTS,
    _CONFIGURATION,
    _DEVICES,
    write=(_SCRIPTS, _CONFIGURATION),
    omitted=("detectionScriptContent", "remediationScriptContent"),
    ignored_filters=("isGlobalScript",),
)

# -- updates -----------------------------------------------------------------------------------------------------------
_add_all(
    _MANAGEMENT,
    (_CONFIGURATION,),
    "windowsFeatureUpdateProfiles",
    "windowsQualityUpdateProfiles",
    "windowsQualityUpdatePolicies",
    "windowsDriverUpdateProfiles",
    most=200,
)

# -- enrollment --------------------------------------------------------------------------------------------------------
_add(
    f"{_MANAGEMENT}/deviceEnrollmentConfigurations",
    _SERVICE,
    _CONFIGURATION,
    v1=True,
    most=999,
    failing_functions=("endswith",),
)
_add_all(
    _MANAGEMENT,
    (_SERVICE,),
    "windowsAutopilotDeploymentProfiles",
    "importedDeviceIdentities",
    "depOnboardingSettings",
    "appleUserInitiatedEnrollmentProfiles",
)
_add(f"{_MANAGEMENT}/windowsAutopilotDeviceIdentities", _SERVICE, v1=True)
_add(
    f"{_MANAGEMENT}/androidDeviceOwnerEnrollmentProfiles",
    _CONFIGURATION,
    omitted=("tokenValue", "qrCodeContent", "qrCodeImage"),
)
_add_all(_MANAGEMENT, (_CONFIGURATION,), "androidForWorkEnrollmentProfiles", "chromeOSOnboardingSettings")
_add(f"{_MANAGEMENT}/applePushNotificationCertificate", _CONFIGURATION, _SERVICE, _DEVICES, v1=True, singleton=True)
_add(f"{_MANAGEMENT}/androidManagedStoreAccountEnterpriseSettings", _CONFIGURATION, singleton=True)

# -- tenant administration ---------------------------------------------------------------------------------------------
_add(
    f"{_MANAGEMENT}/assignmentFilters",
    _CONFIGURATION,
    refused_filters=("displayName",),
)
_add(f"{_MANAGEMENT}/roleScopeTags", _RBAC, _CONFIGURATION, empty_expand=(_ASSIGNED,))
_add(f"{_MANAGEMENT}/roleDefinitions", _RBAC, _CONFIGURATION, v1=True)
_add(
    f"{_MANAGEMENT}/roleAssignments",
    _RBAC,
    _CONFIGURATION,
    v1=True,
    omitted=("members", "scopeMembers", "resourceScopes"),
    # Every member is of this type; its base lacks the members and tags.
    type="deviceAndAppManagementRoleAssignment",
)
_add(f"{_MANAGEMENT}/operationApprovalPolicies", _RBAC, _CONFIGURATION)
_add(f"{_MANAGEMENT}/deviceCategories", _CONFIGURATION, _DEVICES, v1=True, most=500)
_add(f"{_MANAGEMENT}/termsAndConditions", _SERVICE, v1=True, refuses_expand=(_ASSIGNED,))
_add(
    f"{_MANAGEMENT}/intuneBrandingProfiles",
    _APPS,
    omitted=("themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage"),
)
_add(f"{_MANAGEMENT}/settings", _CONFIGURATION, _SERVICE, singleton=True)
_add_all(
    _MANAGEMENT,
    (_SERVICE, _CONFIGURATION),
    "mobileThreatDefenseConnectors",
    "complianceManagementPartners",
    "deviceManagementPartners",
    "remoteAssistancePartners",
    "exchangeConnectors",
    v1=True,
)
_add(f"{_MANAGEMENT}/cloudCertificationAuthority", "CloudCA")
_add(f"{_MANAGEMENT}/auditEvents", _APPS, v1=True)

# -- devices -----------------------------------------------------------------------------------------------------------
_add(f"{_MANAGEMENT}/managedDevices", _DEVICES, v1=True, skip_ignored=True, ignored_filters=("deviceEnrollmentType",))
_add(f"{_MANAGEMENT}/detectedApps", _DEVICES, v1=True)
_add(f"{_MANAGEMENT}/managedDeviceOverview", _DEVICES, v1=True, singleton=True, type="managedDeviceOverview")
_add(
    f"{_MANAGEMENT}/deviceCompliancePolicyDeviceStateSummary",
    _CONFIGURATION,
    v1=True,
    singleton=True,
    type="deviceCompliancePolicyDeviceStateSummary",
)

# -- apps --------------------------------------------------------------------------------------------------------------
_add(
    f"{_APP_MANAGEMENT}/mobileApps",
    _APPS,
    v1=True,
    omitted=("largeIcon", "rules", "detectionRules", "requirementRules", "preInstallScript", "postInstallScript"),
    named_only=("roleScopeTagIds",),
)
_add_all(_APP_MANAGEMENT, (_APPS,), "mobileAppCategories", "managedEBooks", "mobileAppConfigurations", v1=True)
_add(f"{_APP_MANAGEMENT}/iosLobAppProvisioningConfigurations", _APPS, omitted=("payload",))
_add(f"{_APP_MANAGEMENT}/wdacSupplementalPolicies", _APPS, omitted=("content",))
_add(f"{_APP_MANAGEMENT}/vppTokens", _SERVICE, _CONFIGURATION, v1=True)
_add(f"{_APP_MANAGEMENT}/policySets", _CONFIGURATION, only_single_expand=("items", _ASSIGNED))
_PROTECTIONS = (
    "iosManagedAppProtections",
    "androidManagedAppProtections",
    "mdmWindowsInformationProtectionPolicies",
    "windowsInformationProtectionPolicies",
    "targetedManagedAppConfigurations",
)
_add_all(_APP_MANAGEMENT, (_APPS,), *_PROTECTIONS, v1=True)
_add(f"{_APP_MANAGEMENT}/windowsManagedAppProtections", _APPS)
_add(
    f"{_APP_MANAGEMENT}/managedAppPolicies",
    _APPS,
    v1=True,
    # All kinds of policies in one list, without what stands below them.
    union_of=tuple(f"{_APP_MANAGEMENT}/{name}" for name in (*_PROTECTIONS, "windowsManagedAppProtections")),
    refuses_expand=("*",),
    refused_filters=("id", "@odata.type"),
)

# -- Windows 365 -------------------------------------------------------------------------------------------------------
for _name, _kind in (("provisioningPolicies", "cloudPcProvisioningPolicy"), ("userSettings", "cloudPcUserSetting")):
    _add_entra(
        f"{_MANAGEMENT}/virtualEndpoint/{_name}",
        _kind,
        frozenset({"CloudPC.Read.All", "CloudPC.ReadWrite.All"}),
        "CloudPC.ReadWrite.All",
    )

# -- Entra -------------------------------------------------------------------------------------------------------------
_add_entra(
    "groups",
    "group",
    frozenset({"Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All", "Directory.Read.All"}),
    "Group.ReadWrite.All",
    directory=True,
)
_add_entra(
    "users",
    "user",
    frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}),
    "User.ReadWrite.All",
    directory=True,
)
for _name, _kind in (("applications", "application"), ("servicePrincipals", "servicePrincipal")):
    _add_entra(
        _name,
        _kind,
        frozenset({"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"}),
        "Application.ReadWrite.All",
        directory=True,
    )
_ORGANIZATION = frozenset({"Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All"})
_add_entra("organization", "organization", _ORGANIZATION, "Organization.ReadWrite.All")
_add_entra("subscribedSkus", "subscribedSku", frozenset())
_CA = "identity/conditionalAccess"
_add_entra(f"{_CA}/policies", "conditionalAccessPolicy", _POLICY, *_CA_WRITE, write_all=True)
_add_entra(f"{_CA}/namedLocations", "namedLocation", _POLICY, *(_CA_WRITE - {"Application.Read.All"}), write_all=True)
_add_entra(
    f"{_CA}/authenticationContextClassReferences",
    "authenticationContextClassReference",
    frozenset({"Policy.Read.All", "Policy.Read.ConditionalAccess", "AuthenticationContext.Read.All"}),
    "Policy.ReadWrite.ConditionalAccess",
    "AuthenticationContext.ReadWrite.All",
)
_add_entra(
    "policies/authenticationStrengthPolicies",
    "authenticationStrengthPolicy",
    frozenset({"Policy.Read.All", "Policy.Read.AuthenticationMethod"}),
    "Policy.ReadWrite.ConditionalAccess",
    "Policy.ReadWrite.AuthenticationMethod",
)
_add_entra(
    "policies/identitySecurityDefaultsEnforcementPolicy",
    "identitySecurityDefaultsEnforcementPolicy",
    _POLICY,
    "Policy.Read.All",
    "Policy.ReadWrite.SecurityDefaults",
    write_all=True,
    singleton=True,
)
_add_entra(
    "policies/authenticationMethodsPolicy",
    "authenticationMethodsPolicy",
    _POLICY,
    "Policy.ReadWrite.AuthenticationMethod",
    singleton=True,
)
# Only a signed-in person may read terms of use.
_add_entra("identityGovernance/termsOfUse/agreements", "agreement", None)
_add_entra("auditLogs/directoryAudits", "directoryAudit", frozenset({"AuditLog.Read.All"}), page=1000, most=1000)

# Paths by their lower-case form: Graph compares segments without regard to case.
BY_LOWER_CASE = {path.lower(): path for path in LISTINGS}
LONGEST_PATH = max(path.count("/") + 1 for path in LISTINGS)

EVERY_PERMISSION = sorted(
    {name for listing in LISTINGS.values() for name in (listing.read or frozenset()) | listing.write}
    | {"Organization.Read.All"}
)
READ_PERMISSIONS = [name for name in EVERY_PERMISSION if "Write" not in name]
