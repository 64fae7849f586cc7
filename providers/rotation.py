"""Which keys stored credentials are sealed with, and sealing them anew with the newest one.

Each credential is a transaction of its own, and its sealed value names its key: whoever is killed in between goes on
where it stopped.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from providers import secrets
from providers.models import ProviderCredential
from rbac import audit
from rbac.models import Tenant
from rbac.scope import scope
from rbac.services import Actor

DAMAGED = "(damaged)"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One stored credential: whose it is, and the id of its key (DAMAGED where the value cannot be read at all)."""

    tenant_id: int
    credential_id: int
    owner: str
    key: str


def sealed_credentials() -> Iterator[Sealed]:
    """Every stored credential, of archived tenants too, tenant by tenant. Opens none."""
    for tenant in Tenant.objects.order_by("pk"):
        with scope(tenant.pk):
            rows = ProviderCredential.objects.order_by("pk").values_list("pk", "connection__display_name", "sealed")
            found = [Sealed(tenant.pk, pk, f"{tenant.slug}: {name}", _key(bytes(sealed))) for pk, name, sealed in rows]
        # Not inside the scope: whoever reads this enters others.
        yield from found


def keys_in_use() -> Counter[str]:
    """How many credentials each key seals."""
    return Counter(one.key for one in sealed_credentials())


def reseal(one: Sealed, *, actor: Actor) -> bool:
    """Seal a credential with the newest key, if it is not so already. Raises secrets.CannotOpen, and then changes nothing."""
    newest = secrets.ring().current
    with scope(one.tenant_id), transaction.atomic():
        # Read again under a lock: somebody may have replaced or removed it since it was listed.
        rows = ProviderCredential.objects.select_for_update(of=("self",)).select_related("connection")
        credential = rows.filter(pk=one.credential_id).first()
        if credential is None:
            return False
        sealed = bytes(credential.sealed)
        before = secrets.key_of(sealed)
        if before == newest:
            return False
        resealed = secrets.reseal(sealed, connection_id=credential.connection_id)
        # The version stays: it is the same secret, and tokens got with it stay good.
        ProviderCredential.objects.filter(pk=credential.pk).update(sealed=resealed)
        audit.record(
            actor=actor,
            verb="credential.resealed",
            tenant=one.tenant_id,
            target=credential.connection,
            before={"key": before},
            after={"key": newest},
        )
    return True


def _key(sealed: bytes) -> str:
    try:
        return secrets.key_of(sealed)
    except secrets.CannotOpen:
        return DAMAGED
