"""The connection check, and what a run says about a connection: each status and health is reached, and is true."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from operations.context import RunLost
from operations.failures import Failure, all_codes
from operations.models import OperationRun
from operations.services import Joined, Refused, Started, start_operation
from providers import health, permissions, services
from providers.models import ProviderConnection
from providers.operations import usable_connection_ids, using
from providers.sandbox.errors import Response
from providers.sandbox.world import SandboxTenant
from rbac.models import AuditEvent, Tenant
from rbac.scope import scope
from tests.providers.script import Script

pytestmark = pytest.mark.django_db(transaction=True)
Perform = Callable[..., OperationRun]
NEEDED = [row.permission for row in permissions.matrix((), known=False)]


@pytest.fixture
def check(perform: Perform, reread: Any) -> Callable[..., tuple[OperationRun, ProviderConnection]]:
    def work(connection: ProviderConnection, **more: Any) -> tuple[OperationRun, ProviderConnection]:
        run = perform("connection.check", connection_id=connection.pk, **more)
        return run, reread(connection)

    return work


def gate(connection: ProviderConnection, cast: Any, tenant: Tenant, key: str = "inventory.sync") -> str:
    """The code with which the next run is refused; "" when it may start."""
    result = start_operation(key, {"connection_id": connection.pk}, actor=cast.operator, tenant=tenant)
    return result.reasons[0].code if isinstance(result, Refused) else ""


def test_everything_granted_is_connected_and_healthy_with_an_item_for_each_probe(
    check: Any, connection: ProviderConnection, items_of: Any, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-11, PRO-3"""
    assert (connection.status, connection.health) == ("not_verified", "unknown")
    run, after = check(connection)
    assert (run.outcome, run.total, run.succeeded, run.failed) == ("succeeded", len(NEEDED) + 2, len(NEEDED) + 2, 0)
    assert set(items_of(run)) == {"sign_in", "organization", *(f"permission:{name}" for name in NEEDED)}
    assert (after.status, after.health) == ("connected", "healthy")
    assert set(after.granted_permissions) == sandbox_tenant.apps["full"].permissions
    assert after.last_checked_at is not None
    assert after.last_failure_code == ""


def test_a_missing_permission_is_a_failed_item_and_degrades(
    check: Any, connection: ProviderConnection, items_of: Any, sandbox_tenant: SandboxTenant, cast: Any, contoso: Tenant
) -> None:
    """PRO-11, PRO-3: it works, but not for everything; the next run may start."""
    sandbox_tenant.apps["full"].permissions = set(NEEDED) - {"Policy.Read.All"}
    run, after = check(connection)
    item = items_of(run)["permission:Policy.Read.All"]
    assert (run.outcome, run.failed) == ("partially_succeeded", 1)
    assert (item.result, item.code) == ("failed", "permission_missing")
    assert "Conditional Access" in item.message
    assert (after.status, after.health) == ("connected", "degraded")
    assert after.last_failure_code == "permission_missing"
    assert "Policy.Read.All" in after.last_failure_message
    assert gate(after, cast, contoso) == ""


def test_an_organization_that_may_not_be_read_degrades_and_is_not_called_healthy(
    check: Any, connection: ProviderConnection, items_of: Any, fault: Any
) -> None:
    """PRO-11"""
    fault("permission_removed", "/organization")
    run, after = check(connection)
    assert items_of(run)["organization"].code == "permission_missing"
    assert items_of(run)["organization"].graph_request_id
    assert (run.outcome, after.status, after.health) == ("partially_succeeded", "connected", "degraded")


def test_a_token_without_any_permission_needs_consent(
    check: Any, connection: ProviderConnection, sandbox_tenant: SandboxTenant, cast: Any, contoso: Tenant
) -> None:
    """PRO-3: the app may sign in, and nobody consented to anything."""
    check(connection)
    sandbox_tenant.apps["full"].permissions.clear()
    run, after = check(connection)
    assert (run.outcome, run.failure_code) == ("failed", "consent_missing")
    assert (after.status, after.health, after.granted_permissions) == ("needs_consent", "down", [])
    assert gate(after, cast, contoso) == "connection_needs_consent"
    assert gate(after, cast, contoso, "connection.check") == ""


def spoil_secret(app: Any) -> None:
    app.secret = "another-secret-than-stored"


def expire_secret(app: Any) -> None:
    app.secret_expired = True


def disable(app: Any) -> None:
    app.enabled = False


