from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "tenantpilot.site.Site"


class TenantPilotConfig(AppConfig):
    name = "tenantpilot"
    verbose_name = "TenantPilot"

    def ready(self) -> None:
        # Here and not in the package: the launcher needs no Celery and starts half a second sooner.
        from tenantpilot import celery  # noqa: F401
