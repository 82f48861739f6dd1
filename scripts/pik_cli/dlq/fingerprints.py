"""A fingerprint that selects nothing: why, and which ones in the queue are close to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pik.domain.shared.failures import FINGERPRINT_DIGITS
from pik.domain.shared.limits import LEAST_FINGERPRINT_DIGITS
from pik.domain.shared.redrive_limits import MAX_PREVIEW_MESSAGES
from pik_cli.dlq.api import RedriveApi
from pik_cli.dlq.options import LetterFilters
from pik_cli.shell.errors import Misuse
from pik_cli.shell.limits import CLI_NEAR_FINGERPRINTS

_TELLING_DIGITS: Final = 6
"""Of a beginning: among a thousand causes, the chance that one shares them with another text is 1 in 16,000."""


def check_length(api: RedriveApi, filters: LetterFilters) -> None:
    """Raises Misuse for a fingerprint that is too short to select by, with those in the queue that may be meant."""
    given = filters.fingerprint
    if given is None or len(given) >= LEAST_FINGERPRINT_DIGITS:
        return
    raise Misuse(
        f"--fingerprint {given} is too short: give at least {LEAST_FINGERPRINT_DIGITS} of the {FINGERPRINT_DIGITS} "
        "digits.",
        suggestion(given, causes(api)),
    )


def why_nothing(api: RedriveApi, filters: LetterFilters) -> tuple[str, list[str]]:
    """Why no message was selected by a fingerprint, and the fingerprints that are close to it; empty without one."""
    given = filters.fingerprint
    if given is None:
        return "", []
    groups = causes(api)
    if any(_fingerprint(it).startswith(given) for it in groups):
        return f"The queue has messages with fingerprint {given}, and another filter or their age leaves them out.", []
    found = near(given, map(_fingerprint, groups))
    return f"No message in the queue has fingerprint {given}.\n{suggestion(given, groups)}", found


def causes(api: RedriveApi) -> list[Mapping[str, Any]]:
    """The causes in the queue, whatever else was asked."""
    groups: list[Mapping[str, Any]] = api.preview({}, MAX_PREVIEW_MESSAGES, 0).get("groups", [])
    return [it for it in groups if it.get("fingerprint")]


def causes_of(counts: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """Causes of which only the fingerprints and counts are known."""
    return [{"fingerprint": name, "count": count} for name, count in counts.items()]


def suggestion(given: str, groups: Iterable[Mapping[str, Any]]) -> str:
    """The causes that are close to a fingerprint, one per line."""
    known = {_fingerprint(it): it for it in groups}
    found = near(given, known)
    if not found:
        return "None in the queue is close to it. List them:\npik dlq analyze"
    lines = [f"  {it}  {_title(known[it])}" for it in found]
    return "\n".join(["Close to it:", *lines])


def near(given: str, known: Iterable[str]) -> list[str]:
    """The fingerprints that begin like `given`, or differ from it in few digits; the closest first."""
    most = max(1, min(len(given) // 4, 3))
    found = {it: _distance(given, it[: len(given)]) for it in known}
    close = [it for it, distance in found.items() if distance <= most or _begin_alike(given, it)]
    return sorted(close, key=lambda it: (found[it], it))[:CLI_NEAR_FINGERPRINTS]


def _begin_alike(given: str, known: str) -> bool:
    """Whether one begins like the other: with all that was given, or with more than chance explains."""
    return known.startswith(given[:_TELLING_DIGITS])


def _distance(one: str, other: str) -> int:
    """How many digits must be changed, added or left out to make one of the other; two swapped neighbours are one."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, digit in enumerate(one, 1):
        older, before, row = before, row, [at]
        for place, its in enumerate(other, 1):
            step = min(before[place] + 1, row[-1] + 1, before[place - 1] + (digit != its))
            if at > 1 and place > 1 and digit == other[place - 2] and one[at - 2] == its:
                step = min(step, older[place - 2] + 1)
            row.append(step)
    return row[-1]


def _fingerprint(group: Mapping[str, Any]) -> str:
    return str(group.get("fingerprint") or "")


def _title(group: Mapping[str, Any]) -> str:
    name = " ".join(str(group.get(it)) for it in ("category", "error_type") if group.get(it))
    count = int(group.get("count") or 0)
    return f"{name}{', ' if name else ''}{count:,} {'message' if count == 1 else 'messages'}"
