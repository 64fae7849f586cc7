"""Addresses inside and outside a tenant. Links that leave the tenant of the page are made here, and nowhere by hand."""

import re
from typing import Any

from django.urls import get_script_prefix, reverse

from rbac.models import Tenant

_TENANT_PREFIX = re.compile(r"/t/[-a-zA-Z0-9_]{1,60}/$")


def address_in(tenant: Tenant, name: str, *args: Any) -> str:
    """The address of a page inside `tenant`, whichever tenant the current page belongs to."""
    return f"{_root()}t/{tenant.slug}/{_path(name, *args)}"


def portfolio_address(name: str, *args: Any) -> str:
    """The address of a page that looks at all of a person's tenants."""
    return f"{_root()}{_path(name, *args)}"


def _path(name: str, *args: Any) -> str:
    return reverse(name, args=args)[len(get_script_prefix()) :]


def _root() -> str:
    return _TENANT_PREFIX.sub("/", get_script_prefix())
