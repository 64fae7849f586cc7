"""Every address of the resolver, asked by everybody, for one's own, for a foreign and for a missing object.

Whatever the answer, it holds no byte of a tenant the person has no part in, a foreign object is answered as a missing one is,
asking changes nothing, and no outside call is tried: a page that calls Graph sets off the alarm.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client

from operations import guard
from providers.graph import transport
from rbac.models import Membership, Tenant, User
from rbac.scope import scope
from tests.walls.addresses import (
    ANONYMOUS,
    MOVED,
    PLATFORM,
    PUBLIC,
    ROLES,
    STRANGER,
    Address,
    Who,
    all_addresses,
    rule_of,
)
from tests.walls.factories import mark_of

pytestmark = pytest.mark.django_db
ADDRESSES = all_addresses()
MISSING = 987_654_321
# What confirms a dialog or a deletion, and a new credential.
SENT = {"_form_submitted": "on", "post": "yes", "secret": "a-new-client-secret"}


class Alarm(BaseException):
    """Not an Exception: no handler on the way may silence it."""


@pytest.fixture
def alarm(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The transport explodes. What it was asked for is kept, should something swallow even this."""
    rung: list[str] = []

    def explode(*arguments: Any, **_more: Any) -> None:
        rung.append(repr(arguments))
        raise Alarm(arguments)

    for owner, name in ((transport, "send"), (transport, "pool"), (guard, "check_outside_call")):
        monkeypatch.setattr(owner, name, explode)
    monkeypatch.setattr(transport, "check_outside_call", explode)
    return rung


@pytest.fixture
def stage(both: SimpleNamespace, cast: SimpleNamespace, sandbox: Any) -> SimpleNamespace:
    """The two tenants filled, each person signed in, and for each address the ids to ask for."""
    both.clients = {who.name: Client() for who in (*ROLES, STRANGER, PLATFORM, ANONYMOUS)}
    for name, client in both.clients.items():
        if name != "anonymous":
            client.force_login(getattr(cast, name))
    both.contoso.name, both.fabrikam.name = f"{mark_of(both.contoso)} Ltd", f"{mark_of(both.fabrikam)} Ltd"
    for tenant in (both.contoso, both.fabrikam):
        tenant.save()
    newcomers = [User.objects.create_user(f"{mark_of(t)}-colleague") for t in (both.contoso, both.fabrikam)]
    seats = [
        Membership.objects.create(user=person, tenant=tenant, role="operator")
        for person, tenant in zip(newcomers, (both.contoso, both.fabrikam), strict=True)
    ]
    both.mine.update({Membership: seats[0], Tenant: both.contoso, User: cast.operator})
    both.theirs.update({Membership: seats[1], Tenant: both.fabrikam, User: cast.stranger})
    return both


def id_of(stage: SimpleNamespace, address: Address, which: str) -> Any:
    if (
        not address.has_object
        or which == "missing"
        or (address.page is None and address.name != "admin:auth_user_password_change")
    ):
        return MISSING
    rows = stage.mine if which == "own" else stage.theirs
    return rows[User if address.page is None else address.model].pk


def kinds(address: Address) -> tuple[str, ...]:
    return ("own", "foreign", "missing") if address.has_object else ("own",)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside is rolled back. Marked as the test framework's, so that scopes may be entered in it."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


def checksum(tenant: Tenant | None = None) -> str:
    """Of every row in the database; with `tenant`, of its rows alone. Sessions come and go with requests."""
    parts = []
    for model in apps.get_models(include_auto_created=True):
        names = {field.column for field in model._meta.concrete_fields}
        mine = "id" if model is Tenant else "tenant_id" if "tenant_id" in names else ""
        if model._meta.label == "sessions.Session" or (tenant and not mine):
            continue
        only = f"WHERE {mine} = {tenant.pk}" if tenant else ""
        parts.append(f'SELECT t::text AS row FROM "{model._meta.db_table}" t {only}')
    tenant_ids = [tenant.pk] if tenant else list(Tenant.objects.values_list("pk", flat=True))
    with scope(*tenant_ids, fleet=True), connection.cursor() as cursor:
        cursor.execute(f"SELECT md5(string_agg(row, '|' ORDER BY row)) FROM ({' UNION ALL '.join(parts)}) r")
        return str(cursor.fetchone()[0])


