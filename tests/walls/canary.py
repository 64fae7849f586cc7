"""Secrets that must turn up nowhere, and the search for them in every place where something is kept or shown."""

import base64
import secrets
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Canary:
    """A client secret, a password, and a certificate whose private key the password protects."""

    secret: str
    password: str
    pem: str
    public_pem: str
    key_lines: tuple[str, ...]
    key_bytes: bytes

    @property
    def all_forms(self) -> dict[str, bytes]:
        """How a secret may look when it was carelessly kept: name → bytes to search for.

        Searched is the middle of each secret, which stays the same when the rest is escaped for HTML, JSON or an address.
        """
        found: dict[str, bytes] = {}
        for name, secret in (("secret", self.secret), ("password", self.password)):
            middle = secret[8:-6].encode()
            found |= {
                name: middle,
                f"{name} in hex": middle.hex().encode(),
                f"{name} in HEX": middle.hex().upper().encode(),
            }
            found |= {f"{name} in Base64 +{shift}": part for shift, part in enumerate(_base64_forms(middle))}
        for number, line in enumerate(self.key_lines):
            found[f"line {number} of the private key"] = line.encode()
        for start in (64, 256, 512):
            part = self.key_bytes[start : start + 32]
            found |= {f"key bytes {start}": part, f"key bytes {start} hex": part.hex().encode()}
        return found


def _base64_forms(raw: bytes) -> list[bytes]:
    """What of `raw` is the same in the Base64 of any longer text, for each of the three ways it may lie in it."""
    return [base64.b64encode(bytes(shift) + raw)[shift and 4 : -4] for shift in range(3)]


def make_canary() -> Canary:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tenantpilot")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=300))
        .sign(key, hashes.SHA256())
    )
    password = f"Pa55-~&{secrets.token_hex(16)}<\"'%+ "
    public_pem = certificate.public_bytes(Encoding.PEM).decode()
    protected = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().splitlines()
    return Canary(
        secret=f"zQ8Q~.-_{secrets.token_hex(16)}&<\"'%+",
        password=password,
        pem=f"{protected.decode()}{public_pem}",
        public_pem=public_pem,
        key_lines=(plain[3], plain[9], plain[15], protected.decode().splitlines()[5]),
        key_bytes=key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    )


def search(canary: Canary, *places: tuple[str, bytes | str]) -> list[str]:
    """Where the canary turned up: "run.inputs: secret hex"."""
    forms = canary.all_forms
    found = []
    for place, content in places:
        data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
        found += [f"{place}: {name}" for name, form in forms.items() if form in data]
    return found


def database_places(owner: psycopg.Connection[Any]) -> Iterator[tuple[str, bytes]]:
    """Every column of every table, as text and, where it is bytes, also unpacked. All rows of a column are one place."""
    tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    for (table,) in tables:
        cursor = owner.execute(f'SELECT * FROM "{table}"')  # type: ignore[call-overload]
        columns = [column.name for column in cursor.description or []]
        held: dict[str, bytearray] = {}
        for row in cursor:
            for column, value in zip(columns, row, strict=True):
                for place, content in _cell(f"{table}.{column}", value):
                    held.setdefault(place, bytearray()).extend(content + b"\n")
        yield from ((place, bytes(content)) for place, content in held.items())


def _cell(place: str, value: Any) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        yield place, raw
        try:
            yield f"{place} (unpacked)", zlib.decompress(raw)
        except zlib.error:
            return
    elif isinstance(value, dict | list):
        yield place, orjson.dumps(value, default=str)
    elif value is not None:
        yield place, str(value).encode()
        if place == "django_session.session_data":
            yield f"{place} (decoded)", _session(str(value))


def _session(data: str) -> bytes:
    from django.contrib.sessions.backends.db import SessionStore

    return orjson.dumps(SessionStore().decode(data), default=str)


def redis_places(url: str) -> Iterator[tuple[str, bytes]]:
    """Every key and value, and the bodies of queued messages decoded."""
    client: Any = redis.Redis.from_url(url)
    read: dict[bytes, Callable[[bytes], list[bytes]]] = {
        b"string": lambda key: [client.get(key) or b""],
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": lambda key: [part for pair in client.hgetall(key).items() for part in pair],
        b"set": lambda key: list(client.smembers(key)),
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    for key in client.scan_iter():
        yield "the name of a Redis key", key
        for value in read[client.type(key)](key):
            yield f"Redis {key.decode()}", value
            try:
                yield f"Redis {key.decode()} (message)", base64.b64decode(orjson.loads(value)["body"])
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                continue
