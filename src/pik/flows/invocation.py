"""The invocation that a function is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

TimeLeft = Callable[[], int]
"""Milliseconds of the function's time."""


class InvocationContext(Protocol):
    """What is needed of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...
