"""Faults: what goes wrong with which call of which function; a plan is a list of them, drawn from the seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

BEFORE: Final[Mapping[str, str]] = {
    "kill_before": "killed before it took effect",
    "slow_before": "out of time before it took effect",
    "delayed": "took all but the last seconds",
    "throttled": "throttled",
    "unavailable": "5xx without effect",
    "unconnected": "no connection",
    "denied": "access denied",
    "conflict": "another transaction held the item",
}
AFTER: Final[Mapping[str, str]] = {
    "kill_after": "killed after it took effect",
    "slow_after": "out of time after it took effect",
    "failed_after": "5xx although it took effect",
    "lost": "answer lost",
    "repeated": "answer lost, and the SDK repeated the call",
}
PARTIAL: Final[Mapping[str, str]] = {"partial": "some entries failed"}
KINDS: Final = {**BEFORE, **AFTER, **PARTIAL}

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "ingest": ("put_object", "put_item", "transact_write_items", "get_item", "batch_get_item"),
    "webhook": ("get_parameters", "put_object", "put_item", "transact_write_items", "get_item", "batch_get_item"),
    "publisher": ("send_message_batch",),
    "processor": (
        *("query", "get_object", "get_item", "batch_get_item", "put_item", "batch_write_item"),
        *("transact_write_items", "put_events", "send_message_batch", "change_message_visibility_batch"),
    ),
    "replay": ("query", "batch_get_item", "send_message_batch", "put_item", "update_item", "get_item"),
    "redrive": (
        *("put_item", "update_item", "get_item", "get_object", "start_execution"),
        *("get_queue_attributes", "receive_message", "change_message_visibility_batch"),
    ),
    "redrive_step": (
        *("get_queue_attributes", "receive_message", "change_message_visibility_batch", "send_message_batch"),
        *("delete_message_batch", "query", "get_item", "batch_get_item", "update_item", "put_object", "get_object"),
    ),
}
"""The calls that may fail."""

_BATCHES: Final = frozenset({"send_message_batch", "put_events", "batch_write_item", "batch_get_item"}) | {
    "change_message_visibility_batch",
    "delete_message_batch",
}
_CONFLICTING: Final = frozenset({"put_item", "transact_write_items"})
_RATES: Final = (0.0, 0.02, 0.05, 0.15)
_FEW_CALLS: Final = {"publisher": 2, "replay": 2, "redrive": 2, "redrive_step": 2}
"""Functions that call seldom: their calls fail so many times as often."""
_FEW_OF_THEM: Final = frozenset(
    {"send_message_batch", "delete_message_batch", "change_message_visibility_batch", "put_object"}
)
_STEP: Final = "redrive_step"
_FEWER: Final = 5
"""A step of a redrive makes few of these, on which all depends: so many times as often again."""

_LAST_CALL: Final = 60
_LONGEST_ROW: Final = 12
_ROWS_OF_FEW: Final = (1, 2, 3, 3)
"""Often in rows, as a send that is refused is repeated at once."""
_MOST_OFTEN: Final = 0.5
"""Above it a step would never get through."""
_MORE_PARTIAL: Final = [*PARTIAL] * 6
"""What is lost by ignoring it is an entry that was refused twice, which would otherwise be rare."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """The `nth` call (from 1) of an operation by a function. `number` names the fault in its plan; `mask` says by its
    bits which entries of a batch fail."""

    number: int
    function: str
    operation: str
    nth: int
    kind: str
    mask: int

    def __str__(self) -> str:
        return f"fault {self.number}: {self.function}'s {self.operation} number {self.nth}: {KINDS[self.kind]}"


def kinds_for(operation: str) -> list[str]:
    """What can go wrong with an operation."""
    kinds = [*BEFORE, *AFTER]
    if operation not in _CONFLICTING:
        kinds.remove("conflict")
    # An entry that fails alone is the failure that code forgets most easily, so it is the likeliest.
    return [*kinds, *PARTIAL, *PARTIAL, *PARTIAL] if operation in _BATCHES else kinds


def plan(seed: int) -> list[PlannedFault]:
    """The faults of a seed: none at all, some kinds or all, rare or thick, alone or in rows."""
    rng = Random(f"{seed}/faults")
    found: list[PlannedFault] = []
    allowed = {*rng.sample(sorted(KINDS), rng.choice([2, 5, len(KINDS)])), *PARTIAL}
    for function, operations in OPERATIONS.items():
        rate = rng.choice(_RATES) * _FEW_CALLS.get(function, 1)
        longest_of_all = rng.choice([1, 1, 3, _LONGEST_ROW])
        for operation in operations:
            kinds = [kind for kind in kinds_for(operation) if kind in allowed]
            if not kinds or not rate:
                continue
            few = function == _STEP and operation in _FEW_OF_THEM
            often = min(_FEWER * rate, _MOST_OFTEN) if few else rate
            longest = rng.choice(_ROWS_OF_FEW) if few else longest_of_all
            if few and operation in _BATCHES:
                kinds += _MORE_PARTIAL
            nth = _distance(rng, often)
            while nth <= _LAST_CALL:
                kind, mask = rng.choice(kinds), rng.randrange(1, 256)
                for _ in range(rng.randint(1, longest)):
                    found.append(PlannedFault(len(found), function, operation, nth, kind, mask))
                    nth += 1
                nth += _distance(rng, often)
    return found


def _distance(rng: Random, rate: float) -> int:
    """Calls from one fault to the next, if each call fails at a rate."""
    return 1 + int(math.log(1 - rng.random()) / math.log(1 - rate))