def text_of(answer: Any) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{headers}\n{answer.content.decode(errors='replace')}"


_VARIES = re.compile(
    r'csrfmiddlewaretoken" value="[^"]+"|(X-Request-ID|Expires|Content-Length): .*|<code>[0-9a-f]{32}</code>'
)


def plain(answer: Any, object_id: Any) -> str:
    """An answer without what differs from one request to the next, or with the length of the id that was asked for."""
    return _VARIES.sub("", text_of(answer)).replace(f"/{object_id}/", "/ID/")


def ask(client: Client, method: str, path: str) -> Any:
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    answer = client.get(path) if method == "GET" else client.post(path, SENT)
    # Signing out was rolled back, too.
    client.cookies.load(cookies)
    return answer


def test_every_address_has_a_rule() -> None:
    """ISO-10"""
    problems = []
    for address in ADDRESSES:
        try:
            rule_of(address)
        except LookupError as missing:
            problems.append(str(missing))
    assert not problems, "\n".join(problems)


def test_an_address_that_nobody_decided_says_what_to_add() -> None:
    """ISO-10"""
    with pytest.raises(LookupError, match=r"Say in RULES of tests/walls/addresses\.py"):
        rule_of(Address("new-page", "new/page/", ()))
    page = next(address.page for address in ADDRESSES if address.page is not None)
    with pytest.raises(LookupError, match="Give it permissions"):
        rule_of(Address("admin:x_y_explode", "x/y/<path:object_id>/explode/", ("object_id",), page, "explode"))


def sweep(stage: SimpleNamespace, who: Who) -> list[str]:
    """What is wrong with the answers to a member of Contoso, inside Contoso's address."""
    problems: list[str] = []
    client = stage.clients[who.name]
    before, theirs = checksum(), checksum(stage.fabrikam)
    for address in ADDRESSES:
        rule = rule_of(address)
        for method in ("GET", "POST"):
            answers = {}
            for which in kinds(address):
                object_id = id_of(stage, address, which)
                told = f"{who.name} {method} {address.name or address.pattern} ({which})"
                with undone():
                    answer = ask(client, method, f"/t/contoso{address.path(object_id)}")
                    if method == "GET" and checksum() != before:
                        problems.append(f"{told}: asking changed something")
                    if method == "POST" and checksum(stage.fabrikam) != theirs:
                        problems.append(f"{told}: changed the other tenant")
                answers[which] = plain(answer, object_id)
                if answer.status_code not in rule(who, method, which):
                    problems.append(f"{told}: {answer.status_code}, not {sorted(rule(who, method, which))}")
                if mark_of(stage.fabrikam) in text_of(answer):
                    problems.append(f"{told}: holds bytes of the other tenant")
            if answers.get("foreign") != answers.get("missing"):
                problems.append(
                    f"{who.name} {method} {address.pattern}: a foreign object is answered unlike a missing one"
                )
    return problems


@pytest.mark.parametrize("who", ROLES, ids=lambda who: who.name)
def test_every_address_answers_a_member_as_the_role_may(stage: SimpleNamespace, alarm: list[str], who: Who) -> None:
    """ISO-10, ISO-11, ISO-12"""
    problems = sweep(stage, who)
    assert not problems, "\n".join(problems)
    assert alarm == []


def test_every_address_keeps_to_its_tenant_with_the_first_wall_off(
    stage: SimpleNamespace, first_wall_off: None
) -> None:
    """ISO-2: the database holds alone, also where a page forgot to filter."""
    problems = sweep(stage, ROLES[0])
    assert not problems, "\n".join(problems)


