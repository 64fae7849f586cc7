"""Windows 365: how Cloud PCs are made, and what their users may do."""

from typing import Any

from inventory.types.base import (
    Capability,
    Category,
    Confidence,
    Detail,
    Limit,
    Listing,
    ObjectType,
    Permissions,
    Platform,
)
from inventory.types.references import GROUP, NETWORK, TAGS, Reference
from inventory.types.writing import Assign, Create, Target, Update

_PRODUCT = "Windows 365"
_DETAIL = Detail("The list has no assignments", "$expand=assignments")
PROVISIONING = Listing(
    "w365_provisioning_policy",
    "Windows 365 provisioning policies",
    "/deviceManagement/virtualEndpoint/provisioningPolicies",
    version="v1.0",
    detail=_DETAIL,
    add_on=_PRODUCT,
)
USER_SETTINGS = Listing(
    "w365_user_setting",
    "Windows 365 user settings",
    "/deviceManagement/virtualEndpoint/userSettings",
    version="v1.0",
    detail=_DETAIL,
    add_on=_PRODUCT,
)

_COMPUTED = (
    "createdBy",
    "lastModifiedBy",
    "alternateResourceUrl",
    "cloudPcGroupDisplayName",
    "gracePeriodInHours",
    "imageDisplayName",
)


def _cloud_pc(key: str, label: str, listing: Listing, odata_type: str, **more: Any) -> ObjectType:
    return ObjectType(
        key=key,
        label=label,
        category=Category.WINDOWS_365,
        platform=Platform.WINDOWS,
        listing=listing,
        permissions=Permissions(("CloudPC.Read.All", "CloudPC.ReadWrite.All"), ("CloudPC.ReadWrite.All",)),
        restore_order=500,
        odata_types=(odata_type,),
        assign=Assign(targets=(Target.CLOUD_PC_GROUP,), filters=False),
        licence=_PRODUCT,
        **more,
    )


TYPES = (
    _cloud_pc(
        "w365_provisioning_policy",
        "Windows 365 provisioning policy",
        PROVISIONING,
        "cloudPcProvisioningPolicy",
        unordered=("scopeIds",),
        references=(
            GROUP,
            Reference("scopeIds", "scope_tag", TAGS.reserved),
            Reference("domainJoinConfigurations.onPremisesConnectionId", NETWORK),
        ),
        limits=(
            Limit(Capability.ACROSS, "A network connection of Azure is chosen anew in the other tenant", partly=True),
        ),
        create=Create(strip=_COMPUTED, requires=("displayName", "imageId", "imageType", "domainJoinConfigurations")),
        update=Update(strip=_COMPUTED),
    ),
    _cloud_pc(
        "w365_user_setting",
        "Windows 365 user setting",
        USER_SETTINGS,
        "cloudPcUserSetting",
        references=(GROUP,),
        confidence=Confidence.ONE_SOURCE,
    ),
)
