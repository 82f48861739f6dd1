"""A redrive's record: its ids, its first row, and the words for what became of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.redrive import run as redrive_run
from pik.domain.redrive.request import Canary, RedriveRequest
from pik.domain.redrive.selection import Criteria

NOW = "2026-11-20T10:15:30.250000Z"
REQUEST = RedriveRequest("redrive", Criteria(source="shop", min_age_seconds=60), canary=Canary(max_failure_rate=0.25))


def row(**changes: Any) -> dict[str, Any]:
    record = redrive_run.first_record("rdr-1", REQUEST, "ada", "request-1", NOW)
    totals = {**record["totals"], **changes.pop("totals", {})}
    return from_item(to_item({**record, **changes, "totals": totals}))


def test_ids_sort_by_time() -> None:
    assert redrive_run.new_run_id(NOW, "0a1b2c3d") == "rdr-20261120T101530Z-0a1b2c3d"
    assert redrive_run.new_manifest_id(NOW, "0a1b2c3d") == "mft-20261120T101530Z-0a1b2c3d"


def test_a_run_begins_with_all_that_was_asked_and_nothing_done() -> None:
    first = row()
    assert (first["PK"], first["kind"], first["status"], first["action"]) == (
        "RUN#rdr-1",
        "redrive",
        "RUNNING",
        "redrive",
    )
    assert (first["requested_by"], first["request_id"], first["requested_at"]) == ("ada", "request-1", NOW)
    assert RedriveRequest.of(first["request"]) == REQUEST
    assert (first["selected"], first["sent_to"], first["waves"], first["totals"]["skipped"]) == (0, 0, [], {})
    assert first["cancel_requested"] is False


def test_a_run_is_shown_without_its_key_and_as_json() -> None:
    shown = json.loads(json.dumps(redrive_run.describe(row(), NOW, "en")))
    assert "PK" not in shown
    assert shown["request"]["canary"]["max_failure_rate"] == 0.25
    assert shown["explanation"] == "It is in progress: 0 of 0 messages so far."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {
                "status": "COMPLETE",
                "totals": {"selected": 10, "redriven": 7, "skipped": {"too_young": 1, "filtered": 2}},
            },
            "Of 10 messages that were selected, 7 went back to the queue. "
            "Not moved, each for a reason: 3 (filtered: 2, too_young: 1).",
        ),
        (
            {"status": "COMPLETE", "action": "rescue", "totals": {"selected": 2, "rescued": 2}},
            "Of 2 messages that were selected, 2 were moved to the bucket.",
        ),
        (
            {"status": "COMPLETE", "action": "put_back", "totals": {"selected": 2, "redriven": 2}},
            "Of 2 messages of the rescue, 2 were put back into the dead-letter queue.",
        ),
        ({"status": "COMPLETE"}, "Nothing was moved: there was no message to select."),
        (
            {"status": "CANCELLING", "totals": {"selected": 4, "redriven": 1}},
            "It is in progress: 1 of 4 messages so far. A cancellation was requested; it stops before its next wave.",
        ),
        (
            {"status": "CANCELLED", "totals": {"selected": 4, "redriven": 1, "already_gone": 2, "failed": 1}},
            "Of 4 messages that were selected, 1 went back to the queue. "
            "2 of the requested messages were no longer in the dead-letter queue. "
            "1 could not be moved and are still where they were. Start another redrive in a moment. "
            "It was stopped on request.",
        ),
        (
            {
                "status": "STOPPED",
                "stopped": "too_many_failing",
                "because": {"failing": 3, "redriven": 5, "message": "HashMismatch: no payload."},
                "totals": {"selected": 9, "redriven": 5, "skipped": {"stopped": 4}},
            },
            "Of 9 messages that were selected, 5 went back to the queue. "
            "Not moved, each for a reason: 4 (stopped: 4). "
            "It stopped early: 3 of 5 failed again, most of them with: HashMismatch: no payload. "
            "Read the new reasons, fix the cause, and start another redrive.",
        ),
        (
            {"status": "STOPPED", "stopped": "undecided", "because": {"undecided": 2}, "totals": {"selected": 2}},
            "Of 2 messages that were selected, 0 went back to the queue. It stopped early: the outcome of 2 of its "
            "first messages was not known in time. Check that the processor runs, then start another redrive.",
        ),
        (
            {"status": "STOPPED", "stopped": "of_another_version", "totals": {"selected": 2}},
            "Of 2 messages that were selected, 0 went back to the queue. It stopped early (of_another_version). "
            "Start another redrive for the remaining messages.",
        ),
        (
            {"status": "FAILED", "stopped": "not_started"},
            "It ended with an error (not_started). The messages counted here were moved. "
            "Start another redrive for the others.",
        ),
    ],
)
def test_what_became_of_a_run_is_told_in_sentences(changes: dict[str, Any], words: str) -> None:
    assert redrive_run.explanation(row(**changes), "en") == words


def test_a_run_is_told_in_japanese() -> None:
    told = redrive_run.explanation(row(status="COMPLETE", totals={"selected": 2, "redriven": 2}), "ja")
    assert told == "選ばれた 2 件のうち 2 件をキューに戻しました。"


EARLY, LATER = "2026-11-20T05:00:00.000000Z", "2026-11-20T05:00:01.000000Z"


@pytest.mark.parametrize(
    ("changes", "abandoned"),
    [
        ({}, False),
        ({"requested_at": "2026-11-20T10:00:00.000000Z", "updated_at": "2026-11-20T10:00:00.000000Z"}, True),
        ({"requested_at": "2026-11-20T10:00:00.000000Z", "updated_at": "2026-11-20T10:00:01.000000Z"}, False),
        ({"requested_at": "2026-11-20T10:00:30.250000Z", "updated_at": "2026-11-20T10:00:30.250000Z"}, False),
        ({"requested_at": EARLY, "updated_at": LATER}, True),
        ({"requested_at": EARLY, "updated_at": LATER, "status": "CANCELLING"}, True),
        ({"requested_at": EARLY, "updated_at": LATER, "status": "COMPLETE"}, False),
        ({"requested_at": EARLY, "updated_at": "2026-11-20T06:30:00.000000Z"}, False),
    ],
)
def test_a_run_is_abandoned_when_nothing_can_be_at_it_any_more(changes: dict[str, Any], abandoned: bool) -> None:
    given = row(**changes)
    assert redrive_run.is_abandoned(given, NOW) is abandoned
    told = redrive_run.describe(given, NOW, "en")["explanation"]
    assert ("will make no more progress: cancel it" in told) is abandoned


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("already_gone", "7 of the requested messages were no longer"),
        ("failed", "7 could not be moved"),
        ("kept", "7 may also still be in the dead-letter queue"),
        ("doubled", "7 of them may be in the dead-letter queue twice"),
        ("unconfirmed", "The outcome of 7 of them is not known"),
        ("waiting", "7 of them have neither failed nor been counted yet"),
        ("unchecked", "7 of them have not failed, and whether they were counted was not looked up"),
    ],
)
def test_each_loss_and_doubt_is_said_with_its_count(name: str, words: str) -> None:
    said = redrive_run.explanation(row(status="COMPLETE", totals={"selected": 9, "redriven": 9, name: 7}), "en")
    assert words in said
    assert "7" not in redrive_run.explanation(row(status="COMPLETE", totals={"selected": 9, "redriven": 9}), "en")