@pytest.mark.django_db(transaction=True)
def test_every_address_keeps_to_its_tenant_with_the_second_wall_off(
    stage: SimpleNamespace, second_wall_off: None
) -> None:
    """ISO-1: managers and pages hold alone."""
    problems = sweep(stage, ROLES[0])
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("who", [STRANGER, PLATFORM], ids=lambda who: who.name)
def test_nothing_inside_a_tenant_answers_somebody_without_a_role_there(
    stage: SimpleNamespace, alarm: list[str], who: Who
) -> None:
    """ISO-10: a tenant that exists is answered as one that does not; a superuser is no exception."""
    client = stage.clients[who.name]
    before = checksum()
    for address in ADDRESSES:
        for method in ("GET", "POST"):
            path = address.path(id_of(stage, address, "own"))
            answer, nobodys = ask(client, method, f"/t/contoso{path}"), ask(client, method, f"/t/nobody{path}")
            assert answer.status_code == 404, path
            assert plain(answer, 0) == plain(nobodys, 0), path
            assert mark_of(stage.contoso) not in text_of(answer), path
    assert checksum() == before
    assert alarm == []


def test_without_a_sign_in_every_address_leads_to_it(stage: SimpleNamespace, alarm: list[str]) -> None:
    """ISO-10"""
    client, marks = stage.clients["anonymous"], (mark_of(stage.contoso), mark_of(stage.fabrikam))
    before = checksum()
    for address in ADDRESSES:
        for prefix in ("", "/t/contoso", "/t/nobody"):
            for method in ("GET", "POST"):
                path = prefix + address.path(id_of(stage, address, "own"))
                answer = ask(client, method, path)
                assert not any(mark in text_of(answer) for mark in marks), path
                if prefix or address.name not in PUBLIC:
                    assert answer.status_code in MOVED | {405}, (path, answer.status_code)
                    assert answer.get("Location", "/login/").startswith(("/login/", "/")), path
    assert checksum() == before
    assert alarm == []


@pytest.mark.parametrize("who", [ROLES[0], ROLES[3], STRANGER, PLATFORM], ids=lambda who: who.name)
def test_without_a_tenant_in_the_address_a_person_sees_their_own_and_changes_none(
    stage: SimpleNamespace, alarm: list[str], who: Who
) -> None:
    """ISO-10, ISO-11, ISO-12: portfolio pages only look."""
    client, problems = stage.clients[who.name], []
    foreign = {"stranger": [stage.contoso], "platform": [stage.contoso, stage.fabrikam]}.get(who.name, [stage.fabrikam])
    before, inside = checksum(), [checksum(stage.contoso), checksum(stage.fabrikam)]
    for address in ADDRESSES:
        for method in ("GET", "POST"):
            for which in kinds(address):
                told = f"{who.name} {method} {address.pattern} ({which})"
                with undone():
                    answer = ask(client, method, address.path(id_of(stage, address, which)))
                    if method == "GET" and checksum() != before:
                        problems.append(f"{told}: asking changed something")
                    if method == "POST" and [checksum(stage.contoso), checksum(stage.fabrikam)] != inside:
                        problems.append(f"{told}: changed rows of a tenant")
                if answer.status_code >= 500 and address.name != "healthz-ready":
                    problems.append(f"{told}: {answer.status_code}")
                if any(mark_of(tenant) in seen_by(who, answer) for tenant in foreign):
                    problems.append(f"{told}: holds bytes of a tenant without a role there")
    assert not problems, "\n".join(problems)
    assert alarm == []


def seen_by(who: Who, answer: Any) -> str:
    """The answer; a platform administrator may know which tenants and which accounts there are, and no more."""
    text = text_of(answer)
    return re.sub(r"zq\w+qz( Ltd|-colleague)", "", text) if who.platform else text
