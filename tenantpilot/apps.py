from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "tenantpilot.site.Site"


class TenantPilotConfig(AppConfig):
    name = "tenantpilot"
    verbose_name = "TenantPilot"
