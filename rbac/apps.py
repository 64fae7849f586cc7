from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RbacConfig(AppConfig):
    name = "rbac"
    verbose_name = "Access"

    def ready(self) -> None:
        from rbac import checks  # noqa: F401  (registers the start-up checks)
        from rbac.walls import grant_serving_role

        post_migrate.connect(grant_serving_role, dispatch_uid="rbac.grant_serving_role")
