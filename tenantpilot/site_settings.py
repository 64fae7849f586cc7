"""The look of the console: Unfold's settings."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse


def _navigation(request: HttpRequest) -> list[dict[str, Any]]:
    from tenantpilot.navigation import navigation  # needs models, which do not exist yet while settings are read

    return navigation(request)


def _environment(request: HttpRequest) -> list[str] | None:
    """A label beside the bell wherever connections may lead to the sandbox instead of Microsoft."""
    from django.conf import settings

    return ["Sandbox", "warning"] if settings.SANDBOX_URL else None


def _tenant_in_title(request: HttpRequest) -> str:
    """Many tenants in many browser tabs: a tab says first whose page it holds."""
    tenant = getattr(request, "tenant", None)
    return f"{tenant.name} ·" if tenant else ""


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "TenantPilot",
    "SITE_HEADER": "TenantPilot",
    "SITE_SUBHEADER": lambda request: (
        getattr(getattr(request, "tenant", None), "name", None) or "Microsoft 365 configuration"
    ),
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("tenantpilot/logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("tenantpilot/logo.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "ENVIRONMENT": _environment,
    "ENVIRONMENT_TITLE_PREFIX": _tenant_in_title,
    "BORDER_RADIUS": "6px",
    "STYLES": [
        lambda request: static("tenantpilot/app.css"),
        lambda request: static("tenantpilot/detail.css"),
    ],
    "SCRIPTS": [
        lambda request: static("tenantpilot/ui.js"),
        lambda request: static("tenantpilot/palette.js"),
        lambda request: static("tenantpilot/live.js"),
    ],
    # The palette is our own (templates/unfold/helpers/command.html): Unfold's leaks across tenants.
    "COMMAND": {"search_models": False, "show_history": False},
    "LOGIN": {"form": "rbac.forms.SignInForm", "image": lambda request: static("tenantpilot/sign-in.svg")},
    "ACCOUNT": {
        "navigation": [
            {"title": "Your account", "link": lambda request: reverse("admin:account")},
            {"title": "Change password", "link": lambda request: reverse("admin:password_change")},
        ]
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": _navigation},
    # Petrol. 600 on white and 400 on the dark ground both pass 4.5 : 1.
    "COLORS": {
        "primary": {
            "50": "oklch(97.6% .013 215)",
            "100": "oklch(94.6% .029 215)",
            "200": "oklch(89.4% .052 215)",
            "300": "oklch(82.2% .083 215)",
            "400": "oklch(74.2% .108 216)",
            "500": "oklch(64.5% .108 218)",
            "600": "oklch(50.5% .092 222)",
            "700": "oklch(43.8% .081 224)",
            "800": "oklch(37.8% .068 226)",
            "900": "oklch(32.4% .056 228)",
            "950": "oklch(25.2% .045 230)",
        },
    },
}
