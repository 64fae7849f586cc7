"""Sign-in, navigation, switcher, bell and palette."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from operations.models import Notification
from rbac.models import Membership, Tenant, User
from rbac.scope import scope
from tests.conftest import PASSWORD
from tests.console.conftest import make_connections, make_notification, make_runs

pytestmark = pytest.mark.django_db
RUNS = "/t/contoso/operations/operationrun/"


def test_anybody_with_an_active_account_can_sign_in(cast: SimpleNamespace) -> None:
    """CON-01"""
    response = Client().post("/login/?next=/", {"username": "read_only", "password": PASSWORD})
    assert response.status_code == 302
    assert not User.objects.get(username="read_only").is_staff


def test_an_account_that_is_switched_off_cannot_sign_in(cast: SimpleNamespace) -> None:
    """CON-01"""
    User.objects.filter(username="read_only").update(is_active=False)
    response = Client().post("/login/", {"username": "read_only", "password": PASSWORD})
    assert response.status_code == 200
    assert "_auth_user_id" not in response.wsgi_request.session


@pytest.mark.parametrize("address", ["/", "/t/contoso/", RUNS, "/search/?s=ab", "/live/?ids=1", "/bell/"])
def test_every_page_sends_a_stranger_to_the_sign_in_page(cast: SimpleNamespace, address: str) -> None:
    """CON-01"""
    response = Client().get(address)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


def test_links_of_a_tenant_page_stay_in_the_tenant(cast: SimpleNamespace, page: Any) -> None:
    """CON-02"""
    html = page(cast.owner, "/t/contoso/")
    sidebar = html[html.index('id="nav-sidebar-apps"') :]
    links = re.findall(r'href="(/[^"]*)"', sidebar.split("</nav>")[0])
    assert links
    assert all(link.startswith("/t/contoso/") for link in links), links


def test_a_portfolio_of_one_tenant_opens_that_tenant(cast: SimpleNamespace, sign_in: Any) -> None:
    """CON-02"""
    response = sign_in(cast.owner).get("/")
    assert (response.status_code, response["Location"]) == (302, "/t/contoso/")


def _opened_switcher(read: Any, person: User, address: str) -> str:
    """The list that the switcher of the page at `address` fetches when it is opened."""
    found = re.search(r'id="tp-tenants"[^>]* hx-get="([^"]+)"', read(person, address))
    assert found, "The page has no switcher."
    return str(read(person, found[1]))


def test_the_switcher_leads_to_the_same_list_of_the_other_tenant(
    cast: SimpleNamespace, fabrikam: Tenant, page: Any
) -> None:
    """CON-02"""
    Membership.objects.create(user=cast.owner, tenant=fabrikam, role="operator")
    assert 'href="/t/fabrikam/operations/operationrun/"' in _opened_switcher(page, cast.owner, RUNS)


def test_the_switcher_leaves_the_page_of_an_object_for_the_dashboard(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, page: Any
) -> None:
    """CON-02: the other tenant has no such object."""
    Membership.objects.create(user=cast.owner, tenant=fabrikam, role="operator")
    run = make_runs(contoso, 1)[0]
    html = _opened_switcher(page, cast.owner, f"{RUNS}{run.pk}/change/")
    assert f"/t/fabrikam/operations/operationrun/{run.pk}" not in html
    assert 'href="/t/fabrikam/"' in html


def test_a_page_does_not_carry_the_list_of_tenants(cast: SimpleNamespace, fabrikam: Tenant, page: Any) -> None:
    """CON-02: an operator of three hundred tenants would load them with every page."""
    Membership.objects.create(user=cast.owner, tenant=fabrikam, role="operator")
    assert "Fabrikam" not in page(cast.owner, RUNS)


@pytest.mark.parametrize("name", ["", "nonsense", "a_b_changelist", "rbac_user_changelist", "../../etc"])
def test_the_switcher_answers_any_page_name(cast: SimpleNamespace, sign_in: Any, name: str) -> None:
    """CON-02"""
    response = sign_in(cast.owner).get("/t/contoso/switcher/", {"page": name})
    assert response.status_code in (200, 400)
    assert "Fabrikam" not in response.content.decode()


@pytest.mark.parametrize("role", ["owner", "manager", "operator", "read_only"])
def test_every_link_of_the_sidebar_opens(cast: SimpleNamespace, sign_in: Any, role: str) -> None:
    """CON-03"""
    client = sign_in(getattr(cast, role))
    html = client.get("/t/contoso/").content.decode()
    sidebar = html[html.index('id="nav-sidebar-apps"') :].split("</nav>")[0]
    for link in set(re.findall(r'href="(/[^"]*)"', sidebar)):
        assert client.get(link).status_code == 200, link


def test_the_sidebar_hides_what_the_role_may_not_open(cast: SimpleNamespace, page: Any) -> None:
    """CON-03"""
    assert "/rbac/auditevent/" in page(cast.manager, "/t/contoso/")
    assert "/rbac/auditevent/" not in page(cast.operator, "/t/contoso/")


def test_the_palette_finds_rows_of_the_current_tenant_only_also_after_a_switch(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, sign_in: Any
) -> None:
    """CON-04: no cache carries one tenant's rows into another."""
    Membership.objects.create(user=cast.owner, tenant=fabrikam, role="operator")
    make_connections(contoso, health="healthy")
    make_connections(fabrikam, health="healthy")
    client = sign_in(cast.owner)
    first = client.get("/t/contoso/search/?s=connection 0")
    second = client.get("/t/fabrikam/search/?s=connection 0")
    assert "Contoso connection 0" in first.content.decode()
    assert "Fabrikam connection 0" not in first.content.decode()
    assert "Fabrikam connection 0" in second.content.decode()
    assert "Contoso connection 0" not in second.content.decode()
    assert "no-store" in first["Cache-Control"]


