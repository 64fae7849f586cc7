"""Which operations exist. `@operation` declares one; a declaration that is not whole stops the start-up."""

import hashlib
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass
from datetime import timedelta
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from operations.failures import Failure
from rbac.capabilities import CAPABILITIES

_SECRET_WORDS = ("secret", "password", "token", "certificate", "credential_value")
_KEY = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")


class BadDeclaration(TypeError):
    """An operation was declared wrongly; raised at import, so a faulty one never reaches production."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something may not start: a failure code, and what is special about this case."""

    code: str
    detail: str = ""

    @property
    def message(self) -> str:
        return Failure(self.code, self.detail).message


Need = Callable[[Any], Reason | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of background work: its function, and everything the engine must know to start, limit and forget it."""

    key: str
    label: str
    inputs: type[Any]
    capability: str
    slot: Callable[[Any], str]
    needs: tuple[Need, ...]
    soft_limit: timedelta
    flush_every: int
    keep: timedelta
    writes: bool
    defaults: Mapping[str, Callable[[], Any]]
    target: tuple[str, str] | None
    function: Callable[[Any, Any], None]

    @property
    def hard_limit(self) -> timedelta:
        """When the sweep ends the run even if it still renews. Derived, so that it cannot stand below the soft limit."""
        return self.soft_limit * 1.5 + timedelta(minutes=1)

    @property
    def description(self) -> str:
        return (self.function.__doc__ or "").strip().splitlines()[0]

    def complete(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """`raw`, with the declared default of each input it leaves out. Reads in the tenant's scope. Raises Failure."""
        return {**{name: default() for name, default in self.defaults.items() if name not in raw}, **raw}

    def target_of(self, inputs: Any) -> tuple[str, str]:
        """(model, id) of the row that a run with these inputs works on; empty where it works on none."""
        if self.target is None:
            return "", ""
        model, name = self.target
        return model, str(getattr(inputs, name))

    def parse(self, raw: Mapping[str, Any]) -> Any:
        """The typed inputs from JSON or from a command line (`"1,2"` for a tuple). Raises Failure("invalid_inputs")."""
        hints = get_type_hints(self.inputs)
        unknown = set(raw) - set(hints)
        if unknown:
            raise Failure(
                "invalid_inputs",
                f"{self.key} has no input {', '.join(sorted(unknown))}; it has {', '.join(hints) or 'none'}.",
            )
        missing = [field.name for field in fields(self.inputs) if _is_required(field) and field.name not in raw]
        if missing:
            raise Failure("invalid_inputs", f"{self.key} needs the input {', '.join(missing)}.")
        try:
            return self.inputs(**{name: _read(name, value, hints[name]) for name, value in raw.items()})
        except (TypeError, ValueError) as error:
            raise Failure("invalid_inputs", f"{self.key}: {error}") from error

    def dump(self, inputs: Any) -> dict[str, Any]:
        """The inputs as JSON. Raises Failure("invalid_inputs") for what the record could not keep (NUL, lone surrogates)."""
        raw = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(inputs).items()}
        parts = [part for value in raw.values() for part in (value if isinstance(value, list) else [value])]
        try:
            orjson.dumps(raw)
            is_storable = not any("\x00" in part for part in parts if isinstance(part, str))
        except orjson.JSONEncodeError:
            is_storable = False
        if not is_storable:
            raise Failure("invalid_inputs", f"{self.key}: an input holds characters or a number that cannot be stored.")
        return raw


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _read(name: str, value: Any, hint: Any) -> Any:
    try:
        return _convert(value, hint)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error


def _convert(value: Any, hint: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _convert(value, next(arg for arg in get_args(hint) if arg is not type(None)))
    if origin is tuple:
        parts = [part for part in value.split(",") if part] if isinstance(value, str) else list(value)
        return tuple(_convert(part, get_args(hint)[0]) for part in parts)
    if hint is bool and isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError(f"“{value}” is neither true nor false.")
        return value.lower() == "true"
    if hint is int and isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError(f"“{value[:60]}” is not a whole number.")
    if hint in (int, str, bool):
        if isinstance(value, bool) is not (hint is bool) or not isinstance(value, (str, int)):
            raise ValueError(f"{value!r} is not of type {hint.__name__}.")
        return hint(value)
    raise TypeError(f"Inputs of type {hint!r} are not supported.")


def hash_inputs(inputs: Mapping[str, Any]) -> str:
    """The same for equal inputs, whatever the order of their names."""
    return hashlib.sha256(orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS)).hexdigest()


