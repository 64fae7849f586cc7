"""Tenants before anything is in them: ids, apps, organization."""

import uuid

from providers.sandbox.catalogue import EVERY_PERMISSION, READ_PERMISSIONS
from providers.sandbox.world import GraphObject, SandboxApp, SandboxTenant

INTENTS, TEMPLATES = "deviceManagement/intents", "deviceManagement/templates"
_IDS = uuid.UUID("7f3d0e5a-0f0f-4c5e-9b0a-6d9a52f3c001")


def stable_id(*parts: str) -> str:
    """The same GUID for the same parts, so that two loads of one folder are one tenant."""
    return str(uuid.uuid5(_IDS, "/".join(parts)))


def make_apps(slug: str) -> dict[str, SandboxApp]:
    """The three apps of a tenant: everything, reading only, and one that lacks most of it."""

    def app(kind: str, permissions: set[str]) -> SandboxApp:
        secret = f"sandbox-{slug}-{kind}-{stable_id(slug, kind)[:8]}"
        return SandboxApp(stable_id("app", slug, kind), secret, f"TenantPilot {kind}", permissions)

    lacking = {"Group.Read.All", "DeviceManagementConfiguration.Read.All"}
    return {
        "full": app("full", set(EVERY_PERMISSION)),
        "read_only": app("read_only", set(READ_PERMISSIONS)),
        "lacking": app("lacking", lacking),
    }


def empty_tenant(slug: str, name: str) -> SandboxTenant:
    """A tenant with its organization and nothing else."""
    tenant = SandboxTenant(slug, name, stable_id("tenant", slug), make_apps(slug))
    organization = {
        "id": tenant.entra_tenant_id,
        "displayName": name,
        "countryLetterCode": "DE",
        "tenantType": "AAD",
        "createdDateTime": "2021-04-12T09:00:00Z",
        "verifiedDomains": [
            {
                "name": tenant.domain,
                "isDefault": True,
                "isInitial": True,
                "type": "Managed",
                "capabilities": "Email, OfficeCommunicationsOnline",
            }
        ],
        "assignedPlans": [
            {
                "assignedDateTime": "2021-04-12T09:00:00Z",
                "capabilityStatus": "Enabled",
                "service": "SCO",
                "servicePlanId": "c1ec4a95-1f05-45b3-a911-aa3fa01094f5",
            }
        ],
    }
    tenant.collection("organization").objects[tenant.entra_tenant_id] = organization
    for path, body in _connectors(tenant):
        tenant.collection(path).objects[body["id"]] = body
    return tenant


def _connectors(tenant: SandboxTenant) -> tuple[tuple[str, GraphObject], ...]:
    """Single resources that a tenant has from the day it manages phones."""
    account = f"devices@{tenant.domain}"
    apple = {
        "id": stable_id("apns", tenant.slug),
        "appleIdentifier": account,
        "topicIdentifier": f"com.apple.mgmt.External.{stable_id('topic', tenant.slug)}",
        "lastModifiedDateTime": "2026-01-14T08:12:44.0471862Z",
        "expirationDateTime": "2027-01-14T08:12:11Z",
        "certificateUploadStatus": "Success",
        "certificateUploadFailureReason": "",
        "certificateSerialNumber": "5A0C7D3E91F2B684",
        "certificate": None,
    }
    google = {
        "id": "androidManagedStoreAccountEnterpriseSettings",
        "bindStatus": "boundAndValidated",
        "lastAppSyncDateTime": "2026-11-02T03:00:00Z",
        "lastAppSyncStatus": "success",
        "ownerUserPrincipalName": account,
        "ownerOrganizationName": tenant.name,
        "lastModifiedDateTime": "2025-03-03T10:00:00Z",
        "enrollmentTarget": "all",
        "targetGroupIds": [],
        "deviceOwnerManagementEnabled": True,
        "companyCodes": [],
        "androidDeviceOwnerFullyManagedEnrollmentEnabled": False,
        "managedGooglePlayInitialScopeTagIds": [],
    }
    return (
        ("deviceManagement/applePushNotificationCertificate", apple),
        ("deviceManagement/androidManagedStoreAccountEnterpriseSettings", google),
    )


def add_template_of(tenant: SandboxTenant, intent_id: str, name: str = "Endpoint security") -> None:
    """The template that an intent was made from: it belongs to the service, and every tenant has it.

    Its one category holds the settings of the intent, as `intents/{id}/categories/{id}/settings` shows them.
    """
    intents, templates = tenant.collection(INTENTS), tenant.collection(TEMPLATES)
    template_id = str(intents.objects[intent_id].get("templateId") or "")
    if not template_id:
        return
    category = {"id": stable_id("category", template_id), "displayName": name, "hasRequiredSetting": False}
    if template_id not in templates.objects:
        templates.objects[template_id] = {
            "@odata.type": "#microsoft.graph.securityBaselineTemplate",
            "id": template_id,
            "displayName": name,
            "description": "",
            "versionInfo": "2404",
            "isDeprecated": False,
            "intentCount": 1,
            "templateType": "securityTemplate",
            "platformType": "windows10AndLater",
            "templateSubtype": "none",
            "publishedDateTime": "2024-04-01T00:00:00Z",
        }
        templates.children[template_id] = {"categories": [category], "settings": []}
    children = intents.children.setdefault(intent_id, {})
    children["categories"] = [category]
    children[f"categories/{category['id']}/settings"] = children.setdefault("settings", [])
