"""`$filter`, `$search` and `$orderby`: the part of OData's expression language that clients of Intune and Entra send."""

import re
from collections.abc import Callable
from typing import Any

from providers.sandbox import schema
from providers.sandbox.errors import GraphError

Test = Callable[[dict[str, Any]], Any]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+ -]\d\d:\d\d)?)"
    r"|(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?![\w-])"
    r"|(?P<name>[$A-Za-z_@][\w.@/-]*)|(?P<mark>[(),:]))"
)
_MOMENT = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)?$")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: _same(a, b),
    "ne": lambda a, b: not _same(a, b),
    "gt": lambda a, b: _ordered(a, b, lambda x, y: x > y),
    "ge": lambda a, b: _ordered(a, b, lambda x, y: x >= y),
    "lt": lambda a, b: _ordered(a, b, lambda x, y: x < y),
    "le": lambda a, b: _ordered(a, b, lambda x, y: x <= y),
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}


class Filter:
    """A compiled filter. `names` are the properties it mentions, `functions` and `words` what it uses, in lower case."""

    def __init__(self, text: str) -> None:
        self.names: set[str] = set()
        self.functions: set[str] = set()
        self.words: set[str] = set()
        self.test: Test = _Parser(text, self).parse()

    def __call__(self, body: dict[str, Any]) -> bool:
        return bool(self.test(body))


def matches_search(body: dict[str, Any], search: str) -> bool:
    """`"text"` or `"property:text"`: words are found where they begin one."""
    name, _, text = search.strip('"').rpartition(":")
    wanted = text.lower()
    values = [body.get(name)] if name else [body.get("displayName"), body.get("name"), body.get("description")]
    return any(isinstance(value, str) and wanted in value.lower() for value in values)


def order(rows: list[dict[str, Any]], orderby: str) -> list[dict[str, Any]]:
    for part in reversed(orderby.split(",")):
        name, _, direction = part.strip().partition(" ")
        rows = sorted(rows, key=lambda row: _rank(_property(row, name)), reverse=direction.strip().lower() == "desc")
    return rows


def _rank(value: Any) -> tuple[int, Any]:
    """Unset values first, numbers before texts: lists mix them."""
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, int | float) else (2, str(value).lower())


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return _comparable(a) == _comparable(b)
    return bool(a == b)


def _ordered(a: Any, b: Any, compare: Callable[[Any, Any], bool]) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return compare(_comparable(a), _comparable(b))
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return numbers and compare(a, b)


def _comparable(text: str) -> str:
    """Texts compare without regard to case, moments whatever their fraction of a second looks like."""
    found = _MOMENT.match(text)
    return f"{found[1]}.{(found[2] or '').ljust(7, '0')}" if found else text.lower()


class _Parser:
    def __init__(self, text: str, into: Filter) -> None:
        self._text, self._filter = text, into
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self.fault()
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            position = found.end()
        self._at = 0

    def parse(self) -> Test:
        test = self.either()
        if self.peek() is not None:
            raise self.fault()
        return test

    def fault(self) -> GraphError:
        return GraphError(400, "BadRequest", f"Invalid filter clause: {self._text[:200]}")

    def peek(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def take(self, expected: str | None = None) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self.fault()
        token = self._tokens[self._at]
        if expected is not None and token[1].lower() != expected:
            raise self.fault()
        self._at += 1
        return token

    def _next_is(self, word: str) -> bool:
        found = self.peek()
        return found is not None and found.lower() == word

    def either(self) -> Test:
        tests = [self.both()]
        while self._next_is("or"):
            self.take()
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda o: any(test(o) for test in tests)

    def both(self) -> Test:
        tests = [self.negated()]
        while self._next_is("and"):
            self.take()
            tests.append(self.negated())
        return tests[0] if len(tests) == 1 else lambda o: all(test(o) for test in tests)

    def negated(self) -> Test:
        if self._next_is("not"):
            self.take()
            self._filter.words.add("not")
            inner = self.negated()
            return lambda o: not inner(o)
        return self.comparison()

    def comparison(self) -> Test:
        left = self.operand()
        word = (self.peek() or "").lower()
        if word in _COMPARE:
            self.take()
            self._filter.words.add(word)
            right, compare = self.operand(), _COMPARE[word]
            return lambda o: compare(left(o), right(o))
        if word == "in":
            self.take()
            self.take("(")
            options = [self.operand()]
            while self._next_is(","):
                self.take()
                options.append(self.operand())
            self.take(")")
            return lambda o: any(_same(left(o), option(o)) for option in options)
        return left

    def operand(self) -> Test:
        kind, text = self.take()
        if text == "(":
            inner = self.either()
            self.take(")")
            return inner
        if kind == "text":
            return _constant(text[1:-1].replace("''", "'"))
        if kind == "number":
            return _constant(float(text) if "." in text else int(text))
        if kind in ("time", "guid"):
            # A plus sign that was not escaped arrives as a blank.
            return _constant(text.replace(" ", "+"))
        if kind != "name":
            raise self.fault()
        if text.lower() in ("true", "false", "null"):
            return _constant({"true": True, "false": False, "null": None}[text.lower()])
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "text" and text.startswith(schema.NAMESPACE):
            return _constant(self.take()[1][1:-1])  # microsoft.graph.someEnum'member'
        if self._next_is("("):
            return self.function(text)
        return self.property(text)

    def property(self, path: str) -> Test:
        name = next((part for part in path.split("/") if not part.startswith(schema.NAMESPACE)), "")
        self._filter.names.add(name)
        return lambda o: _property(o, path)

    def function(self, name: str) -> Test:
        self.take("(")
        if name.lower().endswith(("/any", "/all")):
            return self.quantified(name)
        arguments: list[Test] = []
        while not self._next_is(")"):
            arguments.append(self.operand())
            if self._next_is(","):
                self.take()
        self.take(")")
        self._filter.functions.add(name.lower())
        return self._call(name.lower(), arguments)

    def _call(self, name: str, arguments: list[Test]) -> Test:
        if name == "isof" and arguments:
            wanted = arguments[-1]
            return lambda o: schema.is_a(schema.short(o.get("@odata.type")), schema.short(wanted(o)))
        if name in _TEXT and len(arguments) == 2:
            (value, part), compare = arguments, _TEXT[name]
            return lambda o: compare(str(value(o) or "").lower(), str(part(o) or "").lower())
        if name in ("tolower", "toupper") and arguments:
            return lambda o: str(arguments[0](o) or "").lower()
        raise self.fault()

    def quantified(self, name: str) -> Test:
        path, how = name.rsplit("/", 1)
        self._filter.names.add(path.split("/")[0])
        if self._next_is(")"):
            self.take()
            return lambda o: bool(_property(o, path))
        variable = self.take()[1]
        self.take(":")
        before = set(self._filter.names)
        inner = self.either()
        # What is named inside belongs to the members.
        self._filter.names = before
        self.take(")")
        combine = any if how.lower() == "any" else all
        return lambda o: combine(inner({**o, variable: member}) for member in _property(o, path) or [])


def _constant(value: Any) -> Test:
    return lambda o: value


def _property(body: Any, path: str) -> Any:
    """The value at `a/b`; a cast (`microsoft.graph.x`) passes, names match without case as they do at Graph."""
    for name in path.split("/"):
        if name.startswith(schema.NAMESPACE) or not name:
            continue
        if not isinstance(body, dict):
            return None
        if name in body:
            body = body[name]
        else:
            lower = name.lower()
            body = next((value for key, value in body.items() if key.lower() == lower), None)
    return body
