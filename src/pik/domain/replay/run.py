"""The record of a replay in RunsTable, its id, and the answer to the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pik import __version__
from pik.domain.http.answers import Json
from pik.domain.http.messages import Language, render
from pik.domain.replay.progress import LIMIT_REACHED, Position
from pik.domain.replay.request import ReplayFilters
from pik.domain.shared.row import Row
from pik.domain.shared.runs import run_id_of, run_key

KIND: Final = "replay"

RUNNING: Final = "RUNNING"
PARTIAL: Final = "PARTIAL"
COMPLETE: Final = "COMPLETE"
FAILED: Final = "FAILED"


def new_run_id(now: str, chance: str) -> str:
    """An id that sorts by time, such as rpl-20261120T101530Z-0a1b2c3d. `now`: normalized; `chance`: 8 hex digits."""
    return run_id_of("rpl", now, chance)


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What one invocation did. `sent` counts messages, `skipped` rows by reason, `failed` rows whose message is not
    known to be in the queue; `stopped` names the error that ended it early, empty when none did."""

    status: str
    sent: int
    skipped: Mapping[str, int]
    failed: int
    stopped: str = ""

    @property
    def scanned(self) -> int:
        """Rows that were judged."""
        return self.sent + sum(self.skipped.values()) + self.failed


def totals(position: Position, failed: int) -> Json:
    """The outcome of each row of the run so far, each counted once; `failed` rows are to be read again."""
    tally = position.tally
    return {"scanned": tally.total + failed, "sent": tally.sent, "skipped": dict(tally.skipped), "failed": failed}


def first_record(run_id: str, filters: ReplayFilters, requested_by: str, request_id: str, now: str) -> Row:
    """The row of a new run."""
    return {
        "PK": run_key(run_id),
        "run_id": run_id,
        "kind": KIND,
        "status": RUNNING,
        "requested_by": requested_by,
        "request_id": request_id,
        "requested_at": now,
        "updated_at": now,
        "filters": filters.columns(),
        "totals": totals(Position(), 0),
        "code_version": __version__,
    }


def changes(outcome: ReplayOutcome, position: Position, now: str) -> Row:
    """What the end of an invocation sets in the row. Values, not increments: writing them twice does no harm."""
    return {
        "status": outcome.status,
        "updated_at": now,
        "totals": totals(position, outcome.failed),
        "code_version": __version__,
        "stopped": outcome.stopped,
    }


def describe(row: Row) -> Json:
    """A run as GET /replay/{run_id} shows it."""
    return {name: value for name, value in row.items() if name != "PK"}


def answer(
    run_id: str,
    filters: ReplayFilters,
    outcome: ReplayOutcome,
    position: Position,
    token: str | None,
    language: Language,
) -> Json:
    """The answer to the caller: counts of this invocation, and `totals` of the run so far."""
    body: Json = {
        "run_id": run_id,
        "status": outcome.status,
        "sent": outcome.sent,
        "scanned": outcome.scanned,
        "skipped": dict(outcome.skipped),
        "failed": outcome.failed,
        "totals": totals(position, outcome.failed),
        "explanation": explanation(filters, outcome, position, language),
    }
    if filters.dry_run:
        body["dry_run"] = True
    if token is not None:
        body["next_token"] = token
    return body


def explanation(filters: ReplayFilters, outcome: ReplayOutcome, position: Position, language: Language) -> str:
    """What happened and why, in sentences."""
    sentences = [_main_sentence(outcome, language)]
    if outcome.failed:
        sentences.append(render("replay_failed", {"count": outcome.failed}, language))
    elif outcome.stopped:
        sentences.append(render("replay_stopped", {"detail": outcome.stopped}, language))
    elif outcome.status == PARTIAL:
        sentences.append(render("replay_partial", {}, language))
    elif filters.limit is not None and position.tally.sent >= filters.limit:
        sentences.append(render("replay_limited", {"maximum": filters.limit}, language))
    if filters.dry_run:
        sentences.append(render("replay_dry_run", {}, language))
    return ("" if language == "ja" else " ").join(sentences)


def _main_sentence(outcome: ReplayOutcome, language: Language) -> str:
    if outcome.sent:
        return render("replay_sent", {"count": outcome.sent, "scanned": outcome.scanned}, language)
    if outcome.scanned:
        reasons = {**outcome.skipped, **({"failed": outcome.failed} if outcome.failed else {})}
        detail = ", ".join(f"{reason}: {count}" for reason, count in reasons.items())
        code = "replay_all_limited" if set(reasons) == {LIMIT_REACHED} else "replay_all_skipped"
        return render(code, {"count": outcome.scanned, "detail": detail}, language)
    if outcome.status == COMPLETE:
        return render("replay_found_nothing", {}, language)
    return render("replay_read_nothing", {}, language)
