"""Who may do what: the matrix is fixed here, and it is asked at the start and again when a worker begins."""

from types import SimpleNamespace
from typing import Any

import pytest

from operations.executor import execute
from operations.models import OperationRun
from operations.registry import all_operations
from operations.services import Refused, Started, cancel_run, retry_run, start_operation
from providers import services as connections
from providers.models import ProviderConnection
from rbac import services
from rbac.capabilities import CAPABILITIES, ROLE_CAPABILITIES, Role
from rbac.models import Membership, Tenant, User
from rbac.scope import scope
from rbac.services import SYSTEM, NotPermitted, may
from tests.operations.sample import SampleInputs, stage

pytestmark = pytest.mark.django_db

# A change of who may do what is a decision: it is made here as well. R read-only, O operator, M manager, W owner, S the system.
MATRIX = {
    "tenant.view": "R O M W",
    "tenant.manage": "W",
    "members.view": "M W",
    "members.manage": "W",
    "audit.view": "M W",
    "connection.view": "R O M W",
    "connection.manage": "M W",
    "connection.check": "O M W S",
    "credential.manage": "M W",
    "inventory.view": "R O M W",
    "inventory.sync": "O M W S",
    "compliance.snapshot": "O M W S",
    "run.view": "R O M W",
    "run.cancel": "O M W S",
    "run.retry": "O M W S",
}
LETTERS = {Role.READ_ONLY: "R", Role.OPERATOR: "O", Role.MANAGER: "M", Role.OWNER: "W"}


def test_each_role_has_its_capabilities_and_no_other() -> None:
    """ISO-15"""
    found = {
        capability: " ".join(
            [*[letter for role, letter in LETTERS.items() if capability in ROLE_CAPABILITIES[role]]]
            + (["S"] if capability in SYSTEM.capabilities else [])
        )
        for capability in CAPABILITIES
    }
    assert found == MATRIX


def test_each_person_may_what_their_role_may_in_their_tenant_alone(
    cast: SimpleNamespace, contoso: Tenant, fabrikam: Tenant
) -> None:
    """ISO-15: in another tenant, without a tenant, and for a tenant that is archived: nothing. A superuser is no exception."""
    for capability in CAPABILITIES:
        for role in ROLE_CAPABILITIES:
            person = getattr(cast, role)
            assert person.has_perm(capability, contoso) is (capability in ROLE_CAPABILITIES[role]), (role, capability)
            assert not person.has_perm(capability, fabrikam)
            assert not person.has_perm(capability)
        assert not cast.platform.has_perm(capability, contoso), capability
        assert not cast.platform.has_perm(capability), capability
        assert not cast.stranger.has_perm(capability, contoso), capability
    User.objects.filter(pk=cast.owner.pk).update(is_active=False, is_superuser=True)
    assert not User.objects.get(pk=cast.owner.pk).has_perm("tenant.view", contoso)
    Tenant.objects.filter(pk=contoso.pk).update(status="archived")
    assert not User.objects.get(pk=cast.manager.pk).has_perm("tenant.view", contoso)


def test_a_capability_that_does_not_exist_and_an_actor_who_is_missing_are_errors(contoso: Tenant, cast: Any) -> None:
    """ISO-15: neither is ever a yes."""
    with pytest.raises(ValueError, match="Unknown capability"):
        may(cast.owner, "tenant.destroy", contoso)
    with pytest.raises(ValueError, match="An actor must be named"):
        may(None, "tenant.view", contoso)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["stranger", "platform", "read_only"])
