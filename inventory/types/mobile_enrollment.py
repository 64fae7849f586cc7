"""How Apple and Android devices come in: profiles of automated and user-initiated enrollment."""

from inventory.types.base import (
    LOOK_ONLY,
    Capability,
    Category,
    Child,
    Confidence,
    Limit,
    Listing,
    ObjectType,
    Platform,
    intune,
)
from inventory.types.connectors import DEP_TOKENS
from inventory.types.references import GROUP, TAGS, Reference, Secret
from inventory.types.writing import EVERYONE, Create, Part, Style, Update, one_by_one


def _token_of(profile_id: str) -> str:
    """The id of a profile is the id of its token and a GUID of its own."""
    return profile_id.rpartition("_")[0]


_ROOT = "/deviceManagement/"
DEP_PROFILES = Listing(
    "dep_enrollment_profile",
    "Apple automated enrollment profiles",
    f"{_ROOT}depOnboardingSettings/{{parent}}/enrollmentProfiles",
    below=DEP_TOKENS,
    parent_of=_token_of,
)
USER_INITIATED = Listing(
    "apple_user_initiated_enrollment_profile",
    "Apple user-initiated enrollment profiles",
    f"{_ROOT}appleUserInitiatedEnrollmentProfiles",
    children=(Child("assignments"),),
)
# Not by id, on purpose: what these lists leave out are tokens that let any device in.
DEVICE_OWNER = Listing(
    "android_device_owner_enrollment_profile",
    "Android device owner enrollment profiles",
    f"{_ROOT}androidDeviceOwnerEnrollmentProfiles",
)
WORK_PROFILE = Listing(
    "android_for_work_enrollment_profile",
    "Android work profile enrollment profiles",
    f"{_ROOT}androidForWorkEnrollmentProfiles",
)

_LIVE = ("tokenValue", "qrCodeContent", "qrCodeImage")
_COUNTED = ("enrolledDeviceCount", "enrollmentTokenUsageCount")
_TOKEN_TIMES = ("tokenCreationDateTime", "tokenExpirationDateTime")

TYPES = (
    ObjectType(
        key="dep_enrollment_profile",
        label="Apple automated enrollment profile",
        category=Category.ENROLLMENT,
        platform=Platform.APPLE,
        listing=DEP_PROFILES,
        permissions=intune("ServiceConfig", "Configuration"),
        restore_order=330,
        odata_types=(
            "depIOSEnrollmentProfile",
            "depMacOSEnrollmentProfile",
            "depTvOSEnrollmentProfile",
            "depVisionOSEnrollmentProfile",
        ),
        unordered=("enrollmentTimeAzureAdGroupIds", "managementCertificates"),
        references=(
            Reference("companyPortalVppTokenId", "vpp_token"),
            Reference("enrollmentTimeAzureAdGroupIds", "entra_group"),
        ),
        secrets=(Secret("The password of the local administrator (macOS)", "adminAccountPassword"),),
        limits=(
            Limit(Capability.RESTORE, "The Apple token must be there; passwords must be entered again", partly=True),
            Limit(
                Capability.ACROSS, "Goes below an Apple token of the other tenant, which a person chooses", partly=True
            ),
        ),
        match=("displayName", "@odata.type"),
        create=Create(requires=("@odata.type", "displayName")),
        # Sent where it is true: another profile stops being the default by itself.
        parts=(Part("isDefault", Style.ACTION, call="setDefaultProfile"),),
    ),
    ObjectType(
        key="apple_user_initiated_enrollment_profile",
        label="Apple user-initiated enrollment profile",
        category=Category.ENROLLMENT,
        platform=Platform.IOS,
        listing=USER_INITIATED,
        permissions=intune("ServiceConfig"),
        restore_order=331,
        odata_types=("appleUserInitiatedEnrollmentProfile",),
        unordered=("availableEnrollmentTypeOptions",),
        references=(GROUP,),
        create=Create(requires=("displayName", "platform", "defaultEnrollmentType", "availableEnrollmentTypeOptions")),
        update=Update(fixed=("platform",)),
        assign=one_by_one(*EVERYONE),
        parts=(Part("priority", Style.ACTION, call="setPriority", key="priority", second_pass=True),),
        confidence=Confidence.ONE_SOURCE,
    ),
    ObjectType(
        key="android_device_owner_enrollment_profile",
        label="Android device owner enrollment profile",
        category=Category.ENROLLMENT,
        platform=Platform.ANDROID,
        listing=DEVICE_OWNER,
        permissions=intune("Configuration"),
        restore_order=332,
        odata_types=("androidDeviceOwnerEnrollmentProfile",),
        never_stored=(*_LIVE, "wifiPassword"),
        volatile=(*_LIVE, *_COUNTED),
        references=(TAGS,),
        secrets=(
            Secret("Enrollment tokens and their QR codes: they let devices in, and are not kept"),
            Secret("The password of the Wi-Fi", "wifiPassword"),
        ),
        limits=(
            Limit(
                Capability.RESTORE, "Its token is another one, so that new devices scan another QR code", partly=True
            ),
        ),
        create=Create(
            strip=("accountId", *_COUNTED, *_LIVE, *_TOKEN_TIMES),
            requires=("displayName", "enrollmentMode", "enrollmentTokenType"),
        ),
        update=Update(strip=("accountId", *_COUNTED, *_LIVE, *_TOKEN_TIMES)),
    ),
    ObjectType(
        key="android_for_work_enrollment_profile",
        label="Android work profile enrollment profile (older)",
        category=Category.ENROLLMENT,
        platform=Platform.ANDROID,
        listing=WORK_PROFILE,
        permissions=intune("Configuration"),
        restore_order=332,
        odata_types=("androidForWorkEnrollmentProfile",),
        never_stored=_LIVE,
        volatile=("enrolledDeviceCount",),
        secrets=(Secret("Enrollment tokens and their QR codes: they let devices in, and are not kept"),),
        limits=(
            Limit(Capability.RESTORE, "Belongs to an older way of enrolling; nobody is known to have written one"),
        ),
        confidence=Confidence.SCHEMA,
        **LOOK_ONLY,
    ),
)
