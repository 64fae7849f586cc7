"""The connection pages: roles × actions, what is shown, and that nothing is shown or done across tenants."""

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from operations.models import OperationRun
from providers import services
from providers.models import ProviderConnection, ProviderCredential
from rbac.capabilities import ROLE_CAPABILITIES
from rbac.models import AuditEvent, Tenant
from rbac.scope import scope
from tests.console.test_runs import count_queries
from tests.providers.script import Script

pytestmark = pytest.mark.django_db
BASE = "/t/contoso/providers/providerconnection/"
CONFIRM = {"_form_submitted": "True"}

# Each action of the page: the capability, what it sends, and the operation it starts or the entry it leaves.
ACTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "check_connection": ("connection.check", CONFIRM, "connection.check"),
    "sync": ("inventory.sync", CONFIRM, "inventory.sync"),
    "snapshot": ("compliance.snapshot", CONFIRM, "compliance.snapshot"),
    "make_default": ("connection.manage", CONFIRM, "audit:connection.default_set"),
    "update_credentials": ("credential.manage", {"secret": "a-new-secret-value"}, "audit:credential.set"),
    "enable": ("connection.manage", CONFIRM, "audit:connection.enabled"),
    "disable": ("connection.manage", CONFIRM, "audit:connection.disabled"),
}
MEMBERS = ["owner", "manager", "operator", "read_only"]
PEOPLE = [*MEMBERS, "stranger", "platform", "anonymous"]


def page_class() -> Any:
    return admin.site._registry[ProviderConnection]


def all_actions() -> list[str]:
    return list(page_class()._extract_action_names(page_class().actions_detail))


def address_of(action: str, connection: ProviderConnection) -> str:
    return f"{BASE}{connection.pk}/{getattr(page_class(), action).url_path}/"


@pytest.fixture
def client_of(cast: SimpleNamespace, sign_in: Any) -> Callable[[str], Client]:
    return lambda person: Client() if person == "anonymous" else sign_in(getattr(cast, person))


@pytest.fixture
def target(connect: Any, contoso: Tenant) -> Callable[[str], ProviderConnection]:
    """A connection on which the action makes a difference."""

    def make(action: str = "") -> ProviderConnection:
        connect("full", display_name="The default")
        found: ProviderConnection = connect("read_only", display_name="Second")
        if action == "enable":
            with scope(contoso.pk):
                ProviderConnection.objects.filter(pk=found.pk).update(status="disabled")
        return found

    return make


def state_of(tenant: Tenant) -> tuple[Any, ...]:
    """Everything that an action could have changed."""
    with scope(tenant.pk):
        return (
            list(ProviderConnection.objects.order_by("pk").values()),
            list(ProviderCredential.objects.order_by("pk").values_list("pk", "version")),
            list(OperationRun.objects.order_by("pk").values_list("pk", "type", "status")),
            list(AuditEvent.objects.order_by("pk").values_list("pk", "verb")),
        )


def test_the_actions_are_grouped_as_operators_think_of_them() -> None:
    """PRO-8"""
    groups = {group["title"]: group["items"] for group in page_class().actions_detail}
    assert groups == {
        "Run": ["check_connection", "sync", "snapshot"],
        "Manage": ["make_default", "update_credentials"],
        "State": ["enable", "disable"],
    }
    titles = [getattr(page_class(), name).short_description for name in all_actions()]
    assert titles == [
        "Check connection", "Sync inventory", "Compliance snapshot", "Set default", "Update credentials", "Enable", "Disable"
    ]  # fmt: skip
    assert set(all_actions()) == set(ACTIONS)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("action", ACTIONS)