def test_every_service_refuses_who_lacks_the_capability(
    both: SimpleNamespace, cast: SimpleNamespace, name: str
) -> None:
    """ISO-15: the third wall alone, called past every page, in the tenant's own scope."""
    actor, tenant = getattr(cast, name), both.contoso
    connection, run = both.mine[ProviderConnection], both.mine[OperationRun]
    new = {"display_name": "x", "entra_tenant_id": tenant.entra_tenant_id, "client_id": tenant.entra_tenant_id}
    calls: dict[str, Any] = {
        "create": lambda: connections.create_connection(actor=actor, tenant=tenant, **new),
        "update": lambda: connections.update_connection(connection, actor=actor, display_name="x"),
        "default": lambda: connections.set_default(connection, actor=actor),
        "disable": lambda: connections.set_enabled(connection, actor=actor, enabled=False),
        "credential": lambda: connections.set_credential(connection, actor=actor, secret="a-new-client-secret"),
        "cancel": lambda: cancel_run(run, actor=actor),
        "retry": lambda: retry_run(run, actor=actor),
        "role": lambda: services.set_role(actor=actor, tenant=tenant, user=actor, role="owner"),
    }
    if not actor.is_superuser:
        # Platform administrators add, rename and archive tenants: that is what they are for.
        calls["tenant"] = lambda: services.update_tenant(tenant, actor=actor, name="Mine")
        calls["new tenant"] = lambda: services.create_tenant(
            actor=actor, name="x", slug="x", entra_tenant_id=tenant.entra_tenant_id
        )
    for what, call in calls.items():
        with scope(tenant.pk), pytest.raises(NotPermitted):
            call()
            pytest.fail(f"{name} may {what}")
    for key, known in all_operations().items():
        inputs = {"connection_id": connection.pk} if "connection_id" in known.inputs.__dataclass_fields__ else {}
        result = start_operation(key, inputs, actor=actor, tenant=tenant)
        assert isinstance(result, Refused), key
        assert result.reasons[0].code == "not_permitted", key
    with scope(tenant.pk):
        assert not OperationRun.objects.filter(initiator=actor).exists()


def test_nobody_starts_work_on_no_tenant_in_particular(cast: SimpleNamespace) -> None:
    """ISO-4: a person holds a role in a tenant; over all of them nobody does."""
    for person in (cast.owner, cast.platform):
        result = start_operation("sample.read", SampleInputs(), actor=person, tenant=None)
        assert isinstance(result, Refused)
        assert result.reasons[0].code == "not_permitted"
    assert isinstance(start_operation("sample.read", SampleInputs(), actor=SYSTEM, tenant=None), Started)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("taken_away", "code"),
    [
        (lambda cast, tenant: Membership.objects.filter(user=cast.operator).update(role="read_only"), "not_permitted"),
        (lambda cast, tenant: Membership.objects.filter(user=cast.operator).delete(), "not_permitted"),
        (lambda cast, tenant: User.objects.filter(pk=cast.operator.pk).update(is_active=False), "not_permitted"),
        (lambda cast, tenant: Tenant.objects.filter(pk=tenant.pk).update(status="archived"), "not_permitted"),
    ],
    ids=["role lowered", "role withdrawn", "account off", "tenant archived"],
)
def test_a_right_lost_between_start_and_work_blocks_the_run(
    cast: SimpleNamespace, contoso: Tenant, taken_away: Any, code: str
) -> None:
    """ISO-15: with the rights of who started it, not with the worker's."""
    stage.reset()
    started = start_operation("sample.read", SampleInputs(), actor=cast.operator, tenant=contoso)
    assert isinstance(started, Started)
    taken_away(cast, contoso)
    execute(contoso.pk, started.run.pk)
    with scope(contoso.pk):
        run = OperationRun.objects.get(pk=started.run.pk)
    assert (run.outcome, run.failure_code) == ("blocked", code)
    assert stage.calls == 0


@pytest.mark.django_db(transaction=True)
def test_a_message_with_a_foreign_pair_of_ids_finds_nothing(both: SimpleNamespace, cast: SimpleNamespace) -> None:
    """ISO-8: whoever can write to the queue can only ring for runs that exist, in their own tenant."""
    stage.reset()
    started = start_operation("sample.read", SampleInputs(), actor=cast.operator, tenant=both.contoso)
    assert isinstance(started, Started)
    for tenant_id, run_id in ((both.fabrikam.pk, started.run.pk), (None, started.run.pk), (both.contoso.pk, 987_654)):
        execute(tenant_id, run_id)
    assert stage.calls == 0
    execute(both.contoso.pk, started.run.pk)
    assert stage.calls == 1
