"""What can be wrong with an event, independent of language: a place, a code, and the values that a message needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `path` is a JSON Pointer into what was sent, or `body`, or `header:<name>`."""

    path: str
    code: str
    params: Mapping[str, str | int] = field(default_factory=dict)


class InvalidEvent(ValueError):
    """An event, or a whole request, that cannot be accepted; carries every finding."""

    def __init__(self, problems: Sequence[Problem], status: int = 400) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.code}" for problem in problems))
        self.problems = tuple(problems)
        self.status = status


def pointer(*parts: str | int) -> str:
    """A JSON Pointer (RFC 6901) from its reference tokens."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
