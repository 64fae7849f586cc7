"""How the states of items and readings look, and what a type can do."""

from rbac.badges import Badge, register

register(
    "item.state",
    [
        Badge("present", "Present", "success", "check_circle", "It was listed when its type was last read."),
        Badge(
            "missing", "Missing", "warning", "remove_circle", "A complete reading of its type did not list it any more."
        ),
    ],
)
register(
    "reading.state",
    [
        Badge("complete", "Complete", "success", "check_circle", "Every object of the type was read."),
        Badge("partial", "Partial", "warning", "rule", "The list was read; some objects in it could not be."),
        Badge(
            "failed",
            "Failed",
            "danger",
            "error",
            "The list could not be read to its end. What the tenant has is unknown.",
        ),
        Badge(
            "held_back",
            "Held back",
            "warning",
            "front_hand",
            "So many objects were gone at once that none was marked as missing.",
        ),
        Badge("not_permitted", "Not permitted", "warning", "lock", "The app may not read this type."),
        Badge(
            "not_applicable",
            "Not applicable",
            "default",
            "do_not_disturb_on",
            "The tenant has no licence or service for this type.",
        ),
    ],
)
register(
    "type.capability",
    [
        Badge("yes", "Yes", "success", "check", "All of it."),
        Badge("partly", "Partly", "primary", "check_small", "Not wholly; the remarks say what is missing."),
        Badge("later", "Not yet", "default", "schedule", "The type allows it; TenantPilot does not do it yet."),
        Badge("no", "No", "default", "close", "The remarks say why."),
    ],
)
register(
    "type.confidence",
    [
        Badge(
            "low",
            "Low confidence",
            "warning",
            "help",
            "What is known about the type was not confirmed by several sources. It is not restored without a trial.",
        ),
    ],
)
