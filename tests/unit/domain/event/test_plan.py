"""The plan of ingest: any crash, any retry, any company of other requests; still one row an event, the first's once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pik.domain.event.envelope import Event
from pik.domain.event.fields import RawRef
from pik.domain.event.plan import (
    ActionOutcome,
    ActionResult,
    Check,
    Claim,
    Exists,
    Index,
    IngestStep,
    Note,
    Put,
    Repair,
    Settled,
    Submission,
    assume_written,
    chunks,
    first_claims,
)
from pik.domain.event.rows import accepted_row, dedupe_row

MakeEvent = Callable[..., Event]
ARRIVAL = "2026-11-20T12:00:00.000000Z"


class Tables:
    """Two tables that do all actions of a group or none, and remember each INSERT."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, ...], dict[str, Any]] = {}
        self.inserts: Counter[tuple[str, ...]] = Counter()

    def write(self, actions: Sequence[Put | Check]) -> list[ActionOutcome]:
        assert len({action.target for action in actions}) == len(actions), "DynamoDB refuses one item twice"
        assert len(actions) <= 100
        outcomes: list[ActionOutcome] = []
        for action in actions:
            stored = self.rows.get(action.target)
            if stored is None and isinstance(action, Check):
                outcomes.append(ActionResult.MISSING)
            elif isinstance(action, Check) and stored is not None and stored["payload_sha"] == action.payload_sha:
                outcomes.append(ActionResult.NOT_WRITTEN)
            else:
                outcomes.append(ActionResult.NOT_WRITTEN if stored is None else Exists(stored))
        refused = any(it is ActionResult.MISSING or isinstance(it, Exists) for it in outcomes)
        if refused:
            return outcomes
        for action in actions:
            if isinstance(action, Put):
                self.rows[action.target] = action.row
                self.inserts[action.target] += 1
        return [ActionResult.WRITTEN for _ in actions]

    def statuses(self) -> Counter[str]:
        return Counter(row["status"] for target, row in self.rows.items() if target[0] == "events")


def submission(event: Event, request: str = "r-1", index: int = 0) -> Submission:
    return Submission(event, RawRef("bucket", f"raw/{request}", index, 10), request, index)


def run(tables: Tables, steps: Sequence[IngestStep], groups_before_death: int | None = None) -> dict[int, Settled]:
    """Drives steps to their end, or as far as a process lives."""
    settled: dict[int, Settled] = {}
    pending, groups = list(steps), 0
    while pending:
        before, pending = pending, []
        for chunk in chunks(before):
            if groups == groups_before_death:
                return settled
            groups += 1
            for step, after in chunk.advance(tables.write(chunk.actions)):
                if isinstance(after, Settled):
                    settled[step.submission.index] = after
                else:
                    pending.append(after)
    return settled


def request(
    tables: Tables, events: Sequence[Event], name: str, groups_before_death: int | None = None
) -> dict[int, Settled]:
    claims, repeats = first_claims([submission(it, name, index) for index, it in enumerate(events)], ttl_days=7)
    settled = run(tables, claims, groups_before_death)
    if len(settled) < len(claims):
        return settled
    first = {claim.submission.event.event_id: settled[claim.submission.index].first for claim in claims}
    if groups_before_death is not None:
        return settled
    return settled | run(tables, [Note(it, first[it.event.event_id]) for it in repeats])


def test_a_new_event_alone_is_claimed_then_indexed(make_event: MakeEvent) -> None:
    (claim,), repeats = first_claims([submission(make_event())], 7)
    assert repeats == []
    assert [action.table for action in claim.actions()] == ["dedupe"]
    after = claim.next([ActionResult.WRITTEN])
    assert isinstance(after, Index)
    end = after.next([ActionResult.WRITTEN])
    assert isinstance(end, Settled)
    assert end.status == "ACCEPTED"


