"""The one collector of what is wrong with the members of a request or an event: the sender hears all of it at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from pik.domain.shared import times
from pik.domain.shared.keys import key_part_bytes
from pik.domain.shared.limits import MAX_ENTITY_BYTES, MAX_KEY_NAME_BYTES, MAX_NAME_CHARS
from pik.domain.shared.numbers import Number
from pik.domain.shared.problems import InvalidEvent, Problem

T = TypeVar("T")

_ENTITIES: Final = frozenset({"entity_id", "subject"})
_KEY_NAMES: Final = frozenset({"source", "event_type", "type"})


class Checks:
    """Reads members and remembers their problems. `place` gives a member's path: a JSON Pointer, `query:…`, `header:…`.

    Absent and null members are None, or the default that is given; so is a member with a problem.
    """

    def __init__(self, place: Callable[[str], str]) -> None:
        self._place = place
        self._problems: list[Problem] = []

    def add(self, member: str, code: str, /, **params: str | int) -> None:
        """Remember a problem with a member."""
        self._problems.append(Problem(self._place(member), code, params))

    def include(self, problems: Iterable[Problem]) -> None:
        """Remember problems whose places are known already."""
        self._problems.extend(problems)

    def within(self, member: str, place: Callable[[str], str]) -> Checks:
        """A collector for the members of an object member, whose problems count here too."""
        outer = self._place(member)
        inner = Checks(lambda name: outer + place(name))
        inner._problems = self._problems
        return inner

    def finish(self, *, by_place: bool = False) -> None:
        """Raises InvalidEvent with every problem, as they were found or by place, if there are any."""
        if self._problems:
            raise InvalidEvent(sorted(self._problems, key=lambda it: it.path) if by_place else self._problems)

    def refuse(self, names: Iterable[str]) -> None:
        """Members that nobody knows."""
        for name in sorted(names):
            self.add(name, "additional_properties", member=name)

    def required(self, members: Mapping[str, Any], member: str) -> str:
        """A name that must be there; empty when it has a problem."""
        if member in members:
            return self.name(member, members[member]) or ""
        path = self._place(member)
        if path.startswith("header:"):
            self.add(member, "missing_header", header=path.removeprefix("header:"))
        else:
            self.add(member, "missing_member", member=member)
        return ""

    def optional(self, members: Mapping[str, Any], member: str) -> str | None:
        """A name that may be absent."""
        value = members.get(member)
        return None if value is None else self.name(member, value)

    def name(self, member: str, value: Any) -> str | None:
        """A text that becomes part of keys: not blank, bounded, printable."""
        if not isinstance(value, str):
            self.add(member, "wrong_type", member=member, expected="string")
        elif not value.strip():
            self.add(member, "blank", member=member)
        elif member not in _ENTITIES and len(value) > MAX_NAME_CHARS:
            self.add(member, "too_long", member=member, maximum=MAX_NAME_CHARS)
        elif (size := _key_bytes(member, value)) > (maximum := _most_key_bytes(member)):
            self.add(member, "too_many_bytes", member=member, bytes=size, maximum=maximum)
        elif any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in value):
            self.add(member, "control_character", member=member)
        else:
            return value
        return None

    def text(self, members: Mapping[str, Any], member: str) -> str | None:
        """Any text."""
        value = members.get(member)
        if value is None or isinstance(value, str):
            return value
        self.add(member, "wrong_type", member=member, expected="string")
        return None

    def time(self, members: Mapping[str, Any], member: str) -> str | None:
        """A time, normalized."""
        moment = self._moment(members, member, times.parse)
        return moment.normal if moment else None

    def event_time(self, members: Mapping[str, Any], member: str) -> times.Moment | None:
        """The time of an event, with the digits that its key does not have."""
        return self._moment(members, member, times.parse_event_time)

    def _moment(
        self, members: Mapping[str, Any], member: str, parse: Callable[[str], times.Moment]
    ) -> times.Moment | None:
        value = self.text(members, member)
        try:
            return None if value is None else parse(value)
        except times.BadTime as error:
            self.add(member, error.code, **error.params)
            return None

    def one_of(self, members: Mapping[str, Any], member: str, allowed: tuple[str, ...]) -> str | None:
        """One of a few texts."""
        value = members.get(member)
        if value is None or value in allowed:
            return value
        self.add(member, "enum", allowed=", ".join(allowed))
        return None

    def matching(self, members: Mapping[str, Any], member: str, form: re.Pattern[str]) -> str | None:
        """A name of a form."""
        value = self.optional(members, member)
        if value is not None and not form.fullmatch(value):
            self.add(member, "pattern", pattern=form.pattern)
            return None
        return value

    def switch(self, members: Mapping[str, Any], member: str, *, default: bool) -> bool:
        """True or false."""
        value = members.get(member, default)
        if not isinstance(value, bool):
            self.add(member, "wrong_type", member=member, expected="boolean")
            return default
        return value

    def whole(self, members: Mapping[str, Any], member: str, smallest: int, largest: int, default: T) -> int | T:
        """A whole number within bounds."""
        value = members.get(member, default)
        if value is default:
            return default
        # bool before int: True is an int in Python
        if isinstance(value, bool) or not isinstance(value, int):
            self.add(member, "wrong_type", member=member, expected="integer")
        elif value < smallest:
            self.add(member, "minimum", minimum=smallest)
        elif value > largest:
            self.add(member, "maximum", maximum=largest)
        else:
            return value
        return default

    def share(self, members: Mapping[str, Any], member: str, default: float) -> float:
        """A number from 0 to 1."""
        value = members.get(member, default)
        if isinstance(value, bool) or not isinstance(value, Number):
            self.add(member, "wrong_type", member=member, expected="number")
        elif value < 0:
            self.add(member, "minimum", minimum=0)
        elif value > 1:
            self.add(member, "maximum", maximum=1)
        else:
            return float(value)
        return default


def _key_bytes(member: str, value: str) -> int:
    return key_part_bytes(value) if member in _KEY_NAMES else len(value.encode("utf-8", "surrogatepass"))


def _most_key_bytes(member: str) -> int:
    return MAX_KEY_NAME_BYTES if member in _KEY_NAMES else MAX_ENTITY_BYTES
