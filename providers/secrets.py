"""Sealing credentials: AES-256-GCM with a ring of keys, bound to the row they belong to.

A sealed value is `v1`, the key's id, a nonce and the ciphertext. The connection's id is authenticated with it, so that a
ciphertext copied to another row does not open there.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass, field

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_VERSION = b"v1"
_NONCE = 12


class CannotOpen(Exception):
    """A sealed value does not open: its key is gone, or it was altered or moved. The message holds no part of it."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id, the first of which seals."""

    keys: dict[str, bytes] = field(repr=False)

    @property
    def current(self) -> str:
        return next(iter(self.keys))


def ring() -> KeyRing:
    """The ring of settings.CREDENTIAL_KEYS. Raises ImproperlyConfigured, without quoting a key."""
    keys: dict[str, bytes] = {}
    for entry in settings.CREDENTIAL_KEYS:
        name, _, text = entry.strip().partition(":")
        try:
            key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            key = b""
        if not name or len(name) > 32 or not name.isascii() or len(key) != 32:
            raise ImproperlyConfigured("CREDENTIAL_KEYS is a list of id:key, each key 32 bytes in URL-safe base64.")
        if name in keys:
            raise ImproperlyConfigured(f"CREDENTIAL_KEYS names the key id {name!r} twice.")
        keys[name] = key
    if not keys:
        raise ImproperlyConfigured("CREDENTIAL_KEYS is empty: credentials cannot be stored without a key.")
    return KeyRing(keys)


def seal(fields: dict[str, str], *, connection_id: int) -> bytes:
    """`fields` as a sealed value that opens only for this connection."""
    keys = ring()
    nonce = secrets.token_bytes(_NONCE)
    name = keys.current.encode()
    sealed = AESGCM(keys.keys[keys.current]).encrypt(nonce, orjson.dumps(fields), _bound_to(name, connection_id))
    return b":".join((_VERSION, name, base64.b64encode(nonce + sealed)))


def open_sealed(sealed: bytes, *, connection_id: int) -> dict[str, str]:
    """The fields of a sealed value. Raises CannotOpen."""
    name, nonce, text = _take_apart(sealed)
    key = ring().keys.get(name.decode("ascii", "replace"))
    if key is None:
        raise CannotOpen(f"The key {name.decode('ascii', 'replace')[:32]!r} is not in CREDENTIAL_KEYS.")
    try:
        fields: dict[str, str] = orjson.loads(AESGCM(key).decrypt(nonce, text, _bound_to(name, connection_id)))
    except InvalidTag as error:
        raise CannotOpen("The stored credential was altered or belongs to another connection.") from error
    return fields


def reseal(sealed: bytes, *, connection_id: int) -> bytes:
    """The same fields, sealed with the ring's first key. Raises CannotOpen."""
    return seal(open_sealed(sealed, connection_id=connection_id), connection_id=connection_id)


def key_of(sealed: bytes) -> str:
    """The id of the key that sealed it. Raises CannotOpen for a damaged value."""
    return _take_apart(sealed)[0].decode("ascii", "replace")


def _bound_to(name: bytes, connection_id: int) -> bytes:
    return b"tenantpilot:credential:%b:%b:%d" % (_VERSION, name, connection_id)


def _take_apart(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    version, _, rest = bytes(sealed).partition(b":")
    name, _, text = rest.partition(b":")
    try:
        plain = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise CannotOpen("The stored credential is damaged.") from error
    if version != _VERSION or not name or len(plain) <= _NONCE:
        raise CannotOpen("The stored credential is damaged.")
    return name, plain[:_NONCE], plain[_NONCE:]
