"""Intune's own administration: tags, filters, roles, categories, terms, policy sets."""

from inventory.types.base import (
    FILTER,
    GROUP,
    TAGS,
    Body,
    Category,
    Child,
    Detail,
    Listing,
    ObjectType,
    Platform,
    Reference,
    Restore,
    intune,
)

TAGS_LIST = Listing(
    "scope_tag",
    "Scope tags",
    "/deviceManagement/roleScopeTags",
    # Expanding assignments in the list gives empty lists, which would read as "assigned to nobody".
    children=(Child("assignments"),),
)
FILTERS = Listing("assignment_filter", "Assignment filters", "/deviceManagement/assignmentFilters")
ROLES = Listing(
    "rbac_role_definition",
    "Roles",
    "/deviceManagement/roleDefinitions",
    children=(Child("roleAssignments"),),
)
ROLE_ASSIGNMENTS = Listing(
    "rbac_role_assignment",
    "Role assignments",
    "/deviceManagement/roleAssignments",
    detail=Detail(
        "The list has neither members nor scope tags",
        "$expand=microsoft.graph.deviceAndAppManagementRoleAssignment/roleScopeTags",
    ),
)
CATEGORIES = Listing("device_category", "Device categories", "/deviceManagement/deviceCategories", query="$top=500")
TERMS = Listing(
    "terms_and_conditions",
    "Terms and conditions",
    "/deviceManagement/termsAndConditions",
    children=(Child("assignments"),),
)
POLICY_SETS = Listing(
    "policy_set",
    "Policy sets",
    "/deviceAppManagement/policySets",
    detail=Detail("Items and assignments come with one policy set only", "$expand=assignments,items"),
)

_RBAC = intune("RBAC", "Configuration")


def _is_builtin(body: Body) -> bool:
    return body.get("isBuiltIn") is True or body.get("isBuiltInRoleDefinition") is True


TYPES = (
    ObjectType(
        key="scope_tag",
        label="Scope tag",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=TAGS_LIST,
        permissions=_RBAC,
        restore=Restore.FULL,
        restore_order=10,
        odata_types=("roleScopeTag",),
        references=(GROUP,),
        is_builtin=_is_builtin,
        builtin="The tag Default has the id 0 in every tenant",
    ),
    ObjectType(
        key="assignment_filter",
        label="Assignment filter",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=FILTERS,
        permissions=intune("Configuration"),
        restore=Restore.FULL,
        restore_order=15,
        odata_types=("deviceAndAppManagementAssignmentFilter",),
        # Where the filter is used: it changes with other objects, not with the filter.
        volatile=("payloads",),
        references=(Reference("roleScopeTags", "scope_tag"),),
    ),
    ObjectType(
        key="rbac_role_definition",
        label="Intune role",
        category=Category.ROLES,
        platform=Platform.ALL,
        listing=ROLES,
        permissions=_RBAC,
        restore=Restore.FULL,
        restore_order=20,
        odata_types=("deviceAndAppManagementRoleDefinition", "roleDefinition"),
        unordered=("roleAssignments", "allowedResourceActions", "notAllowedResourceActions"),
        references=(TAGS,),
        is_builtin=_is_builtin,
        builtin="Roles of the service are kept, since assignments point at them",
    ),
    ObjectType(
        key="rbac_role_assignment",
        label="Intune role assignment",
        category=Category.ROLES,
        platform=Platform.ALL,
        listing=ROLE_ASSIGNMENTS,
        permissions=_RBAC,
        restore=Restore.FULL,
        restore_order=25,
        odata_types=("deviceAndAppManagementRoleAssignment", "roleAssignment"),
        unordered=("members", "scopeMembers", "resourceScopes"),
        references=(
            Reference("members", "entra_group"),
            Reference("scopeMembers", "entra_group"),
            Reference("resourceScopes", "entra_group"),
            Reference("roleDefinition", "rbac_role_definition"),
            Reference("roleScopeTags.id", "scope_tag"),
        ),
    ),
    ObjectType(
        key="device_category",
        label="Device category",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=CATEGORIES,
        permissions=intune("Configuration", "ManagedDevices"),
        restore=Restore.FULL,
        restore_order=30,
        odata_types=("deviceCategory",),
        references=(TAGS,),
    ),
    ObjectType(
        key="terms_and_conditions",
        label="Terms and conditions",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=TERMS,
        permissions=intune("ServiceConfig"),
        restore=Restore.FULL,
        restore_order=140,
        odata_types=("termsAndConditions",),
        references=(GROUP, TAGS),
    ),
    ObjectType(
        key="policy_set",
        label="Policy set",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=POLICY_SETS,
        permissions=intune("Configuration"),
        restore=Restore.FULL,
        restore_order=2000,
        odata_types=("policySet",),
        volatile=("status", "errorCode", "items.status", "items.errorCode", "items.lastModifiedDateTime"),
        unordered=("items",),
        references=(GROUP, FILTER, Reference("roleScopeTags", "scope_tag"), Reference("items.payloadId", "*")),
    ),
)
