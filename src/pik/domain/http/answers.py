"""The one shape of errors, in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pik.domain.http.messages import pick_language, render
from pik.domain.shared.limits import MAX_PATH_CHARS
from pik.domain.shared.problems import Problem
from pik.domain.shared.texts import visible

_MAX_IN_MESSAGE: Final = 3

Json = dict[str, Any]


def error(problems: Sequence[Problem], accept_language: str | None, preferred: str | None = None) -> Json:
    """The one error shape: `{"code", "message", "details": [{"path", "message"}]}`. The first problem gives the code,
    the first few the message, for those who log or show no more than that."""
    listed = details(problems, accept_language, preferred)
    return {
        "code": problems[0].code,
        "message": " ".join(f"{visible(it['path'])}: {it['message']}" for it in listed[:_MAX_IN_MESSAGE]),
        "details": listed,
    }


def details(problems: Iterable[Problem], accept_language: str | None, preferred: str | None = None) -> list[Json]:
    """Each problem as text, with its place."""
    language = pick_language(accept_language, preferred)
    return [{"path": short_path(it.path), "message": render(it.code, it.params, language)} for it in problems]


def short_path(path: str) -> str:
    """A place for an answer or a log line, cut where a sender's member names make it longer than anybody reads."""
    return path if len(path) <= MAX_PATH_CHARS else f"{path[: MAX_PATH_CHARS - 1]}…"
