"""When a rescue may be put back, and what a chunk's mark says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pik.domain.redrive.message import entry_of
from pik.domain.redrive.put_back import PutBackMark, present_among, refusal
from pik.domain.shared.redrive_limits import REDRIVE_STEP_SECONDS
from tests.support.letters import NOW, ago, letter

RESCUE = {"run_id": "rdr-1", "status": "COMPLETE", "finished_at": ago(100)}
LAST = {
    "run_id": "rdr-2",
    "action": "put_back",
    "status": "COMPLETE",
    "requested_at": ago(60),
    "updated_at": ago(40),
    "frozen_at": ago(50),
    "totals": {"selected": 5, "redriven": 3, "skipped": {"already_put_back": 2}},
}


@pytest.mark.parametrize(
    ("changes", "rescue", "again", "code"),
    [
        ({}, {}, False, "put_back_already"),
        ({}, {}, True, None),
        ({"status": "RUNNING"}, {}, True, "put_back_under_way"),
        ({"status": "RUNNING", "updated_at": ago(901)}, {}, False, None),
        ({"status": "FAILED"}, {}, False, None),
        ({"totals": {"selected": 5, "redriven": 4, "skipped": {}}}, {}, False, None),
        ({"frozen_at": ago(101)}, {}, False, None),
        ({"frozen_at": ""}, {}, False, None),
        ({}, {"status": "CANCELLED"}, False, None),
        ({}, {"status": "CANCELLED", "finished_at": ago(50 + REDRIVE_STEP_SECONDS - 1)}, False, None),
        ({}, {"status": "CANCELLED", "finished_at": ago(50 + REDRIVE_STEP_SECONDS)}, False, "put_back_already"),
    ],
    ids=[
        "done",
        "again",
        "under way",
        "abandoned",
        "failed",
        "partly",
        "before the rescue was over",
        "never frozen",
        "while a step of a cancelled rescue may be at work",
        "while the last of its steps may be at work",
        "after the last of its steps",
    ],
)
def test_a_rescue_is_put_back_once_and_never_left_half(
    changes: dict[str, Any], rescue: dict[str, Any], again: bool, code: str | None
) -> None:
    found = refusal(RESCUE | rescue, LAST | changes, NOW, again=again)
    assert (found.code if found else None) == code
    assert refusal(RESCUE, None, NOW, again=again) is None


def test_a_refusal_says_which_run_put_back_how_much_and_when() -> None:
    facts = {"given": "rdr-1", "run": "rdr-2", "count": 5}
    found = refusal(RESCUE, LAST, NOW, again=False)
    assert found is not None
    assert found.params == {**facts, "at": ago(40)}
    found = refusal(RESCUE, {**LAST, "finished_at": ago(39)}, NOW, again=False)
    assert found is not None
    assert found.params == {**facts, "at": ago(39)}


def test_a_mark_counts_what_may_be_doubled_before_it_is_sent() -> None:
    dead = PutBackMark("key", 0, 0, "rdr-2", "a", (0, 1, 2))
    taken = dead.claimed("rdr-2", "b", present={1})
    assert (taken.todo, taken.sent, taken.doubled, taken.settled) == ((0, 2), 1, 2, False)
    settled = taken.after(refused=[2], unknown=[])
    assert (settled.todo, settled.sent, settled.settled, settled.is_done) == ((2,), 2, True, False)
    assert settled.claimed("rdr-3", "c").doubled == 2, "what was refused is not in doubt"
    assert PutBackMark.of(settled.columns()) == settled


def test_a_letter_in_the_queue_is_taken_for_the_one_of_its_event_and_no_strangers_for_another() -> None:
    entries = {
        0: entry_of(letter(0), 5, whole=True),
        1: entry_of(letter(1), 5, whole=True),
        2: entry_of(letter(2, readable=False), 5, whole=True),
    }
    assert present_among(entries, [letter(1), letter(2, readable=False), letter(3)]) == {1}
    twins = {0: entries[0], 1: entries[0]}
    assert present_among(twins, [letter(0)]) == {0}
    assert present_among(twins, [letter(0), letter(0), letter(0)]) == {0, 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "another"},
        {"group": "another"},
        {"attributes": {}},
        {"typed": {"a": {"DataType": "Number", "StringValue": "1"}}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_letter_that_differs_anywhere_is_another_one(changes: dict[str, Any]) -> None:
    entries = {0: entry_of(letter(0), 5, whole=True)}
    assert present_among(entries, [letter(0)]) == {0}
    assert present_among(entries, [replace(letter(0), **changes)]) == set()
