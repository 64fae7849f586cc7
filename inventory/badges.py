"""How the states of items and of readings look."""

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
        Badge("not_permitted", "Not permitted", "warning", "lock", "The app lacks the permission to read this type."),
        Badge(
            "not_applicable",
            "Not applicable",
            "default",
            "do_not_disturb_on",
            "The tenant has no licence for this type.",
        ),
    ],
)
