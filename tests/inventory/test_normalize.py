"""What counts as a change, for any document."""

import copy
import random
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from inventory.normalize import canonical_bytes, content_hash, normalize
from inventory.types import registry

CATALOG = registry.get("settings_catalog_policy")
COMPLIANCE = registry.get("compliance_policy")

_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
_leaves = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _names
)
_json = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4), max_leaves=12
)
_member = st.fixed_dictionaries({"id": st.integers(0, 99).map(str), "value": _json})
documents = st.builds(
    lambda free, settings, assignments, tags: {
        **free, "id": "1", "settings": settings, "assignments": assignments, "roleScopeTagIds": tags,
    },
    st.dictionaries(_names.map(lambda name: f"p{name}"), _json, max_size=4),
    st.lists(_member, max_size=5),
    st.lists(_member, max_size=5),
    st.lists(st.integers(0, 9).map(str), max_size=4),
)  # fmt: skip


@given(documents)
def test_normalising_twice_is_normalising_once(document: dict[str, Any]) -> None:
    """INV-5"""
    once = normalize(CATALOG, document)
    assert normalize(CATALOG, once) == once


@given(documents)
def test_normalising_leaves_the_document_alone(document: dict[str, Any]) -> None:
    """INV-5"""
    before = copy.deepcopy(document)
    canonical_bytes(CATALOG, document)
    assert document == before


@given(documents, st.randoms())
def test_another_order_is_no_change(document: dict[str, Any], chance: random.Random) -> None:
    """INV-5"""
    shuffled = dict(chance.sample(list(document.items()), len(document)))
    for name in ("settings", "assignments", "roleScopeTagIds"):
        shuffled[name] = chance.sample(document[name], len(document[name]))
    assert content_hash(CATALOG, shuffled) == content_hash(CATALOG, document)


@given(documents, st.text(max_size=5).filter(lambda text: text.isprintable()), _json)
def test_what_the_service_computes_is_no_change(document: dict[str, Any], text: str, value: Any) -> None:
    """INV-5"""
    noisy = {
        **document,
        "lastModifiedDateTime": text,
        "version": value,
        "isAssigned": value,
        "settingCount": value,
        "settings@odata.context": value,
        "@odata.etag": text,
    }
    assert content_hash(CATALOG, noisy) == content_hash(CATALOG, document)


@given(documents, documents)
def test_every_other_difference_is_a_change(first: dict[str, Any], second: dict[str, Any]) -> None:
    """INV-5"""

    def essence(document: dict[str, Any]) -> bytes:
        plain = copy.deepcopy(document)
        for setting in plain["settings"]:
            setting.pop("id")
        for name in ("settings", "assignments", "roleScopeTagIds"):
            plain[name].sort(key=lambda member: orjson.dumps(member, option=orjson.OPT_SORT_KEYS))
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)

    same = essence(first) == essence(second)
    assert (content_hash(CATALOG, first) == content_hash(CATALOG, second)) is same


@given(documents, _json)
def test_a_changed_value_deep_inside_is_a_change(document: dict[str, Any], value: Any) -> None:
    """INV-5"""
    deep = {**document, "deep": {"a": [{"version": [value, 1]}]}}
    changed = {**document, "deep": {"a": [{"version": [value, 2]}]}}
    assert content_hash(CATALOG, deep) != content_hash(CATALOG, changed)


def test_a_list_with_a_meaning_in_its_order_keeps_it() -> None:
    """INV-5"""
    assert content_hash(CATALOG, {"steps": [1, 2]}) != content_hash(CATALOG, {"steps": [2, 1]})


def test_a_declared_path_is_left_out_at_its_place_only() -> None:
    """INV-5"""
    rule = {"id": "made up by the service", "scheduledActionConfigurations": [{"id": "too", "actionType": "block"}]}
    plain = {"scheduledActionConfigurations": [{"actionType": "block"}]}
    assert content_hash(COMPLIANCE, {"scheduledActionsForRule": [rule]}) == content_hash(
        COMPLIANCE, {"scheduledActionsForRule": [plain]}
    )
    assert content_hash(COMPLIANCE, {"other": [{"id": 1}]}) != content_hash(COMPLIANCE, {"other": [{"id": 2}]})
