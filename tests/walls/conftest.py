"""Two tenants with a row of every model each, and the walls' switches."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from django.db import connection, connections

from rbac.checks import tenant_models
from rbac.models import Tenant
from tests.walls.factories import fill


@pytest.fixture
def both(contoso: Tenant, fabrikam: Tenant, cast: SimpleNamespace) -> SimpleNamespace:
    """`mine` and `theirs`: a row of every model in Contoso (of `person`) and in Fabrikam."""
    return SimpleNamespace(
        mine=fill(contoso, cast.owner),
        theirs=fill(fabrikam, cast.stranger),
        contoso=contoso,
        fabrikam=fabrikam,
        person=cast.owner,
    )


@pytest.fixture
def first_wall_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Managers filter nothing and ask for no scope: what is left is the database."""
    for model in tenant_models():
        monkeypatch.setattr(type(model.objects), "get_queryset", type(model.unscoped).get_queryset)  # type: ignore[attr-defined]


@pytest.fixture
def second_wall_off(both: SimpleNamespace) -> Iterator[None]:
    """The connection passes row-level security: what is left is the manager. Needs committed rows (transaction=True)."""
    served, owner = connection.settings_dict, connections["owner"].settings_dict
    kept = {name: served[name] for name in ("USER", "PASSWORD")}
    connection.close()
    served.update({name: owner[name] for name in kept})
    yield
    connection.close()
    served.update(kept)


@pytest.fixture
def address_of(db: None) -> Callable[[str], str]:
    """`address_of("owner")` is the address of the test database for that role."""

    def address(alias: str) -> str:
        found = {**connections[alias].settings_dict, "NAME": connection.settings_dict["NAME"]}
        return "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**found)

    return address
