"""A person's own account."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from rbac import audit
from rbac.forms import AccountForm
from rbac.models import User
from rbac.scope import scope


def addresses(site: admin.AdminSite) -> list[Any]:
    """The account page as part of `site`, behind its sign-in."""

    def account(request: HttpRequest) -> HttpResponse:
        """Name, address and time zone of whoever is signed in."""
        # Its own copy: a form with errors has already written into the object it was given.
        person = User.objects.get(username=request.user.get_username())
        form = AccountForm(request.POST or None, instance=person)
        if request.method == "POST" and form.is_valid():
            _save(form, actor=cast(User, request.user))
            messages.success(request, "Your account was saved.")
            return HttpResponseRedirect(reverse("admin:account"))
        context = {**site.each_context(request), "title": "Your account", "form": form}
        return TemplateResponse(request, "rbac/account.html", context)

    return [path("account/", site.admin_view(account), name="account")]


def _save(form: AccountForm, *, actor: User) -> None:
    changed = {name: str(form.cleaned_data[name]) for name in form.changed_data}
    if not changed:
        return
    with scope(fleet=True), transaction.atomic():
        person = form.save()
        audit.record(actor=actor, verb="account.changed", tenant=None, target=person, after=changed)
