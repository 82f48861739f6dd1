"""How runs are named: in RunsTable, in the sort keys of aggregates, and by people."""

from __future__ import annotations

import re
from typing import Final

LIVE: Final = "LIVE"
"""The run of everything except shadow replays."""

RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
"""What can be part of a sort key: no `#`, which separates its parts."""

_NOT_IN_A_STAMP: Final = re.compile(r"[^0-9TZ]")


def is_run_id(text: str) -> bool:
    """Whether a text can be part of the sort keys of a run's aggregates."""
    return RUN_ID.fullmatch(text) is not None


def run_key(run_id: str) -> str:
    """PK of a run in RunsTable."""
    return f"RUN#{run_id}"


def run_id_of(prefix: str, now: str, suffix: str) -> str:
    """An id that sorts by time, such as rpl-20261120T101530Z-0a1b2c3d. `now`: normalized; `suffix`: 8 hex digits."""
    return f"{prefix}-{stamp(now)}-{suffix}"


def stamp(now: str) -> str:
    """A normalized time as it appears in ids, to the second."""
    return f"{_NOT_IN_A_STAMP.sub('', now[:19])}Z"
