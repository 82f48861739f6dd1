"""What a preview shows: every letter in one group, ages and expiry that add up, samples of each cause."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.process.dead_letters import DeadLetter, Reason
from pik.domain.redrive import preview as redrive_preview
from pik.domain.redrive.freeze import LetterChoice, choose
from pik.domain.redrive.message import entry_of
from pik.domain.redrive.selection import Criteria, explained
from tests.support.makers import make_work

NOW = "2026-11-20T12:00:00.000000Z"
RETENTION = 14 * 86_400


def letter(number: int, cause: str = "a" * 32, at: str = "2026-11-20T11:00:00.000000Z", **work: Any) -> DeadLetter:
    made = make_work({"orderId": f"order-{number}", "amount": 1}, **work)
    reason = Reason("VALIDATION", f"Error{cause[0]}", cause, f"message {number}", made.event_id, 2, at, at, "LIVE")
    return DeadLetter(f"m-{number:03d}", "r", made.message().body, "shop", at, 1, {}, made, reason if cause else None)


def unreadable(number: int) -> DeadLetter:
    return DeadLetter(f"u-{number:03d}", "r", "no json", "g", "2026-11-20T11:30:00.000000Z", 1, {}, None, None)


def choice(*letters: DeadLetter, most: int = 1000, complete: bool = True, **criteria: Any) -> LetterChoice:
    return choose(letters, Criteria(**criteria), most, NOW, RETENTION, complete=complete)


def test_letters_are_grouped_by_cause_with_what_a_person_looks_for() -> None:
    early, late = "2026-11-20T10:00:00.000000Z", "2026-11-20T11:59:00.000000Z"
    letters = [
        letter(1, at=late, entity_id="e-1"),
        letter(2, at=early, entity_id="e-2"),
        letter(3, at=early, entity_id="e-2"),
        letter(4, cause="b" * 32),
        unreadable(5),
    ]
    first, *others = redrive_preview.groups(letters)
    assert first == {
        "category": "VALIDATION",
        "error_type": "Errora",
        "fingerprint": "a" * 32,
        "reason": "message 1",
        "count": 3,
        "first_failed_at": early,
        "last_failed_at": late,
        "entities": ["e-2", "e-1"],
        "entity_count": 2,
        "sample_message_id": "m-001",
    }
    assert [(it["category"], it["count"]) for it in others] == [("VALIDATION", 1), ("UNKNOWN", 1)]
    assert others[1]["entities"] == []


def test_letters_that_a_failure_mode_made_say_so_also_when_sqs_moved_them_and_only_the_ledger_knows() -> None:
    row = {"category": "TRANSIENT", "error_type": "E", "fingerprint": "c" * 32, "message": "m", "attempt": 5}
    moved = explained(replace(letter(1), reason=None), {**row, "failed_at": NOW, "injected": "throttle"})
    (group,) = redrive_preview.groups([moved])
    assert group["injected"] == "throttle"
    assert redrive_preview.sample(moved, [], NOW, RETENTION, 5)["injected"] == "throttle"
    assert Reason.of(moved.reason.attributes() if moved.reason else {}) == moved.reason


def test_a_group_names_five_entities_and_counts_all() -> None:
    (group,) = redrive_preview.groups([letter(n, entity_id=f"e-{n}") for n in range(9)])
    assert (len(group["entities"]), group["entity_count"]) == (5, 9)


def test_ages_and_expiry_are_those_of_the_matched() -> None:
    letters = [letter(n, at=f"2026-11-20T11:{n:02d}:00.000000Z") for n in (0, 10, 50)]
    assert redrive_preview.ages(letters, NOW) == {
        "oldest_seconds": 3600,
        "median_seconds": 3000,
        "newest_seconds": 600,
    }
    assert redrive_preview.expiry(letters, NOW, RETENTION) == {
        "first_expires_at": "2026-12-04T11:00:00.000000Z",
        "seconds_left": RETENTION - 3600,
        "retention_seconds": RETENTION,
    }
    assert redrive_preview.ages([], NOW) is None
    assert redrive_preview.expiry([], NOW, RETENTION) is None


def test_a_sample_shows_the_message_its_reason_and_what_the_ledger_knows() -> None:
    one = letter(1)
    row = {"PK": "EVENT#x", "SK": "AT#y", "category": "VALIDATION", "attempt": 2}
    shown = redrive_preview.sample(one, [row], NOW, RETENTION, 5)
    assert one.work is not None
    assert shown == {
        "message_id": "m-001",
        "event_id": one.work.event_id,
        "event_type": "order",
        "source": "shop",
        "entity_id": "customer-17",
        "event_time": "2026-11-20T10:15:30.250000Z",
        "category": "VALIDATION",
        "error_type": "Errora",
        "fingerprint": "a" * 32,
        "reason": "message 1",
        "attempts": 2,
        "redrives": 0,
        "age_seconds": 3600,
        "expires_at": "2026-12-04T11:00:00.000000Z",
        "sent_at": "2026-11-20T11:00:00.000000Z",
        "ledger": [{"category": "VALIDATION", "attempt": 2}],
        "unreadable": [],
    }


def test_a_letter_that_cannot_be_read_is_shown_too() -> None:
    shown = redrive_preview.sample(unreadable(1), [], NOW, RETENTION, 5)
    assert (shown["event_id"], shown["category"], shown["attempts"], shown["redrives"]) == (None, "UNKNOWN", 5, 0)


causes = st.lists(st.sampled_from(["a" * 32, "b" * 32, "c" * 32, ""]), max_size=30)


@given(causes, st.integers(0, 20))
def test_samples_show_each_cause_before_any_of_them_twice(found: list[str], most: int) -> None:
    letters = [letter(n, cause) if cause else unreadable(n) for n, cause in enumerate(found)]
    picked = redrive_preview.picked(letters, most)
    assert len(picked) == min(most, len(letters))
    assert len({it.message_id for it in picked}) == len(picked)
    shown = Counter(it.reason.fingerprint if it.reason else "" for it in picked)
    kinds = Counter(found)
    assert len(shown) == min(most, len(kinds))
    for cause, count in kinds.items():
        assert shown[cause] >= min(count, max(shown.values(), default=0) - 1)


@given(causes, st.integers(1, 30))
def test_each_letter_that_was_read_is_counted_once(found: list[str], most: int) -> None:
    letters = [letter(n, cause) if cause else unreadable(n) for n, cause in enumerate(found)]
    told = redrive_preview.describe(choice(*letters, most=most, category="VALIDATION"), {"visible": 3}, NOW, RETENTION)
    json.dumps(told)
    assert told["read"] == len(found) == told["matched"] + sum(told["skipped"].values())
    assert told["matched"] == sum(it["count"] for it in told["groups"]) <= most
    assert told["skipped"].get("filtered", 0) == found.count("")


def test_a_manifest_names_the_letters_that_matched() -> None:
    preview = redrive_preview.PreviewRequest(Criteria(source="shop"), 10, 5)
    content = redrive_preview.manifest(
        "mft-1", preview, choice(letter(1), letter(2), source="shop"), [entry_of(letter(1), 5, whole=False)], "ada", NOW
    )
    assert content == {
        "manifest_id": "mft-1",
        "created_at": NOW,
        "requested_by": "ada",
        "criteria": {"source": "shop", "min_age_seconds": 0},
        "complete": True,
        "message_ids": ["m-001", "m-002"],
        "samples": content["samples"],
    }
    (sample,) = content["samples"]
    assert (sample["message_id"], sample["work"]["source"], "receipt" in sample) == ("m-001", "shop", False)


def test_what_a_start_would_do_is_counted_as_a_run_counts() -> None:
    seen = choice(letter(1), letter(2), message_ids=frozenset({"m-001", "m-009"}))
    assert redrive_preview.would(seen) == {"selected": 1, "skipped": {"filtered": 1}, "already_gone": 1}


@pytest.mark.parametrize(
    ("seen", "in_flight", "dry", "words"),
    [
        (choice(), 0, False, "Nothing matches: 0 messages were read."),
        (choice(letter(1)), 0, False, "Of 1 messages that were read, 1 match."),
        (
            choice(letter(1), letter(2), letter(3, at="2026-11-20T11:59:30.000000Z"), most=1, complete=False),
            2,
            True,
            "Of 3 messages that were read, 1 match. 2 were skipped, each for a reason (limit_reached: 2). "
            "2 more are held by a redrive, or by another preview, and were not seen. "
            "There may be more: the limit or the time of one preview was reached. "
            "The stack is in dry run: no manifest was written.",
        ),
        (
            choice(letter(3, at="2026-11-20T11:59:30.000000Z")),
            0,
            False,
            "Of 1 messages that were read, 1 match. "
            "1 failed less than 60 seconds ago: a redrive skips them "
            "until 2026-11-20T12:00:30.000000Z unless force is true.",
        ),
    ],
)
def test_a_preview_is_told_in_sentences(seen: LetterChoice, in_flight: int, dry: bool, words: str) -> None:
    assert redrive_preview.explanation(seen, in_flight, NOW, "en", dry=dry) == words
    assert "ください" not in redrive_preview.explanation(seen, in_flight, NOW, "ja", dry=dry)


def test_a_dry_start_is_told_in_sentences() -> None:
    seen = choice(letter(1), letter(2), message_ids=frozenset({"m-001", "m-009"}))
    assert redrive_preview.rehearsal(seen, 0, "en") == (
        "Of 2 messages that were read, 1 would be taken. 1 were skipped, each for a reason (filtered: 1). "
        "1 of the requested messages were no longer in the dead-letter queue. "
        "This was a dry run: nothing was moved or recorded."
    )
    assert redrive_preview.rehearsal(seen, 0, "ja").endswith("ドライランのため、何も移さず、何も記録していません。")


def test_what_is_too_young_says_when_the_last_of_it_is_old_enough() -> None:
    at = ("2026-11-20T11:59:10.000000Z", "2026-11-20T11:59:40.000000Z", "2026-11-20T11:00:00.000000Z")
    seen = choice(*(letter(number, at=it) for number, it in enumerate(at)), min_age_seconds=60)
    counts = {"visible": 3, "in_flight": 0, "delayed": 0}
    assert redrive_preview.describe(seen, counts, NOW, RETENTION)["too_young_until"] == "2026-11-20T12:00:40.000000Z"
    words = redrive_preview.rehearsal(seen, 0, "en")
    assert "2 are too young: the last of them is old enough at 2026-11-20T12:00:40.000000Z." in words


def test_where_nothing_is_too_young_no_time_is_named() -> None:
    seen = choice(letter(1), letter(2, at="2026-11-20T11:59:40.000000Z"))
    counts = {"visible": 2, "in_flight": 0, "delayed": 0}
    assert redrive_preview.describe(seen, counts, NOW, RETENTION)["too_young_until"] is None
