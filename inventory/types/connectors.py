"""What ties the tenant to others: tokens and certificates of Apple and Google, partners, servers.

Most of it can be looked at and not made again: the other side holds a part of it. It is kept because a restore must say which
connection is missing, and because these things expire.
"""

from typing import Any

from inventory.types.base import (
    CHANGE_ONLY,
    LOOK_ONLY,
    Builtin,
    Capability,
    Category,
    Child,
    Confidence,
    Limit,
    Listing,
    ObjectType,
    Permissions,
    Platform,
    Restore,
    intune,
)
from inventory.types.documents import given, where
from inventory.types.references import TAGS, Reference, Secret
from inventory.types.writing import Create, Update

_ROOT = "/deviceManagement/"
PUSH_CERTIFICATE = Listing(
    "apple_push_certificate",
    "Apple push certificate",
    f"{_ROOT}applePushNotificationCertificate",
    single=True,
    exists=given("appleIdentifier"),
)
DEP_TOKENS = Listing("dep_onboarding_setting", "Apple enrollment tokens", f"{_ROOT}depOnboardingSettings")
VPP_TOKENS = Listing("vpp_token", "Apple location tokens", "/deviceAppManagement/vppTokens")
GOOGLE_PLAY = Listing(
    "managed_google_play",
    "Managed Google Play",
    f"{_ROOT}androidManagedStoreAccountEnterpriseSettings",
    single=True,
    exists=given("ownerUserPrincipalName"),
)
CHROME_OS = Listing("chrome_os_onboarding", "ChromeOS onboarding", f"{_ROOT}chromeOSOnboardingSettings")
THREAT_DEFENSE = Listing(
    "mobile_threat_defense_connector", "Mobile threat defense connectors", f"{_ROOT}mobileThreatDefenseConnectors"
)
COMPLIANCE = Listing("compliance_management_partner", "Compliance partners", f"{_ROOT}complianceManagementPartners")
MANAGEMENT = Listing("device_management_partner", "Device management partners", f"{_ROOT}deviceManagementPartners")
ASSISTANCE = Listing("remote_assistance_partner", "Remote assistance partners", f"{_ROOT}remoteAssistancePartners")
EXCHANGE = Listing("exchange_connector", "Exchange connectors", f"{_ROOT}exchangeConnectors")
NDES = Listing("ndes_connector", "Certificate connectors", f"{_ROOT}ndesConnectors")
TUNNEL_CONFIGURATIONS = Listing(
    "microsoft_tunnel_configuration", "Microsoft Tunnel configurations", f"{_ROOT}microsoftTunnelConfigurations"
)
TUNNEL_SITES = Listing(
    "microsoft_tunnel_site",
    "Microsoft Tunnel sites",
    f"{_ROOT}microsoftTunnelSites",
    children=(Child("microsoftTunnelConfiguration", "$select=id,displayName", single=True),),
)
CLOUD_PKI = Listing(
    "cloud_certification_authority",
    "Cloud PKI authorities",
    f"{_ROOT}cloudCertificationAuthority",
    add_on="Microsoft Cloud PKI",
)

_EITHER = intune("ServiceConfig", "Configuration")
_TOKEN_SYNC = ("lastSyncDateTime", "lastSyncStatus")


def _connector(key: str, label: str, platform: Platform, listing: Listing, **more: Any) -> ObjectType:
    defaults: dict[str, Any] = {"permissions": _EITHER, "odata_types": (), "restore_order": None}
    return ObjectType(
        key=key, label=label, category=Category.CONNECTORS, platform=platform, listing=listing, **{**defaults, **more}
    )


def _kept_elsewhere(reason: str, restore: Restore = Restore.METADATA_ONLY) -> dict[str, Any]:
    """Nothing of it is ever written; `reason` says where the rest of it is."""
    return {**LOOK_ONLY, "restore": restore, "limits": (Limit(Capability.RESTORE, reason),)}


_AT_THE_PARTNER = {
    **_kept_elsewhere("The partner's side is set up at the partner", Restore.INVENTORY_ONLY),
    "volatile": ("lastHeartbeatDateTime",),
}
_ON_A_SERVER = _kept_elsewhere(
    "A server registers itself when the connector is installed there", Restore.INVENTORY_ONLY
)

