from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "providers"
    verbose_name = "Connections"

    def ready(self) -> None:
        from providers import badges, checks, microsoft, operations  # noqa: F401  (declare themselves)
