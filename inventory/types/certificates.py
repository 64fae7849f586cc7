"""Which device configurations name others: certificates, derived credentials, network profiles.

Graph keeps such links apart from the profile, in navigation properties of its subtype (published schema of the beta version);
neither the list nor the profile shows them.
"""

from functools import partial

from inventory.types.base import Body, Child
from inventory.types.documents import short_type
from inventory.types.references import Reference

_ROOT, _IDENTITY, _CREDENTIAL = "rootCertificate", "identityCertificate", "derivedCredentialSettings"
_CLIENT, _SERVER, _SERVERS = (
    "identityCertificateForClientAuthentication",
    "rootCertificateForServerValidation",
    "rootCertificatesForServerValidation",
)
_CLIENT_ROOT = "rootCertificateForClientValidation"
_KERBEROS = "singleSignOnExtensionPkinitCertificate"
_SIGNING, _ENCRYPTION = "smimeSigningCertificate", "smimeEncryptionCertificate"
_NETWORKS = "networkAccessConfigurations"

_LINKS: dict[str, tuple[str, ...]] = {
    **{
        f"{prefix}{kind}": (_ROOT,)
        for prefix in ("android", "androidDeviceOwner", "androidForWork", "androidWorkProfile", "aospDeviceOwner")
        for kind in ("PkcsCertificateProfile", "ScepCertificateProfile")
    },
    **{
        f"{prefix}ImportedPFXCertificateProfile": (_ROOT,)
        for prefix in ("android", "androidDeviceOwner", "androidForWork")
    },
    **{f"{prefix}ScepCertificateProfile": (_ROOT,) for prefix in ("ios", "macOS")},
    **{f"{prefix}SCEPCertificateProfile": (_ROOT,) for prefix in ("windows81", "windowsPhone81")},
    **{f"{prefix}VpnConfiguration": (_IDENTITY,) for prefix in ("android", "androidForWork", "androidWorkProfile")},
    **{f"{prefix}VpnConfiguration": (_IDENTITY,) for prefix in ("macOS", "windows10", "windowsPhone81")},
    **{f"{prefix}VpnConfiguration": (_IDENTITY, _CREDENTIAL) for prefix in ("androidDeviceOwner", "ios", "iosikEv2")},
    **{
        f"{prefix}{kind}EasConfiguration": (_IDENTITY,)
        for prefix in ("androidForWork", "androidWorkProfile")
        for kind in ("Gmail", "NineWork")
    },
    **{
        f"{prefix}EnterpriseWiFiConfiguration": (_CLIENT, _SERVER)
        for prefix in ("android", "androidForWork", "androidWorkProfile", "aospDeviceOwner")
    },
    **{f"{prefix}WiredNetworkConfiguration": (_CLIENT, _SERVER) for prefix in ("ios", "macOS")},
    "androidDeviceOwnerDerivedCredentialAuthenticationConfiguration": (_CREDENTIAL,),
    "androidDeviceOwnerEnterpriseWiFiConfiguration": (_CLIENT, _SERVER, _SERVERS, _CREDENTIAL),
    "androidEasEmailProfileConfiguration": (_IDENTITY, _SIGNING),
    "iosDerivedCredentialAuthenticationConfiguration": (_CREDENTIAL,),
    "iosDeviceFeaturesConfiguration": (_CLIENT, _KERBEROS),
    "iosEasEmailProfileConfiguration": (_IDENTITY, _SIGNING, _ENCRYPTION, _CREDENTIAL),
    "iosEnterpriseWiFiConfiguration": (_CLIENT, _SERVERS, _CREDENTIAL),
    "macOSDeviceFeaturesConfiguration": (_KERBEROS,),
    "macOSEnterpriseWiFiConfiguration": (_CLIENT, _SERVER, _SERVERS),
    "windowsDomainJoinConfiguration": (_NETWORKS,),
    "windowsWifiEnterpriseEAPConfiguration": (_CLIENT, _CLIENT_ROOT, _SERVERS),
    "windowsWiredNetworkConfiguration": (
        _CLIENT,
        _CLIENT_ROOT,
        _SERVERS,
        "secondaryIdentityCertificateForClientAuthentication",
        "secondaryRootCertificateForClientValidation",
    ),
}
NAMES = tuple(sorted({name for names in _LINKS.values() for name in names}))
_MANY = frozenset({_SERVERS, _NETWORKS})


def links_of(odata_type: str) -> tuple[str, ...]:
    """The links that profiles of a type ("iosVpnConfiguration") may have."""
    return _LINKS.get(odata_type, ())


def _has(body: Body, *, name: str) -> bool:
    return name in links_of(short_type(body))


# The profile at the other end is read for itself: of it, only who it is.
CHILDREN = tuple(
    Child(name, "$select=id,displayName", when=partial(_has, name=name), single=name not in _MANY, cast=True)
    for name in NAMES
)
REFERENCES = tuple(
    Reference(
        f"{name}.id",
        "derived_credential_settings" if name == _CREDENTIAL else "device_configuration",
        bound=True,
    )
    for name in NAMES
)
