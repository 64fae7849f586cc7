"""Refusals, in Graph's own words (chapter 7), and who may do what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from providers.sandbox.catalogue import LISTINGS
from tests.sandbox.conftest import CATALOG, Probe, _probe, read_error, sign_in

INTUNE = "deviceManagement"
NOBODY = "00000000-0000-4000-8000-00000000dead"


def test_an_error_has_the_ids_of_the_headers_and_a_date_without_a_zone(probe: Probe) -> None:
    """SBX-7"""
    mine = "3f0a0f6e-1111-4222-8333-444455556666"
    response = probe.get(f"/v1.0/groups/{NOBODY}", client_request_id=mine)
    inner = response.json()["error"]["innerError"]
    assert inner["request-id"] == response.headers["request-id"] and inner["client-request-id"] == mine
    when = datetime.strptime(inner["date"], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=1)


def test_intune_wraps_its_text_with_the_request_as_activity(probe: Probe) -> None:
    """SBX-7"""
    response = probe.get(f"/beta/{CATALOG}/{NOBODY}")
    wrapped = httpx.Response(200, text=response.json()["error"]["message"]).json()
    assert wrapped["_version"] == 3 and httpx.Response(200, text=wrapped["HttpHeaders"]).json() == {}
    assert f"Activity ID: {response.headers['request-id']}" in wrapped["Message"]
    UUID(response.headers["request-id"])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/v1.0/groups/{NOBODY}", 404, "Request_ResourceNotFound"),
        ("/v1.0/groups/not-a-guid", 400, "Request_BadRequest"),
        (f"/beta/{CATALOG}/{NOBODY}", 404, "ResourceNotFound"),
        (f"/v1.0/identity/conditionalAccess/policies/{NOBODY}", 404, "ResourceNotFound"),
        (f"/beta/{INTUNE}/nonsense", 400, "BadRequest"),
        ("/beta/nonsense", 400, "BadRequest"),
        ("/beta/deviceAppManagement/nonsense/1", 400, "BadRequest"),
        (f"/beta/{INTUNE}/userExperienceAnalyticsOverview", 400, "No method match route template"),
        (f"/beta/{INTUNE}", 400, "No method match route template"),
    ],
)
def test_what_is_not_there_is_refused_as_graph_does(probe: Probe, path: str, status: int, code: str) -> None:
    """SBX-7: an unknown route of Intune is 400 and not 404."""
    assert probe.error(path)[:2] == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PATCH", f"{CATALOG}/%s/settings/0", 400, "No method match route template"),
        ("POST", f"{CATALOG}/%s/nonsense", 400, "No method match route template"),
        ("DELETE", CATALOG, 400, "No method match route template"),
        ("DELETE", "groups", 405, "Request_BadRequest"),
        ("PUT", "subscribedSkus", 405, "Request_BadRequest"),
    ],
)
def test_wrong_verbs_are_refused_by_intune_and_by_entra_in_their_own_way(
    probe: Probe, method: str, path: str, status: int, code: str
) -> None:
    """SBX-7"""
    path = path % probe.first(CATALOG)["id"] if "%s" in path else path
    body: dict[str, str] | None = {} if method in ("PATCH", "POST", "PUT") else None
    assert read_error(probe.send(method, f"/beta/{path}", body=body))[:2] == (status, code)


def test_a_body_that_is_no_json_is_refused(own: Probe) -> None:
    """SBX-7"""
    headers = {"Authorization": f"Bearer {own.token}", "Content-Type": "application/json"}
    for content in (b"{", b"[]", b""):
        response = own.http.post(f"/beta/{CATALOG}", content=content, headers=headers)
        assert read_error(response)[:2] == (400, "BadRequest"), content


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("nonsense", "CompactToken parsing failed"),
        ("a.b.c", "CompactToken parsing failed"),
    ],
)
def test_a_token_that_is_none_is_401_with_a_challenge(probe: Probe, token: str, message: str) -> None:
    """SBX-8"""
    probe.token = token
    response = probe.get("/v1.0/groups")
    status, code, text = read_error(response)
    assert (status, code) == (401, "InvalidAuthenticationToken") and text.startswith(message)
    assert response.headers["www-authenticate"].startswith("Bearer ")
    without = probe.http.get("/v1.0/groups")
    assert read_error(without) == (401, "InvalidAuthenticationToken", "Access token is empty.")


def test_a_token_of_another_sandbox_is_refused(probe: Probe, own: Probe) -> None:
    """SBX-8"""
    own.token = probe.token
    assert own.error("/v1.0/groups") == (
        401,
        "InvalidAuthenticationToken",
        "Access token validation failure. Signature is invalid.",
    )


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("deviceAppManagement/mobileApps", "Forbidden", "DeviceManagementApps.Read.All"),
        (f"{INTUNE}/roleScopeTags", None, ""),
        (f"{INTUNE}/notificationMessageTemplates", "Forbidden", "DeviceManagementServiceConfig.Read.All"),
        (CATALOG, None, ""),
        ("groups", None, ""),
        ("organization", "Authorization_RequestDenied", "Insufficient privileges"),
        ("users", "Authorization_RequestDenied", "Insufficient privileges"),
        ("identity/conditionalAccess/policies", "AccessDenied", "required scopes are missing"),
        ("policies/authenticationStrengthPolicies", "Authorization_RequestDenied", "Insufficient privileges"),
        ("identityGovernance/termsOfUse/agreements", "Authorization_RequestDenied", "Insufficient privileges"),
    ],
)
def test_an_app_reads_what_it_was_granted(as_app: Callable[..., Probe], path: str, code: str | None, says: str) -> None:
    """SBX-8"""
    response = as_app("lacking").get(f"/beta/{path}")
    if code is None:
        assert response.status_code == 200
        return
    status, found, message = read_error(response)
    assert (status, found) == (403, code) and says in message


def test_every_list_is_read_by_the_reading_app_but_those_for_signed_in_people(as_app: Callable[..., Probe]) -> None:
    """SBX-8, SBX-16"""
    reader = as_app("read_only")
    statuses = {path: reader.get(f"/beta/{path}").status_code for path in LISTINGS}
    assert {path for path, status in statuses.items() if status != 200} == {"identityGovernance/termsOfUse/agreements"}


def test_a_reading_app_writes_nothing(as_app: Callable[..., Probe]) -> None:
    """SBX-8"""
    reader = as_app("read_only")
    for path, listing in LISTINGS.items():
        method = "PATCH" if listing.singleton else "POST"
        status = reader.send(method, f"/beta/{path}", body={"displayName": "x"}).status_code
        # What nobody can write has no permission for it either.
        assert status == (403 if listing.write else 405), path


def test_an_app_without_any_permission_is_told_so(own: Probe) -> None:
    """SBX-8"""
    own.control("POST", "apps", {"tenant": "own", "app": "full", "permissions": []}).raise_for_status()
    bare = _probe(own.sandbox)
    status, code, message = bare.error(f"/beta/{CATALOG}")
    assert (status, code) == (403, "Forbidden") and "does not have application permissions configured" in message


def test_a_permission_taken_away_shows_in_the_next_token(own: Probe) -> None:
    """SBX-8, SBX-11"""
    own.control("POST", "apps", {"tenant": "own", "app": "full", "permissions": ["Group.Read.All"]}).raise_for_status()
    assert own.get(f"/beta/{CATALOG}").status_code == 200
    own.token = sign_in(own.http, own.tenant)
    assert own.get(f"/beta/{CATALOG}").status_code == 403 and own.get("/v1.0/groups").status_code == 200


def test_conditional_access_is_written_with_all_three_permissions_together(own: Probe) -> None:
    """SBX-8"""
    own.sandbox.app.throttle.configure(enabled=False)
    wanted = {"Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "Application.Read.All"}
    body = {"displayName": "CA", "state": "disabled", "conditions": {}}
    for held in (wanted - {"Application.Read.All"}, wanted):
        own.tenant.apps["full"].permissions = set(held)
        own.token = sign_in(own.http, own.tenant)
        status = own.send("POST", "/v1.0/identity/conditionalAccess/policies", body=body).status_code
        assert status == (201 if held == wanted else 403)
