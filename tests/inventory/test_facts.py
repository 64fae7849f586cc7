"""Each declaration against the facts about its type, so that a slip of the pen is found.

The facts are not part of the project; TENANTPILOT_GRAPH_FACTS names the file, or it stands beside the checkout. The keys are
frozen in `type_keys.txt`, so that a type cannot come or go unnoticed without it either.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings as project

from inventory.types import registry
from inventory.types.base import VOLATILE_ALWAYS, Confidence, ObjectType, Restore
from inventory.types.references import (
    ANY,
    APP,
    APP_ID,
    DEFINITION,
    FILTER,
    GROUP,
    MICROSOFT,
    NETWORK,
    STORE_ID,
    TAGS,
    USER,
)

_named = os.environ.get("TENANTPILOT_GRAPH_FACTS")
_beside = Path(project.BASE_DIR).parent / "shared" / "facts" / "graph" / "types.json"
PATH = Path(_named) if _named else _beside
FROZEN = Path(__file__).with_name("type_keys.txt")
FACTS: dict[str, dict[str, Any]] = (
    {fact["key"]: fact for fact in orjson.loads(PATH.read_bytes())["types"]} if PATH.is_file() else {}
)
with_facts = pytest.mark.skipif(not FACTS, reason="The facts about Graph's types are not here.")
each_type = pytest.mark.parametrize("key", sorted(FACTS))


def _pair(key: str) -> tuple[ObjectType, dict[str, Any]]:
    return registry.get(key), FACTS[key]


def _plain(path: str) -> str:
    """A property path of the facts as declarations write it."""
    return path.replace("[]", "").replace("..", ".")


def test_the_registry_knows_the_frozen_keys_and_no_others() -> None:
    """TYP-1"""
    assert [
        declared.key for declared in sorted(registry.all_types(), key=lambda one: one.key)
    ] == FROZEN.read_text().split()


@with_facts
def test_the_frozen_keys_are_those_of_the_facts() -> None:
    """TYP-1"""
    assert FROZEN.read_text().split() == sorted(FACTS)


@with_facts
@each_type
def test_a_type_is_listed_and_named_as_the_facts_say(key: str) -> None:
    """TYP-3"""
    declared, fact = _pair(key)
    listing = declared.listing
    parents = re.compile(r"\{(?:depId|tenantId)\}")
    assert listing.path == parents.sub("{parent}", fact["list_path"])
    assert listing.version == fact["api_version"]
    assert declared.name_property == (fact["name_property"] or "")
    assert listing.single == (not fact["supports_paging"])
    assert listing.delegated == fact["delegated_only"]
    top = re.search(r"\$top=(\d+)", listing.query)
    if top and fact["max_top_seen"]:
        assert int(top[1]) <= fact["max_top_seen"]
    named = {name.rpartition(".")[2] for name in fact["odata_types"]}
    if named and not (declared.fallback and not declared.odata_types):
        assert named <= set(declared.odata_types) | {"androidManagedStoreAppConfiguration"}


@with_facts
@each_type
def test_what_a_list_leaves_out_is_read(key: str) -> None:
    """TYP-4"""
    declared, fact = _pair(key)
    listing = declared.listing
    query = f"{listing.query} {listing.detail.query if listing.detail else ''}"
    children = {child.name: child for child in listing.children}
    if fact["needs_get_by_id"] and key not in READ_ON_PURPOSE_FROM_THE_LIST:
        assert listing.detail or children or "$expand" in query or "settingInstance" in query
    if fact["assign"] and fact["assign"]["path"] and declared.assign:
        assert "assignments" in children or "assignments" in query
        if fact["expand_assignments_in_list"] is False:
            assert "assignments" not in listing.query
            assert "assignments" not in children or not children["assignments"].inline


# The list lacks nothing but live tokens, or what it lacks is never read.
READ_ON_PURPOSE_FROM_THE_LIST = {
    "android_device_owner_enrollment_profile": "what the list leaves out are tokens that let devices in",
    "android_for_work_enrollment_profile": "what the list leaves out are tokens that let devices in",
    "enrollment_status_page": "the app ids are in the list; the reason given is to resolve them to names",
    "app_config_managed_devices": "the app ids are in the list; the reason given is to resolve them to names",
    "android_oem_config": "the app ids are in the list; the reason given is to resolve them to names",
    "organizational_branding_localization": "images are binary streams, which are not read",
}


@with_facts
@each_type
def test_the_permissions_are_those_of_the_facts(key: str) -> None:
    """TYP-5"""
    declared, fact = _pair(key)
    if key in PERMISSIONS_OF_OUR_OWN:
        return
    for kind, ours in (("read", declared.permissions.read), ("write", declared.permissions.write)):
        theirs = set(fact[f"permissions_{kind}"]["application"])
        assert theirs <= set(ours), (kind, theirs - set(ours))
        # Whoever may write may read, which the facts do not always repeat.
        wider = {name.replace(".Read.", ".ReadWrite.") for name in theirs}
        assert set(ours) <= theirs | wider | ALSO_READS.get(key, set()), (kind, set(ours) - theirs)
    assert declared.permissions.write_all == (fact["permissions_write_combine"] == "all")
    assert declared.permissions.assumed == (
        fact["permissions_verified"] in ("manual", "inferred") and key not in CHECKED
    )


PERMISSIONS_OF_OUR_OWN = {
    "terms_of_use": "no app can have the permission; the one of a person is named",
    "managed_device_cleanup_rule": "the facts name none; the documentation of the list names those of managed devices",
}
ALSO_READS = {
    "entra_group": {"Directory.Read.All"},
    # What the service answers to an app without it.
    "apple_push_certificate": {"DeviceManagementServiceConfig.Read.All"},
}
# Named in Microsoft's reference of permissions all the same.
CHECKED = {"entra_group"}


@with_facts
@each_type
def test_restore_mode_order_match_keys_and_confidence_are_those_of_the_facts(key: str) -> None:
    """TYP-6"""
    declared, fact = _pair(key)
    assert str(declared.restore) == fact["restore_mode"]
    assert declared.restore_order == fact["restore_order"]
    assert list(declared.match) == fact["match_keys"]
    assert declared.confidence == CONFIDENCE[fact["confidence"]]
    assert (declared.approval or None) == fact["multi_admin_approval_type"]


CONFIDENCE = {
    "multi-source": Confidence.CONFIRMED,
    "single-source": Confidence.ONE_SOURCE,
    "metadata+docs": Confidence.DOCUMENTED,
    "metadata-mostly": Confidence.SCHEMA_MOSTLY,
    "metadata-only": Confidence.SCHEMA,
}


@with_facts
@each_type
def test_an_object_is_made_changed_and_removed_as_the_facts_say(key: str) -> None:
    """TYP-7"""
    declared, fact = _pair(key)
    listing = declared.listing
    home = fact["list_path"]
    if declared.create:
        assert fact["create_method"] == "POST"
        assert (declared.create.path or home) == fact["create_path"]
    else:
        assert fact["create_method"] is None or _is_never_made(declared), "create"
    if declared.update:
        assert str(declared.update.method) == fact["update_method"]
        assert (declared.update.path or (home if listing.single else f"{home}/{{id}}")) == fact["update_path"]
    else:
        assert fact["update_method"] is None or _is_only_shown(declared), "update"
    if declared.delete:
        action = f"/{declared.delete.action}" if declared.delete.action else ""
        assert (str(declared.delete.method), f"{home}/{{id}}{action}") == (fact["delete_method"], fact["delete_path"])
    else:
        assert fact["delete_method"] is None or _is_only_shown(declared) or declared.restore is Restore.UPDATE_ONLY


def _is_only_shown(declared: ObjectType) -> bool:
    """The facts name verbs for it; here it is never written."""
    return declared.restore is Restore.INVENTORY_ONLY or declared.restore_order is None


def _is_never_made(declared: ObjectType) -> bool:
    only_changed = declared.restore is Restore.UPDATE_ONLY
    # A new app registration would have a new app id, which breaks whatever names the old one.
    return _is_only_shown(declared) or only_changed or declared.key == "application_registration"


@with_facts
@each_type
def test_what_the_service_refuses_in_a_body_is_left_out_of_it(key: str) -> None:
    """TYP-7"""
    declared, fact = _pair(key)
    if declared.create and not declared.create.only:
        out = set(declared.left_out_of_create()) | {"id"}
        assert _properties(fact["create_strip"]) - out <= PREPARED.get(key, set())
    if declared.update and not declared.update.only:
        assert _properties(fact["update_strip"]) <= set(declared.left_out_of_update())


def _properties(stripped: Iterable[str]) -> set[str]:
    """What is a plain path among the entries of a strip list; the others are annotations, patterns and sentences."""
    return {_plain(one) for one in stripped if re.fullmatch(r"[A-Za-z][\w.\[\]]*", one)}


# Not left out but rewritten, by the function that prepares the body.
PREPARED = {
    "endpoint_security_intent": {"settings", "settingsDelta.id"},
}


@with_facts
@each_type
def test_assignments_are_written_as_the_facts_say(key: str) -> None:
    """TYP-8"""
    declared, fact = _pair(key)
    assign = fact["assign"] if fact["assign"] and fact["assign"]["mode"] else None
    if declared.assign is None:
        assert assign is None or _is_only_shown(declared)
        return
    assert assign is not None
    assert f"{fact['list_path']}/{{id}}/{declared.assign.action}" == assign["path"]
    assert declared.assign.key == assign["body_key"]
    assert declared.assign.one_by_one == (assign["mode"] == "child_post")
    assert [str(target) for target in declared.assign.targets] == fact["assignment_targets"]
    filtered = any("FilterId" in one["property"] for one in fact["references"])
    # Edge is listed with filters, and a note says that they are refused.
    assert declared.assign.filters == (filtered and key != "app_edge_windows")


@with_facts
@each_type
def test_what_changes_by_itself_is_no_change(key: str) -> None:
    """TYP-9"""
    declared, fact = _pair(key)
    ignored = {*VOLATILE_ALWAYS, *declared.volatile, "createdDateTime"}
    # What is compared "separately" is configuration all the same.
    assert {_plain(path) for path in fact["drift_ignore"] if "separately" not in path} <= ignored


@with_facts
@each_type
def test_references_builtins_and_secrets_of_the_facts_are_declared(key: str) -> None:
    """TYP-10"""
    declared, fact = _pair(key)
    ours: set[str | None] = {None, *(reference.to for reference in declared.references)}
    if declared.listing.below:
        ours.add(declared.listing.below.key)
    for one in fact["references"]:
        kind = one["refers_to"] and one["refers_to"].partition(" (")[0]
        several = kind is not None and " | " in kind
        assert (ANY if several else REFERS.get(kind, kind)) in ours, one
        for constant, path in ((GROUP, "assignments[].target.groupId"), (TAGS, "roleScopeTagIds[]")):
            assert one["property"] != path or constant in declared.references, one
        assert "FilterId" not in one["property"] or FILTER in declared.references
    if fact["builtin"]["exists"] and not declared.listing.single:
        assert declared.builtin or key in NO_BUILTIN
    assert bool(fact["secrets_not_exportable"]) <= bool(declared.secrets)


REFERS: dict[str | None, str | None] = {
    "group": "entra_group",
    "user": USER,
    "app": APP,
    "app bundle/package id": STORE_ID,
    "application": APP_ID,
    "service principal appId": APP_ID,
    "service principal": "service_principal",
    "configurationPolicyTemplate": MICROSOFT,
    "deviceManagementTemplate": MICROSOFT,
    "directory role template": MICROSOFT,
    "groupPolicyDefinition": DEFINITION,
    "groupPolicyPresentation": DEFINITION,
    "azure network connection": NETWORK,
    "Managed Google Play": STORE_ID,
    # A certificate that the profile itself carries.
    "certificate": None,
}
NO_BUILTIN = {"dep_enrollment_profile": "the mark of the default profile is no mark of the service's own"}
