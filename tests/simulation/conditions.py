"""What one seed's world is like: how busy, how careless, with how small limits. Drawn at random from the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from pik.domain.shared import limits, redrive_limits
from tests.support.aws.clock import START
from tests.support.foreign import FOREIGN

SMALL_LIMITS: Final[Mapping[str, tuple[int, ...]]] = {
    "INLINE_IDS": (1, 3),
    "EVENTS_PER_VERSION": (2, 5),
    "EVENTS_PER_TRANSACTION": (2, 3),
    "MAX_SEND_ENTRIES": (2,),
    "MAX_BUS_ENTRIES": (1,),
    "BATCH_PUTS": (2,),
    "BATCH_KEYS": (2,),
    "MAX_VERSION_ATTEMPTS": (3,),
    "PUT_BACK_CHUNK": (2,),
    "REPLAY_LANES": (1, 3),
    "REPLAY_PAGE_ROWS": (3,),
    "REPLAY_SEND_EVENTS": (4,),
    "REPLAY_BACKLOG_EVENTS": (20,),
}
"""Limits of the kit so small that a few events reach them; each seed takes them or the real ones."""

SHORT_HOLDS: Final[Mapping[str, tuple[int, ...]]] = {
    "FREEZE_HOLD_SECONDS": (2, 20),
    "REDRIVE_LEAST_HOLD_SECONDS": (1, 15),
}
"""Holds that a redrive outlives: it has to extend them, and sometimes comes too late."""

_TO_MIDNIGHT: Final = 49_465


@dataclass(frozen=True, slots=True)
class Conditions:
    """Probabilities are a case's; `stickiness`: that a function which calls AWS goes on rather than another."""

    start: float
    limits: Mapping[str, int]
    stickiness: float
    eagerness: float
    clients: int
    processors: int
    lanes: int
    stream_batch: int
    stream_attempts: int
    queue_batch: int
    lost_answers: float
    impatience: float
    twice: float
    lost_deletes: float
    dry_windows: tuple[tuple[int, int], ...]
    off_windows: tuple[tuple[int, int], ...]
    replays: int
    expiries: int
    redrives: int
    max_receives: int
    strangers: tuple[tuple[str, bool], ...]
    """Foreign messages by name, each with whether it is in the dead-letter queue at once."""


def conditions(seed: int) -> Conditions:
    """The world of a seed."""
    rng = Random(f"{seed}/conditions")
    return Conditions(
        start=START + rng.choice([0, _TO_MIDNIGHT - 1]),
        limits=_limits(rng),
        stickiness=rng.choice([0.3, 0.7, 0.9]),
        eagerness=rng.choice([0.1, 0.3, 0.6]),
        clients=rng.choice([1, 2, 5]),
        processors=rng.choice([1, 2, 2, 4]),
        lanes=rng.choice([1, 2, 3]),
        stream_batch=rng.choice([1, 5, 100]),
        stream_attempts=rng.choice([2, 4]),
        queue_batch=rng.choice([1, 3, 10, 40]),
        lost_answers=rng.choice([0.0, 0.0, 0.2]),
        impatience=rng.choice([0.0, 0.0, 0.3]),
        twice=rng.choice([0.0, 0.0, 0.2]),
        lost_deletes=rng.choice([0.0, 0.0, 0.2]),
        dry_windows=_windows(rng) if rng.random() < 0.25 else (),
        off_windows=_windows(rng) if rng.random() < 0.25 else (),
        replays=rng.choice([0, 0, 1, 2]),
        expiries=rng.choice([0, 0, 0, 3]),
        redrives=rng.choice([0, 2, 4, 4]),
        max_receives=rng.choice([2, 5]),
        strangers=_strangers(Random(f"{seed}/strangers")),
    )


def _strangers(rng: Random) -> tuple[tuple[str, bool], ...]:
    names = rng.sample(sorted(FOREIGN), rng.choice([0, 0, 1, 3]))
    return tuple((name, rng.random() < 0.4) for name in names)


def bound(name: str) -> int:
    """The kit's own value of a limit."""
    found: int = {**vars(limits), **vars(redrive_limits)}[name]
    return found


def _limits(rng: Random) -> dict[str, int]:
    found = {name: rng.choice([*small, bound(name)]) for name, small in SMALL_LIMITS.items()}
    # A lane whose last rows wait for a whole batch stays open: with fewer lanes than a batch has entries, a replay of
    # partitions that hold a row each would wait forever.
    found |= {name: rng.choice([*short, bound(name)]) for name, short in SHORT_HOLDS.items()}
    found["REPLAY_LANES"] = max(found["REPLAY_LANES"], found["MAX_SEND_ENTRIES"])
    return found


def _windows(rng: Random) -> tuple[tuple[int, int], ...]:
    """From one of the driver's steps to another."""
    begin = rng.randrange(120)
    return ((begin, begin + rng.randrange(20, 150)),)
