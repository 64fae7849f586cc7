"""The Microsoft clouds and their hosts (Microsoft's documentation, "national cloud deployments")."""

from dataclasses import dataclass

from django.db import models


class Cloud(models.TextChoices):
    GLOBAL = "global", "Global"
    USGOV_L4 = "usgov_l4", "US Government L4"
    USGOV_DOD = "usgov_dod", "US Government DoD"
    CHINA = "china", "China"
    SANDBOX = "sandbox", "Sandbox"


@dataclass(frozen=True, slots=True)
class Hosts:
    """Host names of a cloud: Graph and sign-in."""

    graph_host: str
    login_host: str


_GLOBAL = Hosts("graph.microsoft.com", "login.microsoftonline.com")
CLOUDS: dict[str, Hosts] = {
    Cloud.GLOBAL: _GLOBAL,
    Cloud.USGOV_L4: Hosts("graph.microsoft.us", "login.microsoftonline.us"),
    Cloud.USGOV_DOD: Hosts("dod-graph.microsoft.us", "login.microsoftonline.us"),
    Cloud.CHINA: Hosts("microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
    # Speaks of Microsoft's hosts as production does; the transport turns its traffic to settings.SANDBOX_URL.
    Cloud.SANDBOX: _GLOBAL,
}
