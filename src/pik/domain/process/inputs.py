"""What the processor counts: events that were read and verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pik.domain.event.work import Work
from pik.domain.process.amounts import AmountReading, AmountRules


@dataclass(frozen=True, slots=True)
class Input:
    """An event that was read and found sound: its reference, its payload, and the amount that it adds."""

    work: Work
    payload: Any
    amount: AmountReading = None

    @classmethod
    def of(cls, work: Work, payload: Any, rules: AmountRules) -> Input:
        """With the amount that the rules find."""
        return cls(work, payload, rules.read(work.event_type, payload))
