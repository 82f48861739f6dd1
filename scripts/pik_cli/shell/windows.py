"""Times, windows and durations as people type them: one set of forms for every option of every command.

A command declares an option as `Annotated[TypedTime | None, moment_option("--from", help="First event time")]`. All its
times are resolved against one reading of the clock, by `window` or `TypedTime.at`, and the command shows what it
resolved with `Output.note` before it acts. `age_option` is for how long ago, `until_option` for how long until, and
`duration_option` for a length of time; each gives seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import typer

from pik.domain.shared.times import BadTime, normalise, to_datetime
from pik_cli.shell.errors import Misuse

TIME_FORMS: Final = (
    "2026-11-20, 2026-11-20T10:15, 2026-11-20T10:15:30+09:00, now, today, yesterday, tomorrow, or -2h or 2h for two "
    "hours ago (s, m, h, d, w); UTC where no offset is given"
)
DURATION_FORMS: Final = "90s, 15m, 2h, 1d, 1w or 1h30m"

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(?:\d{1,9}[smhdw])+", re.ASCII)
_ISO: Final = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[Tt ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,18}))?)?)?)?"
    r" ?([Zz]|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class TypedTime:
    """A time as it was typed. One of `fixed`, `days` (midnight UTC so many days from today) and `ago` is set."""

    text: str
    fixed: datetime | None = None
    days: int | None = None
    ago: timedelta | None = None

    def at(self, now: datetime) -> datetime:
        """The time that is meant when it is now `now`, in UTC."""
        if self.fixed is not None:
            return self.fixed
        if self.days is not None:
            midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight + timedelta(days=self.days)
        if not self.ago:
            return now.astimezone(UTC)
        return now.astimezone(UTC).replace(microsecond=0) - self.ago

    def __str__(self) -> str:
        return self.text  # as help shows a default


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to before `end`, both in UTC; None where that end is open."""

    start: datetime | None
    end: datetime | None

    def __str__(self) -> str:
        if self.start and self.end:
            seconds = int((self.end - self.start).total_seconds())
            return f"{time_text(self.start)} to {time_text(self.end)} ({span(seconds)})"
        if self.start:
            return f"{time_text(self.start)} until now"
        return f"everything before {time_text(self.end)}" if self.end else "all times"


def clock() -> datetime:
    """The time now. Tests put another in its place."""
    return datetime.now(UTC)


def parse_moment(given: str | TypedTime) -> TypedTime:
    """A time in any of `TIME_FORMS`. Raises click's BadParameter, which is wrong usage and names the option."""
    if isinstance(given, TypedTime):  # click converts a value that is converted already when it comes from a default
        return given
    text, word = given.strip(), given.strip().casefold()
    if word == "now":
        return TypedTime(text, ago=timedelta())
    if word in _DAYS:
        return TypedTime(text, days=_DAYS[word])
    back = word.removesuffix(" ago").removeprefix("-")
    if _DURATION.fullmatch(back):
        return TypedTime(text, ago=_ago(text, back))
    return TypedTime(text, fixed=_iso(text))


def _ago(text: str, back: str) -> timedelta:
    seconds = _sum(back)
    if clock().timestamp() < seconds:
        raise typer.BadParameter(f"{text} lies before 1970.")
    return timedelta(seconds=seconds)


def _iso(text: str) -> datetime:
    match = _ISO.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a time. It takes {TIME_FORMS}.")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if offset and offset not in "Zz":
        digits = offset[1:].replace(":", "").ljust(4, "0")
        offset = f"{offset[0]}{digits[:2]}:{digits[2:]}"
    clock_text = f"{hour or '00'}:{minute or '00'}:{second or '00'}{f'.{fraction}' if fraction else ''}"
    try:
        return to_datetime(normalise(f"{year}-{month}-{day}T{clock_text}{offset or 'Z'}"))
    except BadTime as error:
        detail = error.params.get("detail", "")
        why = "" if detail.startswith("expected") else f": {detail}"
        raise typer.BadParameter(f"{text} is not a time{why}. It takes {TIME_FORMS}.") from error


def parse_duration(given: str | int) -> int:
    """`90`, `90s`, `15m`, `1h30m`, `2d` as seconds. Raises click's BadParameter."""
    text = str(given).strip()  # a default comes through here as well
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    if not _DURATION.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not a duration. It takes seconds, or {DURATION_FORMS}.")
    return _sum(text)


