"""Generated tenants, the same each time: sizes and habits as customers have them."""

from collections import Counter

from providers.sandbox.blueprints import (
    administration,
    app_policies,
    apps,
    compliance,
    configuration,
    devices,
    enrollment,
    entra,
    scripts,
    settings,
    updates,
)
from providers.sandbox.blueprints.maker import Blueprint, Maker
from providers.sandbox.blueprints.oddities import add_oddities
from providers.sandbox.tenants import INTENTS, add_template_of, empty_tenant
from providers.sandbox.world import Collection, SandboxTenant, World

SIZES = ("small", "medium", "large")
_INTUNE, _APPS, _ACCESS = "deviceManagement", "deviceAppManagement", "identity/conditionalAccess"

# List path, blueprint, and how many there are in a small, medium and large tenant. What others refer to comes first.
PLAN: tuple[tuple[str, Blueprint, tuple[int, int, int]], ...] = (
    ("groups", entra.group, (80, 1_500, 20_000)),
    (f"{_INTUNE}/roleScopeTags", administration.scope_tag, (2, 6, 61)),
    (f"{_INTUNE}/assignmentFilters", administration.assignment_filter, (6, 25, 120)),
    (f"{_INTUNE}/roleDefinitions", administration.role, (7, 12, 47)),
    (f"{_INTUNE}/roleAssignments", administration.role_assignment, (1, 5, 40)),
    (f"{_INTUNE}/deviceCategories", administration.category, (3, 6, 12)),
    (f"{_INTUNE}/termsAndConditions", administration.terms, (1, 2, 6)),
    (f"{_INTUNE}/intuneBrandingProfiles", administration.branding, (1, 1, 4)),
    (f"{_INTUNE}/complianceManagementPartners", administration.partner, (1, 1, 2)),
    (f"{_INTUNE}/notificationMessageTemplates", compliance.notification, (2, 5, 12)),
    (f"{_INTUNE}/deviceComplianceScripts", compliance.script, (1, 2, 6)),
    (f"{_APPS}/vppTokens", administration.purchase_token, (1, 1, 3)),
    (f"{_APPS}/mobileAppCategories", apps.category, (6, 6, 6)),
    (f"{_APPS}/mobileApps", apps.app, (17, 142, 1_192)),
    (f"{_INTUNE}/reusablePolicySettings", settings.reusable, (2, 6, 20)),
    (f"{_INTUNE}/configurationPolicies", settings.policy, (30, 120, 600)),
    (f"{_INTUNE}/deviceConfigurations", configuration.device, (10, 40, 200)),
    ("update rings", configuration.update_ring, (3, 6, 20)),
    (f"{_INTUNE}/groupPolicyConfigurations", configuration.administrative_template, (2, 15, 80)),
    (INTENTS, configuration.intent, (1, 5, 20)),
    (f"{_INTUNE}/deviceCompliancePolicies", compliance.policy, (5, 18, 55)),
    (f"{_INTUNE}/compliancePolicies", compliance.policy_v2, (1, 2, 5)),
    (f"{_INTUNE}/deviceManagementScripts", scripts.powershell, (5, 30, 150)),
    (f"{_INTUNE}/deviceShellScripts", scripts.shell, (2, 15, 60)),
    (f"{_INTUNE}/deviceCustomAttributeShellScripts", scripts.custom_attribute, (1, 3, 10)),
    (f"{_INTUNE}/deviceHealthScripts", scripts.remediation, (4, 40, 150)),
    (f"{_INTUNE}/deviceEnrollmentConfigurations", enrollment.configuration, (6, 14, 40)),
    (f"{_INTUNE}/windowsAutopilotDeploymentProfiles", enrollment.autopilot, (2, 4, 12)),
    (f"{_INTUNE}/windowsFeatureUpdateProfiles", updates.feature, (1, 3, 12)),
    (f"{_INTUNE}/windowsQualityUpdateProfiles", updates.quality, (1, 2, 8)),
    (f"{_INTUNE}/windowsQualityUpdatePolicies", updates.quality_policy, (1, 2, 6)),
    (f"{_INTUNE}/windowsDriverUpdateProfiles", updates.driver, (1, 3, 10)),
    (f"{_APPS}/iosManagedAppProtections", app_policies.ios, (1, 3, 9)),
    (f"{_APPS}/androidManagedAppProtections", app_policies.android, (1, 2, 9)),
    (f"{_APPS}/windowsManagedAppProtections", app_policies.windows, (1, 1, 2)),
    (f"{_APPS}/targetedManagedAppConfigurations", app_policies.managed_apps, (1, 5, 20)),
    (f"{_APPS}/mobileAppConfigurations", app_policies.managed_devices, (2, 10, 40)),
    (f"{_APPS}/policySets", apps.policy_set, (1, 2, 6)),
    (f"{_ACCESS}/namedLocations", entra.named_location, (3, 10, 60)),
    ("policies/authenticationStrengthPolicies", entra.strength, (4, 6, 11)),
    (f"{_ACCESS}/authenticationContextClassReferences", entra.context, (2, 3, 8)),
    (f"{_ACCESS}/policies", entra.policy, (12, 40, 150)),
    (f"{_INTUNE}/managedDevices", devices.managed, (180, 2_500, 22_000)),
)
# Where members of the plan go that share a list with another.
_HOME = {"update rings": f"{_INTUNE}/deviceConfigurations"}
# Groups that policies use; the others are only there.
_USED_GROUPS = {"small": 25, "medium": 200, "large": 1_500}
_TENANTS = {
    "small": (
        ("contoso", "Contoso", "small"),
        ("fabrikam", "Fabrikam", "small"),
        ("northwind", "Northwind Traders", "small"),
    ),
    "medium": (
        ("contoso", "Contoso", "medium"),
        ("fabrikam", "Fabrikam", "small"),
        ("northwind", "Northwind Traders", "small"),
    ),
    "large": (
        ("contoso", "Contoso", "large"),
        ("fabrikam", "Fabrikam", "medium"),
        ("northwind", "Northwind Traders", "small"),
    ),
}


