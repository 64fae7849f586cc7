"""The way to Microsoft's consent page and back."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import time_machine
from django.core import signing
from django.utils import timezone

from providers import consent, services
from providers.clouds import CLOUDS, Cloud
from providers.consent import Return, link_for, read_state
from providers.models import ProviderConnection
from rbac.models import Tenant
from rbac.scope import scope
from tests.providers.script import Script

pytestmark = pytest.mark.django_db
APP = "11111111-0000-4000-8000-000000000001"


@pytest.fixture
def real(contoso: Tenant, cast: SimpleNamespace, settings: Any) -> ProviderConnection:
    """A connection to the global cloud."""
    settings.PUBLIC_URL = "https://tenantpilot.example"
    with scope(contoso.pk):
        return services.create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Contoso",
            entra_tenant_id=contoso.entra_tenant_id,
            client_id=APP,
        )


@pytest.fixture
def come_back(client: Any) -> Any:
    """`come_back(state, **parameters)` is the answer to the browser that Microsoft sends back."""

    def get(state: str, by: Any = None, **parameters: str) -> Any:
        return (by or client).get("/consent/", {"state": state, **parameters})

    return get


def state_of(connection: ProviderConnection) -> str:
    return parse_qs(urlsplit(link_for(connection)).query)["state"][0]


@pytest.mark.parametrize("cloud", [cloud for cloud in Cloud if cloud != Cloud.SANDBOX])
def test_the_link_leads_to_the_tenants_own_cloud_and_names_graphs_scope(cloud: Cloud, real: ProviderConnection) -> None:
    """PRO-9: Microsoft identity platform, admin consent v2."""
    real.cloud = cloud
    parts = urlsplit(link_for(real))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert (parts.scheme, parts.netloc) == ("https", CLOUDS[cloud].login_host)
    assert parts.path == f"/{real.entra_tenant_id}/v2.0/adminconsent"
    assert query["client_id"] == APP
    assert query["scope"] == f"https://{CLOUDS[cloud].graph_host}/.default"
    assert query["redirect_uri"] == "https://tenantpilot.example/consent/"
    assert read_state(query["state"]) == Return(real.tenant_id, real.pk)


def test_the_sandbox_needs_no_consent(connection: ProviderConnection, page: Any, cast: Any) -> None:
    """PRO-9: its apps are made up; Microsoft does not know them."""
    assert link_for(connection) == ""
    html = page(cast.owner, f"/t/contoso/providers/providerconnection/{connection.pk}/change/")
    assert "have consent already" in html
    assert "adminconsent" not in html


def test_the_page_shows_the_link_and_the_redirect_uri_it_needs(real: ProviderConnection, page: Any, cast: Any) -> None:
    """PRO-9"""
    html = page(cast.read_only, f"/t/contoso/providers/providerconnection/{real.pk}/change/")
    links = re.findall(r'href="(https://login\.microsoftonline\.com/[^"]+)"([^>]*)', html)
    assert len(links) == 1
    assert "https://tenantpilot.example/consent/" in html
    assert 'rel="noopener noreferrer"' in links[0][1]


@pytest.mark.parametrize(
    "parameters",
    [{"admin_consent": "True"}, {"admin_consent": "true", "tenant": "fafafafa-0000-4000-8000-000000000002"}],
)
def test_a_given_consent_says_so_and_changes_nothing(
    parameters: dict[str, str], real: ProviderConnection, come_back: Any, contoso: Tenant, script: Script
) -> None:
    """PRO-9: what comes back proves nothing, not even the tenant it names; only a check does."""
    response = come_back(state_of(real), **parameters)
    html = response.content.decode()
    assert response.status_code == 200
    assert "Consent was given" in html
    assert "no-store" in response["Cache-Control"]
    with scope(contoso.pk):
        assert ProviderConnection.objects.get(pk=real.pk).status == "not_verified"
    assert script.heard == []


def test_who_may_see_the_connection_is_led_to_it_and_nobody_else_learns_of_it(
    real: ProviderConnection, come_back: Any, cast: Any, sign_in: Any
) -> None:
    """PRO-9: an administrator of the customer has no account here."""
    address = f"/t/contoso/providers/providerconnection/{real.pk}/change/"
    state = state_of(real)
    assert address in come_back(state, by=sign_in(cast.read_only), admin_consent="True").content.decode()
    for stranger in (None, sign_in(cast.stranger), sign_in(cast.platform)):
        html = come_back(state, by=stranger, admin_consent="True").content.decode()
        assert "contoso" not in html.lower()
        assert "You can close this window." in html


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"error": "access_denied"}, "The administrator declined."),
        ({"error": "permission_denied"}, "may not consent for the whole tenant"),
        ({"error": "something_new"}, "Microsoft did not say why."),
        (
            {"error": "<script>alert(1)</script>", "error_description": "Call +49 1234 now"},
            "Microsoft did not say why.",
        ),
        ({"admin_consent": "False"}, "Microsoft did not say why."),
        ({}, "Microsoft did not say why."),
        ({"admin_consent": "True", "error": "access_denied"}, "The administrator declined."),
    ],
)
def test_a_refused_consent_is_explained_in_our_own_words(
    parameters: dict[str, str], sentence: str, real: ProviderConnection, come_back: Any
) -> None:
    """PRO-9: whoever makes up an address would write the others."""
    html = come_back(state_of(real), **parameters).content.decode()
    assert "Consent was not given" in html
    assert sentence in html
    assert "+49" not in html
    assert "<script" not in html


def test_a_state_that_is_forged_altered_or_too_old_is_refused(real: ProviderConnection, come_back: Any) -> None:
    """PRO-9"""
    good = state_of(real)
    other = signing.dumps([real.tenant_id, real.pk], salt="another.purpose")
    for state in (
        "",
        "x",
        good[:-1],
        good + "x",
        "A" + good[1:],
        other,
        signing.dumps("x", salt="providers.consent"),
        "\x00",
    ):
        response = come_back(state, admin_consent="True")
        assert response.status_code == 400, state
        assert "This link is not valid" in response.content.decode()
    with time_machine.travel(timezone.now() + timedelta(seconds=consent.LASTS_SECONDS + 60)):
        assert come_back(good, admin_consent="True").status_code == 400


def test_only_looking_is_possible(real: ProviderConnection, client: Any) -> None:
    """PRO-9"""
    address = f"/consent/?state={quote(state_of(real))}&admin_consent=True"
    assert client.post(address).status_code == 405
    assert client.get(address).status_code == 200


def test_a_connection_that_is_gone_meanwhile_breaks_nothing(
    real: ProviderConnection, come_back: Any, cast: Any, sign_in: Any, contoso: Tenant
) -> None:
    """PRO-24"""
    state = state_of(real)
    with scope(contoso.pk):
        ProviderConnection.objects.get(pk=real.pk).delete()
    assert come_back(state, by=sign_in(cast.owner), admin_consent="True").status_code == 200


def test_the_state_holds_ids_alone(real: ProviderConnection) -> None:
    """PRO-9: it goes through Microsoft and through mail."""
    assert signing.loads(state_of(real), salt="providers.consent") == [real.tenant_id, real.pk]
