"""What became of what a run sent: every letter under one heading, whatever the reads that there are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.process.versions import DayKey
from pik.domain.redrive import confirm
from pik.domain.redrive.confirm import Outcome, OutcomeTally, by_day, few_reads
from pik.domain.redrive.message import Entry
from pik.domain.redrive.request import RedriveRequest
from pik.domain.redrive.selection import Criteria
from pik.domain.redrive.state import RedriveState, Wave
from pik.domain.shared.limits import BATCH_KEYS
from pik.domain.shared.redrive_limits import MAX_REDRIVE_MESSAGES, OUTCOME_SAMPLES, REDRIVE_CONFIRM_READS
from tests.support.letters import ago
from tests.support.makers import make_work


def entry(number: int, *, entity: int | None = None, message: int | None = None) -> Entry:
    work = make_work({"orderId": f"o-{number}"}, entity_id=f"e-{number if entity is None else entity}")
    return Entry(f"m-{number if message is None else message}", "r", ago(9), "shop", "f" * 32, work=work)


def run_of(*sizes: int, unsent: tuple[int, ...] = ()) -> RedriveState:
    waves: list[Wave] = []
    start = 0
    for number, size in enumerate(sizes):
        missing = tuple(it for it in unsent if start <= it < start + size)
        waves.append(Wave(number, size, size - len(missing), ago(20), ago(5), missing))
        start += size
    request = RedriveRequest("redrive", Criteria())
    return RedriveState("rdr-1", request, ago(60), start, start, tuple(waves))


def tally(state: RedriveState, entries: list[Entry], applied: set[str], failing: set[str], part: int = 10) -> Outcome:
    """All parts of a selection, as the step goes through them."""
    found = OutcomeTally(state, failing)
    for start in range(0, state.sent_to, part):
        if found.is_over:
            break
        days = found.days(entries[start : start + part])
        found.add(
            entries[start : start + part],
            days,
            applied & {event_id for events in days.values() for event_id in events},
        )
    return found.outcome()


def ids(entries: list[Entry]) -> list[str]:
    return [it.event.event_id for it in entries]


def test_applied_events_of_as_many_days_are_all_decided() -> None:
    entries = [entry(n) for n in range(8)]
    assert tally(run_of(5, 3), entries, set(ids(entries)), set()) == Outcome((5, 3))


def test_two_letters_of_one_event_are_both_decided() -> None:
    entries = [entry(1), entry(1, message=2)]
    assert tally(run_of(2), entries, set(ids(entries)), set()) == Outcome((2,))


def test_what_has_neither_failed_nor_been_counted_waits_and_is_named() -> None:
    entries = [entry(n) for n in range(12)]
    known = ids(entries)
    found = tally(run_of(5, 7, unsent=(11,)), entries, set(known[:3]), set(known[3:5]))
    assert found == Outcome((5, 0), 6, 0, tuple(known[5 : 5 + OUTCOME_SAMPLES]))
    assert found.unconfirmed == 6


def test_what_there_was_no_read_for_is_unchecked_and_failures_are_known_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confirm, "REDRIVE_CONFIRM_READS", 4)
    entries = [entry(n) for n in range(20)]
    known = ids(entries)
    found = tally(run_of(20), entries, set(known), {known[9], known[19]})
    assert found == Outcome((3,), 0, 16), "two days were read; a failure in the part that was not read is no unknown"


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["applied", "failing", "waiting", "unsent"])), max_size=40),
    st.integers(1, 15),
    st.integers(0, 30),
    st.integers(1, 10),
)
def test_every_letter_that_was_sent_is_counted_once(
    letters: list[tuple[int, str]], part: int, reads: int, first: int
) -> None:
    entries = [entry(number, message=place) for place, (number, _) in enumerate(letters)]
    fate = {it.event.event_id: what for it, (_, what) in zip(entries, letters, strict=True)}
    unsent = tuple(place for place, it in enumerate(entries) if fate[it.event.event_id] == "unsent")
    sizes = [size for size in (min(first, len(entries)), max(0, len(entries) - first)) if size]
    state = run_of(*sizes, unsent=unsent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confirm, "REDRIVE_CONFIRM_READS", reads)
        sets: dict[str, set[str]] = {
            name: {it for it, what in fate.items() if what == name} for name in ("applied", "failing")
        }
        found = tally(state, entries, sets["applied"], sets["failing"], part)
    waiting = sum(what == "waiting" for what in map(fate.__getitem__, ids(entries)))
    total = sum(found.decided) + found.unconfirmed
    assert total <= state.redriven
    assert found.waiting <= waiting
    if reads >= 2 * len(entries):
        assert (found.waiting, found.unchecked, total) == (waiting, 0, state.redriven)


def days_of(counts: list[int]) -> dict[DayKey, list[str]]:
    return {DayKey(f"e{n}", "2026-11-20", "LIVE"): [str(it) for it in range(count)] for n, count in enumerate(counts)}


@given(st.lists(st.integers(1, 1500), max_size=12), st.integers(0, 50))
def test_the_last_look_is_bounded_and_prefers_full_days(counts: list[int], reads: int) -> None:
    days = days_of(counts)
    found = few_reads(days, reads)
    assert sum(1 + -(-len(events) // BATCH_KEYS) for events in found.values()) <= reads
    assert all(events == days[key][: len(events)] for key, events in found.items())
    if counts and reads > 1:
        assert len(next(iter(found.values()))) == min(max(counts), (reads - 1) * BATCH_KEYS)


@given(st.lists(st.integers(0, 999), min_size=1, max_size=1000))
def test_a_run_of_a_thousand_is_looked_up_whole_however_its_days_are(entities: list[int]) -> None:
    sizes: dict[int, int] = {}
    for it in entities:
        sizes[it] = sizes.get(it, 0) + 1
    days = days_of(list(sizes.values()))
    assert len(entities) <= MAX_REDRIVE_MESSAGES
    assert few_reads(days, REDRIVE_CONFIRM_READS) == days


def test_a_day_names_each_of_its_events_once() -> None:
    found: Any = by_day([entry(1, entity=1), entry(1, entity=1, message=2), entry(2, entity=1)])
    assert [len(it) for it in found.values()] == [2]
