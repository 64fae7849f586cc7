"""The list paths the sandbox answers, how each behaves and which permissions read it (Microsoft Graph reference; observed page sizes)."""

from dataclasses import dataclass, field

_CONFIGURATION = ("DeviceManagementConfiguration",)
_SERVICE = ("DeviceManagementServiceConfig",)
_APPS = ("DeviceManagementApps",)
_RBAC = ("DeviceManagementRBAC", "DeviceManagementConfiguration")
_SCRIPTS = ("DeviceManagementScripts", "DeviceManagementConfiguration")
_DEVICES = ("DeviceManagementManagedDevices",)
_POLICY = ("Policy.Read.All", "Policy.Read.ConditionalAccess")


@dataclass(frozen=True, slots=True)
class Listing:
    """One collection. `omitted` properties are null in lists, `children` are known navigation properties.

    `permissions` are full names, or areas of Intune ("DeviceManagementApps") of which `.Read.All` and `.ReadWrite.All` read.
    """

    permissions: tuple[str, ...] = ()
    v1: bool = True
    page: int = 1000
    most: int = 1000
    omitted: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    child_page: dict[str, int] = field(default_factory=dict)
    no_expand: tuple[str, ...] = ()
    singleton: bool = False
    counts_page: bool = False

    @property
    def entra(self) -> bool:
        return not any(name.startswith("DeviceManagement") for name in self.permissions)

    def readers(self) -> set[str]:
        """The permissions of which any one suffices."""
        names: set[str] = set()
        for name in self.permissions:
            names |= {name} if "." in name else {f"{name}.Read.All", f"{name}.ReadWrite.All"}
        return names


def _intune(*children: str, **more: object) -> Listing:
    return Listing(_CONFIGURATION, v1=False, children=children, **more)  # type: ignore[arg-type]


_ASSIGNED = "assignments"
_APP_BLOBS = ("largeIcon", "roleScopeTagIds", "rules", "detectionRules", "requirementRules")

