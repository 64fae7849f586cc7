"""Addresses. The tenant's prefix /t/<slug>/ is taken off by rbac.middleware before they are matched."""

from django.contrib import admin
from django.urls import include, path

from providers.views import consent_returned

urlpatterns = [
    path("", include("tenantpilot.health")),
    path("consent/", consent_returned, name="consent"),
    path("", admin.site.urls),
]

handler400 = "tenantpilot.errors.bad_request"
handler403 = "tenantpilot.errors.forbidden"
handler404 = "tenantpilot.errors.not_found"
handler500 = "tenantpilot.errors.server_error"
