"""Which providers TenantPilot can connect to. `register_provider` declares one; model, forms, pages and operations read it here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operations.failures import Failure
from providers.clouds import CLOUDS

if TYPE_CHECKING:
    from operations.context import RunContext
    from providers.models import ProviderConnection


class BadProvider(TypeError):
    """A provider was declared wrongly; raised at start-up, so a faulty one never reaches a tenant."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.

    `clouds` are values of `providers.clouds.Cloud`. `open_client(connection)` is a context manager with the client, for use
    inside a run; it raises Failure when the credential cannot be used. The client's `answered` says whether anything it asked
    for was answered. `check(run, connection, client)` records each probe as
    an item of the run, and says through `providers.health` what it found; it raises Failure where nothing more can be probed.
    `consent_link(connection, state=, return_to=)` is where an administrator consents to the app, or "".
    """

    key: str
    label: str
    clouds: tuple[str, ...]
    open_client: Callable[["ProviderConnection"], Any]
    check: Callable[["RunContext", "ProviderConnection", Any], None]
    consent_link: Callable[..., str]


_providers: dict[str, Provider] = {}


def register_provider(provider: Provider) -> None:
    """Declare a provider. Raises BadProvider for one that is declared twice or is not whole."""
    if provider.key in _providers:
        raise BadProvider(f"Provider {provider.key!r} is declared twice.")
    if not provider.key.isidentifier() or not provider.key.islower() or len(provider.key) > 32:
        raise BadProvider(f"Provider {provider.key!r}: the key is lower snake, at most 32 characters.")
    if not provider.clouds or not set(provider.clouds) <= set(CLOUDS):
        raise BadProvider(f"Provider {provider.key!r}: its clouds are some of {', '.join(CLOUDS)}.")
    _providers[provider.key] = provider


def all_providers() -> dict[str, Provider]:
    return dict(_providers)


def get(key: str) -> Provider:
    """The provider; raises Failure("provider_unknown") for one that this version does not have."""
    try:
        return _providers[key]
    except KeyError:
        raise Failure("provider_unknown", f"“{key}”.") from None


def choices() -> list[tuple[str, str]]:
    """(key, label) of every provider, for the field of the model."""
    return [(provider.key, provider.label) for provider in _providers.values()]