LISTINGS: dict[str, Listing] = {
    "groups": Listing(
        ("Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All"),
        page=100,
        most=999,
        children=("members", "owners", "transitiveMembers"),
    ),
    "users": Listing(("User.Read.All", "User.ReadWrite.All"), page=100, most=999),
    "organization": Listing(("Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All"), page=100),
    "subscribedSkus": Listing((), page=100),
    "applications": Listing(("Application.Read.All",), page=100, most=999),
    "servicePrincipals": Listing(("Application.Read.All",), page=100, most=999, children=("appRoleAssignments",)),
    "identity/conditionalAccess/policies": Listing(_POLICY, page=100, most=999),
    "identity/conditionalAccess/namedLocations": Listing(_POLICY, page=100, most=999),
    "identity/conditionalAccess/authenticationContextClassReferences": Listing(_POLICY, page=100),
    "policies/authenticationStrengthPolicies": Listing(_POLICY, page=100, children=("combinationConfigurations",)),
    "policies/identitySecurityDefaultsEnforcementPolicy": Listing(_POLICY, singleton=True),
    "policies/authenticationMethodsPolicy": Listing(_POLICY, singleton=True),
    "deviceManagement/configurationPolicies": _intune(
        "settings", _ASSIGNED, page=25, child_page={"settings": 25}, counts_page=True
    ),
    "deviceManagement/inventoryPolicies": _intune("settings", _ASSIGNED, page=25),
    "deviceManagement/compliancePolicies": _intune("settings", _ASSIGNED, "scheduledActionsForRule", page=25),
    "deviceManagement/reusablePolicySettings": _intune(_ASSIGNED, page=100, omitted=("settingInstance",)),
    "deviceManagement/deviceConfigurations": Listing(
        _CONFIGURATION, children=(_ASSIGNED, "windowsPrivacyAccessControls")
    ),
    "deviceManagement/groupPolicyConfigurations": _intune("definitionValues", _ASSIGNED),
    "deviceManagement/groupPolicyUploadedDefinitionFiles": _intune(),
    "deviceManagement/groupPolicyDefinitions": _intune("presentations"),
    "deviceManagement/intents": _intune("settings", _ASSIGNED, "categories", no_expand=(_ASSIGNED,)),
    "deviceManagement/templates": _intune("categories", "settings"),
    "deviceManagement/deviceCompliancePolicies": Listing(
        _CONFIGURATION, children=(_ASSIGNED, "scheduledActionsForRule")
    ),
    "deviceManagement/deviceComplianceScripts": Listing(
        _SCRIPTS, v1=False, children=(_ASSIGNED,), omitted=("detectionScriptContent",)
    ),
    "deviceManagement/deviceManagementScripts": Listing(
        _SCRIPTS, v1=False, children=(_ASSIGNED, "groupAssignments"), omitted=("scriptContent",)
    ),
    "deviceManagement/deviceShellScripts": Listing(
        _SCRIPTS, v1=False, children=(_ASSIGNED, "groupAssignments"), omitted=("scriptContent",)
    ),
    "deviceManagement/deviceCustomAttributeShellScripts": Listing(
        _SCRIPTS, v1=False, children=(_ASSIGNED, "groupAssignments"), omitted=("scriptContent",)
    ),
    "deviceManagement/deviceHealthScripts": Listing(
        _SCRIPTS, v1=False, children=(_ASSIGNED,), omitted=("detectionScriptContent", "remediationScriptContent")
    ),
    "deviceManagement/assignmentFilters": _intune("payloads"),
    "deviceManagement/roleScopeTags": Listing(_RBAC, v1=False, children=(_ASSIGNED,), no_expand=(_ASSIGNED,)),
    "deviceManagement/roleDefinitions": Listing(_RBAC, children=("roleAssignments",)),
    "deviceManagement/roleAssignments": Listing(_RBAC, children=("roleScopeTags", "roleDefinition")),
    "deviceManagement/notificationMessageTemplates": Listing(_SERVICE, children=("localizedNotificationMessages",)),
    "deviceManagement/deviceEnrollmentConfigurations": Listing(
        (*_SERVICE, *_CONFIGURATION), most=999, children=(_ASSIGNED,)
    ),
    "deviceManagement/windowsAutopilotDeploymentProfiles": Listing(
        _SERVICE, v1=False, children=(_ASSIGNED, "assignedDevices")
    ),
    "deviceManagement/windowsAutopilotDeviceIdentities": Listing(_SERVICE),
    "deviceManagement/windowsFeatureUpdateProfiles": _intune(_ASSIGNED, most=200),
    "deviceManagement/windowsQualityUpdateProfiles": _intune(_ASSIGNED, most=200),
    "deviceManagement/windowsQualityUpdatePolicies": _intune(_ASSIGNED, most=200),
    "deviceManagement/windowsDriverUpdateProfiles": _intune(_ASSIGNED, "driverInventories", most=200),
    "deviceManagement/termsAndConditions": Listing(_SERVICE, children=(_ASSIGNED,), no_expand=(_ASSIGNED,)),
    "deviceManagement/deviceCategories": Listing((*_CONFIGURATION, *_DEVICES), most=500),
    "deviceManagement/intuneBrandingProfiles": Listing(_APPS, v1=False, children=(_ASSIGNED,)),
    "deviceManagement/hardwareConfigurations": _intune(_ASSIGNED, omitted=("configurationFileContent",)),
    "deviceManagement/managedDevices": Listing(_DEVICES),
    "deviceManagement/managedDeviceOverview": Listing(_DEVICES, singleton=True),
    "deviceManagement/deviceCompliancePolicyDeviceStateSummary": Listing(_CONFIGURATION, singleton=True),
    "deviceManagement/settings": Listing(_CONFIGURATION, singleton=True),
    "deviceManagement/applePushNotificationCertificate": Listing((*_SERVICE, *_CONFIGURATION), singleton=True),
    "deviceManagement/androidManagedStoreAccountEnterpriseSettings": _intune(singleton=True),
    "deviceManagement/depOnboardingSettings": Listing(_SERVICE, v1=False, children=("enrollmentProfiles",)),
    "deviceManagement/appleUserInitiatedEnrollmentProfiles": Listing(_SERVICE, v1=False, children=(_ASSIGNED,)),
    "deviceManagement/complianceManagementPartners": Listing(_SERVICE),
    "deviceManagement/deviceManagementPartners": Listing(_SERVICE),
    "deviceManagement/remoteAssistancePartners": Listing(_SERVICE),
    "deviceManagement/mobileThreatDefenseConnectors": Listing(_SERVICE),
    "deviceManagement/auditEvents": Listing(_APPS),
    "deviceAppManagement/mobileApps": Listing(
        _APPS, children=(_ASSIGNED, "categories", "relationships"), omitted=_APP_BLOBS
    ),
    "deviceAppManagement/mobileAppCategories": Listing(_APPS),
    "deviceAppManagement/managedAppPolicies": Listing(_APPS, v1=False),
    "deviceAppManagement/iosManagedAppProtections": Listing(_APPS, children=(_ASSIGNED, "apps")),
    "deviceAppManagement/androidManagedAppProtections": Listing(_APPS, children=(_ASSIGNED, "apps")),
    "deviceAppManagement/windowsManagedAppProtections": Listing(_APPS, v1=False, children=(_ASSIGNED, "apps")),
    "deviceAppManagement/mdmWindowsInformationProtectionPolicies": Listing(
        _APPS, children=(_ASSIGNED, "protectedAppLockerFiles")
    ),
    "deviceAppManagement/windowsInformationProtectionPolicies": Listing(
        _APPS, children=(_ASSIGNED, "protectedAppLockerFiles")
    ),
    "deviceAppManagement/targetedManagedAppConfigurations": Listing(_APPS, children=(_ASSIGNED, "apps", "settings")),
    "deviceAppManagement/mobileAppConfigurations": Listing(_APPS, children=(_ASSIGNED,)),
    "deviceAppManagement/policySets": _intune("items", _ASSIGNED, no_expand=("list:items", "list:assignments")),
    "deviceAppManagement/vppTokens": Listing(_SERVICE),
    "deviceAppManagement/iosLobAppProvisioningConfigurations": Listing(
        _APPS, v1=False, children=(_ASSIGNED,), omitted=("payload",)
    ),
    "deviceAppManagement/managedEBooks": Listing(_APPS, children=(_ASSIGNED,)),
    "deviceAppManagement/wdacSupplementalPolicies": Listing(_APPS, v1=False, children=(_ASSIGNED,)),
}

# Expanding these shows them on one object only; a plain GET leaves them out like any navigation property.
NESTED_CHILDREN = {
    "definitionValues": ("definition", "presentationValues"),
    "presentationValues": ("presentation",),
    "scheduledActionsForRule": ("scheduledActionConfigurations",),
    "categories": ("settings",),
}

EVERY_PERMISSION = sorted({name for listing in LISTINGS.values() for name in listing.readers()})
READ_PERMISSIONS = [name for name in EVERY_PERMISSION if "Write" not in name]
