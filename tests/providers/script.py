"""Answers that a test puts in the sandbox's mouth: the real client asks over a real socket, and hears what nobody sends on purpose."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from providers.sandbox.app import App
from providers.sandbox.errors import Response


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came: `target` is path and query, header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes


class Script:
    """Stands before one sandbox. `say` queues answers for a path; what has none is answered by the sandbox itself."""

    def __init__(self, app: App) -> None:
        self._app, self._handle = app, app.handle
        self._answers: dict[str, deque[Response]] = {}
        self.heard: list[Heard] = []
        app.handle = self._listen  # type: ignore[method-assign]

    def stop(self) -> None:
        self._app.handle = self._handle  # type: ignore[method-assign]

    def say(self, path: str, *answers: Any, status: int = 200, **headers: str) -> None:
        """Answers to come, in order, for targets that begin with `path`: Responses, bytes, or JSON values."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        queue = self._answers.setdefault(path, deque())
        for answer in answers:
            if isinstance(answer, bytes):
                answer = Response(status, raw=answer, headers=dict(named))
            queue.append(answer if isinstance(answer, Response) else Response(status, answer, dict(named)))

    def requests(self, path: str = "/") -> list[Heard]:
        return [one for one in self.heard if one.target.startswith(path)]

    def _listen(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Response:
        self.heard.append(Heard(method, target, headers, content))
        for path, answers in self._answers.items():
            if target.startswith(path) and answers:
                return answers.popleft()
        return self._handle(method, target, headers, content)
