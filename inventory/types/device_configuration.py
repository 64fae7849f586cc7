"""Profiles of the older kind: template-based device configurations, administrative templates, BIOS settings."""

from collections.abc import Iterator
from typing import Any

from inventory.types import certificates
from inventory.types.base import (
    ASSIGNMENTS,
    LOOK_ONLY,
    Builtin,
    Capability,
    Category,
    Child,
    Confidence,
    Detail,
    Limit,
    Listing,
    ObjectType,
    Platform,
    Restore,
    assumed,
    intune,
)
from inventory.types.documents import Slot, objects_in, of_type
from inventory.types.references import ASSIGNED, DEFINITION, Reference, Secret
from inventory.types.writing import Assign, Create, Delete, Part, Style, Update

_ROOT = "/deviceManagement/"
CONFIGURATIONS = Listing(
    "device_configurations",
    "Device configurations",
    f"{_ROOT}deviceConfigurations",
    query="$top=1000",
    detail=Detail(
        "The list has no privacy access controls",
        "$expand=microsoft.graph.windows10GeneralConfiguration/privacyAccessControls",
        when=of_type("windows10GeneralConfiguration"),
    ),
    children=(ASSIGNMENTS, *certificates.CHILDREN),
)
TEMPLATES = Listing(
    "administrative_template",
    "Administrative templates",
    f"{_ROOT}groupPolicyConfigurations",
    # Never by id: a single template may report its ingestion type as unknown where the list knows it.
    query="$top=1000",
    children=(
        ASSIGNMENTS,
        Child(
            "definitionValues",
            "$expand=definition",
            children=(Child("presentationValues", "$expand=presentation"),),
        ),
    ),
)
UPLOADS = Listing("admx_uploaded_definition_file", "Uploaded ADMX files", f"{_ROOT}groupPolicyUploadedDefinitionFiles")
HARDWARE = Listing(
    "hardware_configuration",
    "BIOS configurations",
    f"{_ROOT}hardwareConfigurations",
    detail=Detail("The list has no configurationFileContent"),
    children=(Child("assignments"),),
)
CREDENTIALS = Listing("derived_credential_settings", "Derived credentials", f"{_ROOT}derivedCredentials")
RESOURCE_ACCESS = Listing(
    "resource_access_profile",
    "Resource access profiles",
    f"{_ROOT}resourceAccessProfiles",
    children=(Child("assignments"),),
)

_CONFIGURATION = intune("Configuration")
_PAUSE = (
    "qualityUpdatesPauseStartDate",
    "featureUpdatesPauseStartDate",
    "qualityUpdatesWillBeRolledBack",
    "featureUpdatesWillBeRolledBack",
)
_UPLOAD_COMPUTED = (
    "uploadDateTime",
    "status",
    "languageCodes",
    "targetPrefix",
    "targetNamespace",
    "policyType",
    "revision",
)
# Settings of their own kind within a profile; nested lists of the same names elsewhere stay as they are.
_TYPED = ("@odata.type", "displayName")


def find_masked_oma_settings(document: Any) -> Iterator[Slot]:
    """Where a custom profile hides a value: Graph answers with asterisks, and writing those back would destroy it."""
    for setting in objects_in(document.get("omaSettings")):
        if setting.get("isEncrypted") is True and "value" in setting:
            yield Slot(setting, "value")


def _update_policy(key: str, label: str, platform: Platform, odata_type: str, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.UPDATES,
        platform=platform,
        listing=CONFIGURATIONS,
        permissions=_CONFIGURATION,
        restore_order=150,
        odata_types=(odata_type,),
        references=ASSIGNED,
        # A pause is a state of the devices and ends by itself.
        create=Create(strip=("privacyAccessControls", *_PAUSE), requires=_TYPED),
        update=Update(strip=_PAUSE),
        assign=Assign(),
        **more,
    )


