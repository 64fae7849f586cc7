"""Start-up checks: credentials can be sealed, and what was sealed can be opened."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from providers import rotation, secrets

_NAMED = 5


@register(Tags.security)
def check_key_ring(**_kwargs: Any) -> list[CheckMessage]:
    """The key ring can be read, and there is one."""
    if not settings.CREDENTIAL_KEYS:
        message = "CREDENTIAL_KEYS is empty, so no credential can be stored or used."
        return [Warning(message, hint="Make a key as docs/operate.md says under Keys.", id="providers.W001")]
    try:
        secrets.ring()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="See docs/operate.md, Keys.", id="providers.E001")]
    return []


@register(Tags.database)
def check_keys_in_use(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """No stored credential needs a key that is not there. Asked when somebody migrates, and when a process starts."""
    if not databases:
        return []
    try:
        keys = secrets.ring().keys
        # A damaged value is no matter of keys: its connection says so when it is used.
        lost = [one for one in rotation.sealed_credentials() if one.key not in keys and one.key != rotation.DAMAGED]
    except (ImproperlyConfigured, DatabaseError):
        # A bad ring is told above; a database that is not there or has no tables yet holds nothing to miss.
        return []
    if not lost:
        return []
    names = ", ".join(sorted({repr(one.key) for one in lost}))
    owners = "; ".join(one.owner for one in lost[:_NAMED]) + ("; …" if len(lost) > _NAMED else "")
    return [
        Error(
            f"CREDENTIAL_KEYS lacks {names}, which {len(lost)} stored credentials need ({owners}).",
            hint="Put the key back and run `manage.py rotate_keys` before it is taken out. If it is lost for good, set "
            "these credentials again with `manage.py connect_tenant`.",
            id="providers.E002",
        )
    ]