def test_new_events_together_are_claimed_and_indexed_at_once(make_event: MakeEvent) -> None:
    tables = Tables()
    events = [make_event({"n": n}) for n in range(120)]
    settled = request(tables, events, "r")
    assert {it.status for it in settled.values()} == {"ACCEPTED"}
    assert tables.statuses() == {"ACCEPTED": 120}


def test_a_repeat_is_a_duplicate_and_the_same_key_with_another_payload_a_conflict(make_event: MakeEvent) -> None:
    tables = Tables()
    first, same, other = (make_event({"n": n}, idempotency_key="k") for n in (1, 1, 2))
    statuses = [request(tables, [it], name)[0].status for it, name in ((first, "a"), (same, "b"), (other, "c"))]
    assert statuses == ["ACCEPTED", "DUPLICATE", "CONFLICT"]
    assert tables.statuses() == {"ACCEPTED": 1, "DUPLICATE": 1, "CONFLICT": 1}


def test_repeats_within_one_request_are_judged_by_its_first(make_event: MakeEvent) -> None:
    tables = Tables()
    events = [make_event({"n": n}, idempotency_key="k") for n in (1, 1, 2, 1)]
    settled = request(tables, events, "r")
    assert [settled[index].status for index in range(4)] == ["ACCEPTED", "DUPLICATE", "CONFLICT", "DUPLICATE"]
    assert tables.statuses() == {"ACCEPTED": 1, "DUPLICATE": 2, "CONFLICT": 1}


def test_the_first_row_is_repaired_when_its_request_died_between_dedupe_and_index(make_event: MakeEvent) -> None:
    tables = Tables()
    event = make_event()
    assert request(tables, [event], "dies", groups_before_death=1) == {}
    assert tables.statuses() == {}
    assert request(tables, [event], "retry")[0].status == "DUPLICATE"
    assert tables.statuses() == {"ACCEPTED": 1, "DUPLICATE": 1}
    first = tables.rows["events", "ENTITY#e-1", accepted_row(event, RawRef("b", "k", 0, 1), "x")["SK"]]
    assert (first["s3_key"], first["request_id"]) == ("raw/dies", "dies")


def test_a_request_that_was_only_slow_meets_its_repaired_row_and_is_accepted(make_event: MakeEvent) -> None:
    tables = Tables()
    slow = submission(make_event(), "slow")
    index = Claim(slow, 7, together=False).next(tables.write(Claim(slow, 7, together=False).actions()))
    request(tables, [slow.event], "quick")
    assert isinstance(index, Index)
    end = index.next(tables.write(index.actions()))
    assert isinstance(end, Settled)
    assert end.status == "ACCEPTED"
    assert tables.statuses() == {"ACCEPTED": 1, "DUPLICATE": 1}


@pytest.mark.parametrize("together", [False, True])
def test_a_write_whose_answer_was_lost_is_recognised_as_our_own(make_event: MakeEvent, together: bool) -> None:
    tables = Tables()
    step: IngestStep | Settled = Claim(submission(make_event()), 7, together)
    while not isinstance(step, Settled):
        tables.write(step.actions())  # took effect, but nobody heard
        step = step.next(tables.write(step.actions()))
    assert step.status == "ACCEPTED"
    assert tables.statuses() == {"ACCEPTED": 1}


@pytest.mark.parametrize("company", [1, 2])
def test_an_event_that_outlived_its_dedupe_row_is_still_a_duplicate(make_event: MakeEvent, company: int) -> None:
    tables = Tables()
    event = make_event(event_time="2026-11-20T10:00:00Z")
    request(tables, [event], "r")
    del tables.rows["dedupe", event.event_id]
    others = [make_event({"n": n}) for n in range(2, company + 1)]
    assert request(tables, [event, *others], "after TTL")[0].status == "DUPLICATE"
    assert tables.statuses()["ACCEPTED"] == company


