"""What the sandbox's tenants contain: plain dictionaries by id, exactly as a GET of one object would answer.

Nothing here knows HTTP. `generate` and `load` fill a world, `routes` reads and changes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

GraphObject = dict[str, Any]


@dataclass(slots=True)
class SandboxApp:
    """An app registration as seen from one tenant. `permissions` are application permission names ("Group.Read.All")."""

    client_id: str
    secret: str
    display_name: str
    permissions: set[str]
    enabled: bool = True
    consented: bool = True
    secret_expired: bool = False
    certificates: set[str] = field(default_factory=set)
    """Base64url SHA-256 thumbprints of accepted certificates; the certificate itself is in `certificate_pems`."""
    certificate_pems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Collection:
    """One list path. `objects` keeps listing order; a body holds every property a GET by id shows, without navigation
    properties and without annotations other than `@odata.type`.

    `children` maps object id → path below the object ("assignments", "settings",
    "definitionValues/{child id}/presentationValues") → members in order.
    """

    objects: dict[str, GraphObject] = field(default_factory=dict)
    children: dict[str, dict[str, list[GraphObject]]] = field(default_factory=dict)


@dataclass(slots=True)
class SandboxTenant:
    """A tenant of the sandbox. `collections` is keyed by list path without version or leading slash
    ("deviceManagement/configurationPolicies"); single resources such as "organization" are collections too.
    """

    slug: str
    name: str
    entra_tenant_id: str
    apps: dict[str, SandboxApp]
    collections: dict[str, Collection] = field(default_factory=dict)

    def collection(self, path: str) -> Collection:
        return self.collections.setdefault(path, Collection())


@dataclass(slots=True)
class World:
    tenants: list[SandboxTenant] = field(default_factory=list)

    def tenant(self, entra_tenant_id: str) -> SandboxTenant | None:
        wanted = entra_tenant_id.lower()
        return next((tenant for tenant in self.tenants if tenant.entra_tenant_id == wanted), None)

    def __iter__(self) -> Iterator[SandboxTenant]:
        return iter(self.tenants)
