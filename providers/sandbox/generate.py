"""Generated tenants, the same each time: sizes as customers have them."""

import random

from providers.sandbox import blueprints as policies
from providers.sandbox import blueprints_tenant as tenancy
from providers.sandbox.blueprints import Blueprint, Maker
from providers.sandbox.tenants import INTENTS, add_template_of, empty_tenant
from providers.sandbox.world import Collection, SandboxTenant, World

SIZES = ("small", "medium", "large")
_INTUNE, _APPS, _ACCESS = "deviceManagement", "deviceAppManagement", "identity/conditionalAccess"

# List path, blueprint, and how many there are in a small, medium and large tenant. What others refer to comes first.
PLAN: tuple[tuple[str, Blueprint, tuple[int, int, int]], ...] = (
    ("groups", tenancy.group, (25, 200, 1_500)),
    (f"{_INTUNE}/roleScopeTags", tenancy.scope_tag, (2, 6, 61)),
    (f"{_INTUNE}/assignmentFilters", tenancy.assignment_filter, (5, 25, 120)),
    (f"{_INTUNE}/roleDefinitions", tenancy.role, (3, 7, 42)),
    (f"{_INTUNE}/deviceCategories", tenancy.category, (3, 6, 12)),
    (f"{_INTUNE}/notificationMessageTemplates", tenancy.notification, (2, 5, 12)),
    (f"{_INTUNE}/termsAndConditions", tenancy.terms, (1, 2, 6)),
    (f"{_APPS}/mobileApps", tenancy.app, (24, 150, 1_200)),
    (f"{_INTUNE}/configurationPolicies", policies.settings_policy, (30, 120, 600)),
    (f"{_INTUNE}/reusablePolicySettings", policies.reusable, (2, 6, 20)),
    (f"{_INTUNE}/deviceConfigurations", policies.device_configuration, (16, 48, 216)),
    (f"{_INTUNE}/groupPolicyConfigurations", policies.administrative_template, (2, 15, 80)),
    (f"{_INTUNE}/intents", policies.intent, (1, 5, 20)),
    (f"{_INTUNE}/deviceCompliancePolicies", policies.compliance, (6, 20, 60)),
    (f"{_INTUNE}/compliancePolicies", policies.compliance_v2, (1, 2, 5)),
    (f"{_INTUNE}/deviceManagementScripts", policies.powershell, (5, 30, 150)),
    (f"{_INTUNE}/deviceShellScripts", policies.shell, (2, 15, 60)),
    (f"{_INTUNE}/deviceCustomAttributeShellScripts", policies.custom_attribute, (1, 3, 10)),
    (f"{_INTUNE}/deviceHealthScripts", policies.remediation, (4, 40, 150)),
    (f"{_INTUNE}/deviceEnrollmentConfigurations", tenancy.enrollment, (5, 12, 40)),
    (f"{_INTUNE}/windowsAutopilotDeploymentProfiles", tenancy.autopilot, (2, 4, 12)),
    (f"{_INTUNE}/windowsFeatureUpdateProfiles", tenancy.feature_update, (1, 4, 12)),
    (f"{_INTUNE}/windowsQualityUpdateProfiles", tenancy.quality_update, (1, 3, 10)),
    (f"{_INTUNE}/windowsQualityUpdatePolicies", tenancy.quality_policy, (1, 2, 6)),
    (f"{_INTUNE}/windowsDriverUpdateProfiles", tenancy.driver_update, (1, 4, 12)),
    (f"{_APPS}/iosManagedAppProtections", tenancy.protection_ios, (1, 3, 10)),
    (f"{_APPS}/androidManagedAppProtections", tenancy.protection_android, (1, 3, 10)),
    (f"{_APPS}/windowsManagedAppProtections", tenancy.protection_windows, (1, 1, 2)),
    (f"{_APPS}/targetedManagedAppConfigurations", tenancy.config_apps, (1, 6, 20)),
    (f"{_APPS}/mobileAppConfigurations", tenancy.config_devices, (2, 10, 40)),
    (f"{_APPS}/policySets", tenancy.policy_set, (1, 2, 6)),
    (f"{_ACCESS}/policies", tenancy.conditional_access, (12, 40, 150)),
    (f"{_ACCESS}/namedLocations", tenancy.named_location, (3, 10, 60)),
    ("policies/authenticationStrengthPolicies", tenancy.strength, (4, 6, 11)),
    (f"{_INTUNE}/managedDevices", tenancy.managed_device, (180, 2_500, 22_000)),
)
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
    make = Maker(random.Random(f"{slug}-{size}"))  # noqa: S311
    for path, blueprint, counts in PLAN:
        collection = tenant.collection(path)
        for number in range(counts[SIZES.index(size)]):
            body, children = blueprint(make, number)
            collection.objects[body["id"]] = body
            collection.children[body["id"]] = children
    for intent_id in tenant.collection(INTENTS).objects:
        add_template_of(tenant, intent_id)
    _add_singletons(tenant)
    return tenant


def _add_singletons(tenant: SandboxTenant) -> None:
    devices = list(tenant.collection(f"{_INTUNE}/managedDevices").objects.values())
    systems = [str(device["operatingSystem"]) for device in devices]
    counted = {name: systems.count(name) for name in ("Windows", "macOS", "iOS", "Android")}
    overview = {
        "id": tenant.entra_tenant_id,
        "enrolledDeviceCount": len(devices),
        "mdmEnrolledCount": len(devices),
        "dualEnrolledDeviceCount": 0,
        "deviceOperatingSystemSummary": {
            "windowsCount": counted["Windows"],
            "macOSCount": counted["macOS"],
            "iosCount": counted["iOS"],
            "androidCount": counted["Android"],
        },
    }
    settings = {
        "id": "settings",
        "deviceComplianceCheckinThresholdDays": 30,
        "isScheduledActionEnabled": True,
        "secureByDefault": False,
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
    for path, body in (
        (f"{_INTUNE}/managedDeviceOverview", overview),
        (f"{_INTUNE}/settings", settings),
        ("subscribedSkus", sku),
    ):
        tenant.collections[path] = Collection({str(body["id"]): body})
