"""Endpoint security of the older kind: intents made from templates. Newer policies are in the settings catalog."""

from inventory.types.base import (
    ASSIGNED,
    Capability,
    Category,
    Child,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Restore,
    intune,
)

INTENTS = Listing(
    "endpoint_security_intent",
    "Endpoint security intents",
    "/deviceManagement/intents",
    query="$top=1000",
    children=(Child("settings"), Child("assignments")),
)

TYPES = (
    ObjectType(
        key="endpoint_security_intent",
        label="Endpoint security intent",
        category=Category.ENDPOINT_SECURITY,
        platform=Platform.ALL,
        listing=INTENTS,
        permissions=intune("Configuration"),
        restore=Restore.FULL,
        restore_order=135,
        odata_types=("deviceManagementIntent",),
        volatile=("isMigratingToConfigurationPolicy",),
        unordered=("settings",),
        references=ASSIGNED,
        secrets=("Onboarding blobs of endpoint detection and response",),
        limits=(Limit(Capability.RESTORE, "Onboarding blobs must be entered again", partly=True),),
    ),
)