def typed(seconds: int) -> str:
    """Seconds as a duration that a person could have typed, its two largest units: 5m, 1h30m, 2d."""
    parts: list[str] = []
    for unit, size in sorted(_SECONDS.items(), key=lambda pair: -pair[1]):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"


def parse_age(given: str | int) -> int:
    """How long ago: a duration, or a time in any of `TIME_FORMS`; in seconds. Raises click's BadParameter."""
    text = str(given).strip()
    if text.isascii() and text.isdigit() and len(text) < 8:  # eight digits are a date
        return int(text)
    now = clock()
    try:
        moment = parse_moment(text)
    except typer.BadParameter as error:
        if _ISO.fullmatch(text):
            raise
        raise typer.BadParameter(
            f"{text!r} is neither a duration nor a time. It takes {DURATION_FORMS}, or {TIME_FORMS}."
        ) from error
    age = int((now - moment.at(now)).total_seconds())
    if age < 0:
        raise typer.BadParameter(f"{text} lies in the future ({time_text(moment.at(now))}).")
    return age


def parse_until(given: str | int) -> int:
    """How long until something: a duration, or a time to come in any of `TIME_FORMS`; in seconds. Raises click's
    BadParameter."""
    text = str(given).strip()
    try:
        return parse_duration(text)
    except typer.BadParameter:
        now = clock()
        left = int((parse_moment(text).at(now) - now).total_seconds())
    if left <= 0:
        raise typer.BadParameter(f"{text} is over already. It takes {DURATION_FORMS}, or a time to come: tomorrow.")
    return left


def moment_option(*names: str, help: str, forms: bool = True) -> Any:
    """An option that takes a time. `forms` lists them in its help: say it for the first of a command's options only."""
    text = f"{help}: {TIME_FORMS}." if forms else f"{help}, in the same forms."
    return typer.Option(*names, metavar="TIME", parser=parse_moment, help=text)


def duration_option(*names: str, help: str) -> Any:
    """An option that takes a duration, as seconds."""
    return typer.Option(*names, metavar="DURATION", parser=parse_duration, help=help)


def until_option(*names: str, help: str) -> Any:
    """An option that takes how long it is until something, as seconds."""
    return typer.Option(*names, metavar="TIME", parser=parse_until, help=help)


def age_option(*names: str, help: str) -> Any:
    """An option that takes how long ago something was, as seconds."""
    return typer.Option(*names, metavar="AGE", parser=parse_age, help=help)


def window(
    start: TypedTime | None, end: TypedTime | None, now: datetime, *, names: tuple[str, str] = ("--from", "--to")
) -> Window:
    """The window between two moments, with one `now` for both. Raises Misuse when it holds no moment."""
    found = Window(start.at(now) if start else None, end.at(now) if end else None)
    if found.start is None or found.end is None or found.start < found.end:
        return found
    first, last = names
    if found.start == found.end:
        raise Misuse(
            f"The window is empty: {first} and {last} are both {time_text(found.start)}, and {last} is not included.",
            f"Give a later {last}.{_whole_day(found.start, first, last)}",
        )
    raise Misuse(
        f"The window is reversed: {first} {time_text(found.start)} is after {last} {time_text(found.end)}.",
        f"Swap them: {first} {time_text(found.end)} {last} {time_text(found.start)}",
    )


def _whole_day(start: datetime, first: str, last: str) -> str:
    """How the whole day of a time is written; empty for the last one that a calendar has."""
    if start.date() == date.max:
        return ""
    day, next_day = start.date().isoformat(), (start.date() + timedelta(days=1)).isoformat()
    return f" For the whole day {day}: {first} {day} {last} {next_day}"


def time_text(moment: datetime) -> str:
    """A time in UTC, with a fraction of the second only where it has one."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def minute_text(moment: datetime) -> str:
    """The first whole minute that is not before a moment, as people say it."""
    up = moment.astimezone(UTC) + timedelta(seconds=59, microseconds=999_999)
    return f"{up:%H:%M} UTC"


def span(seconds: int) -> str:
    """Seconds as people say them: the two largest units."""
    if seconds <= 0:
        return "0 s"
    parts: list[str] = []
    for size, unit in _SPANS:
        if seconds >= size and len(parts) < 2:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
    return " ".join(parts)


def _sum(text: str) -> int:
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
