"""`{{ at|moment }}`: a moment in the person's zone."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from rbac.times import render_time

register = template.Library()


@register.filter(expects_localtime=False)
def moment(at: datetime | None) -> SafeString:
    return render_time(at or None)
