"""`{{ code|hint }}`: what a person can do about a failure code."""

from django import template

from operations.failures import describe

register = template.Library()


@register.filter
def hint(code: str) -> str:
    return describe(code).hint
