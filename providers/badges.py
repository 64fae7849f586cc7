"""How connections look: status, health, credential and permissions."""

from rbac.badges import Badge, register

register(
    "connection.status",
    [
        Badge("not_verified", "Not verified", "default", "help", "Nobody has checked this connection yet."),
        Badge("connected", "Connected", "success", "link", "The last check could sign in and read the organization."),
        Badge(
            "needs_consent",
            "Needs consent",
            "warning",
            "approval_delegation",
            "An administrator of the tenant has to consent to the app.",
        ),
        Badge("error", "Error", "danger", "link_off", "The last check could not sign in; see its failure."),
        Badge("disabled", "Disabled", "default", "block", "Switched off by a person; no run may use it."),
    ],
)
register(
    "connection.health",
    [
        Badge("unknown", "Unknown", "default", "help", "Not checked yet, or changed since the last check."),
        Badge("healthy", "Healthy", "success", "check_circle", "Everything that was probed answered."),
        Badge(
            "degraded",
            "Degraded",
            "warning",
            "warning",
            "It works, but something is missing: a permission, or an answer.",
        ),
        Badge("down", "Down", "danger", "error", "Nothing can be read over this connection at present."),
    ],
)
register(
    "credential.state",
    [
        Badge("valid", "Valid", "success", "key", "The credential has not expired."),
        Badge("unknown", "No expiry given", "default", "key", "Nobody entered when the client secret expires."),
        Badge("expires_soon", "Expires soon", "warning", "key", "The credential ends within 30 days."),
        Badge("expired", "Expired", "danger", "key_off", "The credential no longer works."),
        Badge("none", "No credential", "danger", "key_off", "Set a client secret or a certificate."),
    ],
)
register(
    "permission.state",
    [
        Badge("granted", "Granted", "success", "check", "The access token carries this permission, or a wider one."),
        Badge("missing", "Missing", "danger", "close", "The access token lacks this permission."),
        Badge("unknown", "Unknown", "default", "help", "Check the connection to learn whether it is granted."),
    ],
)
