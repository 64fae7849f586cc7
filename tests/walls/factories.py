"""A row of every model for a tenant. Each of its texts holds the tenant's mark, so that one search finds any leak."""

import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import factory
import orjson
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from factory.django import DjangoModelFactory

from inventory.models import Content, InventoryItem, ItemVersion
from operations.models import OperationRun
from providers.models import ProviderConnection, ProviderCredential
from providers.secrets import seal
from rbac.checks import tenant_models
from rbac.models import Tenant, User
from rbac.scope import scope


def mark_of(tenant: Tenant) -> str:
    """The text that stands in every row of `tenant` and nowhere else."""
    return f"zq{tenant.slug[:8]}qz"


def _document(tenant: Tenant) -> bytes:
    mark = mark_of(tenant)
    return orjson.dumps({"id": f"{mark}-id", "displayName": f"{mark}-document", "settings": [{"name": mark}]})


# What a value of the field's kind would not satisfy: constraints, and contents that pages open.
_PARTICULAR: dict[type[models.Model], Callable[[Tenant], dict[str, Any]]] = {
    OperationRun: lambda tenant: {
        "status": "completed",
        "outcome": "failed",
        "completed_at": timezone.now(),
        "lease_until": None,
        "retry_of": None,
        "parent": None,
    },
    Content: lambda tenant: {"body": zlib.compress(_document(tenant)), "sha256": uuid4().bytes * 2},
    InventoryItem: lambda tenant: {"current_version": None},
    ProviderConnection: lambda tenant: {"cloud": "sandbox", "status": "connected", "health": "healthy"},
    ProviderCredential: lambda tenant: {"expires_at": timezone.now() + timedelta(days=400)},
}


def make_row(model: type[models.Model], tenant: Tenant, person: User, **given: Any) -> Any:
    """One row of `model`, and of what it points at, in `tenant`. `person` stands wherever a row names one."""
    values = {**_PARTICULAR.get(model, lambda _tenant: {})(tenant), **given}
    for field in model._meta.concrete_fields:
        if field.name not in values and not field.primary_key:
            values[field.name] = _value(field, tenant, person, values)
    made: Any = factory.make_factory(  # type: ignore[attr-defined]
        model, FACTORY_CLASS=DjangoModelFactory, **values
    )
    with scope(tenant.pk):
        row = made.create()
        if isinstance(row, ProviderConnection):
            make_row(ProviderCredential, tenant, person, connection=row, sealed=_sealed(row, tenant))
    return row


def _sealed(connection: ProviderConnection, tenant: Tenant) -> bytes:
    return seal({"secret": f"{mark_of(tenant)}-secret"}, connection_id=connection.pk)


def _value(field: models.Field, tenant: Tenant, person: User, values: dict[str, Any]) -> Any:
    if isinstance(field, models.ForeignKey):
        return _related(field, tenant, person, values)
    mark = mark_of(tenant)
    if field.choices:
        return field.get_default() or next(value for value, _label in field.flatchoices)
    if isinstance(field, models.CharField):
        return f"{mark}-{field.name}-{uuid4().hex[:6]}"[: field.max_length]
    simple: dict[type[models.Field], Callable[[], Any]] = {
        models.BinaryField: lambda: f"{mark}-{field.name}".encode(),
        models.BooleanField: lambda: False,
        models.DateTimeField: timezone.now,
        models.IntegerField: lambda: 1,
        models.JSONField: lambda: {mark: f"{mark}-{field.name}"},
        models.TextField: lambda: f"{mark}-{field.name}",
        models.UUIDField: uuid4,
        ArrayField: lambda: [f"{mark}-{field.name}"],
    }
    for kind, make in simple.items():
        if isinstance(field, kind):
            return make()
    raise TypeError(f"tests.walls.factories knows no value for {field}: add its kind.")


def _related(field: models.ForeignKey, tenant: Tenant, person: User, values: dict[str, Any]) -> Any:
    target: Any = field.related_model
    if target is Tenant:
        return tenant
    if target is User:
        return person
    # Two ways to the same kind of row would otherwise lead to two of them.
    same = next((value for value in values.values() if isinstance(value, target)), None)
    return same or make_row(target, tenant, person)


def fill(tenant: Tenant, person: User) -> dict[type[models.Model], Any]:
    """A row of every tenant model, and what pages show only of known types: a sync that goes, and one that has ended."""
    rows: dict[type[models.Model], Any] = {}
    for model in tenant_models():
        if model is not ProviderCredential:
            rows[model] = make_row(model, tenant, person)
    rows[ProviderCredential] = rows[ProviderConnection].credential
    _make_lifelike(rows, tenant, person)
    return rows


def _make_lifelike(rows: dict[type[models.Model], Any], tenant: Tenant, person: User) -> None:
    target = {"target_type": "providers.providerconnection", "target_id": str(rows[ProviderConnection].pk)}
    make_row(OperationRun, tenant, person, type="inventory.sync", outcome="partially_succeeded", **target)
    now = timezone.now()
    going = {"status": "running", "outcome": "pending", "completed_at": None, "started_at": now, "attempt": 1}
    make_row(
        OperationRun, tenant, person, type="inventory.sync", **going, lease_until=now + timedelta(minutes=5), **target
    )
    version = rows[ItemVersion]
    with scope(tenant.pk):
        InventoryItem.objects.filter(pk=version.item_id).update(current_version=version)
        rows[InventoryItem] = InventoryItem.objects.get(pk=version.item_id)
