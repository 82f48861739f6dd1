"""Time that only tests move."""

from __future__ import annotations

from typing import Final

START: Final = 1_795_169_730.0
"""2026-11-20T10:15:30Z."""


class Clock:
    """A callable that answers epoch seconds; it does not move until a test advances it."""

    def __init__(self, start: float = START) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now += seconds