TYPES = (
    _connector(
        "apple_push_certificate",
        "Apple push certificate",
        Platform.APPLE,
        PUSH_CERTIFICATE,
        # The service asks for one of the first two, whatever the documentation lists.
        permissions=Permissions(
            read=(
                "DeviceManagementServiceConfig.Read.All",
                "DeviceManagementServiceConfig.ReadWrite.All",
                "DeviceManagementConfiguration.Read.All",
                "DeviceManagementConfiguration.ReadWrite.All",
                "DeviceManagementManagedDevices.Read.All",
            ),
            write=_EITHER.write,
        ),
        odata_types=("applePushNotificationCertificate",),
        name_property="appleIdentifier",
        match=("appleIdentifier",),
        secrets=(Secret("The certificate's private key"),),
        **_kept_elsewhere("Apple issues the certificate; renew it with the same Apple id"),
    ),
    _connector(
        "dep_onboarding_setting",
        "Apple enrollment token",
        Platform.APPLE,
        DEP_TOKENS,
        permissions=intune("ServiceConfig"),
        odata_types=("depOnboardingSetting",),
        name_property="tokenName",
        match=("tokenName",),
        volatile=("lastSuccessfulSyncDateTime", "lastSyncTriggeredDateTime", "lastSyncErrorCode", "syncedDeviceCount"),
        references=(TAGS,),
        secrets=(Secret("The token itself"),),
        **_kept_elsewhere("Apple issues the token for the tenant's own key"),
    ),
    _connector(
        "vpp_token",
        "Apple location token",
        Platform.APPLE,
        VPP_TOKENS,
        odata_types=("vppToken",),
        match=("displayName",),
        never_stored=("token",),
        volatile=_TOKEN_SYNC,
        references=(TAGS,),
        secrets=(Secret("The token itself"),),
        **_kept_elsewhere("Apple issues the token"),
    ),
    _connector(
        "managed_google_play",
        "Managed Google Play",
        Platform.ANDROID,
        GOOGLE_PLAY,
        permissions=intune("Configuration"),
        odata_types=("androidManagedStoreAccountEnterpriseSettings",),
        name_property="ownerUserPrincipalName",
        match=("ownerUserPrincipalName",),
        volatile=("lastAppSyncDateTime", "lastAppSyncStatus", "companyCodes"),
        references=(
            Reference("targetGroupIds", "entra_group"),
            Reference("managedGooglePlayInitialScopeTagIds", "scope_tag", TAGS.reserved),
        ),
        **_kept_elsewhere("The binding is made by signing in to Google"),
    ),
    _connector(
        "chrome_os_onboarding",
        "ChromeOS onboarding",
        Platform.CHROMEOS,
        CHROME_OS,
        permissions=intune("Configuration"),
        odata_types=("chromeOSOnboardingSettings",),
        name_property="ownerUserPrincipalName",
        match=("ownerUserPrincipalName",),
        volatile=("lastDirectorySyncDateTime",),
        confidence=Confidence.SCHEMA,
        **_kept_elsewhere("The connection is made by signing in to Google", Restore.INVENTORY_ONLY),
    ),
    _connector(
        "mobile_threat_defense_connector",
        "Mobile threat defense connector",
        Platform.ALL,
        THREAT_DEFENSE,
        restore_order=96,
        odata_types=("mobileThreatDefenseConnector",),
        name_property="id",
        match=("id",),
        volatile=("lastHeartbeatDateTime",),
        update=Update(strip=("lastHeartbeatDateTime", "partnerState")),
        limits=(Limit(Capability.RESTORE, "The partner makes the connection; its switches are changed", partly=True),),
        confidence=Confidence.ONE_SOURCE,
        **CHANGE_ONLY,
    ),
    _connector(
        "compliance_management_partner",
        "Compliance partner",
        Platform.ALL,
        COMPLIANCE,
        odata_types=("complianceManagementPartner",),
        builtin=Builtin(where("partnerState", "unknown"), "Partners that nobody has set up are entries of a catalogue"),
        references=tuple(
            Reference(f"{system}EnrollmentAssignments.target.groupId", "entra_group")
            for system in ("macOs", "android", "ios", "linux")
        ),
        confidence=Confidence.ONE_SOURCE,
        **_AT_THE_PARTNER,
    ),
    _connector(
        "device_management_partner",
        "Device management partner",
        Platform.ALL,
        MANAGEMENT,
        odata_types=("deviceManagementPartner",),
        builtin=Builtin(where("isConfigured", False), "Partners that nobody has set up are entries of a catalogue"),
        references=(Reference("groupsRequiringPartnerEnrollment.target.groupId", "entra_group"),),
        confidence=Confidence.ONE_SOURCE,
        **_AT_THE_PARTNER,
    ),
    _connector(
        "remote_assistance_partner",
        "Remote assistance partner",
        Platform.ALL,
        ASSISTANCE,
        odata_types=("remoteAssistancePartner",),
        builtin=Builtin(
            where("onboardingStatus", "notOnboarded"), "Partners that nobody has set up are entries of a catalogue"
        ),
        confidence=Confidence.ONE_SOURCE,
        **{**_AT_THE_PARTNER, "volatile": ("lastHeartbeatDateTime", "lastConnectionDateTime")},
    ),
    _connector(
        "exchange_connector",
        "Exchange connector",
        Platform.ALL,
        EXCHANGE,
        odata_types=("deviceManagementExchangeConnector",),
        name_property="serverName",
        match=("serverName",),
        volatile=("lastHeartbeatDateTime", "lastSyncDateTime"),
        confidence=Confidence.SCHEMA,
        **_ON_A_SERVER,
    ),
    _connector(
        "ndes_connector",
        "Certificate connector",
        Platform.ALL,
        NDES,
        permissions=intune("Configuration"),
        odata_types=("ndesConnector",),
        volatile=("lastConnectionDateTime", "state"),
        confidence=Confidence.SCHEMA,
        **_ON_A_SERVER,
    ),
    _connector(
        "microsoft_tunnel_configuration",
        "Microsoft Tunnel configuration",
        Platform.ALL,
        TUNNEL_CONFIGURATIONS,
        permissions=intune("Configuration"),
        restore_order=97,
        odata_types=("microsoftTunnelConfiguration",),
        volatile=("lastUpdateDateTime",),
        unordered=("routeIncludes", "routeExcludes", "routesInclude", "routesExclude"),
        references=(TAGS,),
        create=Create(strip=("lastUpdateDateTime",), requires=("displayName", "network", "dnsServers", "listenPort")),
        update=Update(strip=("lastUpdateDateTime",)),
        confidence=Confidence.SCHEMA,
    ),
    _connector(
        "microsoft_tunnel_site",
        "Microsoft Tunnel site",
        Platform.ALL,
        TUNNEL_SITES,
        permissions=intune("Configuration"),
        restore_order=98,
        odata_types=("microsoftTunnelSite",),
        volatile=("upgradeAvailable",),
        references=(TAGS, Reference("microsoftTunnelConfiguration.id", "microsoft_tunnel_configuration", bound=True)),
        create=Create(strip=("upgradeAvailable",), requires=("displayName", "publicAddress")),
        update=Update(strip=("upgradeAvailable",)),
        limits=(Limit(Capability.RESTORE, "The servers of a site join it from their own side", partly=True),),
        confidence=Confidence.SCHEMA,
    ),
    _connector(
        "cloud_certification_authority",
        "Cloud PKI authority",
        Platform.ALL,
        CLOUD_PKI,
        permissions=intune("CloudCA"),
        odata_types=("cloudCertificationAuthority",),
        volatile=("eTag",),
        references=(TAGS,),
        secrets=(Secret("The authority's private key, which never leaves the service"),),
        licence="Microsoft Cloud PKI",
        confidence=Confidence.SCHEMA,
        **_kept_elsewhere(
            "A new authority would have another key: certificates in use would not follow", Restore.INVENTORY_ONLY
        ),
    ),
)
