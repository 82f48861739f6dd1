"""Foreign letters in front of the redrive API and its steps: each harms only itself, and nothing stays hidden."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.selection import Criteria
from pik.domain.shared.redrive_limits import FREEZE_HOLD_SECONDS, PREVIEW_GROUPS
from tests.support.aws.stack import FAILURES_TABLE
from tests.support.faults import Killed, raises, refused
from tests.support.foreign import FOREIGN, ForeignMessage
from tests.support.parts import ids
from tests.support.redrive_api import RedriveApiHarness
from tests.support.redrive_steps import RUN_ID, RedriveHarness, balanced

LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024
LONG_ATTEMPTS = FOREIGN["attributes: attempts of 5,000 digits"]


def send_all(harness: RedriveApiHarness | RedriveHarness) -> dict[str, str]:
    """Every foreign message in the dead-letter queue: its name, by message id."""
    url = harness.pipeline.names.work_dead_letter_queue_url
    return {message.send(harness.aws, url): name for name, message in FOREIGN.items()}


def test_a_preview_shows_a_letter_with_5000_digits_of_attempts_and_says_what_is_wrong() -> None:
    harness = RedriveApiHarness()
    harness.letters.bury(harness.pipeline.orders(2))
    LONG_ATTEMPTS.send(harness.aws, harness.pipeline.names.work_dead_letter_queue_url)
    answer = harness.preview()
    assert answer["matched"] == 3
    (shown,) = [it for it in answer["samples"] if it["event_id"] is None]
    assert (shown["category"], shown["fingerprint"], shown["attempts"]) == ("x", "y", 5)
    assert shown["unreadable"] == [
        "work message: not JSON: body: malformed_json",
        "attempts: expected a whole number from 0 to 1000000",
    ]
    assert all(it["unreadable"] == [] for it in answer["samples"] if it["event_id"])


def test_a_preview_shows_every_foreign_letter_and_gives_each_back() -> None:
    harness = RedriveApiHarness()
    send_all(harness)
    harness.letters.bury(harness.pipeline.orders(3))
    answer = harness.preview(samples=20)
    assert answer["matched"] == len(FOREIGN) + 3
    assert all(it["unreadable"] for it in answer["samples"] if it["event_id"] is None)
    dry = harness.start(dry_run=True, force=True, min_age_seconds=0)
    assert dry["would"] == {"selected": 3, "skipped": {"unreadable": len(FOREIGN)}, "already_gone": 0}


def test_an_answer_stays_within_what_a_function_may_answer_however_many_causes_there_are() -> None:
    harness = RedriveApiHarness()
    url = harness.pipeline.names.work_dead_letter_queue_url
    for number in range(PREVIEW_GROUPS + 100):
        cause = {"category": "c" * 5_000, "fingerprint": f"{number:03d}" + "f" * 5_000, "reason": "r" * 50_000}
        ForeignMessage("y", cause).send(harness.aws, url)
    harness.redrive.calls.forget()
    status, answer = harness.ask("GET /redrive/preview", None, {"samples": "20"})
    assert (status, answer["matched"]) == (200, PREVIEW_GROUPS + 100)
    assert (len(answer["groups"]), answer["groups_left_out"]) == (PREVIEW_GROUPS, 100)
    assert "The 100 rarest causes are not listed" in answer["explanation"]
    assert len(json.dumps(answer).encode()) < LAMBDA_ANSWER_BYTES / 2


EDITED: Mapping[str, Any] = {
    "category": {"N": "5"},
    "message": {"S": "m" * 100_000},
    "attempt": {"N": "1.5"},
    "failed_at": {"S": "yesterday"},
    "blob": {"B": b"\xff"},
    "nothing": {"NULL": True},
}


@pytest.mark.parametrize("left", [{}, {"category": {"S": "TRANSIENT"}, "fingerprint": {"S": "f" * 32}}])
def test_a_ledger_row_that_somebody_edited_costs_its_own_letter_its_reason_alone(left: Any) -> None:
    harness = RedriveApiHarness()
    strange, sound = harness.pipeline.orders(2)
    harness.letters.bury_unexplained([strange, sound])
    harness.note_failure(sound.event_id)
    key = {"PK": {"S": f"EVENT#{strange.event_id}"}, "SK": {"S": "AT#z"}, "redrive_run": {"S": RUN_ID}}
    harness.aws.dynamodb.put_item(TableName=FAILURES_TABLE, Item={**key, **EDITED, **left})
    answer = harness.preview()
    assert answer["matched"] == 2
    assert {it["category"] for it in answer["groups"]} == {"TRANSIENT", "TRANSIENT" if left else "UNKNOWN"}
    (shown,) = [it for it in answer["samples"] if it["event_id"] == strange.event_id]
    named = shown["ledger"][0]["unreadable"]
    assert {"attempt", "nothing"} <= set(named.split(", "))
    assert len(shown["ledger"][0]["message"]) <= 1_000
    harness.redrive.begin(criteria=Criteria(category="TRANSIENT", attempt_budget=3))
    ended = harness.redrive.run()
    balanced(ended)
    assert (ended["status"], ended["totals"]["redriven"]) == ("COMPLETE", 2 if left else 1)


def test_a_redrive_takes_the_sound_letters_and_leaves_the_foreign_ones_visible() -> None:
    harness = RedriveHarness()
    names = send_all(harness)
    works = harness.pipeline.orders(12)
    harness.letters.bury(works)
    harness.begin()
    row = harness.run()
    balanced(row)
    assert (row["status"], row["totals"]["redriven"]) == ("COMPLETE", 12)
    assert row["totals"]["skipped"] == {"unreadable": len(FOREIGN)}
    assert harness.work_queue.ids() == ids(works)
    assert {it.message_id for it in harness.letters.all()} == names.keys()
    assert harness.letters.visible() == len(FOREIGN)


def test_a_rescue_keeps_foreign_letters_as_they_are_and_a_put_back_returns_them() -> None:
    harness = RedriveHarness()
    send_all(harness)
    before = Counter((it.body, json.dumps(it.attributes, default=repr)) for it in harness.letters.all())
    harness.begin(action="rescue", criteria=Criteria())
    row = harness.run()
    assert (row["status"], row["totals"]["rescued"]) == ("COMPLETE", len(FOREIGN))
    assert harness.letters.all() == []
    harness.begin("rdr-2", action="put_back", criteria=Criteria(), rescue_id=RUN_ID)
    row = harness.run("rdr-2")
    assert (row["status"], row["totals"]["redriven"]) == ("COMPLETE", len(FOREIGN))
    assert Counter((it.body, json.dumps(it.attributes, default=repr)) for it in harness.letters.all()) == before


def test_a_sound_letter_that_claims_more_attempts_than_there_can_be_is_redriven_all_the_same() -> None:
    harness = RedriveHarness()
    (work,) = harness.pipeline.orders(1, attempts_before=1_000_000)
    harness.letters.bury([work])
    harness.begin()
    assert harness.run()["totals"]["redriven"] == 1
    (sent,) = harness.work_queue.all()
    assert (sent.event_id, sent.attempts_before) == (work.event_id, 1_000_000)


CALLS_OF_A_FREEZE = (
    "get_queue_attributes",
    "receive_message",
    "query",
    "change_message_visibility_batch",
    "put_object",
)


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("operation", CALLS_OF_A_FREEZE)
def test_a_freeze_that_raises_has_released_all_that_it_received(operation: str, after: int, phase: str) -> None:
    harness = RedriveHarness(validate=False)
    send_all(harness)
    harness.letters.bury_unexplained(harness.pipeline.orders(8))
    harness.letters.bury(harness.pipeline.orders(8, first=8))
    harness.begin(criteria=Criteria(category="VALIDATION"))
    lost = operation == "receive_message" and phase == "after"
    harness.faults.always(operation, refused("AccessDenied"), phase, after=after)
    try:
        harness.ask("freeze")
    except ClientError:
        harness.faults.calm()
        # The answer of a receive that never came named receipts that nobody knows: at most one of ten messages each.
        hidden = len(harness.letters.all()) - harness.letters.visible()
        assert hidden == 0 or lost
        harness.clock.advance(FREEZE_HOLD_SECONDS)
        assert harness.letters.visible() == len(harness.letters.all())
    else:
        assert operation in {"change_message_visibility_batch", "get_queue_attributes", "put_object", "query"}


@pytest.mark.parametrize("where", ["of", "size"])
def test_a_sweep_that_stumbles_over_a_letter_releases_that_one_too(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in reading that nobody has found yet: what it was received with is known before it is read."""
    harness = RedriveHarness(validate=False)
    send_all(harness)
    harness.letters.bury(harness.pipeline.orders(25))
    harness.begin()

    def broken(*_: Any) -> Any:
        raise ValueError("not foreseen")

    monkeypatch.setattr(DeadLetter, where, broken if where == "of" else property(broken))
    with pytest.raises(ValueError, match="not foreseen"):
        harness.ask("freeze")
    assert harness.letters.visible() == len(harness.letters.all()) == len(FOREIGN) + 25


def test_a_freeze_that_dies_hides_its_letters_for_a_quarter_of_an_hour_and_not_for_the_length_of_a_run() -> None:
    harness = RedriveHarness(validate=False)
    send_all(harness)
    harness.letters.bury(harness.pipeline.orders(25))
    harness.begin()
    harness.faults.once("put_object", "before", raises(Killed()))
    with pytest.raises(Killed):
        harness.ask("freeze")
    assert harness.letters.visible() < len(harness.letters.all())
    harness.clock.advance(900)
    assert harness.letters.visible() == len(FOREIGN) + 25


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("operation", ["receive_message", "query", "put_object"])
def test_a_preview_that_raises_has_released_all_that_it_received(operation: str, after: int) -> None:
    harness = RedriveApiHarness()
    send_all(harness)
    harness.letters.bury_unexplained(harness.pipeline.orders(8))
    harness.faults.always(operation, refused("AccessDenied"), after=after)
    if operation == "put_object" and after:
        assert harness.ask("GET /redrive/preview")[0] == 200, "it writes once"
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            harness.ask("GET /redrive/preview")
    assert harness.letters.visible() == len(harness.letters.all()) == len(FOREIGN) + 8
