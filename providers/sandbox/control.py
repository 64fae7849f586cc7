"""The switches of a running sandbox, below `/_control/`. What is set for one tenant leaves the others alone."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from providers.sandbox.auth import Authority
from providers.sandbox.errors import Response
from providers.sandbox.faults import KINDS, Faults
from providers.sandbox.throttle import Throttle
from providers.sandbox.world import SandboxTenant, World


class Control:
    """Faults, limits, token lifetimes and apps of one sandbox.

    GET state · POST or DELETE faults · POST or DELETE throttle · POST or DELETE tokens · POST apps · DELETE (everything).
    `?tenant=SLUG` limits GET and DELETE to one tenant; in a POST the tenant stands in the body.
    """

    def __init__(self, world: World, faults: Faults, throttle: Throttle, authority: Authority) -> None:
        self._world, self._faults, self._throttle, self._authority = world, faults, throttle, authority

    def answer(self, method: str, path: str, query: str, content: bytes) -> Response:
        what = path.removeprefix("/_control").strip("/")
        slug = dict(parse_qsl(query)).get("tenant", "")
        try:
            if slug:
                self._tenant(slug)
            given = orjson.loads(content) if content else {}
            done = self._do(method, what, slug, given)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return Response(400, {"error": f"{error}"})
        if not done:
            return Response(404, {"error": f"There is no {method} {what or '/'}.", "see": self.__doc__})
        return Response(200, self._state(slug))

    def _do(self, method: str, what: str, slug: str, given: Any) -> bool:
        match (method, what):
            case ("GET", "state" | "faults"):
                pass
            case ("POST", "faults"):
                faults = given if isinstance(given, list) else [given]
                for fault in faults:
                    if isinstance(fault, dict) and fault.get("tenant"):
                        self._tenant(fault["tenant"])
                self._faults.add(*faults)
            case ("DELETE", "faults"):
                self._faults.clear(slug)
            case ("POST", "throttle"):
                if given.get("tenant"):
                    self._tenant(given["tenant"])
                self._throttle.configure(**given)
            case ("DELETE", "throttle"):
                self._throttle.reset(slug)
            case ("POST", "tokens"):
                self._set_lifetime(given)
            case ("DELETE", "tokens"):
                self._authority.set_lifetime(None, tenant=slug)
            case ("POST", "apps"):
                self._change_app(given)
            case ("DELETE", ""):
                self._faults.clear(slug)
                self._throttle.reset(slug)
                self._authority.set_lifetime(None, tenant=slug)
            case _:
                return False
        return True

    def _tenant(self, slug: Any) -> SandboxTenant:
        found = next((tenant for tenant in self._world if tenant.slug == slug), None)
        if found is None:
            raise ValueError(f"There is no tenant {slug!r}; there are {', '.join(t.slug for t in self._world)}.")
        return found

    def _set_lifetime(self, given: Mapping[str, Any]) -> None:
        seconds, slug = given["lifetime"], given.get("tenant", "")
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            raise ValueError("lifetime is a number of seconds.")
        if slug:
            self._tenant(slug)
        self._authority.set_lifetime(seconds, tenant=slug)

    def _change_app(self, given: Mapping[str, Any]) -> None:
        """What an administrator does in Entra: permissions granted or taken, the app disabled, its secret expired."""
        tenant = self._tenant(given["tenant"])
        if given["app"] not in tenant.apps:
            raise ValueError(f"There is no app {given['app']!r}; there are {', '.join(tenant.apps)}.")
        app = tenant.apps[given["app"]]
        for name in set(given) - {"tenant", "app"}:
            if name == "permissions" and isinstance(given[name], list):
                app.permissions = {str(permission) for permission in given[name]}
            elif name in ("enabled", "consented", "secret_expired") and isinstance(given[name], bool):
                setattr(app, name, given[name])
            else:
                raise ValueError(f"{name} cannot be set, or not to {given[name]!r}.")

    def _state(self, slug: str) -> dict[str, Any]:
        return {
            "faults": self._faults.listed(slug),
            "throttle": self._throttle.state(),
            "throttled": self._throttle.refused,
            "token_lifetimes": {t.slug: self._authority.lifetime(t) for t in self._world if slug in ("", t.slug)},
            "kinds": KINDS,
        }
