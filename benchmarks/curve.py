"""Cost and rate of ingest against the number of events in a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from benchmarks.stages import ingest_cost

SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def curve(sizes: Sequence[int] = SIZES, events: int = 1_000) -> list[dict[str, Any]]:
    """One point per size: dollars per million events, calls per event, and events per second of one function at a
    time."""
    points = []
    for size in sizes:
        values = ingest_cost(size, max(3, min(20, events // size)))
        points.append(
            {
                "batch": size,
                "dollars_per_million": round(values["dollars_per_million"], 3),
                "calls_per_event": round(values["calls"], 4),
                "events_per_second": round(values["events_per_second"]),
            }
        )
    return points
