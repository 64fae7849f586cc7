"""What each address of the resolver answers to whom. Pages of registered models follow from their admin class; every other
address has its rule here, and one without fails the sweep.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from rbac.capabilities import ROLE_CAPABILITIES
from rbac.models import Tenant, User
from rbac.scoped_admin import ScopedAdmin


@dataclass(frozen=True)
class Who:
    """Somebody who asks: `role` is theirs in the tenant of the address, None where they have none there."""

    name: str
    role: str | None = None
    signed_in: bool = True
    platform: bool = False

    def may(self, capability: str | None) -> bool:
        return bool(capability and self.role and capability in ROLE_CAPABILITIES[self.role])


ROLES = [Who(role, role) for role in ("owner", "manager", "operator", "read_only")]
# A superuser has no exemption: the platform administrator is nobody in a tenant without a membership.
PLATFORM = Who("platform", platform=True)
STRANGER = Who("stranger")
ANONYMOUS = Who("anonymous", signed_in=False)

Statuses = frozenset[int]
OK, MOVED, REFUSED, GONE = frozenset({200}), frozenset({301, 302}), frozenset({403}), frozenset({404})
# (who, method, which) -> the statuses that are right inside a tenant that `who` may enter.
Rule = Callable[[Who, str, str], Statuses]


@dataclass(frozen=True)
class Address:
    """One address of the resolver. `model` and `view` where it belongs to a registered model."""

    name: str
    pattern: str
    arguments: tuple[str, ...]
    page: ScopedAdmin | None = None
    view: str = ""

    @property
    def has_object(self) -> bool:
        return bool({"object_id", "id"}.intersection(self.arguments))

    @cached_property
    def model(self) -> type[Model]:
        assert self.page is not None
        return self.page.model

    def path(self, object_id: Any = "") -> str:
        """The path without the tenant's prefix."""
        if self.view == "short":
            return reverse(f"{self.name}_changelist") + f"{object_id}/"
        if self.arguments == ("url",):
            return "/no/such/page/"
        known = {"app_label": "rbac"}
        return reverse(self.name, kwargs={name: known.get(name, object_id) for name in self.arguments})


def all_addresses() -> list[Address]:
    return list(_walk(get_resolver(), "", ""))


def _walk(resolver: URLResolver, before: str, namespace: str) -> Iterator[Address]:
    for entry in resolver.url_patterns:
        pattern = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, pattern, f"{namespace}{entry.namespace}:" if entry.namespace else namespace)
        elif isinstance(entry, URLPattern):
            yield _describe(entry, pattern, namespace)


def _describe(entry: URLPattern, pattern: str, namespace: str) -> Address:
    arguments = tuple(entry.pattern.converters) or tuple(entry.pattern.regex.groupindex)
    name = f"{namespace}{entry.name or ''}"
    for model, page in admin.site._registry.items():
        folder = f"{model._meta.app_label}/{model._meta.model_name}/"
        start = f"{namespace}{model._meta.app_label}_{model._meta.model_name}"
        if pattern == f"{folder}<path:object_id>/":
            return Address(start, pattern, arguments, page, "short")  # type: ignore[arg-type]
        if pattern.startswith(folder):
            return Address(name, pattern, arguments, page, name.removeprefix(f"{start}_"))  # type: ignore[arg-type]
    return Address(name, pattern, arguments)


# -- addresses of no model ---------------------------------------------------------------------------------------------


def _page(who: Who, method: str, which: str) -> Statuses:
    return OK


def _read_only(who: Who, method: str, which: str) -> Statuses:
    return OK if method == "GET" else frozenset({405})


def _acts(who: Who, method: str, which: str) -> Statuses:
    return frozenset({405}) if method == "GET" else OK | MOVED


def _nothing(who: Who, method: str, which: str) -> Statuses:
    return GONE