def withdraw_consent(app: Any) -> None:
    app.consented = False


def forget(app: Any) -> None:
    app.client_id = "99999999-0000-4000-8000-000000000009"


REFUSALS = [
    (spoil_secret, "credential_invalid", "error", "connection_broken"),
    (expire_secret, "credential_expired", "error", "connection_broken"),
    (disable, "app_disabled", "error", "connection_broken"),
    (withdraw_consent, "consent_missing", "needs_consent", "connection_needs_consent"),
    (forget, "app_not_found", "needs_consent", "connection_needs_consent"),
]


@pytest.mark.parametrize(("arrange", "code", "status", "refusal"), REFUSALS, ids=lambda v: getattr(v, "__name__", v))
def test_each_refusal_of_the_sign_in_marks_the_connection_and_stops_the_next_run(
    arrange: Any, code: str, status: str, refusal: str, check: Any, connection: ProviderConnection, items_of: Any,
    sandbox_tenant: SandboxTenant, cast: Any, contoso: Tenant,
) -> None:  # fmt: skip
    """PRO-24, PRO-3, PRO-15"""
    arrange(sandbox_tenant.apps["full"])
    run, after = check(connection)
    assert (run.outcome, run.failure_code) == ("failed", code)
    assert (items_of(run)["sign_in"].code, after.last_failure_code) == (code, code)
    assert after.last_failure_message
    assert (after.status, after.health) == (status, "down")
    assert gate(after, cast, contoso) == refusal
    assert gate(after, cast, contoso, "compliance.snapshot") == refusal


def test_a_mended_connection_is_healthy_after_the_next_check(
    check: Any, connection: ProviderConnection, sandbox_tenant: SandboxTenant, cast: Any, contoso: Tenant
) -> None:
    """PRO-3"""
    sandbox_tenant.apps["full"].consented = False
    check(connection)
    sandbox_tenant.apps["full"].consented = True
    _run, after = check(connection)
    assert (after.status, after.health, after.last_failure_code) == ("connected", "healthy", "")
    assert gate(after, cast, contoso) == ""


def test_an_unknown_entra_tenant_is_named(check: Any, connect: Any) -> None:
    """PRO-24"""
    connection = connect(entra_tenant_id="99999999-0000-4000-8000-000000000009")
    run, after = check(connection)
    assert (run.failure_code, after.status) == ("tenant_not_found", "error")


def test_an_app_that_signs_in_elsewhere_is_found_out(
    check: Any, connection: ProviderConnection, script: Script
) -> None:
    """PRO-11: nothing of another customer is read through this connection."""
    other = "fafafafa-0000-4000-8000-000000000002"
    script.say("/v1.0/organization", {"value": [{"id": other, "displayName": "Fabrikam"}]})
    run, after = check(connection)
    assert (run.failure_code, after.status) == ("wrong_tenant", "error")
    assert other in after.last_failure_message


@pytest.mark.parametrize("path", ["/oauth2/token", "/organization"])
def test_an_outage_is_down_and_leaves_the_status_and_the_grants_as_they_were(
    path: str,
    check: Any,
    connection: ProviderConnection,
    fault: Any,
    sandbox: Any,
    waits: Any,
    cast: Any,
    contoso: Tenant,
) -> None:
    """PRO-3: whether the app may sign in is not known from an outage; the next run may try."""
    check(connection)
    fault("outage", path)
    run, after = check(connection)
    assert (run.outcome, run.failure_code) == ("failed", "graph_unavailable")
    assert (after.status, after.health) == ("connected", "down")
    assert after.granted_permissions
    assert gate(after, cast, contoso) == ""


def test_a_first_check_that_meets_an_outage_verifies_nothing(
    check: Any, connection: ProviderConnection, fault: Any, waits: Any
) -> None:
    """PRO-3"""
    fault("outage", "/oauth2/token")
    _run, after = check(connection)
    assert (after.status, after.health) == ("not_verified", "down")


def test_throttling_is_degraded_and_not_down(
    check: Any, connection: ProviderConnection, fault: Any, waits: Any
) -> None:
    """PRO-3"""
    check(connection)
    fault("throttle", "/organization")
    run, after = check(connection)
    assert (run.failure_code, after.status, after.health) == ("throttled", "connected", "degraded")


