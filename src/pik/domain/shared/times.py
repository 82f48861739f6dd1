"""Times as text: UTC, six decimals, `Z`. Text order is time order, so times can be part of sort keys.

Producers send more: up to eighteen decimals, and the second 60 of a leap. The digits that a key does not have are part
of an event's identity (`Moment.exact`), so two events a nanosecond apart are two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ]((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.(\d{1,18}))?([Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)
_NORMAL: Final = re.compile(r"(?:19[7-9]|[2-9]\d\d)\d-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII)
_MAX_OFFSET: Final = timedelta(hours=14)  # Kiribati; no zone is further ahead, and -12:00 is the other end
_FIRST_YEAR: Final = 1970
_NO_DAY_AFTER: Final = "9999-12-31"


class BadTime(ValueError):
    """A text that is not a time; `code` and `params` give the message for a person."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(f"{code}: {params}")
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that a producer sent. `normal` is its key, UTC with six decimals. `exact` distinguishes moments that share
    a key: it has the further digits, and `:60` for a leap second; without these it is the same text as `normal`."""

    normal: str
    exact: str


def normalise(text: str) -> str:
    """An RFC 3339 time in any offset as `2026-11-20T10:15:30.250000Z`; digits after the sixth are dropped.

    Raises BadTime.
    """
    return parse(text).normal


def parse(text: str) -> Moment:
    """An RFC 3339 time in any offset. The second 60 of a leap is the last microsecond of its minute.

    Raises BadTime.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise BadTime("bad_time", given=text, detail="expected a form like 2026-11-20T10:15:30.250Z")
    day, clock, seconds, fraction, offset = match.groups()
    if offset is None:
        raise BadTime("time_without_offset", given=text)
    leap, digits = seconds == "60", fraction or ""
    kept = "59.999999" if leap else f"{seconds}.{digits[:6]:0<6}"
    normal = _normal(text, f"{day}T{clock}:{kept}{'Z' if offset in 'zZ' else offset}")
    if leap:
        return Moment(normal, f"{normal[:17]}60.{digits.rstrip('0') or '0'}Z")
    further = digits[6:].rstrip("0")
    return Moment(normal, f"{normal[:-1]}{further}Z" if further else normal)


def _normal(text: str, local: str) -> str:
    try:
        moment = datetime.fromisoformat(local)
        ahead = moment.utcoffset() or timedelta()
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadTime("bad_time", given=text, detail=str(error)) from error
    if abs(ahead) > _MAX_OFFSET:
        raise BadTime("bad_time", given=text, detail="the offset must lie between -14:00 and +14:00")
    if moment.year < _FIRST_YEAR:
        raise BadTime("bad_time", given=text, detail=f"the year must be {_FIRST_YEAR} or later")
    return from_datetime(moment)


def parse_event_time(text: str) -> Moment:
    """The time of an event: as `parse`, and early enough for a window to end after it. Raises BadTime."""
    moment = parse(text)
    if moment.normal >= _NO_DAY_AFTER:
        raise BadTime("bad_time", given=text, detail=f"an event's time must be before {_NO_DAY_AFTER} UTC")
    return moment


def is_normal(text: str) -> bool:
    """Whether `normalise` would return the text unchanged, at a third of its cost; for times that the kit wrote."""
    if _NORMAL.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def from_datetime(moment: datetime) -> str:
    """An aware datetime as text."""
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"  # at half the cost of strftime


def from_milliseconds(since_1970: int) -> str:
    """A moment as SQS gives it, as text."""
    return from_datetime(datetime.fromtimestamp(since_1970 / 1000, UTC))


def to_datetime(text: str) -> datetime:
    """The datetime of a normalized text."""
    return datetime.fromisoformat(text)


def epoch_seconds(text: str) -> int:
    """A normalized time as whole seconds since 1970, as DynamoDB's TTL requires."""
    return int(to_datetime(text).timestamp())


def lag_ms(event_time: str, received_at: str) -> int:
    """Milliseconds from the event to its arrival; negative when the producer's clock is ahead."""
    return (to_datetime(received_at) - to_datetime(event_time)) // timedelta(milliseconds=1)


def day_of(text: str) -> str:
    """The UTC day of a normalized time."""
    return text[:10]
