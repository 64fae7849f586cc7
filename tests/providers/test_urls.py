"""Where requests may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.failures import Failure
from providers.clouds import CLOUDS, Cloud
from providers.graph.urls import check_link, graph_url, sign_in_url

TENANT = "c0c0c0c0-0000-4000-8000-000000000001"
EVIL = [
    "https://graph.microsoft.com@evil.example/beta/groups",
    "https://user:pass@graph.microsoft.com/beta/groups",
    "https://graph.microsoft.com\\@evil.example/beta/groups",
    "https://graph.microsoft.com\\.evil.example/beta/groups",
    "https://graph.microsoft.com.evil.example/beta/groups",
    "https://graph.microsoft.com./beta/groups",
    "https://graph。microsoft。com/beta/groups",
    "https://ｇraph.microsoft.com/beta/groups",
    "https://xn--graph-microsoft-com.example/beta/groups",
    "https://[::1]/beta/groups",
    "https://[graph.microsoft.com]/beta/groups",
    "https://127.0.0.1/beta/groups",
    "//evil.example/beta/groups",
    "/beta/groups",
    "http://graph.microsoft.com/beta/groups",
    "ftp://graph.microsoft.com/beta/groups",
    "https://graph.microsoft.com:444/beta/groups",
    "https://graph.microsoft.com:0/beta/groups",
    "https://graph.microsoft.com:http/beta/groups",
    "https://graph.microsoft.com:99999/beta/groups",
    "https://login.microsoftonline.com/beta/groups",
    "https://graph.microsoft.us/beta/groups",
    "https://graph.microsoft.com/v2.0/groups",
    "https://graph.microsoft.com/groups",
    "https://graph.microsoft.com/beta",
    "https://graph.microsoft.com/beta/../v1.0/groups",
    "https://graph.microsoft.com/beta/%2e%2e/v1.0/groups",
    "https://graph.microsoft.com/beta/./groups",
    f"https://graph.microsoft.com/beta/{TENANT}/groups",
    "https://graph.microsoft.com/beta/fabrikam.example/groups",
    "https://graph.microsoft.com/beta/groups#@evil.example",
    "https://graph.microsoft.com/beta/gro\nups",
    "https://graph.microsoft.com/beta/gro\tups",
    " https://graph.microsoft.com/beta/groups",
    "https://graph.microsoft.com /beta/groups",
    "javascript:alert(1)",
    "https://",
    "",
]


@pytest.mark.parametrize("link", EVIL)
def test_a_link_that_leads_elsewhere_is_not_followed(link: str) -> None:
    """PRO-19"""
    with pytest.raises(Failure) as found:
        check_link(Cloud.GLOBAL, link)
    assert found.value.code == "foreign_link"


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.microsoft.com/beta/deviceManagement/configurationPolicies?$skiptoken=LastDeliveredPage%3d25",
        "https://graph.microsoft.com/beta/deviceManagement/intents('a')/categories?$skip=1000&$top=10",
        "https://graph.microsoft.com/beta/groups?$filter=displayName%20eq%20'O''Brien'&$skiptoken=a,b:c",
        "https://graph.microsoft.com/beta/deviceManagement//intents?$skiptoken=x",
    ],
)
def test_a_link_of_graph_is_followed_exactly_as_given(link: str) -> None:
    """PRO-19"""
    assert str(check_link(Cloud.GLOBAL, link)) == link


def test_case_and_the_usual_port_make_no_difference_and_the_compared_parts_are_sent() -> None:
    """PRO-19"""
    assert str(check_link(Cloud.GLOBAL, "HTTPS://Graph.Microsoft.COM:443/beta/groups?$skiptoken=X")) == (
        "https://graph.microsoft.com/beta/groups?$skiptoken=X"
    )


def test_a_link_stays_in_the_version_it_came_from() -> None:
    """PRO-19"""
    link = "https://graph.microsoft.com/v1.0/groups?$skiptoken=X"
    assert check_link(Cloud.GLOBAL, link, version="v1.0").version == "v1.0"
    with pytest.raises(Failure):
        check_link(Cloud.GLOBAL, link, version="beta")


@pytest.mark.parametrize("cloud", Cloud.values)
def test_each_cloud_follows_links_of_its_own_host_only(cloud: str) -> None:
    """PRO-1: clouds are a closed list, and none trusts another's hosts."""
    own = CLOUDS[cloud].graph_host
    assert check_link(Cloud(cloud), f"https://{own}/v1.0/groups").host == own
    for other in {hosts.graph_host for hosts in CLOUDS.values()} - {own}:
        with pytest.raises(Failure):
            check_link(Cloud(cloud), f"https://{other}/v1.0/groups")


@given(st.text(max_size=80))
def test_no_text_whatever_becomes_an_address_on_another_host(text: str) -> None:
    """PRO-19"""
    for link in (
        text,
        f"https://{text}",
        f"https://graph.microsoft.com{text}",
        f"https://graph.microsoft.com/beta/{text}",
    ):
        try:
            address = check_link(Cloud.GLOBAL, link)
        except Failure:
            continue
        assert str(address).startswith("https://graph.microsoft.com/")
        assert address.target.split("/")[1] in ("v1.0", "beta")


@pytest.mark.parametrize(
    "url",
    [
        f"https://evil.example/{TENANT}/oauth2/v2.0/token",
        f"http://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token",
        "https://login.microsoftonline.com/fafafafa-0000-4000-8000-000000000002/oauth2/v2.0/token",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        f"https://login.microsoftonline.com/{TENANT}/../common/oauth2/v2.0/token",
        f"https://graph.microsoft.com/{TENANT}/oauth2/v2.0/token",
        "https://login.microsoftonline.com/",
    ],
)
def test_a_secret_is_sent_to_the_own_tenants_sign_in_only(url: str) -> None:
    """PRO-14: the discovery document names where the secret goes; it is believed as little as any other answer."""
    with pytest.raises(Failure) as found:
        sign_in_url(Cloud.GLOBAL, TENANT, url)
    assert found.value.code == "foreign_link"


def test_paths_are_built_below_the_version_with_everything_encoded_once() -> None:
    """PRO-19"""
    built = graph_url(Cloud.GLOBAL, "beta", "/groups?$filter=displayName eq 'Ä#1'", {"$top": 5})
    assert str(built) == "https://graph.microsoft.com/beta/groups?$filter=displayName%20eq%20'%C3%84%231'&$top=5"
    assert graph_url(Cloud.GLOBAL, "v1.0", "/a%20b").relative == "/a%20b"
    for version, path in (("v2.0", "/groups"), ("beta", "groups"), ("beta", "/a\r\nb")):
        with pytest.raises(ValueError):  # noqa: PT011
            graph_url(Cloud.GLOBAL, version, path)