def test_a_run_that_works_takes_the_mark_of_passing_trouble_away(
    check: Any, connection: ProviderConnection, fault: Any, sandbox: Any, waits: Any, perform: Perform, reread: Any
) -> None:
    """PRO-3: a connection does not stay red until tomorrow's check."""
    check(connection)
    fault("outage", "/organization")
    check(connection)
    sandbox.app.faults.clear()
    assert perform("compliance.snapshot", connection_id=connection.pk).outcome == "succeeded"
    after = reread(connection)
    assert (after.health, after.last_failure_code) == ("healthy", "")


def test_a_run_in_which_nothing_was_answered_takes_no_mark_away(
    check: Any, connection: ProviderConnection, fault: Any, waits: Any, perform: Perform, reread: Any
) -> None:
    """PRO-3"""
    check(connection)
    fault("outage", "/")
    check(connection)
    run = perform("compliance.snapshot", connection_id=connection.pk)
    assert (run.outcome, run.failure_code) == ("failed", "graph_unavailable")
    assert reread(connection).health == "down"


def test_consent_withdrawn_in_the_middle_of_a_run_ends_it_and_marks_the_connection(
    connection: ProviderConnection, check: Any, perform: Perform, reread: Any, sandbox_tenant: SandboxTenant, fault: Any,
    cast: Any, contoso: Tenant,
) -> None:  # fmt: skip
    """PRO-24: F37."""
    check(connection)
    sandbox_tenant.apps["full"].consented = False
    fault("expired_token", "/deviceManagement/managedDevices", times=1)
    run = perform("compliance.snapshot", connection_id=connection.pk)
    assert (run.outcome, run.failure_code) == ("failed", "consent_missing")
    assert reread(connection).status == "needs_consent"
    assert gate(connection, cast, contoso) == "connection_needs_consent"


def test_a_type_that_is_forbidden_says_nothing_about_the_connection(
    connection: ProviderConnection, check: Any, perform: Perform, reread: Any, fault: Any
) -> None:
    """PRO-3"""
    check(connection)
    fault("permission_removed", "/deviceManagement/managedDevices")
    run = perform("compliance.snapshot", connection_id=connection.pk)
    assert run.failure_code == "permission_missing"
    assert (reread(connection).status, reread(connection).health) == ("connected", "healthy")


