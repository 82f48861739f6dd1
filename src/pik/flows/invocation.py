"""The invocation in which a function runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

TimeLeft = Callable[[], int]
"""Milliseconds of the function's time that are left."""


class InvocationContext(Protocol):
    """The part of Lambda's context object that the flows need."""

    def get_remaining_time_in_millis(self) -> int: ...
