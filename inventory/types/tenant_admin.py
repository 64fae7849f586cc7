"""Intune's own administration: tags, filters, roles, categories, terms, branding, policy sets, tenant-wide settings."""

from typing import Any

from inventory.types.base import (
    CHANGE_ONLY,
    Body,
    Builtin,
    BuiltinRule,
    Capability,
    Category,
    Child,
    Confidence,
    Detail,
    Limit,
    Listing,
    ObjectType,
    Platform,
    assumed,
    intune,
)
from inventory.types.documents import where
from inventory.types.references import ANY, FILTER, GROUP, OLD_TAGS, TAGS, Reference
from inventory.types.writing import Approval, Assign, Create, Part, Style, Target, Update, one_by_one

_ROOT = "/deviceManagement/"
TAGS_LIST = Listing(
    "scope_tag",
    "Scope tags",
    f"{_ROOT}roleScopeTags",
    # Expanding assignments in the list gives empty lists, which would read as "assigned to nobody".
    children=(Child("assignments"),),
)
FILTERS = Listing("assignment_filter", "Assignment filters", f"{_ROOT}assignmentFilters")
ROLES = Listing(
    "rbac_role_definition",
    "Roles",
    f"{_ROOT}roleDefinitions",
    children=(Child("roleAssignments"),),
)
ROLE_ASSIGNMENTS = Listing(
    "rbac_role_assignment",
    "Role assignments",
    f"{_ROOT}roleAssignments",
    detail=Detail(
        "The list has neither members nor scope tags",
        "$expand=microsoft.graph.deviceAndAppManagementRoleAssignment/roleScopeTags",
    ),
    children=(Child("roleDefinition", "$select=id,displayName", single=True),),
)
CATEGORIES = Listing("device_category", "Device categories", f"{_ROOT}deviceCategories", query="$top=500")
TERMS = Listing(
    "terms_and_conditions",
    "Terms and conditions",
    f"{_ROOT}termsAndConditions",
    # The list refuses to expand assignments.
    children=(Child("assignments"),),
)
BRANDING = Listing(
    "intune_branding_profile",
    "Company Portal branding",
    f"{_ROOT}intuneBrandingProfiles",
    children=(
        Child("assignments"),
        *(
            # Images are null in the list and have an address of their own.
            Child(name, single=True)
            for name in ("themeColorLogo", "lightBackgroundLogo", "landingPageCustomizedImage")
        ),
    ),
)
SETTINGS = Listing("device_management_settings", "Tenant settings", f"{_ROOT}settings", single=True)
CLEANUP = Listing("managed_device_cleanup_rule", "Device clean-up rules", f"{_ROOT}managedDeviceCleanupRules")
APPROVALS = Listing("multi_admin_approval_policy", "Multi Admin Approval policies", f"{_ROOT}operationApprovalPolicies")
POLICY_SETS = Listing(
    "policy_set",
    "Policy sets",
    "/deviceAppManagement/policySets",
    detail=Detail("Items and assignments come with one policy set only", "$expand=assignments,items"),
)

_RBAC = intune("RBAC", "Configuration")
# The older form of `resourceActions`, which says the same.
_OLD_ACTIONS = ("permissions", "rolePermissions.actions")
_ITEM_KEPT = frozenset({"@odata.type", "payloadId", "intent", "settings", "guidedDeploymentTags"})


def _is_builtin_role(body: Body) -> bool:
    return body.get("isBuiltIn") is True or body.get("isBuiltInRoleDefinition") is True


def _as_new_set(body: dict[str, Any]) -> dict[str, Any]:
    """A set as it is made: of its items only what was chosen, and no tags as an empty list, not as the empty text it is read as."""
    if body.get("guidedDeploymentTags") == "":
        body["guidedDeploymentTags"] = []
    items = body.get("items")
    if isinstance(items, list):
        body["items"] = [
            {name: value for name, value in item.items() if name in _ITEM_KEPT}
            for item in items
            if isinstance(item, dict)
        ]
    return body


