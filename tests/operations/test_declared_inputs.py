"""What a declaration says about its inputs: how they are read, which may be left out, which row they point at."""

from dataclasses import dataclass
from typing import Any

import pytest

from operations import registry
from operations.failures import Failure
from operations.registry import BadDeclaration, Operation, operation


@dataclass(frozen=True)
class Inputs:
    number: int
    words: tuple[str, ...] = ()
    is_loud: bool = False


def declare(**more: Any) -> Operation:
    """An operation that is forgotten again at once."""

    def function(run: Any, inputs: Inputs) -> None:
        """Do nothing."""

    declared = operation("sample.inputs", label="Inputs", inputs=Inputs, capability="inventory.sync", slot=str, **more)(
        function
    )
    del registry._operations["sample.inputs"]
    return declared


def test_words_of_a_command_line_become_typed_inputs() -> None:
    """CMD-4"""
    assert declare().parse({"number": "7", "words": "a,b", "is_loud": "True"}) == Inputs(7, ("a", "b"), True)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "sample.inputs needs the input number."),
        ({"number": "seven"}, "number: “seven” is not a whole number."),
        ({"number": "7.5"}, "number: “7.5” is not a whole number."),
        ({"number": True}, "number: True is not of type int."),
        ({"number": "7", "is_loud": "perhaps"}, "is_loud: “perhaps” is neither true nor false."),
        ({"number": 7, "colour": "red"}, "sample.inputs has no input colour; it has number, words, is_loud."),
    ],
)
def test_faulty_inputs_are_named_with_what_is_wrong(raw: dict[str, Any], sentence: str) -> None:
    """CMD-1"""
    with pytest.raises(Failure) as raised:
        declare().parse(raw)
    assert raised.value.code == "invalid_inputs"
    assert sentence in raised.value.message


def test_a_default_is_asked_for_only_when_the_input_is_left_out() -> None:
    """CMD-4"""
    asked: list[str] = []

    def default() -> int:
        asked.append("number")
        return 5

    declared = declare(defaults={"number": default})
    assert declared.complete({"number": "7"}) == {"number": "7"}
    assert asked == []
    assert declared.complete({"words": "a"}) == {"number": 5, "words": "a"}
    assert asked == ["number"]


def test_the_row_that_a_run_works_on_comes_from_its_inputs() -> None:
    """CMD-4"""
    assert declare().target_of(Inputs(7)) == ("", "")
    assert declare(target=("shop.order", "number")).target_of(Inputs(7)) == ("shop.order", "7")


@pytest.mark.parametrize("more", [{"defaults": {"colour": int}}, {"target": ("shop.order", "colour")}])
def test_a_declaration_that_names_an_input_it_does_not_have_stops_the_start(more: dict[str, Any]) -> None:
    """CMD-4"""
    with pytest.raises(BadDeclaration, match="names colour, which is no input of it"):
        declare(**more)
