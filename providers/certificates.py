"""Reading what a person uploads as a certificate: PEM or PFX, with its private key."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)
from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from rbac.redaction import remember_secret

LARGEST = 64 * 1024
# Entra takes shorter keys too, but nobody should.
SHORTEST_KEY = 2048


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, as PEM texts. `fingerprint` is the SHA-256 of the certificate in hexadecimal."""

    private_key_pem: str
    public_pem: str
    fingerprint: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Certificate({self.fingerprint[:16]}…)"


@sensitive_variables()
def read_certificate(content: bytes, *, password: str = "") -> Certificate:
    """Raises ValidationError, with what to do, for anything that is not a usable certificate with its key."""
    remember_secret(password)
    if len(content) > LARGEST:
        raise _refused("too_large", "The file is larger than any certificate. Choose the .pem or .pfx file.")
    try:
        key, certificates = _read_pem(content, password) if b"-----BEGIN" in content else _read_pfx(content, password)
    except UnsupportedAlgorithm as error:
        raise _refused(
            "unsupported", "The file is encrypted in a way that is out of date. Export it again with AES-256."
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise _refused("key_kind", "Entra accepts certificates with RSA keys only. Create one with an RSA key.")
    if key.key_size < SHORTEST_KEY:
        raise _refused(
            "weak_key",
            f"The key has {key.key_size} bits, which is too weak. Create a certificate with an RSA key of {SHORTEST_KEY} bits or more.",
        )
    # A chain may stand in any order; ours is the certificate of this key.
    own = next((found for found in certificates if _public(found) == _public(key)), None)
    if own is None:
        raise _refused("key_mismatch", "The private key does not belong to this certificate. Export both together.")
    _check_dates(own)
    return Certificate(
        private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        public_pem=own.public_bytes(Encoding.PEM).decode(),
        fingerprint=own.fingerprint(hashes.SHA256()).hex(),
        expires_at=own.not_valid_after_utc,
    )


def _refused(code: str, sentence: str) -> ValidationError:
    return ValidationError(sentence, code=f"certificate_{code}")


def _check_dates(certificate: x509.Certificate) -> None:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        ended = certificate.not_valid_after_utc.date().isoformat()
        raise _refused(
            "expired", f"The certificate expired on {ended}. Create a new one and upload it to the app registration."
        )
    if certificate.not_valid_before_utc > now:
        begins = certificate.not_valid_before_utc.date().isoformat()
        raise _refused("not_yet_valid", f"The certificate is valid from {begins} on. Use one that is valid today.")


def _public(holder: RSAPrivateKey | x509.Certificate) -> bytes:
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read_pem(content: bytes, password: str) -> tuple[object, list[x509.Certificate]]:
    if b"PRIVATE KEY-----" not in content:
        raise _without_key()
    if b"BEGIN CERTIFICATE-----" not in content:
        raise _without_certificate()
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise _damaged() from error
    return _load_key(content, password), certificates


def _load_key(content: bytes, password: str) -> object:
    try:
        return load_pem_private_key(content, password.encode() or None)
    except TypeError as error:
        if password:
            # A password for a key that has none.
            return _load_key(content, "")
        raise _wrong_password(password) from error
    except ValueError as error:
        if "password" in str(error).lower():
            raise _wrong_password(password) from error
        raise _damaged() from error


def _read_pfx(content: bytes, password: str) -> tuple[object, list[x509.Certificate]]:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, password.encode() or None)
    except (ValueError, TypeError) as error:
        if _is_bare_certificate(content):
            raise _without_key() from error
        if "password" in str(error).lower():
            raise _wrong_password(password) from error
        raise _damaged() from error
    certificates = [found for found in (certificate, *others) if found is not None]
    if key is None:
        raise _without_key()
    if not certificates:
        raise _without_certificate()
    return key, certificates


def _is_bare_certificate(content: bytes) -> bool:
    try:
        x509.load_der_x509_certificate(content)
    except ValueError:
        return False
    return True


def _without_key() -> ValidationError:
    return _refused(
        "without_key",
        "The file has no private key. Export the certificate together with its key (.pfx, or .pem with both).",
    )


def _without_certificate() -> ValidationError:
    return ValidationError(
        "The file has a key but no certificate. Put both into one file.", code="key_without_certificate"
    )


def _wrong_password(given: str) -> ValidationError:
    if not given:
        return _refused("password_missing", "The file is protected by a password. Enter it.")
    return _refused("password", "The password does not open this file. Enter the one it was exported with.")


def _damaged() -> ValidationError:
    return _refused("unreadable", "This is neither a .pem nor a .pfx file, or it is damaged. Export it again.")
