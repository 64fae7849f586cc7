"""The look of the console: Unfold's settings."""

UNFOLD = {"SITE_TITLE": "TenantPilot", "SITE_HEADER": "TenantPilot"}