RULES: dict[str, Rule] = {
    "healthz-live": _page,
    "healthz-ready": lambda who, method, which: frozenset({200, 503}),
    # Where Microsoft sends a browser back to; without the state it was sent with, it says only that the link is not valid.
    "consent": lambda who, method, which: frozenset({400 if method == "GET" else 405}),
    "admin:health": _page,
    "admin:live": _read_only,
    "admin:switcher": _page,
    "admin:bell": _read_only,
    "admin:bell_read": _acts,
    "admin:account": lambda who, method, which: OK if method == "GET" else OK | MOVED,
    "admin:search": _page,
    # Without a tenant in the address, a portfolio of one leads into it.
    "admin:index": lambda who, method, which: OK | MOVED,
    "admin:login": lambda who, method, which: OK | MOVED,
    "admin:logout": _acts,
    "admin:password_change": _page,
    "admin:password_change_done": _read_only,
    # Which field it completes is asked for in tests/walls/test_doors.py; without one it refuses.
    "admin:autocomplete": lambda who, method, which: REFUSED if method == "GET" else frozenset({405}),
    "admin:jsi18n": _read_only,
    "admin:app_list": lambda who, method, which: OK | GONE,
    "admin:": _nothing,
    # Only platform administrators reach accounts.
    "admin:auth_user_password_change": lambda who, method, which: OK | MOVED | GONE if who.platform else REFUSED,
}
PUBLIC = {"healthz-live", "healthz-ready", "consent", "admin:login"}


def rule_of(address: Address) -> Rule:
    """The rule; raises LookupError, with what to add, for an address that nobody decided."""
    if address.name in RULES:
        return RULES[address.name]
    if address.page is None:
        raise LookupError(
            f"The address {address.pattern!r} ({address.name}) has no rule. Say in RULES of tests/walls/addresses.py what it "
            "answers to whom, or make it a page of a registered model."
        )
    rule = _of_view(address)
    if rule is None:
        raise LookupError(
            f"The address {address.pattern!r} of {type(address.page).__name__} has no rule: it is neither one of Django's "
            "pages nor an action with permissions=[…]. Give it permissions, or a rule in RULES of tests/walls/addresses.py."
        )
    return rule


# -- pages of registered models ----------------------------------------------------------------------------------------


def _of_view(address: Address) -> Rule | None:
    page: Any = address.page
    if issubclass(address.model, User):
        return _of_accounts(address.view)
    view = {
        "changelist": lambda who, method, which: _if(
            _sees(page, who), OK | (MOVED if method == "POST" else frozenset())
        ),
        "add": lambda who, method, which: _if(_adds(page, who), OK | MOVED),
        "change": lambda who, method, which: _change(page, who, method, which),
        "delete": lambda who, method, which: _delete(page, who, which),
        "history": _nothing,
        "short": lambda who, method, which: MOVED,
    }.get(address.view)
    return view or _of_action(page, address.view) or _of_own_view(page, address)


def _if(allowed: bool, statuses: Statuses) -> Statuses:
    return statuses if allowed else REFUSED


def _sees(page: Any, who: Who) -> bool:
    return who.may(page.view_capability)


def _adds(page: Any, who: Who) -> bool:
    return who.platform if page.model is Tenant else who.may(page.add_capability)


def _change(page: Any, who: Who, method: str, which: str) -> Statuses:
    changes = who.may("tenant.manage" if page.model is Tenant else page.change_capability)
    if method == "POST" and not changes:
        return REFUSED | (GONE if which != "own" else frozenset())
    if not _sees(page, who):
        return REFUSED | (GONE if which != "own" else frozenset())
    return GONE if which != "own" else OK | (MOVED if method == "POST" else frozenset())


def _delete(page: Any, who: Who, which: str) -> Statuses:
    if not who.may(page.delete_capability):
        return REFUSED
    # The last owner stays.
    return GONE if which != "own" else OK | MOVED | REFUSED


def _of_action(page: Any, view: str) -> Rule | None:
    action = getattr(page, view, None)
    permissions = getattr(action, "allowed_permissions", None)
    if not permissions:
        return None

    def rule(who: Who, method: str, which: str) -> Statuses:
        if which != "own":
            return GONE
        done = frozenset({204}) if hasattr(action, "dialog") else OK | MOVED
        return _if(_holds(page, who, permissions), OK if method == "GET" else done)

    return rule


def _holds(page: Any, who: Who, permissions: list[str]) -> bool:
    found = [getattr(page, f"has_{permission}_permission") for permission in permissions]
    return all(who.may(one.capability) for one in found)


def _of_own_view(page: Any, address: Address) -> Rule | None:
    """A page that an admin class adds without an object shows what its list shows."""
    return (
        None
        if address.has_object
        else lambda who, method, which: _if(_sees(page, who), OK) | (GONE if not _sees(page, who) else frozenset())
    )


def _of_accounts(view: str) -> Rule:
    def rule(who: Who, method: str, which: str) -> Statuses:
        if view == "short":
            return MOVED
        if view == "history":
            return GONE
        if not who.platform:
            return REFUSED
        return REFUSED if view == "delete" else OK | MOVED | (GONE if which == "missing" else frozenset())

    return rule
