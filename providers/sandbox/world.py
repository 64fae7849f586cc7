"""What the sandbox's tenants contain: plain dictionaries by id, exactly as a GET of one object would answer.

Nothing here knows HTTP. `generate` and `load` fill a world, `reading` and `writes` serve and change it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

GraphObject = dict[str, Any]
# Path below an object ("assignments", "definitionValues/{child id}/presentationValues") → members in order.
Children = dict[str, list[GraphObject]]
# Where clear values of encrypted OMA-URI settings are kept among the children; no route leads there.
OMA_SECRETS = "omaSecrets"


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
    certificate_pems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Collection:
    """One list path. `objects` keeps listing order; a body holds what a GET by id shows, without navigation properties and
    without annotations other than `@odata.type`. Properties of the type that it lacks are answered as null.

    `children` are by object id.
    """

    objects: dict[str, GraphObject] = field(default_factory=dict)
    children: dict[str, Children] = field(default_factory=dict)


@dataclass(slots=True)
class SandboxTenant:
    """A tenant of the sandbox. `collections` is keyed by list path without version or leading slash
    ("deviceManagement/configurationPolicies"); single resources such as "organization" are collections too.

    `oddities` names what a generated tenant has on purpose, with the ids of the objects that have it.
    """

    slug: str
    name: str
    entra_tenant_id: str
    apps: dict[str, SandboxApp]
    collections: dict[str, Collection] = field(default_factory=dict)
    oddities: dict[str, list[str]] = field(default_factory=dict)

    def collection(self, path: str) -> Collection:
        return self.collections.setdefault(path, Collection())

    def app(self, client_id: str) -> SandboxApp | None:
        return next((app for app in self.apps.values() if app.client_id == client_id), None)

    @property
    def domain(self) -> str:
        return f"{self.slug}.onmicrosoft.com"


@dataclass(slots=True)
class World:
    tenants: list[SandboxTenant] = field(default_factory=list)

    def tenant(self, name: str) -> SandboxTenant | None:
        """By Entra tenant id or by domain, as an authority names it."""
        wanted = name.lower()
        return next((tenant for tenant in self.tenants if wanted in (tenant.entra_tenant_id, tenant.domain)), None)

    def __iter__(self) -> Iterator[SandboxTenant]:
        return iter(self.tenants)
