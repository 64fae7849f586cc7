"""How a moment is shown: in the person's zone, exact to the second in its tooltip."""

from datetime import datetime

from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html


def render_time(at: datetime | None) -> str:
    """A `time` element for `at`, or a dash for None."""
    if at is None:
        return "–"
    local = timezone.localtime(at)
    exact = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
    shown = format_date(local, "j M Y, H:i")
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), exact, shown)