def test_the_palette_opens_a_run_by_its_number_and_not_that_of_another_tenant(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, page: Any
) -> None:
    """CON-04"""
    ours, theirs = make_runs(contoso, 1)[0], make_runs(fabrikam, 1)[0]
    html = page(cast.owner, f"/t/contoso/search/?s=%23{ours.pk}") + page(
        cast.owner, f"/t/contoso/search/?s={theirs.pk}"
    )
    assert f"#{ours.pk}<" in html
    assert f"#{theirs.pk}<" not in html


@pytest.mark.parametrize("term", ["", "a", "%25%25", "x" * 500, "'; DROP", "9" * 40])
def test_the_palette_survives_any_term(cast: SimpleNamespace, sign_in: Any, term: str) -> None:
    """CON-04"""
    assert sign_in(cast.owner).get("/t/contoso/search/", {"s": term}).status_code == 200


@pytest.mark.parametrize(
    "address", ["/t/contoso/search/?s=a%00b", f"{RUNS}?status__exact=%00", "/t/contoso/live/?ids=%00"]
)
def test_a_nul_character_in_the_address_is_a_bad_request(cast: SimpleNamespace, sign_in: Any, address: str) -> None:
    """CON-12: Postgres would refuse it with an error of its own."""
    assert sign_in(cast.owner).get(address).status_code == 400


@pytest.mark.parametrize("address", ["/t/contoso/", RUNS, "/t/contoso/rbac/membership/add/", "/t/contoso/rbac/tenant/"])
def test_the_bell_is_on_every_kind_of_page(cast: SimpleNamespace, contoso: Tenant, page: Any, address: str) -> None:
    """CON-05"""
    make_notification(make_runs(contoso, 1, initiator=cast.owner)[0], cast.owner)
    html = page(cast.owner, address)
    assert 'id="tp-bell"' in html
    assert "Notifications, 1 unread" in html


def test_the_bell_tells_of_all_tenants_and_links_into_each(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant, page: Any
) -> None:
    """CON-05"""
    Membership.objects.create(user=cast.owner, tenant=fabrikam, role="operator")
    ours = make_runs(contoso, 1, initiator=cast.owner)[0]
    theirs = make_runs(
        fabrikam, 1, initiator=cast.owner, outcome="failed", failure_code="throttled", failure_message="Too <many>"
    )[0]
    make_notification(ours, cast.owner)
    make_notification(theirs, cast.owner)
    assert "Notifications, 2 unread" in page(cast.owner, "/t/contoso/")
    panel = page(cast.owner, "/bell/")
    assert f'href="/t/contoso/operations/operationrun/{ours.pk}/change/"' in panel
    assert f'href="/t/fabrikam/operations/operationrun/{theirs.pk}/change/"' in panel
    assert "Too &lt;many&gt;" in panel


def test_nobody_sees_or_reads_another_persons_notifications(
    cast: SimpleNamespace, contoso: Tenant, sign_in: Any, page: Any
) -> None:
    """CON-05"""
    told = make_notification(make_runs(contoso, 1, initiator=cast.owner)[0], cast.owner)
    assert "Nothing yet" in page(cast.manager, "/bell/")
    sign_in(cast.manager).post("/bell/read/", {"id": told.pk})
    with scope(contoso.pk):
        assert Notification.objects.get(pk=told.pk).read_at is None


def test_marking_all_as_read_empties_the_bell(cast: SimpleNamespace, contoso: Tenant, sign_in: Any) -> None:
    """CON-05"""
    make_notification(make_runs(contoso, 1, initiator=cast.owner)[0], cast.owner)
    client = sign_in(cast.owner)
    assert client.get("/bell/read/").status_code == 405
    answer = client.post("/bell/read/", headers={"HX-Request": "true"})
    assert 'data-unread-count="0"' in answer.content.decode()
    assert "Notifications, 0 unread" in client.get("/t/contoso/").content.decode()