def test_each_role_may_do_exactly_what_its_capabilities_say(
    action: str, person: str, target: Any, client_of: Any, contoso: Tenant
) -> None:
    """PRO-8: GET asks and changes nothing; POST acts, is audited, and starts what it says."""
    capability, data, effect = ACTIONS[action]
    connection = target(action)
    client, address = client_of(person), address_of(action, connection)
    before = state_of(contoso)
    allowed = person in MEMBERS and capability in ROLE_CAPABILITIES[person]
    opened = client.get(address)
    assert state_of(contoso) == before
    done = client.post(address, data)
    if not allowed:
        expected = 403 if person in MEMBERS else 302 if person == "anonymous" else 404
        assert (opened.status_code, done.status_code) == (expected, expected)
        assert person != "anonymous" or "/login/" in done["Location"]
        assert state_of(contoso) == before
        return
    assert opened.status_code == 200
    assert done.status_code == (302 if action == "update_credentials" else 204)
    assert done.headers.get("HX-Redirect", done.headers.get("Location")) == f"{BASE}{connection.pk}/change/"
    with scope(contoso.pk):
        started = list(OperationRun.objects.values_list("type", "initiator__username", "target_id"))
        verbs = list(AuditEvent.objects.filter(actor__username=person).order_by("id").values_list("verb", flat=True))
    if effect.startswith("audit:"):
        assert started == []
        assert verbs[-1] == effect.removeprefix("audit:")
    else:
        assert started == [(effect, person, str(connection.pk))]
        assert verbs[-1] == "run.started"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_on_another_tenants_connection_is_not_found(
    action: str, target: Any, cast: Any, fabrikam: Tenant, contoso: Tenant, sign_in: Any
) -> None:
    """PRO-24: a stale tab, or a forged id. Neither the other tenant's address nor one's own reaches the row."""
    connection = target(action)
    before = state_of(contoso)
    client = sign_in(cast.stranger)
    own = address_of(action, connection).replace("/t/contoso/", "/t/fabrikam/")
    for address in (own, address_of(action, connection)):
        assert client.get(address).status_code == 404
        assert client.post(address, ACTIONS[action][1]).status_code == 404
    assert state_of(contoso) == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("forged", ["0", "-1", "99999999", "99999999999999999999", "abc", "1' OR 1=1", "%00"])
def test_a_forged_id_is_not_found_and_breaks_nothing(
    action: str, forged: str, cast: Any, sign_in: Any, contoso: Tenant
) -> None:
    """PRO-24"""
    url = f"{BASE}{forged}/{getattr(page_class(), action).url_path}/"
    client = sign_in(cast.owner)
    assert client.get(url).status_code in (400, 404)
    assert client.post(url, ACTIONS[action][1]).status_code in (400, 404)


