"""Forms for signing in, accounts, tenants and members."""

import zoneinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from rbac.models import Membership, Tenant, User


class SignInForm(AuthenticationForm):
    """Anybody with an active account may sign in; what they see then depends on their memberships."""

    def confirm_login_allowed(self, user: Any) -> None:
        if not user.is_active:
            raise ValidationError("This account is switched off. Ask an administrator.", code="inactive")


class TenantAddForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new tenant; whoever adds it becomes its first owner."""

    class Meta:
        model = Tenant
        fields = ["name", "slug", "entra_tenant_id", "time_zone"]
        error_messages = {
            "entra_tenant_id": {"invalid": "This is not a GUID. Copy the tenant id from the Entra admin center."}
        }


class TenantChangeForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Tenant
        fields = ["name", "status", "time_zone"]


class MemberAddForm(forms.ModelForm):  # type: ignore[type-arg]
    """Names the person by their exact user name: a list to choose from would show everybody's accounts to every owner."""

    username = forms.CharField(
        max_length=150,
        label="User name",
        widget=UnfoldAdminTextInputWidget(),
        help_text="Exactly as the person signs in.",
    )

    class Meta:
        model = Membership
        fields = ["role"]

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"]).strip()
        person = User.objects.filter(username=username, is_active=True).first()
        if person is None:
            raise ValidationError(
                "There is no active account with this user name. Ask a platform administrator to create it.",
                code="unknown_user",
            )
        if Membership.objects.filter(user=person, tenant=self.tenant).exists():
            raise ValidationError("This person is a member already. Change the role instead.", code="member_already")
        self.instance.user = person
        return username

    # Set by the admin page on the class that it makes for each request.
    tenant: Tenant


class MemberRoleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Membership
        fields = ["role"]

    def clean_role(self) -> str:
        role = str(self.cleaned_data["role"])
        others = Membership.objects.filter(tenant=self.instance.tenant_id, role="owner").exclude(pk=self.instance.pk)
        if self.initial.get("role") == "owner" and role != "owner" and not others.exists():
            raise ValidationError(
                "This is the tenant's last owner. Make somebody else an owner first.", code="last_owner"
            )
        return role


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """What people change about themselves."""

    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in sorted(zoneinfo.available_timezones())],
        widget=UnfoldAdminSelectWidget(),
        help_text="All times are shown in this zone.",
    )

    class Meta:
        model = User
        fields = ["first_name", "last_name", "email", "time_zone"]
        widgets = {
            "first_name": UnfoldAdminTextInputWidget(),
            "last_name": UnfoldAdminTextInputWidget(),
            "email": UnfoldAdminEmailInputWidget(),
        }
