"""One inventory sync in a process of its own, as a worker would execute it. Fails unless the run succeeded."""

import json
import os
import sys

import django


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantpilot.settings")
    django.setup()

    from operations.executor import execute
    from operations.models import OperationRun
    from operations.services import Started, start_operation
    from providers.models import ProviderConnection
    from providers.services import create_connection, set_credential
    from rbac.models import Tenant, User
    from rbac.scope import scope

    app = json.loads(os.environ["BENCH_APP"])
    tenant, owner = Tenant.objects.get(slug=os.environ["BENCH_SLUG"]), User.objects.get(username="owner")
    with scope(tenant.pk):
        connection = ProviderConnection.objects.filter(client_id=app["apps"]["full"]["client_id"]).first()
        if connection is None:
            connection = create_connection(
                actor=owner,
                tenant=tenant,
                display_name="Bench",
                cloud="sandbox",
                entra_tenant_id=app["entra_tenant_id"],
                client_id=app["apps"]["full"]["client_id"],
            )
            set_credential(connection, actor=owner, secret=app["apps"]["full"]["client_secret"])
        result = start_operation("inventory.sync", {"connection_id": connection.pk}, actor=owner, tenant=tenant)
        assert isinstance(result, Started), result
        run_id = result.run.pk
    execute(tenant.pk, run_id)
    with scope(tenant.pk):
        run = OperationRun.objects.get(pk=run_id)
        if run.outcome != "succeeded":
            failures = list(run.items.filter(result="failed").values_list("key", "code", "message")[:5])
            sys.stderr.write(f"{run.outcome} {run.failure_code} {run.failure_message} {failures}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