def test_actions_need_the_proof_of_their_form(target: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-8: S10."""
    connection = target()
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)
    before = state_of(contoso)
    for action, (_capability, data, _effect) in ACTIONS.items():
        assert client.post(address_of(action, connection), data).status_code == 403
    assert state_of(contoso) == before


def test_two_clicks_start_one_run_and_the_second_is_told(target: Any, cast: Any, sign_in: Any, contoso: Tenant) -> None:
    """PRO-24"""
    connection = target()
    client = sign_in(cast.operator)
    for _ in range(2):
        assert client.post(address_of("check_connection", connection), CONFIRM).status_code == 204
    html = client.get(f"{BASE}{connection.pk}/change/").content.decode()
    with scope(contoso.pk):
        run = OperationRun.objects.get()
    assert "Connection check queued." in html
    assert "Connection check is already going." in html
    assert html.count(f"/t/contoso/operations/operationrun/{run.pk}/change/") >= 2


def test_a_refused_start_says_why_and_what_to_do(target: Any, cast: Any, sign_in: Any, contoso: Tenant) -> None:
    """PRO-24"""
    connection = target()
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=connection.pk).update(status="needs_consent")
    client = sign_in(cast.operator)
    client.post(address_of("sync", connection), CONFIRM)
    html = client.get(f"{BASE}{connection.pk}/change/").content.decode()
    assert "The connection needs admin consent." in html
    assert "Give consent with the link on its page, then check it." in html


@pytest.mark.parametrize(
    ("person", "shown"),
    [
        (
            "owner",
            {
                "Check connection",
                "Sync inventory",
                "Compliance snapshot",
                "Set default",
                "Update credentials",
                "Disable",
            },
        ),
        ("operator", {"Check connection", "Sync inventory", "Compliance snapshot"}),
        ("read_only", set()),
    ],
)
def test_the_page_offers_what_fits_the_role_and_the_state(
    person: str, shown: set[str], target: Any, page: Any, cast: Any
) -> None:
    """PRO-8"""
    html = page(getattr(cast, person), f"{BASE}{target().pk}/change/")
    titles = {str(getattr(page_class(), name).short_description) for name in all_actions()}
    offered = {title for title in titles if re.search(rf">\s*{title}\s*<", html)}
    assert offered == shown


def test_a_disabled_connection_offers_to_enable_it_and_no_run(target: Any, page: Any, cast: Any) -> None:
    """PRO-8"""
    html = page(cast.owner, f"{BASE}{target('enable').pk}/change/")
    assert re.search(r">\s*Enable\s*<", html)
    for title in ("Check connection", "Sync inventory", "Compliance snapshot", "Disable"):
        assert not re.search(rf">\s*{title}\s*<", html)


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_the_pages_render_from_the_database_alone(target: Any, page: Any, cast: Any, script: Script) -> None:
    """PRO-13"""
    connection = target()
    for address in (
        BASE,
        f"{BASE}add/",
        f"{BASE}{connection.pk}/change/",
        address_of("update_credentials", connection),
    ):
        page(cast.owner, address)
    assert script.heard == []


@pytest.mark.parametrize("status", ProviderConnection.Status.values)
@pytest.mark.parametrize("health", ProviderConnection.Health.values)
def test_every_state_is_shown_with_its_badge(
    status: str, health: str, target: Any, page: Any, cast: Any, contoso: Tenant
) -> None:
    """PRO-23"""
    from rbac import badges

    connection = target()
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=connection.pk).update(status=status, health=health)
    for address in (BASE, f"{BASE}{connection.pk}/change/"):
        html = page(cast.read_only, address)
        assert badges.get("connection.status", status).meaning in html
        assert badges.get("connection.health", health).meaning in html


@pytest.mark.parametrize(
    ("days", "warning"), [(90, ""), (10, "The credential expires"), (-2, "The credential expired")]
)
def test_the_expiry_is_shown_and_warned_about(
    days: int, warning: str, target: Any, page: Any, cast: Any, contoso: Tenant
) -> None:
    """PRO-5"""
    connection = target()
    at = timezone.now() + timedelta(days=days)
    with scope(contoso.pk):
        ProviderCredential.objects.filter(connection=connection).update(expires_at=at)
    day = f"{timezone.localtime(at):%Y-%m-%d}"[:7]
    listed = page(cast.read_only, BASE)
    html = re.sub(r"\s+", " ", page(cast.read_only, f"{BASE}{connection.pk}/change/"))
    assert day in listed
    assert day in html
    assert (warning in html) if warning else "Create a new one in Entra" not in html


def test_no_page_shows_any_part_of_a_credential(target: Any, page: Any, cast: Any, sandbox_tenant: Any) -> None:
    """PRO-4: S5."""
    connection = target()
    secret = sandbox_tenant.apps["read_only"].secret
    for address in (BASE, f"{BASE}{connection.pk}/change/", address_of("update_credentials", connection)):
        html = page(cast.owner, address)
        assert secret not in html
        assert "sealed" not in html


def test_the_matrix_shows_each_permission_with_its_capability_and_state(
    target: Any, page: Any, cast: Any, contoso: Tenant
) -> None:
    """PRO-10"""
    from providers.permissions import matrix

    connection, held = target(), ["Group.ReadWrite.All", "Policy.Read.All"]
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=connection.pk).update(status="connected", granted_permissions=held)
    html = page(cast.read_only, f"{BASE}{connection.pk}/change/")
    for row in matrix((), known=False):
        assert f">{row.permission}<" in html
    assert "by Group.ReadWrite.All" in html
    granted = [row for row in matrix(held, known=True) if row.state == "granted"]
    assert len(granted) >= 2
    assert html.count("The access token carries this permission, or a wider one.") == len(granted)
    assert html.count("The access token lacks this permission.") == len(matrix((), known=False)) - len(granted)
    assert "Take a device compliance snapshot" in html


@pytest.mark.parametrize("status", ["not_verified", "error", "disabled"])
def test_what_may_have_changed_since_is_not_called_granted(
    status: str, target: Any, page: Any, cast: Any, contoso: Tenant
) -> None:
    """PRO-10"""
    connection = target()
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=connection.pk).update(
            status=status, granted_permissions=["Group.Read.All"]
        )
    html = page(cast.read_only, f"{BASE}{connection.pk}/change/")
    assert "The access token" not in html


def test_hostile_texts_are_texts(target: Any, page: Any, cast: Any, contoso: Tenant) -> None:
    """PRO-24: S11. Names, failure texts and names of permissions may come from anybody."""
    evil = '"><img src=x onerror=alert(1)>{{7*7}}'
    connection = target()
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=connection.pk).update(
            display_name=evil, status="connected", health="degraded", last_failure_code="permission_missing",
            last_failure_message=evil, granted_permissions=[evil],
        )  # fmt: skip
        ProviderCredential.objects.filter(connection=connection).update(set_by_name=evil)
    client_pages = (BASE, f"{BASE}{connection.pk}/change/", address_of("update_credentials", connection), "/t/contoso/")
    for address in client_pages:
        html = page(cast.owner, address)
        assert "<img src=x" not in html
        assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(.{0,4})", html)
    dialog = page(cast.owner, address_of("disable", connection))
    assert "<img src=x" not in dialog
    assert "&lt;img" in dialog


def test_the_list_costs_the_same_queries_with_3_and_with_30_connections(
    connect: Any, cast: Any, sign_in: Any, contoso: Tenant
) -> None:
    """PRO-23"""
    from tests.console.conftest import make_connections

    client = sign_in(cast.read_only)
    connect()
    make_connections(contoso, 2)
    few = count_queries(client, BASE)
    make_connections(contoso, 27)
    assert count_queries(client, BASE) == few


def test_a_runs_page_of_a_check_links_to_its_connection(
    perform: Any, connection: ProviderConnection, page: Any, cast: Any, sign_in: Any, contoso: Tenant
) -> None:
    """PRO-11"""
    sign_in(cast.operator).post(address_of("check_connection", connection), CONFIRM)
    with scope(contoso.pk):
        run = OperationRun.objects.get()
    assert f"{BASE}{connection.pk}/change/" in page(
        cast.read_only, f"/t/contoso/operations/operationrun/{run.pk}/change/"
    )


def test_read_only_people_see_the_connection_and_change_nothing(
    target: Any, cast: Any, sign_in: Any, contoso: Tenant
) -> None:
    """PRO-8"""
    connection = target()
    before = state_of(contoso)
    for person in (cast.read_only, cast.operator):
        client = sign_in(person)
        assert client.get(f"{BASE}{connection.pk}/change/").status_code == 200
        assert client.post(f"{BASE}{connection.pk}/change/", {"display_name": "x"}).status_code == 403
        assert client.get(f"{BASE}add/").status_code == 403
        assert client.post(f"{BASE}add/", {"display_name": "x"}).status_code == 403
        assert client.post(f"{BASE}{connection.pk}/delete/", {"post": "yes"}).status_code == 403
    assert state_of(contoso) == before


def test_nobody_deletes_a_connection_in_the_console(target: Any, cast: Any, sign_in: Any, contoso: Tenant) -> None:
    """PRO-2: its history would go with it; disabling is enough."""
    connection = target()
    before = state_of(contoso)
    assert sign_in(cast.owner).post(f"{BASE}{connection.pk}/delete/", {"post": "yes"}).status_code == 403
    assert state_of(contoso) == before


def test_a_service_that_says_no_after_the_page_said_yes_is_a_403(
    target: Any, cast: Any, sign_in: Any, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRO-8: the role was taken away in between."""
    from rbac.services import NotPermitted

    connection = target()

    def refuse(*_: Any, **__: Any) -> None:
        raise NotPermitted("connection.manage")

    monkeypatch.setattr(services, "set_default", refuse)
    response = sign_in(cast.manager).post(address_of("make_default", connection), CONFIRM)
    assert response.status_code == 403
    assert "needs one of the roles Manager, Owner" in response.content.decode()