TYPES = (
    ObjectType(
        key="scope_tag",
        label="Scope tag",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=TAGS_LIST,
        permissions=_RBAC,
        restore_order=10,
        odata_types=("roleScopeTag",),
        references=(GROUP,),
        builtin=Builtin(
            where("isBuiltIn", True),
            "The tag Default has the id 0 in every tenant",
            known_by=lambda body: str(body.get("id", "")),
        ),
        create=Create(strip=("isBuiltIn",)),
        update=Update(strip=("isBuiltIn",)),
        assign=Assign(targets=(Target.GROUP,), filters=False),
    ),
    ObjectType(
        key="assignment_filter",
        label="Assignment filter",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=FILTERS,
        permissions=intune("Configuration"),
        restore_order=15,
        odata_types=("deviceAndAppManagementAssignmentFilter",),
        # Where the filter is used: it changes with other objects, not with the filter.
        volatile=("payloads",),
        references=(OLD_TAGS,),
        create=Create(strip=("payloads",), requires=("displayName", "platform", "rule")),
        update=Update(strip=("payloads",), fixed=("platform",)),
    ),
    ObjectType(
        key="rbac_role_definition",
        label="Intune role",
        category=Category.ROLES,
        platform=Platform.ALL,
        listing=ROLES,
        permissions=_RBAC,
        restore_order=20,
        odata_types=("deviceAndAppManagementRoleDefinition", "roleDefinition"),
        unordered=("roleAssignments", "allowedResourceActions", "notAllowedResourceActions"),
        references=(TAGS,),
        builtin=Builtin(
            _is_builtin_role,
            "Roles of the service are kept, since assignments point at them",
            known_by=lambda body: str(body.get("displayName", "")),
        ),
        match=("displayName", "@odata.type"),
        create=Create(strip=("roleAssignments", *_OLD_ACTIONS), requires=("displayName", "rolePermissions")),
        update=Update(strip=("isBuiltInRoleDefinition", "isBuiltIn", "roleAssignments", *_OLD_ACTIONS)),
        approval=Approval.ROLE,
    ),
    ObjectType(
        key="rbac_role_assignment",
        label="Intune role assignment",
        category=Category.ROLES,
        platform=Platform.ALL,
        listing=ROLE_ASSIGNMENTS,
        permissions=_RBAC,
        restore_order=25,
        odata_types=("deviceAndAppManagementRoleAssignment", "roleAssignment"),
        unordered=("members", "scopeMembers", "resourceScopes"),
        references=(
            Reference("members", "entra_group"),
            Reference("scopeMembers", "entra_group"),
            Reference("resourceScopes", "entra_group"),
            Reference("roleDefinition.id", "rbac_role_definition", bound=True),
            Reference("roleScopeTags.id", "scope_tag", TAGS.reserved, bound=True),
        ),
        match=("displayName", "@odata.type"),
        # `scopeMembers` says the same as `resourceScopes`.
        create=Create(strip=("roleScopeTags", "roleDefinition", "scopeMembers"), requires=("displayName", "members")),
        update=Update(strip=("roleScopeTags", "roleDefinition", "scopeMembers")),
        approval=Approval.ROLE,
    ),
    ObjectType(
        key="device_category",
        label="Device category",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=CATEGORIES,
        permissions=intune("ManagedDevices", "Configuration"),
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
        restore_order=140,
        odata_types=("termsAndConditions",),
        references=(GROUP, TAGS),
        create=Create(
            strip=("acceptanceStatuses",), requires=("displayName", "title", "bodyText", "acceptanceStatement")
        ),
        update=Update(strip=("acceptanceStatuses",)),
        assign=one_by_one(Target.GROUP),
    ),
    ObjectType(
        key="intune_branding_profile",
        label="Company Portal branding",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=BRANDING,
        permissions=intune("Apps"),
        restore_order=145,
        odata_types=("intuneBrandingProfile",),
        name_property="profileName",
        unordered=("companyPortalBlockedActions",),
        references=(GROUP, TAGS),
        builtin=Builtin(
            where("isDefaultProfile", True),
            "The default profile always exists and is only changed",
            BuiltinRule.CHANGE,
            lambda _body: "default",
        ),
        match=("profileName",),
        # Images are refused while a profile is made: they follow with everything else.
        create=Create(only=("profileName", "profileDescription", "roleScopeTagIds"), requires=("profileName",)),
        update=Update(strip=("isDefaultProfile", "disableClientTelemetry", "customPrivacyMessage")),
        assign=Assign(targets=(Target.GROUP,), filters=False),
    ),
    ObjectType(
        key="device_management_settings",
        label="Tenant settings",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=SETTINGS,
        permissions=assumed(intune("ServiceConfig", "Configuration")),
        restore_order=31,
        odata_types=("deviceManagementSettings",),
        name_property="",
        limits=(Limit(Capability.RESTORE, "There is one for the tenant: it is changed, never made anew", partly=True),),
        match=(),
        update=Update(path="/deviceManagement", wrap="settings"),
        **CHANGE_ONLY,
    ),
    ObjectType(
        key="managed_device_cleanup_rule",
        label="Device clean-up rule",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=CLEANUP,
        permissions=assumed(intune("ManagedDevices")),
        restore_order=32,
        odata_types=("managedDeviceCleanupRule",),
        create=Create(
            requires=("displayName", "deviceCleanupRulePlatformType", "deviceInactivityBeforeRetirementInDays")
        ),
        confidence=Confidence.SCHEMA_MOSTLY,
    ),
    ObjectType(
        key="multi_admin_approval_policy",
        label="Multi Admin Approval policy",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=APPROVALS,
        permissions=_RBAC,
        # After everything else: from then on it holds up what a restore writes.
        restore_order=2100,
        odata_types=("operationApprovalPolicy",),
        unordered=("approverGroupIds",),
        references=(Reference("approverGroupIds", "entra_group"),),
        create=Create(requires=("displayName", "policyType", "approverGroupIds")),
        confidence=Confidence.SCHEMA_MOSTLY,
    ),
    ObjectType(
        key="policy_set",
        label="Policy set",
        category=Category.TENANT,
        platform=Platform.ALL,
        listing=POLICY_SETS,
        permissions=intune("Configuration"),
        restore_order=2000,
        odata_types=("policySet",),
        volatile=("status", "errorCode", "items.status", "items.errorCode", "items.lastModifiedDateTime"),
        unordered=("items",),
        references=(GROUP, FILTER, OLD_TAGS, Reference("items.payloadId", ANY)),
        create=Create(strip=("status", "errorCode"), requires=("displayName",), prepare=_as_new_set),
        update=Update(strip=("status", "errorCode"), prepare=_as_new_set),
        # One action carries the items and the assignments.
        assign=Assign(action="update"),
        parts=(
            Part(
                "items",
                Style.DELTA,
                call="update",
                keys=("addedPolicySetItems", "updatedPolicySetItems", "deletedPolicySetItems"),
                inline=True,
                second_pass=True,
            ),
        ),
    ),
)