TYPES = (
    ObjectType(
        key="device_configuration",
        label="Device configuration profile",
        category=Category.CONFIGURATION,
        platform=Platform.ALL,
        listing=CONFIGURATIONS,
        permissions=_CONFIGURATION,
        restore_order=120,
        # Over a hundred subtypes, all read alike: whatever is not an update policy is one of them.
        fallback=True,
        volatile=_PAUSE,
        unordered=("rootCertificatesForServerValidation", "networkAccessConfigurations", "privacyAccessControls"),
        references=(*ASSIGNED, *certificates.REFERENCES),
        builtin=Builtin(
            of_type("unsupportedDeviceConfiguration"), "Kinds that Graph does not model show as read-only placeholders"
        ),
        secrets=(
            Secret("Pre-shared keys of Wi-Fi profiles", "preSharedKey"),
            Secret("Passwords of Wi-Fi profiles", "passwordFormatString"),
            Secret("Shared secrets of VPN profiles", "sharedSecret"),
            Secret("Encrypted OMA-URI values", find=find_masked_oma_settings),
            Secret("Private keys and passwords of imported certificates"),
            Secret("Onboarding blobs of Defender profiles", "advancedThreatProtectionOnboardingBlob"),
        ),
        limits=(
            Limit(
                Capability.RESTORE, "Keys, passwords and encrypted OMA-URI values must be entered again", partly=True
            ),
            Limit(
                Capability.ACROSS, "An onboarding blob belongs to its own tenant and is never taken along", partly=True
            ),
        ),
        match=("displayName", "@odata.type"),
        create=Create(strip=_PAUSE, requires=_TYPED),
        update=Update(strip=_PAUSE),
        assign=Assign(),
        parts=(
            Part(
                "privacyAccessControls",
                Style.ACTION,
                call="windowsPrivacyAccessControls",
                key="windowsPrivacyAccessControls",
            ),
        ),
    ),
    _update_policy(
        "windows_update_ring",
        "Windows update ring",
        Platform.WINDOWS,
        "windowsUpdateForBusinessConfiguration",
        volatile=(*_PAUSE, "qualityUpdatesPauseExpiryDateTime", "featureUpdatesPauseExpiryDateTime"),
    ),
    _update_policy("ios_update_policy", "iOS/iPadOS update policy", Platform.IOS, "iosUpdateConfiguration"),
    _update_policy(
        "macos_software_update_policy",
        "macOS software update policy",
        Platform.MACOS,
        "macOSSoftwareUpdateConfiguration",
    ),
    ObjectType(
        key="administrative_template",
        label="Administrative template",
        category=Category.CONFIGURATION,
        platform=Platform.WINDOWS,
        listing=TEMPLATES,
        permissions=_CONFIGURATION,
        restore_order=125,
        odata_types=("groupPolicyConfiguration",),
        unordered=("definitionValues", "presentationValues"),
        references=(
            *ASSIGNED,
            Reference("definitionValues.definition.id", DEFINITION, bound=True),
            Reference("definitionValues.presentationValues.presentation.id", DEFINITION, bound=True),
        ),
        limits=(
            Limit(
                Capability.ACROSS,
                "Definitions of uploaded ADMX files have other ids in each tenant: found by class, path and name",
                partly=True,
            ),
        ),
        match=("displayName", "policyConfigurationIngestionType"),
        create=Create(strip=("policyConfigurationIngestionType",)),
        update=Update(only=("displayName", "description", "roleScopeTagIds")),
        assign=Assign(),
        parts=(
            Part(
                "definitionValues",
                Style.DELTA,
                call="updateDefinitionValues",
                keys=("added", "updated", "deletedIds"),
            ),
        ),
    ),
    ObjectType(
        key="admx_uploaded_definition_file",
        label="Uploaded ADMX file",
        category=Category.CONFIGURATION,
        platform=Platform.WINDOWS,
        listing=UPLOADS,
        permissions=_CONFIGURATION,
        restore_order=45,
        restore=Restore.METADATA_ONLY,
        odata_types=("groupPolicyUploadedDefinitionFile",),
        name_property="fileName",
        secrets=(Secret("The ADMX and ADML files: Graph takes them and never gives them back", "content"),),
        limits=(Limit(Capability.RESTORE, "The original files must be uploaded again"),),
        match=("fileName",),
        create=Create(
            strip=_UPLOAD_COMPUTED, requires=("fileName", "content", "groupPolicyUploadedLanguageFiles"), slow=True
        ),
        # A new version of a file is uploaded, not written.
        update=None,
        delete=Delete(action="remove"),
    ),
    ObjectType(
        key="hardware_configuration",
        label="BIOS configuration",
        category=Category.CONFIGURATION,
        platform=Platform.WINDOWS,
        listing=HARDWARE,
        permissions=_CONFIGURATION,
        restore_order=136,
        odata_types=("hardwareConfiguration",),
        references=ASSIGNED,
        secrets=(Secret("BIOS passwords, which belong to each device"),),
        create=Create(requires=("displayName", "fileName", "configurationFileContent", "hardwareConfigurationFormat")),
        assign=Assign("hardwareConfigurationAssignments"),
    ),
    ObjectType(
        key="derived_credential_settings",
        label="Derived credential settings",
        category=Category.CONFIGURATION,
        platform=Platform.ALL,
        listing=CREDENTIALS,
        permissions=assumed(_CONFIGURATION),
        restore_order=95,
        odata_types=("deviceManagementDerivedCredentialSettings",),
        create=Create(requires=("displayName", "issuer", "helpUrl")),
        confidence=Confidence.ONE_SOURCE,
    ),
    ObjectType(
        key="resource_access_profile",
        label="Resource access profile (Configuration Manager)",
        category=Category.CONFIGURATION,
        platform=Platform.WINDOWS,
        listing=RESOURCE_ACCESS,
        permissions=intune("ServiceConfig"),
        restore_order=121,
        references=ASSIGNED,
        limits=(Limit(Capability.RESTORE, "No tool is known that has ever written one"),),
        confidence=Confidence.SCHEMA,
        **LOOK_ONLY,
    ),
)
