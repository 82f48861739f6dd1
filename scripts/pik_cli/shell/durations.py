"""Durations as people type them."""

from __future__ import annotations

import re
from typing import Final

import typer

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE: Final = re.compile(r"(?:\d{1,9}[smhd])+")


def seconds(text: str | int) -> int:
    """`90`, `90s`, `15m`, `1h30m`, `2d` as seconds. Raises click's BadParameter, which is wrong usage."""
    given = str(text)  # a default comes through here as well
    if given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    if not _AGE.fullmatch(given):
        raise typer.BadParameter(f"{given} is not a duration: it takes seconds, or 90s, 15m, 2h, 1d, 1h30m.")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", given))


def spell(duration: int) -> str:
    """Seconds as the largest units that they fill, two at most: 5m, 1h30m, 2d."""
    parts: list[str] = []
    rest = duration
    for unit, size in sorted(_UNITS.items(), key=lambda it: -it[1]):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"
