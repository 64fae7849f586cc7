"""What an object points at, and what it keeps to itself: both are places in its document."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inventory.types.documents import Slot, slots

NO_ID = "00000000-0000-0000-0000-000000000000"
Finder = Callable[[Any], Iterator[Slot]]

# Targets of references that are no type of the inventory.
USER = "user"
# Any type of app; any type at all, told by the object itself.
APP = "app"
ANY = "*"
# The id of an app registration, which is no object id.
APP_ID = "app_id"
# A bundle or package id, known to the store and the same everywhere.
STORE_ID = "store_id"
# Made by Microsoft, with one id in all tenants: templates, directory roles, definitions of settings.
MICROSOFT = "microsoft"
# A definition of administrative templates: of Microsoft's (one id everywhere) or of an uploaded file (an id per tenant).
DEFINITION = "definition"
# An Azure network connection of Windows 365.
NETWORK = "network_connection"
ELSEWHERE = frozenset({USER, APP, ANY, APP_ID, STORE_ID, MICROSOFT, DEFINITION, NETWORK})


class Kind(StrEnum):
    """What a reference means to people, and so how it is found again in another tenant."""

    ASSIGNED_GROUP = "assigned group"
    GROUP = "group"
    USER = "user"
    FILTER = "filter"
    SCOPE_TAG = "scope tag"
    ROLE = "role"
    APP = "app"
    APP_CATEGORY = "app category"
    SERVICE_PRINCIPAL = "service principal"
    TOKEN = "token"  # noqa: S105
    PROFILE = "profile"
    SCRIPT = "script"
    REUSABLE_SETTING = "reusable setting"
    MESSAGE = "notification template"
    LOCATION = "location"
    STRENGTH = "authentication strength"
    CONTEXT = "authentication context"
    TERMS = "terms of use"
    DEFINITION = "definition"
    NETWORK = "network connection"
    MICROSOFT = "object of Microsoft"
    MEMBER = "member of a policy set"


_KINDS = {
    "entra_group": Kind.GROUP,
    "assignment_filter": Kind.FILTER,
    "scope_tag": Kind.SCOPE_TAG,
    "rbac_role_definition": Kind.ROLE,
    "mobile_app_category": Kind.APP_CATEGORY,
    "service_principal": Kind.SERVICE_PRINCIPAL,
    "vpp_token": Kind.TOKEN,
    "dep_onboarding_setting": Kind.TOKEN,
    "device_configuration": Kind.PROFILE,
    "derived_credential_settings": Kind.PROFILE,
    "microsoft_tunnel_configuration": Kind.PROFILE,
    "compliance_script": Kind.SCRIPT,
    "reusable_policy_setting": Kind.REUSABLE_SETTING,
    "notification_message_template": Kind.MESSAGE,
    "named_location": Kind.LOCATION,
    "authentication_strength_policy": Kind.STRENGTH,
    "authentication_context": Kind.CONTEXT,
    "terms_of_use": Kind.TERMS,
    USER: Kind.USER,
    APP: Kind.APP,
    STORE_ID: Kind.APP,
    APP_ID: Kind.SERVICE_PRINCIPAL,
    DEFINITION: Kind.DEFINITION,
    NETWORK: Kind.NETWORK,
    MICROSOFT: Kind.MICROSOFT,
    ANY: Kind.MEMBER,
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A property that holds the id of another object.

    `to` is the key of a type, or one of ELSEWHERE. `path` is dotted and passes through lists; where a path cannot tell, `find`
    gives the places below it. `reserved` are words that stand there in place of an id and mean the same in every tenant.
    `bound`: written as `name@odata.bind` with the address of the object, since the property itself is read-only.
    """

    path: str
    to: str
    reserved: frozenset[str] = frozenset()
    find: Finder | None = None
    bound: bool = False

    @property
    def kind(self) -> Kind:
        kind = _KINDS[self.to]
        return Kind.ASSIGNED_GROUP if kind is Kind.GROUP and self.path.startswith("assignments.") else kind

    def slots(self, document: Any) -> Iterator[Slot]:
        """The places in `document` that hold an id of this reference; empty and reserved ones are left out."""
        for slot in self.find(document) if self.find else slots(document, self.path):
            value = slot.value
            if isinstance(value, str) and value and value != NO_ID and value not in self.reserved:
                yield slot


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that Graph does not give out in clear: `what`, in words for people.

    `path` or `find` lead to where it stands in the document and must be entered again; neither: it has no place there.
    """

    what: str
    path: str = ""
    find: Finder | None = None

    def slots(self, document: Any) -> Iterator[Slot]:
        if self.find is not None:
            yield from self.find(document)
        elif self.path:
            yield from slots(document, self.path)


# Virtual groups: ids that no directory knows, the same in every tenant.
ALL_USERS, ALL_DEVICES = "acacacac-9df4-4c7d-9d50-4ef0226f57a9", "adadadad-808e-44e2-905a-0b7873a8a531"
VIRTUAL_GROUPS = frozenset({ALL_USERS, ALL_DEVICES})
DEFAULT_TAG = frozenset({"0"})

GROUP = Reference("assignments.target.groupId", "entra_group", VIRTUAL_GROUPS)
FILTER = Reference("assignments.target.deviceAndAppManagementAssignmentFilterId", "assignment_filter")
TAGS = Reference("roleScopeTagIds", "scope_tag", DEFAULT_TAG)
# Filters and policy sets use the older name.
OLD_TAGS = Reference("roleScopeTags", "scope_tag", DEFAULT_TAG)
ASSIGNED = (GROUP, FILTER, TAGS)