def test_a_credential_replaced_in_the_middle_of_a_run_is_used_from_then_on(
    connection: ProviderConnection, inside_run: Any, contoso: Tenant, cast: Any, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-14: F38."""

    def act(run: Any) -> int:
        client = services.open_client(connection)
        client.get("/organization")
        sandbox_tenant.apps["full"].secret = "the-new-secret-value"
        services.set_credential(connection, actor=cast.owner, secret="the-new-secret-value")
        client.renew_token()
        return client.get("/organization").status

    assert inside_run(act) == 200


def test_a_connection_disabled_in_the_middle_of_a_run_gets_no_new_token(
    connection: ProviderConnection, inside_run: Any, contoso: Tenant
) -> None:
    """PRO-8"""

    def act(run: Any) -> None:
        client = services.open_client(connection)
        client.get("/organization")
        ProviderConnection.objects.filter(pk=connection.pk).update(status="disabled")
        client.renew_token()

    with pytest.raises(Failure) as found:
        inside_run(act)
    assert found.value.code == "connection_disabled"


def test_a_connection_deleted_between_start_and_run_is_told(
    connection: ProviderConnection, perform: Perform, contoso: Tenant
) -> None:
    """PRO-24"""

    def delete() -> None:
        with scope(contoso.pk):
            ProviderConnection.objects.get(pk=connection.pk).delete()

    run = perform("connection.check", meanwhile=delete, connection_id=connection.pk)
    assert (run.outcome, run.failure_code) == ("blocked", "connection_missing")


@pytest.mark.parametrize("key", ["connection.check", "compliance.snapshot", "inventory.sync"])
def test_a_connection_deleted_in_the_middle_of_a_run_is_told(
    key: str, connection: ProviderConnection, perform: Perform, contoso: Tenant, script: Script
) -> None:
    """PRO-24: every operation that uses one. Nothing is stored that points at nothing."""
    handle = script._app.handle

    def delete_first(method: str, target: str, headers: Any, content: bytes) -> Response:
        if target.startswith(("/v1.0", "/beta")):
            script._app.handle = handle  # type: ignore[method-assign]
            with scope(contoso.pk):
                ProviderConnection.objects.filter(pk=connection.pk).delete()
            connections.close_all()
        return handle(method, target, headers, content)

    script._app.handle = delete_first  # type: ignore[method-assign]
    more = {"types": "assignment_filter"} if key == "inventory.sync" else {}
    run = perform(key, connection_id=connection.pk, **more)
    assert (run.outcome, run.failure_code) == ("failed", "connection_missing")


def test_a_connection_disabled_during_its_check_stays_disabled(
    connection: ProviderConnection, check: Any, contoso: Tenant, reread: Any, inside_run: Any
) -> None:
    """PRO-3: whoever disabled it has decided."""
    with scope(contoso.pk):
        ProviderConnection.objects.filter(pk=connection.pk).update(status="disabled", health="unknown")

    def act(run: Any) -> None:
        with run.transaction():
            health.mark_checked(connection.pk, granted=["Group.Read.All"])

    inside_run(act)
    assert (reread(connection).status, reread(connection).health) == ("disabled", "unknown")


def test_a_worker_whose_run_was_taken_away_marks_nothing(
    connection: ProviderConnection, contoso: Tenant, reread: Any, inside_run: Any, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-3: F12. A zombie's verdict may be older than the present one."""

    def act(run: Any) -> None:
        with using(connection.pk):
            OperationRun.objects.filter(pk=run.id).update(attempt=run.attempt + 1)
            raise Failure("consent_missing")

    with pytest.raises(RunLost):
        inside_run(act)
    assert reread(connection).status == "not_verified"


def test_each_change_of_the_verdict_is_in_the_audit_trail_once(
    connection: ProviderConnection, check: Any, contoso: Tenant, sandbox_tenant: SandboxTenant
) -> None:
    """PRO-3: when did it break, and which run saw it."""
    first, _after = check(connection)
    check(connection)
    sandbox_tenant.apps["full"].enabled = False
    last, _after = check(connection)
    with scope(contoso.pk):
        marks = list(AuditEvent.objects.filter(verb="connection.marked").order_by("id"))
    assert [(mark.after["status"], mark.run_id) for mark in marks] == [("connected", first.pk), ("error", last.pk)]
    assert marks[1].after["last_failure_code"] == "app_disabled"


def test_every_failure_code_that_marks_is_a_status_and_every_other_leaves_it(
    connection: ProviderConnection, inside_run: Any, reread: Any
) -> None:
    """PRO-3"""

    def act(run: Any) -> dict[str, tuple[str, str]]:
        found = {}
        for code in all_codes():
            ProviderConnection.objects.filter(pk=connection.pk).update(status="connected", health="healthy")
            with run.transaction():
                health.mark_failed(connection.pk, Failure(code))
            row = ProviderConnection.objects.get(pk=connection.pk)
            found[code] = (row.status, row.health)
        return found

    for code, verdict in inside_run(act).items():
        expected = ("connected", health.HEALTH_AFTER.get(code, "healthy"))
        assert verdict == ((health.STATUS_AFTER[code], "down") if code in health.STATUS_AFTER else expected), code


def test_names_of_permissions_that_microsoft_never_made_break_nothing(
    connection: ProviderConnection, inside_run: Any, reread: Any
) -> None:
    """PRO-20"""

    def act(run: Any) -> None:
        with run.transaction():
            health.mark_checked(connection.pk, granted=["x" * 500, *[f"P{n}" for n in range(900)], "<script>"])

    inside_run(act)
    assert len(reread(connection).granted_permissions) == 200


def test_a_check_is_scheduled_for_every_enabled_connection_with_a_credential(
    connect: Any, contoso: Tenant, cast: Any
) -> None:
    """PRO-11"""

    first, second = connect(), connect("read_only")
    with scope(contoso.pk):
        services.set_enabled(second, actor=cast.owner, enabled=False)
        bare = services.create_connection(
            actor=cast.owner,
            tenant=contoso,
            display_name="Bare",
            cloud="sandbox",
            entra_tenant_id=first.entra_tenant_id,
            client_id="99999999-0000-4000-8000-000000000009",
        )
        assert list(usable_connection_ids()) == [first.pk]
    assert gate(bare, cast, contoso) == "credential_missing"


def test_two_clicks_are_one_check(connection: ProviderConnection, cast: Any, contoso: Tenant) -> None:
    """PRO-8"""

    inputs = {"connection_id": connection.pk}
    first = start_operation("connection.check", inputs, actor=cast.operator, tenant=contoso)
    second = start_operation("connection.check", inputs, actor=cast.manager, tenant=contoso)
    assert isinstance(first, Started)
    assert isinstance(second, Joined)
    assert first.run.pk == second.run.pk
