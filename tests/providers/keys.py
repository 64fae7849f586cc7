"""Certificates for tests, made once for each kind: an RSA key takes a while."""

import datetime
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pem:
    """A key and its certificate, as PEM texts."""

    key: str
    certificate: str

    @property
    def both(self) -> bytes:
        return (self.certificate + self.key).encode()

    @property
    def key_body(self) -> str:
        """A line of the key that stands in no other text."""
        return self.key.splitlines()[3]

    def locked(self, password: str) -> bytes:
        """Both, with the key encrypted."""
        key = load_pem_private_key(self.key.encode(), None)
        lock = BestAvailableEncryption(password.encode())
        return self.certificate.encode() + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)

    def pfx(self, password: str = "", *, chain: "list[Pem] | None" = None) -> bytes:
        key: Any = load_pem_private_key(self.key.encode(), None)
        lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        others = [x509.load_pem_x509_certificate(one.certificate.encode()) for one in chain or []] or None
        own = x509.load_pem_x509_certificate(self.certificate.encode())
        return pkcs12.serialize_key_and_certificates(b"test", key, own, others, lock)

    @property
    def der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate.encode()).public_bytes(Encoding.DER)


@lru_cache(maxsize=16)
def make_pem(kind: str = "rsa", *, bits: int = 2048, begins: int = -1, days: int = 365, number: int = 1) -> Pem:
    """A self-signed certificate that is valid from `begins` days from now for `days` days. `number` tells several apart."""
    key: Any = rsa.generate_private_key(65537, bits) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"TenantPilot test {number}")])
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=begins)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return Pem(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        certificate.public_bytes(Encoding.PEM).decode(),
    )
