"""The provider Microsoft 365: how its connections are opened, checked and consented to."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from operations.context import RunContext
from operations.failures import Failure
from providers import health, permissions, secrets
from providers.clouds import CLOUDS, Cloud
from providers.graph.client import GraphClient
from providers.graph.tokens import ClientCertificate, ClientSecret, Credential
from providers.models import ProviderConnection, ProviderCredential
from providers.permissions import register_need
from providers.registry import Provider, register_provider
from rbac.redaction import remember_secret

register_need(
    any_of=("Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
    capability="connection.check",
    used_for="Name and id of the organization",
)


def open_client(connection: ProviderConnection) -> GraphClient:
    """A Graph client for `connection`. Raises Failure when the credential cannot be used."""
    version, _opened = _load(connection.pk)
    identity = (str(connection.cloud), str(connection.entra_tenant_id), str(connection.client_id))
    return GraphClient(
        cloud=Cloud(connection.cloud),
        entra_tenant_id=str(connection.entra_tenant_id),
        client_id=str(connection.client_id),
        # Read anew for each token: one replaced in the middle of a run is used from then on.
        credential=lambda: _load(connection.pk)[1],
        # Microsoft counts by Entra tenant, whichever connections lead there.
        budget_key=f"{connection.cloud}:{connection.entra_tenant_id}",
        cache_key=(str(connection.pk), *identity, str(version)),
    )


def _load(connection_id: int) -> tuple[int, Credential]:
    """The version and the opened credential of a connection that is still there and enabled."""
    connection = ProviderConnection.objects.filter(pk=connection_id).select_related("credential").first()
    if connection is None:
        raise Failure("connection_missing")
    if connection.status == ProviderConnection.Status.DISABLED:
        raise Failure("connection_disabled")
    credential = getattr(connection, "credential", None)
    if credential is None:
        raise Failure("credential_missing")
    try:
        fields = secrets.open_sealed(bytes(credential.sealed), connection_id=connection_id)
    except secrets.CannotOpen as error:
        raise Failure("credential_unreadable", str(error)) from error
    if credential.kind == ProviderCredential.Kind.CERTIFICATE:
        return credential.version, ClientCertificate(fields["private_key_pem"], fields["public_pem"])
    remember_secret(fields["secret"])
    return credential.version, ClientSecret(fields["secret"])


def consent_link(connection: ProviderConnection, *, state: str = "", return_to: str = "") -> str:
    """Where an administrator of the tenant consents to the app (Microsoft identity platform, "admin consent").

    With `return_to`, which has to be a redirect URI of the app registration, Microsoft sends the browser back there with
    `state`; without it the browser stays at the app's first redirect URI. Apps of the sandbox are consented to already: "".
    """
    if connection.cloud == Cloud.SANDBOX:
        return ""
    hosts = CLOUDS[connection.cloud]
    link = f"https://{hosts.login_host}/{connection.entra_tenant_id}"
    query = {"client_id": str(connection.client_id)}
    if not return_to:
        return f"{link}/adminconsent?{urlencode(query)}"
    query |= {"scope": f"https://{hosts.graph_host}/.default", "redirect_uri": return_to, "state": state}
    return f"{link}/v2.0/adminconsent?{urlencode(query)}"


def check(run: RunContext, connection: ProviderConnection, client: GraphClient) -> None:
    """Sign in, read the organization, compare the granted permissions with the needed ones; each probe is an item."""
    run.expect(2 + len(permissions.matrix((), known=False)))
    granted: list[str] = []

    def sign_in() -> str:
        # A token of before would not show a permission granted, or a consent withdrawn, since then.
        client.renew_token()
        granted.extend(sorted(client.granted_permissions()))
        if not granted:
            raise Failure("consent_missing", "The access token names no permission.")
        return f"{len(granted)} permissions"

    if failure := _probe(run, "sign_in", "Sign in", sign_in):
        raise failure
    faults: list[Failure] = []
    failure = _probe(run, "organization", "Organization", lambda: _organization(connection, client))
    if failure and failure.code in health.HEALTH_AFTER:
        raise failure
    faults += [failure] if failure else []
    for grant in permissions.matrix(granted, known=True):
        with run.step(f"permission:{grant.permission}", grant.permission) as step:
            step.ref = ", ".join(grant.by)
            if grant.state == "missing":
                faults.append(health.lack(grant))
                step.fail(faults[-1])
    with run.transaction():
        health.mark_checked(connection.pk, granted=granted, faults=faults, run_id=run.id)


def _probe(run: RunContext, key: str, label: str, function: Callable[[], str]) -> Failure | None:
    """Record one probe as an item. Returns its failure; one that ends the run is raised."""
    failure: Failure | None = None
    with run.step(key, label) as step:
        try:
            step.ref = function()
        except Failure as found:
            failure = found
            raise
    return failure


def _organization(connection: ProviderConnection, client: Any) -> str:
    reply = client.get("/organization", params={"$select": "id,displayName"})
    ids = {str(member.get("id", "")).lower() for member in reply.values if isinstance(member, dict)}
    if str(connection.entra_tenant_id) not in ids:
        named = ", ".join(sorted(filter(_is_guid, ids))) or "none"
        raise Failure("wrong_tenant", f"It signed in to {named}.", graph_request_id=reply.request_id)
    return str(connection.entra_tenant_id)


def _is_guid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


register_provider(
    Provider(
        key="microsoft",
        label="Microsoft 365",
        clouds=tuple(Cloud.values),
        open_client=open_client,
        check=check,
        consent_link=consent_link,
    )
)
