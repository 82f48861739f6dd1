"""The record of a redrive in RunsTable, its id, and how it is shown to a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pik import __version__
from pik.domain.http.answers import Json
from pik.domain.http.messages import Language, render
from pik.domain.redrive.request import PUT_BACK, REDRIVE, RESCUE, RedriveRequest
from pik.domain.redrive.waves import FAILING, NOTHING_SENT, OUT_OF_TIME, UNDECIDED
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import REDRIVE_BEGIN_SECONDS, REDRIVE_HOLD_SECONDS
from pik.domain.shared.row import Row
from pik.domain.shared.runs import run_id_of, run_key

KIND: Final = "redrive"

RUNNING: Final = "RUNNING"
CANCELLING: Final = "CANCELLING"
CANCELLED: Final = "CANCELLED"
STOPPED: Final = "STOPPED"
COMPLETE: Final = "COMPLETE"
FAILED: Final = "FAILED"

UNDER_WAY: Final = (RUNNING, CANCELLING)
"""Statuses of a run that may still take messages."""

NOT_STARTED: Final = "not_started"
"""`stopped` of a run whose state machine could not be started."""

_MOVED: Final = {REDRIVE: "redrive_moved", RESCUE: "redrive_rescued", PUT_BACK: "redrive_put_back"}
_COUNTED: Final = {
    "already_gone": "redrive_already_gone",
    "failed": "redrive_failed",
    "kept": "redrive_kept",
    "doubled": "redrive_doubled",
    "unconfirmed": "redrive_unconfirmed",  # of runs that were recorded without the next two
    "waiting": "redrive_waiting",
    "unchecked": "redrive_unchecked",
}
_REASONS: Final = {
    FAILING: "redrive_stopped_failing",
    UNDECIDED: "redrive_stopped_undecided",
    OUT_OF_TIME: "redrive_stopped_late",
    NOTHING_SENT: "redrive_stopped_unsent",
}
_ENDS: Final = {
    FAILED: "redrive_broken",
    CANCELLING: "redrive_cancelling",
    CANCELLED: "redrive_cancelled",
}


def new_run_id(now: str, chance: str) -> str:
    """An id that sorts by time, such as rdr-20261120T101530Z-0a1b2c3d. `now`: normalized; `chance`: 8 hex digits."""
    return run_id_of("rdr", now, chance)


def new_manifest_id(now: str, chance: str) -> str:
    """The id of a preview's manifest, in the same format."""
    return run_id_of("mft", now, chance)


def no_totals() -> Row:
    """The totals of a run that has done nothing. `selected` is the sum of `redriven` (or `rescued`), `skipped`,
    `already_gone` and `failed`. Of the redriven, `kept` are those whose dead letter may still exist, and
    `unconfirmed` those whose outcome is not known: they have not failed, and either were not checked or not yet
    counted. The row's `outcome` has how many are which."""
    return {
        "selected": 0,
        "redriven": 0,
        "skipped": {},
        "already_gone": 0,
        "failed": 0,
        "rescued": 0,
        "kept": 0,
        "unconfirmed": 0,
    }


def first_record(run_id: str, request: RedriveRequest, requested_by: str, request_id: str, now: str) -> Row:
    """The row of a new run."""
    return {
        "PK": run_key(run_id),
        "run_id": run_id,
        "kind": KIND,
        "action": request.action,
        "status": RUNNING,
        "requested_by": requested_by,
        "request_id": request_id,
        "requested_at": now,
        "updated_at": now,
        "request": request.columns(),
        "selected": 0,
        "sent_to": 0,
        "waves": [],
        "totals": no_totals(),
        "cancel_requested": False,
        "stopped": "",
        "code_version": __version__,
    }


def describe(row: Row, now: str, language: Language) -> Json:
    """A run as GET /redrive/{run_id} shows it. `now` is normalized."""
    body = {name: value for name, value in row.items() if name != "PK"}
    sentences = [explanation(row, language)]
    if is_abandoned(row, now):
        sentences.append(render("redrive_abandoned", {"since": row["updated_at"]}, language))
    text = ("" if language == "ja" else " ").join(sentences)
    return body | {"request": RedriveRequest.of(row["request"]).shown(), "explanation": text}


def explanation(row: Mapping[str, Any], language: Language) -> str:
    """What happened to the messages and why, in sentences."""
    totals = row["totals"]
    sentences = _main_sentence(row, totals, language)
    skipped = totals["skipped"]
    if skipped:
        params = {"count": sum(skipped.values()), "detail": listed(skipped)}
        sentences.append(render("redrive_skipped", params, language))
    counted = {**totals, **row["outcome"], "unconfirmed": 0} if "outcome" in row else totals
    for name, code in _COUNTED.items():
        if counted.get(name):
            sentences.append(render(code, {"count": counted[name]}, language))
    stopped = row["stopped"]
    if row["status"] == STOPPED:
        because = row.get("because", {})
        params = {name: because[name] for name in ("failing", "redriven", "undecided") if name in because}
        detail = str(because.get("message") or "").rstrip(".") if stopped == FAILING else stopped
        code = _REASONS.get(stopped, "redrive_stopped")
        sentences.append(render(code, {**params, "detail": detail or "?"}, language))
    elif row["status"] in _ENDS:
        sentences.append(render(_ENDS[row["status"]], {"detail": stopped or "?"}, language))
    return ("" if language == "ja" else " ").join(sentences)


def put_back_rehearsal(count: int, language: Language) -> str:
    """What a put-back in dry run would have done, in sentences."""
    would = render("redrive_would", {"read": count, "count": count}, language)
    return would + ("" if language == "ja" else " ") + render("redrive_dry_run", {}, language)


def is_abandoned(row: Mapping[str, Any], now: str) -> bool:
    """Whether no execution works on an unfinished run: its state machine never began, or failed to record its end.
    `now` is normalized."""
    if row["status"] not in UNDER_WAY:
        return False
    began = row["updated_at"] != row["requested_at"]
    silence = times.to_datetime(now) - times.to_datetime(row["updated_at"])
    waits = began and row.get("action") != PUT_BACK  # a put-back holds no messages and waits for nothing
    return silence > timedelta(seconds=REDRIVE_HOLD_SECONDS if waits else REDRIVE_BEGIN_SECONDS)


def listed(counts: Mapping[str, int]) -> str:
    """Counts by reason as a person reads them, the largest first."""
    ordered = sorted(counts.items(), key=lambda it: (-it[1], it[0]))
    return ", ".join(f"{reason}: {count}" for reason, count in ordered)


def _main_sentence(row: Mapping[str, Any], totals: Mapping[str, Any], language: Language) -> list[str]:
    done = totals["redriven"] + totals["rescued"]
    params = {"count": done, "selected": totals["selected"]}
    if row["status"] in UNDER_WAY:
        return [render("redrive_running", params, language)]
    if totals["selected"]:
        return [render(_MOVED[row["action"]], params, language)]
    # A run that ended before its selection was made cannot say that there was nothing to select.
    return [render("redrive_found_nothing", {}, language)] if row["status"] == COMPLETE else []
