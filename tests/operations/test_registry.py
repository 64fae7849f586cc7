"""A declaration that is not whole stops the start-up (requirement RUN-29)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from operations import registry
from operations.failures import Failure, FailureCode, register_codes
from operations.registry import BadDeclaration, operation
from tests.operations.sample import SampleInputs


@dataclass
class Thawed:
    name: str = "a"


@dataclass(frozen=True)
class WithSecret:
    client_secret: str = ""


@dataclass(frozen=True)
class WithDate:
    since: timedelta = timedelta(0)


@dataclass(frozen=True)
class WithPairs:
    pairs: tuple[str, int] = ("a", 1)


@dataclass(frozen=True)
class WithList:
    types: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WithEither:
    either: int | str = 1


@dataclass(frozen=True)
class Whole:
    number: int
    name: str = ""
    is_so: bool = False
    perhaps: int | None = None
    many: tuple[int, ...] = ()


def declare(function: Callable[[Any, Any], None] | None = None, **changes: Any) -> registry.Operation:
    def work(run: Any, inputs: Any) -> None:
        """Do nothing."""

    declaration: dict[str, Any] = {
        "label": "Trial",
        "inputs": SampleInputs,
        "capability": "inventory.sync",
        "slot": lambda inputs: "trial",
    }
    key = changes.pop("key", "trial.work")
    try:
        return operation(key, **(declaration | changes))(function or work)
    finally:
        registry._operations.pop("trial.work", None)


def without_docstring(run: Any, inputs: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": "sample.read"}, "twice"),
        ({"key": "trial"}, "form app.verb"),
        ({"key": "Trial.Work"}, "form app.verb"),
        ({"key": "trial.work.now"}, "form app.verb"),
        ({"key": "."}, "form app.verb"),
        ({"key": "trial." + "w" * 60}, "form app.verb"),
        ({"capability": "inventory.fly"}, "not a capability"),
        ({"function": without_docstring}, "docstring"),
        ({"inputs": Thawed}, "frozen dataclass"),
        ({"inputs": dict}, "frozen dataclass"),
        ({"inputs": WithSecret}, "secrets never enter a run"),
        ({"inputs": WithDate}, "not a type of inputs"),
        ({"inputs": WithPairs}, "not a type of inputs"),
        ({"inputs": WithList}, "not a type of inputs"),
        ({"inputs": WithEither}, "not a type of inputs"),
        ({"slot": "trial"}, "are functions"),
        ({"needs": ["connection"]}, "are functions"),
        ({"soft_limit": timedelta(0)}, "limits are positive"),
        ({"keep": timedelta(hours=1)}, "limits are positive"),
        ({"flush_every": 0}, "flush_every"),
    ],
)
def test_a_faulty_declaration_is_refused_with_its_reason(changes: dict[str, Any], says: str) -> None:
    """RUN-29: at import, so that a faulty operation never reaches production."""
    with pytest.raises(BadDeclaration, match=says):
        declare(**changes)


def test_a_whole_declaration_has_derived_limits() -> None:
    """RUN-15, RUN-18: the hard limit cannot stand below the soft one; an operation that writes stores every item."""
    declared = declare(writes=True, soft_limit=timedelta(minutes=10), flush_every=200, inputs=Whole)
    assert declared.hard_limit == timedelta(minutes=16)
    assert declared.flush_every == 1
    assert declared.description == "Do nothing."


@pytest.mark.parametrize(
    ("raw", "inputs"),
    [
        ({"number": 7}, Whole(7)),
        ({"number": "7", "is_so": "true", "many": "1,2"}, Whole(7, is_so=True, many=(1, 2))),
        ({"number": 7, "perhaps": None, "many": [1]}, Whole(7, many=(1,))),
        ({"number": 7, "perhaps": "3", "name": "a,b"}, Whole(7, name="a,b", perhaps=3)),
    ],
)
def test_inputs_are_the_same_from_json_and_from_a_command_line(raw: dict[str, Any], inputs: Whole) -> None:
    """RUN-29: and survive being stored."""
    declared = declare(inputs=Whole)
    assert declared.parse(raw) == inputs
    assert declared.parse(declared.dump(inputs)) == inputs


@pytest.mark.parametrize(
    "raw", [{}, {"number": "seven"}, {"number": True}, {"number": 7, "is_so": "maybe"}, {"number": 7, "many": 3}]
)
def test_faulty_inputs_have_one_code(raw: dict[str, Any]) -> None:
    """RUN-29."""
    with pytest.raises(Failure) as raised:
        declare(inputs=Whole).parse(raw)
    assert raised.value.code == "invalid_inputs"


def test_equal_inputs_have_one_hash_whatever_their_order() -> None:
    """RUN-5: whether a start joins must not depend on how a form was sent."""
    assert registry.hash_inputs({"a": 1, "b": [2]}) == registry.hash_inputs({"b": [2], "a": 1})
    assert registry.hash_inputs({"a": 1}) != registry.hash_inputs({"a": 2})


def test_a_failure_code_is_declared_once_and_every_code_has_a_hint() -> None:
    """RUN-3: codes are an interface."""
    with pytest.raises(ValueError, match="twice"):
        register_codes(FailureCode("timed_out", "Again.", "No."))
    from operations.failures import all_codes

    for code in all_codes().values():
        assert code.sentence.endswith(".") and code.hint.endswith("."), code
        assert code.code == code.code.lower() and " " not in code.code
