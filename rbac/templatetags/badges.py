"""`{% badge domain value %}`: a state as the catalogue shows it."""

from django import template
from django.utils.safestring import SafeString

from rbac import badges

register = template.Library()


@register.simple_tag
def badge(domain: str, value: str) -> SafeString:
    return badges.render(domain, value)
