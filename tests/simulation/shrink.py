"""A failing plan made small: drop faults, then events, as long as the same rule is broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from tests.simulation.runner import Plant, SeedPlan, SeedRun, run

SECONDS: Final = 20.0
"""How long shrinking one seed may take; a person waits."""


def shrink(failed: SeedRun, plant: Plant | None = None, seconds: float = SECONDS) -> SeedRun:
    """The smallest run that was found within the time and still breaks the rule that `failed` broke."""
    end = time.monotonic() + seconds
    best = failed
    assert failed.violation is not None, "only what fails can be shrunk"
    rule = failed.violation.rule

    def attempt(plan: SeedPlan) -> bool:
        nonlocal best
        found = run(plan, plant)
        if found.violation is None or found.violation.rule != rule:
            return False
        best = found
        return True

    def faults(kept: Sequence[int]) -> bool:
        return attempt(replace(best.plan, faults=frozenset(kept)))

    def events(kept: Sequence[int]) -> bool:
        return attempt(replace(best.plan, events=frozenset(kept)))

    before = (-1, -1)
    while before != (before := (len(best.fired), len(best.events))) and time.monotonic() < end:
        _reduce([it.number for it in best.fired], faults, end)
        _reduce(best.events, events, end)
    return best


def _reduce(numbers: Sequence[int], fails: Callable[[Sequence[int]], bool], end: float) -> None:
    """Drop parts, from all at once to single ones, as long as what is left fails."""
    kept = list(numbers)
    size = len(kept)
    while size and time.monotonic() < end:
        at = 0
        while at < len(kept) and time.monotonic() < end:
            smaller = kept[:at] + kept[at + size :]
            if fails(smaller):
                kept = smaller
            else:
                at += size
        size //= 2
