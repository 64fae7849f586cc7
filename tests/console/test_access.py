"""Tenants, members, accounts and the audit trail."""

from types import SimpleNamespace
from typing import Any

import pytest

from rbac.models import AuditEvent, Membership, Tenant, User
from rbac.scope import scope
from tests.console.test_runs import count_queries

pytestmark = pytest.mark.django_db
MEMBERS = "/t/contoso/rbac/membership/"


def trail(tenant: Tenant) -> list[tuple[str, str]]:
    with scope(tenant.pk):
        return list(AuditEvent.objects.order_by("id").values_list("actor_name", "verb"))


def member(user: User, tenant: Tenant) -> Membership:
    return Membership.objects.get(user=user, tenant=tenant)


def test_an_owner_adds_a_member_by_user_name_and_it_is_audited(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-13"""
    response = sign_in(cast.owner).post(f"{MEMBERS}add/", {"username": "stranger", "role": "operator"})
    assert response.status_code == 302
    assert member(cast.stranger, contoso).role == "operator"
    assert trail(contoso) == [("owner", "membership.changed")]


@pytest.mark.parametrize(
    ("username", "message"),
    [("nobody", "There is no active account"), ("operator", "is a member already"), ("", "required")],
)
def test_a_member_that_cannot_be_added_is_explained(
    cast: SimpleNamespace, sign_in: Any, username: str, message: str
) -> None:
    """CON-13"""
    response = sign_in(cast.owner).post(f"{MEMBERS}add/", {"username": username, "role": "operator"})
    assert response.status_code == 200
    assert message in response.content.decode()


def test_the_form_shows_no_list_of_accounts(cast: SimpleNamespace, page: Any) -> None:
    """CON-13: an owner learns nothing about people of other tenants."""
    html = page(cast.owner, f"{MEMBERS}add/")
    assert "stranger" not in html
    assert 'value="read_only" selected' in html


def test_the_last_owner_keeps_the_role(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-13"""
    own = member(cast.owner, contoso)
    client = sign_in(cast.owner)
    response = client.post(f"{MEMBERS}{own.pk}/change/", {"role": "operator"})
    assert "last owner" in response.content.decode()
    assert client.post(f"{MEMBERS}{own.pk}/delete/", {"post": "yes"}).status_code == 403
    assert member(cast.owner, contoso).role == "owner"
    assert trail(contoso) == []


def test_a_role_is_changed_and_withdrawn_through_the_service(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-13"""
    client = sign_in(cast.owner)
    theirs = member(cast.operator, contoso)
    assert client.post(f"{MEMBERS}{theirs.pk}/change/", {"role": "manager"}).status_code == 302
    assert member(cast.operator, contoso).role == "manager"
    assert client.post(f"{MEMBERS}{theirs.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Membership.objects.filter(user=cast.operator, tenant=contoso).exists()
    assert trail(contoso) == [("owner", "membership.changed")] * 2


@pytest.mark.parametrize("role", ["manager", "operator", "read_only"])
def test_only_owners_manage_members(cast: SimpleNamespace, contoso: Tenant, sign_in: Any, role: str) -> None:
    """CON-13"""
    client = sign_in(getattr(cast, role))
    theirs = member(cast.operator, contoso)
    assert client.post(f"{MEMBERS}add/", {"username": "stranger", "role": "owner"}).status_code == 403
    assert client.post(f"{MEMBERS}{theirs.pk}/change/", {"role": "owner"}).status_code in (302, 403)
    assert member(cast.operator, contoso).role == "operator"
    assert not Membership.objects.filter(user=cast.stranger, tenant=contoso).exists()


def test_members_of_another_tenant_are_out_of_reach(cast: SimpleNamespace, fabrikam: Tenant, sign_in: Any) -> None:
    """CON-13"""
    theirs = member(cast.stranger, fabrikam)
    client = sign_in(cast.owner)
    for address in (f"{MEMBERS}{theirs.pk}/change/", f"{MEMBERS}{theirs.pk}/delete/"):
        assert client.get(address).status_code in (302, 404)
        assert client.post(address, {"role": "read_only", "post": "yes"}).status_code in (302, 404)
    assert member(cast.stranger, fabrikam).role == "owner"


def test_the_audit_trail_is_read_only_for_everybody(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-13"""
    client = sign_in(cast.owner)
    client.post(f"{MEMBERS}add/", {"username": "stranger", "role": "operator"})
    with scope(contoso.pk):
        event = AuditEvent.objects.get()
    address = f"/t/contoso/rbac/auditevent/{event.pk}/"
    html = client.get(f"{address}change/").content.decode()
    assert "membership.changed" in html
    assert event.request_id
    assert event.request_id in html
    assert client.post(f"{address}change/", {"verb": "x"}).status_code == 403
    assert client.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert client.get("/t/contoso/rbac/auditevent/add/").status_code == 403
    assert sign_in(cast.operator).get("/t/contoso/rbac/auditevent/").status_code == 403


def test_the_audit_trail_costs_the_same_queries_with_3_and_with_30_entries(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-13"""
    client = sign_in(cast.owner)
    write = [
        AuditEvent(tenant=contoso, actor=cast.owner, actor_name="owner", verb="x.y", after={"a": 1}) for _ in range(30)
    ]
    with scope(contoso.pk):
        AuditEvent.unscoped.bulk_create(write[:3])
    few = count_queries(client, "/t/contoso/rbac/auditevent/")
    with scope(contoso.pk):
        AuditEvent.unscoped.bulk_create(write[3:])
    assert count_queries(client, "/t/contoso/rbac/auditevent/") == few


def test_a_platform_administrator_adds_a_tenant_and_owns_it(cast: SimpleNamespace, sign_in: Any) -> None:
    """CON-13"""
    new = {
        "name": "Woodgrove",
        "slug": "woodgrove",
        "entra_tenant_id": "aaaaaaaa-0000-4000-8000-00000000000a",
        "time_zone": "UTC",
    }
    response = sign_in(cast.platform).post("/rbac/tenant/add/", new)
    assert (response.status_code, response["Location"]) == (302, "/t/woodgrove/")
    tenant = Tenant.objects.get(slug="woodgrove")
    assert member(cast.platform, tenant).role == "owner"
    assert trail(tenant) == [("platform", "tenant.created")]


def test_a_wrong_guid_is_explained_and_adds_nothing(cast: SimpleNamespace, sign_in: Any) -> None:
    """CON-13"""
    wrong = {"name": "X", "slug": "x", "entra_tenant_id": "not-a-guid", "time_zone": "Mars/Base"}
    response = sign_in(cast.platform).post("/rbac/tenant/add/", wrong)
    html = response.content.decode()
    assert response.status_code == 200
    assert "This is not a GUID. Copy the tenant id from the Entra admin center." in html
    assert "is not a time zone" in html
    assert not Tenant.objects.filter(slug="x").exists()


def test_an_owner_renames_the_tenant_but_never_its_address(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-13"""
    address = f"/t/contoso/rbac/tenant/{contoso.pk}/change/"
    data = {"name": "Contoso Ltd", "status": "active", "time_zone": "UTC", "slug": "stolen"}
    assert sign_in(cast.owner).post(address, data).status_code == 302
    contoso.refresh_from_db()
    assert (contoso.name, contoso.slug, contoso.time_zone) == ("Contoso Ltd", "contoso", "UTC")
    assert trail(contoso) == [("owner", "tenant.changed")]
    assert sign_in(cast.manager).post(address, {**data, "name": "Mine"}).status_code == 403


def test_a_platform_administrator_sees_that_tenants_exist_and_nothing_in_them(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any
) -> None:
    """CON-13"""
    client = sign_in(cast.platform)
    assert "Contoso" in client.get("/rbac/tenant/").content.decode()
    assert client.get("/t/contoso/").status_code == 404
    assert client.get("/operations/operationrun/").status_code == 403


def test_accounts_are_for_platform_administrators_and_audited(cast: SimpleNamespace, sign_in: Any) -> None:
    """CON-13"""
    for role in ("owner", "manager", "stranger"):
        assert sign_in(getattr(cast, role)).get("/rbac/user/").status_code == 403
    client = sign_in(cast.platform)
    secret = "a-long-enough-phrase"
    response = client.post(
        "/rbac/user/add/", {"username": "newcomer", "usable_password": "true", "password1": secret, "password2": secret}
    )
    assert response.status_code == 302
    assert User.objects.get(username="newcomer").check_password(secret)
    with scope(fleet=True):
        entry = AuditEvent.objects.get(verb="account.created")
    assert secret not in str(entry.after)


def test_a_superuser_flag_gives_no_role_in_a_tenant(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-13"""
    assert sign_in(cast.platform).get(MEMBERS).status_code == 404


def test_people_choose_their_own_time_zone_and_nothing_more(cast: SimpleNamespace, sign_in: Any) -> None:
    """CON-14"""
    client = sign_in(cast.read_only)
    data = {"first_name": "", "last_name": "", "email": "", "time_zone": "Asia/Tokyo", "is_superuser": "on"}
    assert client.post("/account/", data).status_code == 302
    person = User.objects.get(pk=cast.read_only.pk)
    assert (person.time_zone, person.is_superuser) == ("Asia/Tokyo", False)
    assert "Select a valid choice" in client.post("/account/", {**data, "time_zone": "Mars/Base"}).content.decode()
