"""Reading what a person uploads as a certificate: PEM or PFX, with its private key."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from django.core.exceptions import ValidationError

from rbac.redaction import remember_secret

LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, as PEM texts. `fingerprint` is the SHA-256 of the certificate in hexadecimal."""

    private_key_pem: str
    public_pem: str
    fingerprint: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Certificate({self.fingerprint[:16]}…)"


def read_certificate(content: bytes, *, password: str = "") -> Certificate:
    """Raises ValidationError, with what to do, for anything that is not a usable certificate with its key."""
    remember_secret(password)
    if len(content) > LARGEST:
        raise ValidationError(
            "The file is larger than any certificate. Choose the .pem or .pfx file.", code="certificate_too_large"
        )
    key, certificate = _read_pem(content, password) if b"-----BEGIN" in content else _read_pfx(content, password)
    if not isinstance(key, RSAPrivateKey):
        raise ValidationError(
            "Entra accepts certificates with RSA keys only. Create one with an RSA key.", code="certificate_key_kind"
        )
    if _public(key.public_key()) != _public(certificate.public_key()):
        raise ValidationError(
            "The private key does not belong to this certificate. Export both together.",
            code="certificate_key_mismatch",
        )
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        ended = certificate.not_valid_after_utc.date().isoformat()
        raise ValidationError(
            f"The certificate expired on {ended}. Create a new one and upload it to the app registration.",
            code="certificate_expired",
        )
    return Certificate(
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        public_pem=certificate.public_bytes(Encoding.PEM).decode(),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        expires_at=certificate.not_valid_after_utc,
    )


def _public(key: object) -> bytes:
    from cryptography.hazmat.primitives.serialization import PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]


def _read_pem(content: bytes, password: str) -> tuple[object, x509.Certificate]:
    if b"PRIVATE KEY-----" not in content:
        raise ValidationError(
            "The file has no private key. Export the certificate together with its key (.pfx, or .pem with both).",
            code="certificate_without_key",
        )
    if b"BEGIN CERTIFICATE-----" not in content:
        raise ValidationError(
            "The file has a key but no certificate. Put both into one file.", code="key_without_certificate"
        )
    try:
        certificate = x509.load_pem_x509_certificate(content)
        key = load_pem_private_key(content, password.encode() or None)
    except (ValueError, TypeError) as error:
        raise ValidationError(
            "The file cannot be read. Is the password right?", code="certificate_unreadable"
        ) from error
    return key, certificate


def _read_pfx(content: bytes, password: str) -> tuple[object, x509.Certificate]:
    try:
        key, certificate, _others = pkcs12.load_key_and_certificates(content, password.encode() or None)
    except (ValueError, TypeError) as error:
        raise ValidationError(
            "The file is neither PEM nor PFX, or the password is wrong.", code="certificate_unreadable"
        ) from error
    if certificate is None:
        raise ValidationError("The file has no certificate.", code="key_without_certificate")
    if key is None:
        raise ValidationError(
            "The file has no private key. Export the certificate together with its key.", code="certificate_without_key"
        )
    return key, certificate
