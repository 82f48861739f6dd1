"""One row of the table: what was done, what it took, what it should take, and how that was found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`met` is None when there is no target, or nothing to measure. `values` are the numbers behind the text."""

    work: str
    figure: str
    target: str
    met: bool | None
    how: str
    values: Mapping[str, float] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "work": self.work,
            "figure": self.figure,
            "target": self.target,
            "met": self.met,
            "how": self.how,
            "values": {name: round(value, 6) for name, value in self.values.items()},
        }


def within(values: Mapping[str, float], most: Mapping[str, float], least: Mapping[str, float] | None = None) -> bool:
    """Whether the values keep their bounds."""
    return all(values[name] <= bound for name, bound in most.items()) and all(
        values[name] >= bound for name, bound in (least or {}).items()
    )
