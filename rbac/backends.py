"""Answers `user.has_perm(capability, obj)` from memberships."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from rbac.capabilities import CAPABILITIES, ROLE_CAPABILITIES
from rbac.models import Tenant


class CapabilityBackend(BaseBackend):
    """Grants a capability for a tenant or for a row that has one. Without an object it grants nothing."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if perm not in CAPABILITIES or obj is None or not user_obj.is_active or user_obj.is_anonymous:
            return False
        tenant_id = obj.pk if isinstance(obj, Tenant) else getattr(obj, "tenant_id", None)
        membership = user_obj.memberships_by_tenant.get(tenant_id)
        return membership is not None and perm in ROLE_CAPABILITIES[membership.role]
