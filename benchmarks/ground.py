"""A migrated database of its own for one benchmark, with a tenant, a person and any number of runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connections

from rbac.models import Tenant, User
from rbac.services import SYSTEM, create_tenant

_RUNS = """
INSERT INTO operations_operationrun
  (tenant_id, type, slot, inputs, inputs_hash, trigger, initiator_id, initiator_name, target_type, target_id, status, outcome,
   failure_code, failure_message, total, processed, succeeded, failed, skipped, created, updated, deleted, unchanged,
   attempt, worker, cancel_requested_by, publish_tries, queued_at, started_at, completed_at)
SELECT %s, (ARRAY['inventory.sync','connection.check','compliance.snapshot'])[1 + n %% 3], 'slot:' || n, '{}', md5(n::text),
  'schedule', %s, 'owner', '', '', 'completed',
  CASE WHEN n %% 50 = 0 THEN 'failed' WHEN n %% 20 = 0 THEN 'partially_succeeded' ELSE 'succeeded' END,
  CASE WHEN n %% 50 = 0 THEN 'throttled' ELSE '' END, '', 40, 40, 40, 0, 0, 1, 2, 0, 37, 1, 'worker@bench', '', 1,
  now() - (%s - n) * interval '1 minute', now() - (%s - n) * interval '1 minute', now() - (%s - n) * interval '1 minute'
FROM generate_series(1, %s) AS n
"""


@contextmanager
def throw_away_database() -> Iterator[None]:
    """A fresh database, made by the owner and dropped at the end; nothing touches the one of the address."""
    owner, serving = connections["owner"], connections["default"]
    original = owner.settings_dict["NAME"]
    owner.settings_dict["TEST"]["NAME"] = f"bench_{original}"
    name = owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    serving.close()
    serving.settings_dict["NAME"] = name
    try:
        yield
    finally:
        serving.close()
        owner.creation.destroy_test_db(original, verbosity=0)
        serving.settings_dict["NAME"] = original


def make_tenant(slug: str = "contoso") -> tuple[Tenant, User]:
    owner = User.objects.create_user("owner", password=None, is_active=True)
    tenant = create_tenant(
        actor=SYSTEM,
        name=slug.title(),
        slug=slug,
        entra_tenant_id=UUID("11111111-2222-4333-8444-555555555555"),
        owner=owner,
    )
    return tenant, owner


def add_runs(tenant: Tenant, owner: User, count: int) -> None:
    """Completed runs of the past, one a minute, written by the server itself."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(_RUNS, [tenant.pk, owner.pk, count, count, count, count])
        cursor.execute("VACUUM ANALYZE operations_operationrun")


def clear_runs() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE operations_operationrun CASCADE")
