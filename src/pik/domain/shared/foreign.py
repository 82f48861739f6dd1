"""Values that anyone may have written, in a message, a stream record or a row: read with bounds, without exceptions.

A queue takes messages from anyone who may send to it, and people move messages and edit rows. What is missing or wrong
there costs the one record that holds it, so it becomes a default and a note, and nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pik.domain.shared import times
from pik.domain.shared.limits import MAX_ECHO_CHARS, MAX_NOTES

_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)  # int() also takes other scripts, signs, spaces and underscores
_TIME_CHARS: Final = len("2026-11-20T10:15:30.250000Z")
_LAST_MILLISECONDS: Final = 32_503_680_000_000  # the year 3000; a retention can be added without leaving the calendar


def as_whole(value: Any, least: int, most: int) -> int | None:
    """A whole number within bounds, from a number or from ASCII digits; None for everything else."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    # bool before int: True is an int in Python
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        return None
    return value


def shorten(text: str, longest: int) -> str:
    """A text of at most `longest` characters, the last of which says that there were more."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@dataclass(slots=True)
class ForeignReader:
    """Reads the members of one record. `notes` say what could not be read and what was expected; a member that is
    missing is not noted."""

    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keeps a note, shortened; beyond MAX_NOTES of them nothing new is learned."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(shorten(text, 2 * MAX_ECHO_CHARS))

    def members(self, holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """The members of an object."""
        value = holder.get(name)
        found: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        if value is not None and value is not found:
            self._default(name, "an object", None)
        return found

    def whole(self, members: Mapping[str, Any], name: str, least: int, most: int, default: int) -> int:
        """A whole number within bounds."""
        value = members.get(name)
        if value is None:
            return default
        number = as_whole(value, least, most)
        return self._default(name, f"a whole number from {least} to {most}", default) if number is None else number

    def text(self, members: Mapping[str, Any], name: str, longest: int) -> str:
        """A text, cut to a length; empty when it is missing or something else."""
        value = members.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            return str(self._default(name, "a text", ""))
        if len(value) > longest:
            self.note(f"{name}: {len(value)} characters, of which {longest} are shown")
        return shorten(value, longest).encode("utf-8", "replace").decode()

    def moment(self, members: Mapping[str, Any], name: str) -> str:
        """A time, normalized; empty when it is missing or something else."""
        value = members.get(name)
        if value is None:
            return ""
        if isinstance(value, str) and len(value) <= _TIME_CHARS and times.is_normal(value):
            return value
        return str(self._default(name, "a UTC time with six decimals", ""))

    def milliseconds(self, members: Mapping[str, Any], name: str) -> str:
        """A moment in milliseconds since 1970, as a normalized time; the first moment when it is missing or something
        else."""
        return times.from_milliseconds(self.whole(members, name, 0, _LAST_MILLISECONDS, 0))

    def _default(self, name: str, expected: str, default: Any) -> Any:
        self.note(f"{shorten(name, MAX_ECHO_CHARS)}: expected {expected}")
        return default
