"""Start-up checks: every model is decided, and the walls in Postgres stand."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper

from rbac.models import TenantModel

# Models of Django itself; ours say it themselves with `no_tenant`.
_OF_DJANGO = {
    "admin.LogEntry": "Never written: the admin's own log has no tenant, the audit trail takes its place.",
    "auth.Group": "Never used: rights come from memberships.",
    "auth.Permission": "Names of Django's permissions; never asked.",
    "contenttypes.ContentType": "Names of models.",
    "sessions.Session": "Found by a random key that only its browser holds.",
}


class WallsDown(ImproperlyConfigured):
    """The process would serve without one of the walls between tenants. The message names each gap with its remedy."""


def why_without_tenant(model: type[models.Model]) -> str:
    """Why a model's rows belong to no tenant; empty where nobody has said so."""
    joined: Any = model._meta.auto_created
    if joined:
        return why_without_tenant(joined)
    return str(getattr(model, "no_tenant", "") or _OF_DJANGO.get(model._meta.label, ""))


def tenant_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


@register(Tags.models)
def check_every_model_is_decided(**_kwargs: Any) -> list[CheckMessage]:
    """A model belongs to a tenant or says why not; nothing is global by forgetting."""
    return [
        Error(
            f"{model._meta.label} belongs to no tenant and does not say why.",
            hint="Derive it from rbac.models.TenantModel and wall its table (docs/isolation.md), or give it no_tenant = “reason”.",
            id="rbac.E001",
        )
        for model in apps.get_models(include_auto_created=True)
        if not issubclass(model, TenantModel) and not why_without_tenant(model)
    ]


@register(Tags.database)
def check_walls(**kwargs: Any) -> list[CheckMessage]:
    """`manage.py check --database default`."""
    if "default" not in (kwargs.get("databases") or []):
        return []
    try:
        breaches = list(find_breaches(connection))
    except WallsDown as error:
        # The first connection of a process looks by itself.
        breaches = [str(error)]
    return [Error(breach, hint="See docs/isolation.md.", id="rbac.E002") for breach in breaches]


def insist(database: BaseDatabaseWrapper) -> None:
    """Raise WallsDown when rows of one tenant could be seen by another over this connection."""
    breaches = list(find_breaches(database))
    if breaches:
        raise WallsDown(" ".join(breaches))


def find_breaches(database: BaseDatabaseWrapper) -> Iterator[str]:
    """What is wrong with the role and the tables, one sentence each. Tables yet to be migrated hold nothing to protect."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolname FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND pg_has_role(oid, 'MEMBER')"
        )
        # A superuser counts as a member of every role: the first line says it.
        for role, passing in cursor.fetchall()[:1]:
            yield f"The serving role {role} passes row-level security (as {passing}): serve with a role that has neither SUPERUSER nor BYPASSRLS."
        cursor.execute("SELECT has_schema_privilege('public', 'CREATE')")
        if cursor.fetchone()[0]:
            yield "The serving role may create objects in the schema public: revoke CREATE on it from the role and from PUBLIC."
        cursor.execute(_TABLES, [[model._meta.db_table for model in tenant_models()]])
        for table, is_owner, is_forced, walls in cursor.fetchall():
            if is_owner:
                yield f"The serving role owns {table}, or is a member of the role that does: let another role migrate."
            if not is_forced:
                yield f"Row-level security is not forced on {table}: its migration lacks rbac.walls.TenantWall."
            if walls != ["tenant_wall"]:
                yield f"{table} has the policies {', '.join(walls) or 'none'} instead of tenant_wall alone."


_TABLES = """
SELECT c.relname, pg_has_role(c.relowner, 'MEMBER'), c.relrowsecurity AND c.relforcerowsecurity,
  ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid ORDER BY 1)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY(%s)
ORDER BY c.relname
"""
