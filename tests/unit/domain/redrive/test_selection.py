"""Which letters a redrive takes, and why not the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.redrive.freeze import SweepGoal, choose, ledger_name, most_of, needing_ledger, with_manifest
from pik.domain.redrive.request import RedriveRequest
from pik.domain.redrive.selection import Criteria, age_seconds, explained, seconds_left
from tests.support.letters import NOW, RETENTION, letter


def refusal(criteria: Criteria, **changes: Any) -> str:
    return criteria.refusal(letter(**changes), NOW, RETENTION)


@pytest.mark.parametrize(
    ("criteria", "changes", "expected"),
    [
        (Criteria(), {}, ""),
        (Criteria(category="VALIDATION"), {}, ""),
        (Criteria(category="TRANSIENT"), {}, "filtered"),
        (Criteria(error_type="HashMismatch", fingerprint="f" * 32), {}, ""),
        (Criteria(error_type="HashMismatch", fingerprint="a" * 32), {}, "filtered"),
        (Criteria(fingerprint="f" * 8), {}, ""),
        (Criteria(fingerprint="f" * 7), {}, "filtered"),
        (Criteria(fingerprint="f" * 7 + "a"), {}, "filtered"),
        (Criteria(category="VALIDATION"), {"reason": False}, "filtered"),
        (Criteria(entity_id="customer-17"), {}, ""),
        (Criteria(entity_id="customer-18"), {}, "filtered"),
        (Criteria(source="shop"), {"reason": False}, ""),
        (Criteria(source="web"), {}, "filtered"),
        (Criteria(source="shop"), {"readable": False}, "filtered"),
        (Criteria(message_ids=frozenset({"message-0"})), {}, ""),
        (Criteria(message_ids=frozenset({"message-1"})), {}, "filtered"),
        (Criteria(min_age_seconds=60), {"age": 60}, ""),
        (Criteria(min_age_seconds=60), {"age": 59}, "too_young"),
        (Criteria(max_age_seconds=60), {"age": 60}, ""),
        (Criteria(max_age_seconds=60), {"age": 61}, "too_old"),
        (Criteria(expiring_within_seconds=3600), {"sent": RETENTION - 3600}, ""),
        (Criteria(expiring_within_seconds=3600), {"sent": RETENTION - 3601}, "filtered"),
        (Criteria(attempt_budget=2), {"redrives": 1, "redrive_run": "rdr-1"}, ""),
        (Criteria(attempt_budget=2), {"redrives": 2, "redrive_run": "rdr-1"}, "budget_exhausted"),
        (Criteria(attempt_budget=2), {"readable": False}, "unreadable"),
        (Criteria(), {"readable": False}, ""),
    ],
)
def test_a_letter_is_taken_or_the_reason_is_named(criteria: Criteria, changes: Any, expected: str) -> None:
    assert refusal(criteria, **changes) == expected


def test_age_counts_from_the_failure_and_expiry_from_the_sending() -> None:
    it = letter(age=100, sent=500)
    assert (age_seconds(it, NOW), seconds_left(it, NOW, RETENTION)) == (100, RETENTION - 500)
    unknown = letter(reason=False, sent=500)
    assert age_seconds(unknown, NOW) == 500


CRITERIA = st.builds(
    Criteria,
    category=st.none() | st.just("VALIDATION"),
    error_type=st.none() | st.text(min_size=1),
    entity_id=st.none() | st.text(min_size=1),
    min_age_seconds=st.integers(0, 100),
    max_age_seconds=st.none() | st.integers(0, 100),
    expiring_within_seconds=st.none() | st.integers(0, 100),
    attempt_budget=st.none() | st.integers(1, 10),
)


@given(CRITERIA)
def test_criteria_come_back_from_a_row_as_they_were(criteria: Criteria) -> None:
    assert Criteria.of(criteria.columns()) == criteria
    assert Criteria.of({**criteria.columns(), "from_a_newer_version": 1}) == criteria
    assert None not in criteria.columns().values()


def test_ids_of_a_manifest_are_no_part_of_a_row() -> None:
    assert "message_ids" not in Criteria(message_ids=frozenset({"a"})).columns()


ROW = {
    "category": "TRANSIENT",
    "error_type": "ThrottlingException",
    "fingerprint": "b" * 32,
    "message": "slow",
    "attempt": 7,
    "failed_at": "2026-11-20T11:00:00.000000Z",
}


def test_a_letter_that_says_nothing_is_explained_by_the_ledger() -> None:
    found = explained(letter(reason=False), ROW)
    assert found.reason is not None
    assert (found.reason.category, found.reason.fingerprint, found.attempts(5)) == ("TRANSIENT", "b" * 32, 7)
    assert Criteria(category="TRANSIENT").refusal(found, NOW, RETENTION) == ""


def test_what_a_letter_itself_says_goes_before_the_ledger() -> None:
    assert explained(letter(), ROW) == letter()
    assert explained(letter(reason=False), None) == letter(reason=False)


def test_only_letters_without_a_reason_are_looked_up_and_only_when_it_matters() -> None:
    known, unknown, unreadable = letter(1), letter(2, reason=False), letter(3, reason=False, readable=False)
    assert unknown.work is not None
    found = needing_ledger([known, unknown, unreadable], Criteria(category="TRANSIENT"))
    assert found == {unknown.work.event_id: unknown, "unknown-message-3": unreadable}
    assert [ledger_name(it) for it in found.values()] == list(found)
    assert needing_ledger([unknown], Criteria(source="shop")) == {}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 120)), unique_by=lambda it: it[0]), st.integers(1, 20))
def test_every_letter_is_taken_or_skipped_once(letters: list[tuple[int, int]], most: int) -> None:
    received = [letter(number, age=age, sent=age + 10) for number, age in letters]
    criteria = Criteria(min_age_seconds=60, message_ids=frozenset(f"message-{n}" for n in range(25)))
    choice = choose(received, criteria, most, NOW, RETENTION, complete=True)
    assert {it.message_id for it in (*choice.taken, *choice.refused)} == {it.message_id for it in received}
    assert len(choice.refused) == sum(choice.skipped.values())
    assert len(choice.taken) <= most
    sent = [it.sent_at for it in choice.taken]
    assert sent == sorted(sent), "the oldest first"
    totals = choice.totals()
    assert totals["selected"] == len(choice.taken) + sum(totals["skipped"].values()) + totals["already_gone"]
    assert totals["already_gone"] == 25 - sum(number < 25 for number, _ in letters)


def test_what_a_manifest_names_and_an_unfinished_sweep_did_not_meet_is_not_called_gone() -> None:
    criteria = Criteria(message_ids=frozenset({"message-1", "message-2", "message-3"}))
    choice = choose([letter(1)], criteria, 1, NOW, RETENTION, complete=False)
    totals = choice.totals()
    assert (totals["already_gone"], totals["skipped"], totals["selected"]) == (0, {"limit_reached": 2}, 3)


def test_a_sweep_has_enough_when_it_has_what_was_asked_for() -> None:
    late = False
    wanted = SweepGoal(Criteria(min_age_seconds=60), 2, NOW, RETENTION, lambda: late)
    assert not wanted.enough(letter(1))
    assert not wanted.enough(letter(2, age=1)), "too young does not count"
    assert wanted.enough(letter(3))
    again = SweepGoal(Criteria(), 100, NOW, RETENTION, lambda: late)
    assert not again.enough(letter(1))
    late = True
    assert again.enough(letter(2)), "time is up"


def test_a_sweep_has_enough_when_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.domain.redrive.freeze.MAX_READ_BYTES", 2 * len(letter().body))
    wanted = SweepGoal(Criteria(), 100, NOW, RETENTION, lambda: False)
    assert [wanted.enough(replace(letter(), message_id=str(n))) for n in range(3)] == [False, True, True]


def test_a_run_takes_as_many_as_are_asked_for_and_no_more_than_the_manifest_names() -> None:
    request = RedriveRequest("redrive", Criteria(), max_messages=10)
    assert most_of(request, Criteria()) == 10
    assert most_of(request, with_manifest(Criteria(), {"message_ids": ["a", "b"]})) == 2
    assert most_of(RedriveRequest("redrive", Criteria(), max_messages=None), Criteria()) == 100_000
