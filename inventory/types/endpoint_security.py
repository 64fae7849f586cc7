"""Endpoint security of the older kind: intents made from templates. Newer policies are in the settings catalog."""

from typing import Any

from inventory.types.base import Capability, Category, Child, Limit, Listing, ObjectType, Platform, intune
from inventory.types.references import ASSIGNED, MICROSOFT, Reference, Secret
from inventory.types.writing import Assign, Create, Part, Style, Update

INTENTS = Listing(
    "endpoint_security_intent",
    "Endpoint security intents",
    "/deviceManagement/intents",
    query="$top=1000",
    # The list refuses to expand assignments.
    children=(Child("settings"), Child("assignments")),
)


def _as_instance(body: dict[str, Any]) -> dict[str, Any]:
    """What a template makes an intent of: its settings go by another name, without their ids."""
    settings = body.pop("settings", None)
    if isinstance(settings, list):
        body["settingsDelta"] = [
            {name: value for name, value in setting.items() if name != "id"}
            for setting in settings
            if isinstance(setting, dict)
        ]
    return body


TYPES = (
    ObjectType(
        key="endpoint_security_intent",
        label="Endpoint security intent",
        category=Category.ENDPOINT_SECURITY,
        platform=Platform.ALL,
        listing=INTENTS,
        permissions=intune("Configuration"),
        restore_order=135,
        odata_types=("deviceManagementIntent",),
        volatile=("isMigratingToConfigurationPolicy",),
        unordered=("settings",),
        references=(*ASSIGNED, Reference("templateId", MICROSOFT)),
        secrets=(Secret("Onboarding blobs of endpoint detection and response"),),
        limits=(
            Limit(
                Capability.RESTORE,
                "Onboarding blobs must be entered again; retired templates may be refused",
                partly=True,
            ),
            Limit(
                Capability.ACROSS, "An onboarding blob belongs to its own tenant and is never taken along", partly=True
            ),
        ),
        match=("displayName", "templateId"),
        create=Create(
            path="/deviceManagement/templates/{templateId}/createInstance",
            strip=("isMigratingToConfigurationPolicy", "templateId"),
            prepare=_as_instance,
        ),
        update=Update(only=("displayName", "description", "roleScopeTagIds")),
        assign=Assign(),
        # No setting can be taken away: what the source lacks is sent as null, which means "not configured".
        parts=(Part("settings", Style.ACTION, call="updateSettings", key="settings", inline=True),),
    ),
)