def build_world(size: str) -> World:
    """The tenants of a world of `size`. Raises KeyError for an unknown size."""
    return World([build_tenant(slug, name, kind) for slug, name, kind in _TENANTS[size]])


def build_tenant(slug: str, name: str, size: str) -> SandboxTenant:
    """One tenant, whose content depends on its slug and size alone."""
    tenant = empty_tenant(slug, name)
    make = Maker(slug, size)
    for path, blueprint, counts in PLAN:
        make.begin(path)
        collection = tenant.collection(_HOME.get(path, path))
        for number in range(counts[SIZES.index(size)]):
            body, children = blueprint(make, number)
            collection.objects[body["id"]] = body
            collection.children[body["id"]] = children
        if path == "groups":
            del make.groups[_USED_GROUPS[size] :]
    add_oddities(make, tenant)
    _connect(tenant)
    _add_singletons(tenant)
    return tenant


def _connect(tenant: SandboxTenant) -> None:
    """What objects know of each other: roles their assignments, intents their templates."""
    roles = tenant.collection(f"{_INTUNE}/roleDefinitions")
    assignments = tenant.collection(f"{_INTUNE}/roleAssignments")
    for key, body in assignments.objects.items():
        definition = assignments.children[key]["roleDefinition"][0]
        definition |= {"displayName": roles.objects[definition["id"]]["displayName"]}
        shown = {name: body[name] for name in ("id", "displayName", "description")}
        roles.children[definition["id"]]["roleAssignments"].append(shown)
    for intent_id in tenant.collection(INTENTS).objects:
        add_template_of(tenant, intent_id)


def _add_singletons(tenant: SandboxTenant) -> None:
    devices = tenant.collection(f"{_INTUNE}/managedDevices").objects.values()
    systems = Counter(str(device["operatingSystem"]).lower() for device in devices)
    overview = {
        "id": tenant.entra_tenant_id,
        "enrolledDeviceCount": len(devices),
        "mdmEnrolledCount": len(devices),
        "dualEnrolledDeviceCount": 0,
        "deviceOperatingSystemSummary": {
            f"{name}Count": systems[name.lower()] for name in ("windows", "macOS", "ios", "android")
        },
    }
    settings = {
        "id": "settings",
        "deviceComplianceCheckinThresholdDays": 30,
        "isScheduledActionEnabled": True,
        "secureByDefault": False,
        "enhancedJailBreak": False,
    }
    plan = {
        "servicePlanId": "c1ec4a95-1f05-45b3-a911-aa3fa01094f5",
        "servicePlanName": "INTUNE_A",
        "provisioningStatus": "Success",
        "appliesTo": "User",
    }
    sku = {
        "id": f"{tenant.entra_tenant_id}_sku",
        "skuPartNumber": "SPE_E3",
        "capabilityStatus": "Enabled",
        "consumedUnits": 150,
        "servicePlans": [plan],
    }
    defaults = {"id": tenant.entra_tenant_id, "displayName": "Security Defaults", "isEnabled": False}
    for path, body in (
        (f"{_INTUNE}/managedDeviceOverview", overview),
        (f"{_INTUNE}/settings", settings),
        ("subscribedSkus", sku),
        ("policies/identitySecurityDefaultsEnforcementPolicy", defaults),
    ):
        tenant.collections[path] = Collection({str(body["id"]): body})
