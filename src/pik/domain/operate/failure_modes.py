"""Failure modes: the ways in which a stack for trials can be made to fail on purpose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pik.domain.shared.limits import MAX_ECHO_CHARS, SLOW_DOWNSTREAM_SECONDS

_SPOILED: Final = b"injected fault: poison_payload; "  # no part of it is JSON


class FaultKind(StrEnum):
    """What goes wrong."""

    NONE = "none"
    POISON_PAYLOAD = "poison_payload"
    SLOW_DOWNSTREAM = "slow_downstream"
    RANDOM_FAIL = "random_fail"
    DUPLICATE_SUBMIT = "duplicate_submit"
    THROTTLE = "throttle"
    ACCESS_DENIED = "access_denied"


EFFECTS: Final[Mapping[str, str]] = {
    "none": "nothing is injected",
    "poison_payload": "the processor reads bytes that are not the event: VALIDATION",
    "slow_downstream": f"each read of raw bytes takes {SLOW_DOWNSTREAM_SECONDS:.0f} s and then times out: TIMEOUT",
    "random_fail_pNN": "NN of 100 reads of raw bytes fail with InternalError (NN is 1 to 100): TRANSIENT",
    "duplicate_submit": "the publisher sends each message twice: the event still counts once",
    "throttle": "each read of raw bytes is throttled: TRANSIENT",
    "access_denied": "each read of raw bytes is forbidden: PERMANENT, with a CRITICAL log line",
}
"""Each mode's name, and what it does."""

PATTERN: Final = (
    "^(none|poison_payload|slow_downstream|random_fail_p(0?[1-9]|[1-9][0-9]|100)"
    "|duplicate_submit|throttle|access_denied)$"
)
"""What the parameter may hold; template.yaml has the same pattern, so that SSM refuses anything else."""

_FORM: Final = re.compile(PATTERN)
_SPARED: Final = frozenset({FaultKind.NONE, FaultKind.DUPLICATE_SUBMIT})


class UnknownFaultMode(ValueError):
    """A text is not a failure mode; the message lists the modes."""


@dataclass(frozen=True, slots=True)
class FaultMode:
    """A failure mode. `percent` is the share of reads that fail; all of them unless the name says otherwise."""

    kind: FaultKind
    percent: int = 100

    def __str__(self) -> str:
        return f"{self.kind}_p{self.percent:02d}" if self.kind is FaultKind.RANDOM_FAIL else str(self.kind)

    @property
    def effect(self) -> str:
        """What it does, as text."""
        return EFFECTS["random_fail_pNN" if self.kind is FaultKind.RANDOM_FAIL else str(self.kind)]

    @property
    def fails_events(self) -> bool:
        """Whether it makes events fail, so that a redrive meanwhile is of no use."""
        return self.kind not in _SPARED

    def spares(self, chance: float) -> bool:
        """Whether a read of raw bytes succeeds; `chance` is in [0, 1)."""
        return self.kind in _SPARED or chance * 100 >= self.percent


NO_FAULT: Final = FaultMode(FaultKind.NONE)


def parse_fault_mode(text: str) -> FaultMode:
    """The mode of a parameter's value or of a command line. Raises UnknownFaultMode."""
    name = text.strip()
    if not _FORM.fullmatch(name):
        raise UnknownFaultMode(f"{name[:MAX_ECHO_CHARS]!r} is not a failure mode; the modes are {', '.join(EFFECTS)}")
    stem = f"{FaultKind.RANDOM_FAIL}_p"
    return (
        FaultMode(FaultKind.RANDOM_FAIL, int(name.removeprefix(stem)))
        if name.startswith(stem)
        else FaultMode(FaultKind(name))
    )


def poison(length: int) -> bytes:
    """`length` bytes, no part of which is an event."""
    return (_SPOILED * (length // len(_SPOILED) + 1))[:length]


def is_poison(data: bytes) -> bool:
    """Whether bytes are what `poison` makes of this length."""
    return bool(data) and data == poison(len(data))
