"""`$filter`: the part of OData's expression language that clients of Intune and Entra send."""

import re
from collections.abc import Callable
from typing import Any

from providers.sandbox.errors import GraphError

Test = Callable[[dict[str, Any]], Any]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)|(?P<number>-?\d+(?:\.\d+)?)(?![\w-])"
    r"|(?P<name>[A-Za-z_@][\w.@/-]*)|(?P<mark>[(),:]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: _same(a, b),
    "ne": lambda a, b: not _same(a, b),
    "gt": lambda a, b: a is not None and b is not None and str(a) > str(b),
    "ge": lambda a, b: a is not None and b is not None and str(a) >= str(b),
    "lt": lambda a, b: a is not None and b is not None and str(a) < str(b),
    "le": lambda a, b: a is not None and b is not None and str(a) <= str(b),
}


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return a.lower() == b.lower()
    return bool(a == b)


def compile_filter(text: str) -> Test:
    """A test of one object. Raises GraphError 400 for what cannot be read."""
    parser = _Parser(text)
    test = parser.either()
    if parser.peek() is not None:
        raise parser.fault()
    return test


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self.fault()
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            position = found.end()
        self._at = 0

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
            inner = self.negated()
            return lambda o: not inner(o)
        return self.comparison()

    def comparison(self) -> Test:
        left = self.operand()
        word = (self.peek() or "").lower()
        if word in _COMPARE:
            self.take()
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
        if kind == "time":
            return _constant(text)
        if kind != "name":
            raise self.fault()
        if text.lower() in ("true", "false", "null"):
            return _constant({"true": True, "false": False, "null": None}[text.lower()])
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "text" and text.startswith("microsoft.graph."):
            return _constant(self.take()[1][1:-1])  # microsoft.graph.someEnum'member'
        if self._next_is("("):
            return self.function(text)
        return lambda o: _property(o, text)

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
        return self._call(name.lower(), arguments)

    def _call(self, name: str, arguments: list[Test]) -> Test:
        if name == "isof" and arguments:
            wanted = arguments[-1]
            return lambda o: str(o.get("@odata.type", "")).lstrip("#") == wanted(o)
        if name in ("startswith", "endswith", "contains") and len(arguments) == 2:
            value, part = arguments
            return lambda o: getattr(_Text, name)(str(value(o) or "").lower(), str(part(o) or "").lower())
        if name == "tolower" and arguments:
            return lambda o: str(arguments[0](o) or "").lower()
        raise self.fault()

    def quantified(self, name: str) -> Test:
        path, how = name.rsplit("/", 1)
        if self._next_is(")"):
            self.take()
            return lambda o: bool(_property(o, path))
        variable = self.take()[1]
        self.take(":")
        inner = self.either()
        self.take(")")
        combine = any if how.lower() == "any" else all
        return lambda o: combine(inner({variable: member, **o}) for member in _property(o, path) or [])


class _Text:
    startswith = staticmethod(str.startswith)
    endswith = staticmethod(str.endswith)
    contains = staticmethod(str.__contains__)


def _constant(value: Any) -> Test:
    return lambda o: value


def _property(body: Any, path: str) -> Any:
    """The value at `a/b`; a cast (`microsoft.graph.x`) passes, names match without case as they do at Graph."""
    for name in path.split("/"):
        if name.startswith("microsoft.graph.") or not name:
            continue
        if not isinstance(body, dict):
            return None
        if name in body:
            body = body[name]
        else:
            lower = name.lower()
            body = next((value for key, value in body.items() if key.lower() == lower), None)
    return body
