"""`{{ at|moment }}`: a moment in the person's zone."""

from datetime import datetime

from django import template

from rbac.times import render_time

register = template.Library()


@register.filter(expects_localtime=False)
def moment(at: datetime | None) -> str:
    return render_time(at or None)
