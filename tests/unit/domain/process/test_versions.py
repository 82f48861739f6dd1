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

from pik.adapters.dynamodb.items import to_item
from pik.domain.process.inputs import Input
from pik.domain.process.versions import (
    EMPTY_HASH,
    DayKey,
    Marker,
    Past,
    Version,
    VersionWrite,
    announce,
    combine_hashes,
    in_doubt,
    input_hash,
    plan_version,
    short,
)
from tests.support.aws.values import item_size
from tests.support.makers import make_input

KEY = DayKey("customer-17", "2026-11-20", "LIVE")
NOW = "2026-11-20T12:00:00.000000Z"
HASHES = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
EVENTS = [make_input(n, amount=n / 4) for n in range(260)]
IDS = [it.work.event_id for it in EVENTS]


def chain(*batches: Sequence[Input], latest: Version | None = None) -> list[VersionWrite]:
    """The steps of batches that nobody else comes between."""
    steps = []
    for batch in batches:
        steps.append(plan_version(KEY, latest, batch, NOW))
        latest = steps[-1].version
    return steps


def test_the_first_version_is_one_row_with_its_ids() -> None:
    (step,) = chain(EVENTS[:2])
    first, second = (it.work.event_id for it in EVENTS[:2])
    assert step.markers == ()
    assert step.version.row() == {
        "PK": "ENTITY#customer-17",
        "SK": "DAY#2026-11-20#RUN#LIVE#VER#0000000001",
        "entity_id": "customer-17",
        "day": "2026-11-20",
        "run": "LIVE",
        "version": 1,
        "metrics": {
            "daily_event_count": 2,
            "daily_amount_sum": {"XXX": "0.25"},
            "daily_amounts_not_counted": 0,
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


def test_forty_events_are_carried_by_one_row_and_the_next_version_brings_their_markers() -> None:
    _, small, big = chain(EVENTS[:30], EVENTS[30:40], EVENTS[40:41])
    assert small.markers == ()
    assert small.version.carried == {short(it): 1 + (n >= 30) for n, it in enumerate(IDS[:40])}
    assert big.version.applied is None
    assert big.version.row()["applied_ids"] is None
    assert [(it.event_id, it.version) for it in big.markers] == list(small.version.carried.items())
    assert big.version.carried == {short(IDS[40]): 3}


def test_a_version_of_a_big_day_brings_the_markers_of_the_one_before_it() -> None:
    *_, before, step = chain(EVENTS[:40], EVENTS[40:41], EVENTS[41:43], EVENTS[43:44])
    assert before.version.carried == {short(it): 3 for it in IDS[41:43]}
    assert step.markers == tuple(Marker(KEY, short(it), 3) for it in IDS[41:43])


def test_a_big_day_never_becomes_small_again() -> None:
    assert [it.version.applied is None for it in chain(EVENTS[:40], EVENTS[40:41], EVENTS[41:43])] == [
        False,
        True,
        True,
    ]


def test_a_first_batch_over_forty_starts_big_and_without_markers() -> None:
    (step,) = chain(EVENTS[:41])
    assert step.version.number == 1
    assert step.version.applied is None
    assert step.markers == ()


def test_a_version_takes_a_hundred_events_and_is_read_with_one_unit() -> None:
    _, big = chain(EVENTS[:40], EVENTS[40:260])
    assert big.version.added == tuple(IDS[40:140])
    assert item_size(to_item(big.version.row())) <= 4096


def test_the_row_of_a_small_day_costs_two_write_units_at_most_and_of_a_lone_event_on_a_big_day_one() -> None:
    *small, _, big = chain(*([it] for it in EVENTS[:42]))
    assert all(item_size(to_item(it.version.row())) <= 2048 for it in small)
    assert all(item_size(to_item(it.version.row())) <= 1024 for it in small[:20])
    assert item_size(to_item(big.version.row())) <= 1024


def test_a_marker_has_one_key_whether_its_id_is_whole_or_short() -> None:
    event_id = IDS[0]
    assert Marker(KEY, short(event_id), 1).row() == Marker(KEY, event_id, 1).row()
    assert Marker(KEY, event_id, 1).row() == {"PK": f"RUN#LIVE#DAY#2026-11-20#EID#{event_id[:32]}", "version": 1}


def test_the_prefix_of_versions_excludes_other_days_and_runs() -> None:
    assert KEY.version_sk(7).startswith(KEY.versions)
    for other in (replace(KEY, day="2026-11-21"), replace(KEY, run="LIVE2"), replace(KEY, run="LIV")):
        assert not other.version_sk(7).startswith(KEY.versions)


def test_text_order_of_versions_is_their_order() -> None:
    numbers = [1, 9, 10, 99, 100, 10**9, 10**10 - 1]
    assert sorted(map(KEY.version_sk, numbers)) == list(map(KEY.version_sk, numbers))


def test_only_markers_can_tell_of_what_the_latest_version_does_not_carry() -> None:
    first, small, big = (it.version for it in chain(EVENTS[:39], EVENTS[39:40], EVENTS[40:43]))
    assert in_doubt(None, IDS[:3]) == []
    assert in_doubt(first, IDS[:60]) == in_doubt(small, IDS[:60]) == []
    assert in_doubt(big, IDS[38:45]) == [*IDS[38:40], *IDS[43:45]]


def test_a_first_version_carries_all_that_it_counts_however_much_that_is() -> None:
    (step,) = chain(EVENTS[:100])
    assert in_doubt(step.version, IDS[90:110]) == []


@pytest.mark.parametrize(("latest", "known"), [(1, {0: 1, 29: 1}), (2, {0: 1, 29: 1, 30: 2, 39: 2})])
def test_the_past_of_a_small_day_is_what_its_row_carries(latest: int, known: dict[int, int]) -> None:
    steps = chain(EVENTS[:30], EVENTS[30:40])
    past = Past.of(steps[latest - 1].version, [IDS[n] for n in (0, 29, 30, 39, 40)], {})
    assert past.counted == {IDS[n]: version for n, version in known.items()}


def test_the_past_of_a_big_day_is_what_its_row_carries_and_what_has_markers() -> None:
    *_, big = chain(EVENTS[:30], EVENTS[30:40], EVENTS[40:43])
    past = Past.of(big.version, IDS[35:50], dict.fromkeys(IDS[35:40], 2))
    fresh, known = past.sift(EVENTS[35:50])
    assert fresh == EVENTS[43:50]
    assert known == {**dict.fromkeys(IDS[35:40], 2), **dict.fromkeys(IDS[40:43], 3)}


def test_a_day_without_versions_has_no_past() -> None:
    assert Past.of(None, IDS[:3], {}).sift(EVENTS[:3]) == (EVENTS[:3], {})


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
    batches = [batch for a, b in pairwise(edges) if (batch := events[a:b])]
    steps = chain(*batches)
    last = steps[-1].version
    whole = chain(EVENTS[:count])[0].version
    assert last.metrics == whole.metrics
    assert last.inputs_hash == whole.inputs_hash
    assert last.input_count == count
    assert [it.version.number for it in steps] == list(range(1, len(steps) + 1))
    assert sorted(event_id for it in steps for event_id in it.version.added) == sorted(
        it.work.event_id for it in EVENTS[:count]
    )
    assert_the_past_is_always_known(steps)


def assert_the_past_is_always_known(steps: Sequence[VersionWrite]) -> None:
    """What a version carries and what has been marked before it was written are all events up to it."""
    marked: dict[str, int] = {}
    counted: dict[str, int] = {}
    for step in steps:
        marked |= {it.event_id: it.version for it in step.markers}
        counted |= {short(it): step.version.number for it in step.version.added}
        assert {**marked, **step.version.carried} == counted


def test_inputs_hash_tells_payloads_apart() -> None:
    event_id = EVENTS[0].work.event_id
    assert input_hash(event_id, "a" * 64) != input_hash(event_id, "b" * 64)
    assert input_hash("a" * 64, "b" * 64) == hashlib.sha256(b"\xaa" * 32 + b"\xbb" * 32).hexdigest()


@pytest.mark.parametrize(
    ("origins", "replayed"), [(("replay", "replay"), True), (("replay", "live"), False), (("redrive", "live"), False)]
)
def test_a_version_is_replayed_when_all_that_it_added_was(origins: tuple[str, ...], replayed: bool) -> None:
    events = [make_input(n, origin=origin) for n, origin in enumerate(origins)]
    assert plan_version(KEY, None, events, NOW).version.replayed is replayed


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