_operations: dict[str, Operation] = {}


def operation(
    key: str,
    *,
    label: str,
    inputs: type[Any],
    capability: str,
    slot: Callable[[Any], str],
    needs: list[Need] | None = None,
    soft_limit: timedelta = timedelta(minutes=20),
    flush_every: int = 50,
    keep: timedelta = timedelta(days=90),
    writes: bool = False,
    defaults: Mapping[str, Callable[[], Any]] | None = None,
    target: tuple[str, str] | None = None,
) -> Callable[[Callable[[Any, Any], None]], Operation]:
    """Declare a background operation. The function sets no status and catches nothing; the engine derives how it ended.

    `slot` names what only one run at a time may use; `needs` are checked at start and again at run time; `writes` says that
    it changes something in the customer's tenant, so it never starts again by itself. `defaults` says what somebody means
    who leaves an input out of a mapping of inputs: name → a function that is asked in the tenant's scope and may raise
    Failure. `target` is the row it works on, by whose page its runs are found: ("app.model", the input with its id).
    Raises BadDeclaration.
    """

    def declare(function: Callable[[Any, Any], None]) -> Operation:
        declared = Operation(
            key,
            label,
            inputs,
            capability,
            slot,
            tuple(needs or ()),
            soft_limit,
            1 if writes else flush_every,
            keep,
            writes,
            defaults or {},
            target,
            function,
        )
        _validate(declared)
        _operations[key] = declared
        return declared

    return declare


def _validate(declared: Operation) -> None:
    def insist(condition: bool, message: str) -> None:
        if not condition:
            raise BadDeclaration(f"Operation {declared.key!r}: {message}")

    insist(declared.key not in _operations, "is declared twice")
    insist(bool(_KEY.fullmatch(declared.key)) and len(declared.key) <= 64, "the key has the form app.verb")
    insist(declared.capability in CAPABILITIES, f"{declared.capability!r} is not a capability")
    insist(bool((declared.function.__doc__ or "").strip()), "the function needs a docstring that says what it does")
    insist(
        is_dataclass(declared.inputs) and declared.inputs.__dataclass_params__.frozen,  # type: ignore[attr-defined]
        "the inputs are a frozen dataclass",
    )
    named = {*declared.defaults, *(declared.target or ())[1:]}
    unknown = named - {field.name for field in fields(declared.inputs)}
    insist(not unknown, f"names {', '.join(sorted(unknown))}, which is no input of it")
    hints = get_type_hints(declared.inputs)
    for field in fields(declared.inputs):
        insist(
            not any(word in field.name for word in _SECRET_WORDS), f"input {field.name!r}: secrets never enter a run"
        )
        insist(_is_supported(hints[field.name]), f"input {field.name!r}: {hints[field.name]!r} is not a type of inputs")
    insist(callable(declared.slot) and all(callable(need) for need in declared.needs), "slot and needs are functions")
    insist(declared.soft_limit > timedelta(0) and declared.keep >= timedelta(days=1), "limits are positive")
    insist(declared.flush_every >= 1, "flush_every is at least 1")


def _is_supported(hint: Any) -> bool:
    """int, str, bool, one of them or None, and tuples of them of any length: what JSON and a command line can say."""
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return len(inner) == 1 and _is_supported(inner[0])
    if get_origin(hint) is tuple:
        return len(arguments) == 2 and arguments[1] is Ellipsis and arguments[0] in (int, str, bool)
    return hint in (int, str, bool)


def get(key: str) -> Operation:
    """The operation; raises Failure("invalid_inputs") with the known ones for an unknown key."""
    try:
        return _operations[key]
    except KeyError:
        raise Failure(
            "invalid_inputs", f"There is no operation {key!r}. Known: {', '.join(sorted(_operations))}."
        ) from None


def all_operations() -> dict[str, Operation]:
    return dict(_operations)


def label_of(key: str) -> str:
    """The label of an operation; an operation of an older version that is gone is named by its key."""
    known = _operations.get(key)
    return known.label if known else key
