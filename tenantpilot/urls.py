"""Addresses. The tenant's prefix /t/<slug>/ is taken off by rbac.middleware before they are matched."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("", admin.site.urls),
]
