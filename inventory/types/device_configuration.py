"""Profiles of the older kind: template-based device configurations and administrative templates."""

from inventory.types.base import (
    ASSIGNED,
    Body,
    Capability,
    Category,
    Child,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Reference,
    Restore,
    intune,
    short_type,
)

CONFIGURATIONS = Listing(
    "device_configurations",
    "Device configurations",
    "/deviceManagement/deviceConfigurations",
    query="$expand=assignments&$top=1000",
)
TEMPLATES = Listing(
    "administrative_template",
    "Administrative templates",
    "/deviceManagement/groupPolicyConfigurations",
    # Never by id: a single template may report its ingestion type as unknown where the list knows it.
    query="$expand=assignments&$top=1000",
    children=(
        Child(
            "definitionValues",
            "$expand=definition",
            children=(Child("presentationValues", "$expand=presentation"),),
        ),
    ),
)


def _is_placeholder(body: Body) -> bool:
    return short_type(body) == "unsupportedDeviceConfiguration"


_PAUSE = (
    "qualityUpdatesPauseStartDate",
    "featureUpdatesPauseStartDate",
    "qualityUpdatesWillBeRolledBack",
    "featureUpdatesWillBeRolledBack",
)
_CONFIGURATION = intune("Configuration")

TYPES = (
    ObjectType(
        key="device_configuration",
        label="Device configuration profile",
        category=Category.CONFIGURATION,
        platform=Platform.ALL,
        listing=CONFIGURATIONS,
        permissions=_CONFIGURATION,
        restore=Restore.FULL,
        restore_order=120,
        # Over a hundred subtypes, all read alike: whatever is not an update policy is one of them.
        fallback=True,
        volatile=_PAUSE,
        references=(
            *ASSIGNED,
            Reference("rootCertificate", "device_configuration"),
            Reference("identityCertificate", "device_configuration"),
            Reference("rootCertificatesForServerValidation", "device_configuration"),
            Reference("derivedCredentialSettings", "derived_credential_settings"),
        ),
        is_builtin=_is_placeholder,
        builtin="Graph shows kinds it does not model as read-only placeholders",
        secrets=(
            "Pre-shared keys and passwords of Wi-Fi and VPN profiles",
            "Encrypted OMA-URI values",
            "Private keys of imported certificates",
            "Onboarding blobs of Defender profiles",
        ),
        limits=(
            Limit(Capability.READ, "Linked certificates and privacy access controls are not followed", partly=True),
            Limit(Capability.RESTORE, "Secrets must be entered again", partly=True),
        ),
    ),
    ObjectType(
        key="windows_update_ring",
        label="Windows update ring",
        category=Category.UPDATES,
        platform=Platform.WINDOWS,
        listing=CONFIGURATIONS,
        permissions=_CONFIGURATION,
        restore=Restore.FULL,
        restore_order=150,
        odata_types=("windowsUpdateForBusinessConfiguration",),
        volatile=(*_PAUSE, "qualityUpdatesPauseExpiryDateTime", "featureUpdatesPauseExpiryDateTime"),
        references=ASSIGNED,
    ),
    ObjectType(
        key="ios_update_policy",
        label="iOS/iPadOS update policy",
        category=Category.UPDATES,
        platform=Platform.IOS,
        listing=CONFIGURATIONS,
        permissions=_CONFIGURATION,
        restore=Restore.FULL,
        restore_order=150,
        odata_types=("iosUpdateConfiguration",),
        references=ASSIGNED,
    ),
    ObjectType(
        key="macos_software_update_policy",
        label="macOS software update policy",
        category=Category.UPDATES,
        platform=Platform.MACOS,
        listing=CONFIGURATIONS,
        permissions=_CONFIGURATION,
        restore=Restore.FULL,
        restore_order=150,
        odata_types=("macOSSoftwareUpdateConfiguration",),
        references=ASSIGNED,
    ),
    ObjectType(
        key="administrative_template",
        label="Administrative template",
        category=Category.CONFIGURATION,
        platform=Platform.WINDOWS,
        listing=TEMPLATES,
        permissions=_CONFIGURATION,
        restore=Restore.FULL,
        restore_order=125,
        odata_types=("groupPolicyConfiguration",),
        unordered=("definitionValues", "presentationValues"),
        references=ASSIGNED,
    ),
)
