"""The Microsoft clouds."""

from django.db import models


class Cloud(models.TextChoices):
    GLOBAL = "global", "Global"
    USGOV_L4 = "usgov_l4", "US Government L4"
    USGOV_DOD = "usgov_dod", "US Government DoD"
    CHINA = "china", "China"
    SANDBOX = "sandbox", "Sandbox"
