"""Versions: which events are new, what is written for them, and that it adds up in any order and any batches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pik.domain.aggregates import (
    EMPTY_HASH,
    DayKey,
    Marker,
    Step,
    Version,
    announce,
    combine_hashes,
    input_hash,
    next_step,
    short,
    sift,
)
from pik.domain.work import Input
from tests.makers import make_input

KEY = DayKey("customer-17", "2026-11-20", "LIVE")
NOW = "2026-11-20T12:00:00.000000Z"
HASHES = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
EVENTS = [make_input(n, amount=n / 4) for n in range(120)]


def chain(*batches: Sequence[Input], latest: Version | None = None) -> list[Step]:
    """The steps of batches that nobody else comes between."""
    steps = []
    for batch in batches:
        steps.append(next_step(KEY, latest, batch, NOW))
        latest = steps[-1].version
    return steps


def test_the_first_version_is_one_row_with_its_ids() -> None:
    (step,) = chain(EVENTS[:2])
    first, second = (it.work.event_id for it in EVENTS[:2])
    assert (step.carried, step.markers) == ((), ())
    assert step.version.row() == {
        "PK": "ENTITY#customer-17",
        "SK": "DAY#2026-11-20#RUN#LIVE#VER#0000000001",
        "entity_id": "customer-17",
        "day": "2026-11-20",
        "run": "LIVE",
        "version": 1,
        "metrics": {
            "daily_event_count": 2,
            "daily_amount_sum": "0.25",
            "first_event_time": "2026-11-20T10:15:30.250000Z",
            "last_event_time": "2026-11-20T10:15:30.250000Z",
        },
        "inputs_hash": combine_hashes(
            input_hash(first, EVENTS[0].work.payload_sha), input_hash(second, EVENTS[1].work.payload_sha)
        ),
        "input_count": 2,
        "sample_event_ids": sorted([first, second]),
        "added": bytes.fromhex(first) + bytes.fromhex(second),
        "computed_at": NOW,
        "code_version": "0.1.0",
        "replayed": False,
        "applied_ids": bytes.fromhex(first)[:16] + b"\x01" + bytes.fromhex(second)[:16] + b"\x01",
    }


def test_the_next_version_carries_all_ids_with_the_version_that_added_each() -> None:
    *_, step = chain(EVENTS[:2], EVENTS[2:3], EVENTS[3:5])
    assert step.version.number == 3
    assert step.version.applied == {
        short(it.work.event_id): v for it, v in zip(EVENTS[:5], (1, 1, 2, 3, 3), strict=True)
    }
    assert step.version.added == tuple(it.work.event_id for it in EVENTS[3:5])


def test_a_version_reads_back_as_it_was_written() -> None:
    for step in chain(EVENTS[:3], EVENTS[3:40], EVENTS[40:60]):
        stored = {name: value for name, value in step.version.row().items() if value is not None}
        assert Version.of(stored) == step.version


def test_forty_events_are_carried_and_one_more_brings_a_marker_for_each() -> None:
    small, big = chain(EVENTS[:40], EVENTS[40:41])
    assert small.version.applied is not None
    assert len(small.version.applied) == 40
    assert big.version.applied is None
    assert "applied_ids" in big.version.row()
    assert big.version.row()["applied_ids"] is None
    assert {it.event_id: it.version for it in big.carried} == dict(small.version.applied)
    assert [(it.event_id, it.version) for it in big.markers] == [(EVENTS[40].work.event_id, 2)]


def test_a_big_day_never_becomes_small_again() -> None:
    *_, step = chain(EVENTS[:40], EVENTS[40:41], EVENTS[41:43])
    assert step.version.applied is None
    assert step.carried == ()
    assert [it.event_id for it in step.markers] == [it.work.event_id for it in EVENTS[41:43]]


def test_a_first_batch_over_forty_starts_with_markers() -> None:
    (step,) = chain(EVENTS[:41])
    assert step.version.number == 1
    assert step.carried == ()
    assert len(step.markers) == 41


def test_a_version_takes_fifty_events_and_fits_one_transaction_also_at_the_transition() -> None:
    small, big = chain(EVENTS[:40], EVENTS[40:120])
    assert small.version.input_count == 40
    assert big.version.added == tuple(it.work.event_id for it in EVENTS[40:90])
    assert 1 + len(big.carried) + len(big.markers) == 91


def test_markers_have_one_key_whether_they_were_carried_or_new() -> None:
    event_id = EVENTS[0].work.event_id
    carried, new = Marker(KEY, short(event_id), 1), Marker(KEY, event_id, 1)
    assert carried.row() == new.row()
    assert new.row() == {
        "PK": "ENTITY#customer-17",
        "SK": f"DAY#2026-11-20#RUN#LIVE#EID#{event_id[:32]}",
        "version": 1,
    }


def test_the_prefix_of_versions_excludes_markers_and_other_days_and_runs() -> None:
    assert KEY.version_sk(7).startswith(KEY.versions)
    assert not KEY.marker_sk(EVENTS[0].work.event_id).startswith(KEY.versions)
    for other in (replace(KEY, day="2026-11-21"), replace(KEY, run="LIVE2"), replace(KEY, run="LIV")):
        assert not other.version_sk(7).startswith(KEY.versions)


def test_text_order_of_versions_is_their_order() -> None:
    numbers = [1, 9, 10, 99, 100, 10**9, 10**10 - 1]
    assert sorted(map(KEY.version_sk, numbers)) == list(map(KEY.version_sk, numbers))


def test_events_that_were_counted_are_told_from_those_that_were_not() -> None:
    (step,) = chain(EVENTS[:3])
    assert step.version.applied is not None
    fresh, known = sift(step.version.applied, EVENTS[1:5])
    assert fresh == EVENTS[3:5]
    assert known == {EVENTS[1].work.event_id: 1, EVENTS[2].work.event_id: 1}


@given(HASHES, HASHES, HASHES)
def test_inputs_hash_is_a_commutative_monoid(a: str, b: str, c: str) -> None:
    assert combine_hashes(a, combine_hashes(b, c)) == combine_hashes(combine_hashes(a, b), c)
    assert combine_hashes(a, b) == combine_hashes(b, a)
    assert combine_hashes(EMPTY_HASH, a) == a
    assert len(combine_hashes(a, b)) == 64


@settings(max_examples=30)
@given(st.data())
def test_any_order_and_any_batches_end_in_the_same_day(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    events = data.draw(st.permutations(EVENTS[:count]))
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=6)))
    edges = [0, *cuts, count]
    batches = [events[a:b][at : at + 50] for a, b in pairwise(edges) for at in range(0, b - a, 50)]
    steps = chain(*[batch for batch in batches if batch])
    last = steps[-1].version
    whole = (
        chain(EVENTS[: min(count, 50)], EVENTS[50:count])[-1].version
        if count > 50
        else chain(EVENTS[:count])[0].version
    )
    assert last.metrics == whole.metrics
    assert last.inputs_hash == whole.inputs_hash
    assert last.input_count == count
    assert [it.version.number for it in steps] == list(range(1, len(steps) + 1))
    assert sorted(event_id for it in steps for event_id in it.version.added) == sorted(
        it.work.event_id for it in EVENTS[:count]
    )
    marked = {short(it.event_id) for step in steps for it in (*step.carried, *step.markers)}
    assert marked == (set() if last.applied is not None else {short(it.work.event_id) for it in EVENTS[:count]})


def test_inputs_hash_tells_payloads_apart() -> None:
    event_id = EVENTS[0].work.event_id
    assert input_hash(event_id, "a" * 64) != input_hash(event_id, "b" * 64)
    assert input_hash("a" * 64, "b" * 64) == hashlib.sha256(b"\xaa" * 32 + b"\xbb" * 32).hexdigest()


@pytest.mark.parametrize(
    ("origins", "replayed"), [(("replay", "replay"), True), (("replay", "live"), False), (("redrive", "live"), False)]
)
def test_a_version_is_replayed_when_all_that_it_added_was(origins: tuple[str, ...], replayed: bool) -> None:
    events = [make_input(n, origin=origin) for n, origin in enumerate(origins)]
    assert next_step(KEY, None, events, NOW).version.replayed is replayed


def test_three_sample_ids_are_the_smallest_that_were_added() -> None:
    (step,) = chain(EVENTS[:10])
    assert step.version.row()["sample_event_ids"] == sorted(it.work.event_id for it in EVENTS[:10])[:3]


def test_the_announcement_says_what_the_row_says() -> None:
    (step,) = chain(EVENTS[:2])
    said = announce(step.version)
    detail: dict[str, Any] = json.loads(said.detail)
    assert said.detail_type == "events.processed"
    assert said.id == hashlib.sha256(b'["ENTITY#customer-17","DAY#2026-11-20#RUN#LIVE#VER#0000000001"]').hexdigest()
    assert detail == {
        "id": said.id,
        "entity_id": "customer-17",
        "day": "2026-11-20",
        "run": "LIVE",
        "version": 1,
        "event_ids": [it.work.event_id for it in EVENTS[:2]],
        "input_count": 2,
        "inputs_hash": step.version.inputs_hash,
        "metrics": dict(step.version.metrics),
        "computed_at": NOW,
        "replayed": False,
    }


def test_a_version_read_back_is_announced_in_the_same_words() -> None:
    for step in chain(EVENTS[:2], EVENTS[2:50]):
        row = step.version.row()
        # DynamoDB promises no order within a map
        row["metrics"] = dict(reversed(row["metrics"].items()))
        assert announce(Version.of(row)) == announce(step.version)
