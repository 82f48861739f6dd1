"""A recovery of discarded stream batches: its record in RunsTable, and the markers of what needs no recovery again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pik import __version__
from pik.domain.shared.row import Row
from pik.domain.shared.runs import run_id_of, run_key

KIND: Final = "recovery"

RUNNING: Final = "RUNNING"
COMPLETE: Final = "COMPLETE"
PARTIAL: Final = "PARTIAL"
STOPPED: Final = "STOPPED"

MARKER_PREFIX: Final = "recovered/"


def recovery_id(now: str, chance: str) -> str:
    """An id that sorts by time, such as rcv-20261120T101530Z-0a1b2c3d. `now`: normalized; `chance`: 8 hex digits."""
    return run_id_of("rcv", now, chance)


def done_key(batch: str) -> str:
    """Where a batch is marked whose records were all sent."""
    return f"{MARKER_PREFIX}{batch}.done.json"


def partial_key(batch: str) -> str:
    """Where a batch is marked of which records are left, with their sequence numbers."""
    return f"{MARKER_PREFIX}{batch}.partial.json"


def recovery_record(run_id: str, requested_by: str, now: str, filters: Mapping[str, Any]) -> Row:
    """The row of a recovery that begins."""
    return {
        "PK": run_key(run_id),
        "run_id": run_id,
        "kind": KIND,
        "status": RUNNING,
        "requested_by": requested_by,
        "request_id": run_id,
        "requested_at": now,
        "updated_at": now,
        "filters": dict(filters),
        "stopped": "",
        "code_version": __version__,
    }


def recovery_changes(now: str, status: str, totals: Mapping[str, Any], stopped: str = "") -> Row:
    """What the end of a recovery sets in its row; `stopped` is why it ended early."""
    return {"status": status, "updated_at": now, "totals": dict(totals), "stopped": stopped}