@pytest.mark.parametrize("company", [1, 2])
def test_a_conflict_after_the_dedupe_row_has_expired_does_not_take_the_first_events_place(
    make_event: MakeEvent, company: int
) -> None:
    tables = Tables()
    first, other = (
        make_event({"n": n}, idempotency_key="k", event_time="2026-11-20T10:00:00Z") for n in ("first", "other")
    )
    others = [make_event({"n": n}) for n in range(2, company + 1)]
    request(tables, [first], "before")
    del tables.rows["dedupe", first.event_id]
    ends = [request(tables, [it, *others], f"r-{at}")[0].status for at, it in enumerate([other, first, other, first])]
    assert ends == ["CONFLICT", "DUPLICATE", "CONFLICT", "DUPLICATE"]


def test_a_repair_that_comes_too_late_becomes_an_ordinary_note(make_event: MakeEvent) -> None:
    event = make_event()
    known = dedupe_row(event, RawRef("b", "raw/first", 0, 1), "first", 7)
    late = Repair(submission(event), known)
    after = late.next([ActionResult.NOT_WRITTEN, Exists(accepted_row(event, RawRef("b", "raw/first", 0, 1), "first"))])
    assert type(after) is Note


def test_what_another_request_holds_is_tried_again(make_event: MakeEvent) -> None:
    claim = Claim(submission(make_event()), 7, together=True)
    assert claim.next([ActionResult.NOT_WRITTEN, ActionResult.NOT_WRITTEN]) is claim
    note = Note(submission(make_event()), dedupe_row(make_event(), RawRef("b", "k", 0, 1), "r", 7))
    assert note.next([ActionResult.NOT_WRITTEN, ActionResult.NOT_WRITTEN]) is note


def test_notes_of_one_first_share_its_check(make_event: MakeEvent) -> None:
    known = dedupe_row(make_event(), RawRef("b", "k", 0, 1), "r", 7)
    (chunk,) = chunks([Note(submission(make_event(), "r", index), known) for index in range(3)])
    assert [type(action) for action in chunk.actions] == [Put, Check, Put, Put]


def test_a_dry_run_finds_the_repeats_of_its_own_request(make_event: MakeEvent) -> None:
    claims, repeats = first_claims([submission(make_event(), "r", index) for index in range(2)], 7)
    settled = assume_written(claims)
    assert [it.status for it in settled.values()] == ["ACCEPTED"]
    assert [it.status for it in assume_written([Note(repeats[0], settled[0].first)]).values()] == ["DUPLICATE"]


@settings(max_examples=300)
@given(data=st.data())
def test_any_crashes_and_any_retries_leave_one_row_an_event(data: st.DataObject) -> None:
    """Requests die after any number of groups of writes; the last one of each body lives."""
    tables = Tables()
    bodies = data.draw(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=4))
    answered: list[tuple[int, Settled]] = []
    for number, body in enumerate(bodies):
        events = [_event(n // 2, n % 2) for n in body]  # three keys, two payloads each
        for attempt, life in enumerate(data.draw(st.lists(st.integers(0, 4), max_size=3))):
            request(tables, events, f"{number}-{attempt}", groups_before_death=life)
        settled = request(tables, events, f"{number}-lives")
        assert set(settled) == set(range(len(events)))
        answered += [(n, settled[index]) for index, n in enumerate(body)]
    assert max(tables.inserts.values()) == 1
    rows = [row for target, row in tables.rows.items() if target[0] == "events"]
    keys = {n // 2 for body in bodies for n in body}
    assert Counter(row["event_id"] for row in rows if row["status"] == "ACCEPTED") == {
        _event(key, 0).event_id: 1 for key in keys
    }
    for n, end in answered:
        assert (end.status == "CONFLICT") == (end.first["payload_sha"] != _event(n // 2, n % 2).payload_sha)


def _event(key: int, payload: int) -> Event:
    time = "2026-11-20T10:00:00.000000Z"
    return Event(
        event_id=f"{key:064x}",
        source="s",
        event_type="t",
        entity_id="e",
        event_time=time,
        received_at=ARRIVAL,
        payload_sha=f"sha-{payload}",
        idempotency_key=str(key),
        language=None,
    )
