"""Rows: keys that sort by time, never collide, and can be written again from what is known."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from pik.domain.event.envelope import Event
from pik.domain.event.fields import RawRef
from pik.domain.event.rows import (
    accepted_row,
    dedupe_row,
    entity_key,
    first_row,
    known_from_index,
    noted_row,
    raw_key,
    rejected_key,
    shard_of,
    source_day_key,
)
from pik.domain.event.work import group_of
from pik.domain.http.checks import Checks
from pik.domain.shared.limits import SOURCE_DAY_SHARDS
from pik.domain.shared.problems import InvalidEvent, pointer

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=256)
MakeEvent = Callable[..., Event]
MakeRef = Callable[..., RawRef]


def test_an_accepted_row_holds_the_contract(make_event: MakeEvent, make_ref: MakeRef) -> None:
    event = make_event(event_time="2026-11-19T23:59:59+00:00", idempotency_key="k")
    row = accepted_row(event, make_ref(), "req-1")
    assert row == {
        "PK": "ENTITY#e-1",
        "SK": f"TS#2026-11-19T23:59:59.000000Z#EID#{event.event_id}",
        "source_day": f"SRC#shop#TYPE#order#DAY#2026-11-19#{shard_of(event.event_id):02d}",
        "event_id": event.event_id,
        "event_type": "order",
        "source": "shop",
        "entity_id": "e-1",
        "event_time": "2026-11-19T23:59:59.000000Z",
        "received_at": "2026-11-20T12:00:00.000000Z",
        "ingest_lag_ms": 43_201_000,
        "payload_sha": event.payload_sha,
        "status": "ACCEPTED",
        "s3_bucket": "bucket",
        "s3_key": "raw/a",
        "s3_offset": 0,
        "s3_length": 10,
        "request_id": "req-1",
        "idempotency_key": "k",
    }


def test_the_first_row_can_be_written_again_from_the_dedupe_row_and_any_twin(
    make_event: MakeEvent, make_ref: MakeRef
) -> None:
    first = make_event(idempotency_key="k", event_time="2026-11-19T01:00:00Z")
    twin = make_event(idempotency_key="k", event_time="2026-11-20T02:00:00Z", received_at="2026-11-20T13:00:00.000000Z")
    assert first.event_id == twin.event_id
    known = dedupe_row(first, make_ref("raw/first"), "req-1", ttl_days=7)
    assert first_row(twin, known) == accepted_row(first, make_ref("raw/first"), "req-1")


def test_an_index_row_knows_what_its_dedupe_row_knew(make_event: MakeEvent, make_ref: MakeRef) -> None:
    event = make_event()
    known = known_from_index(accepted_row(event, make_ref(), "req-1"))
    expected = dedupe_row(event, make_ref(), "req-1", ttl_days=7)
    assert known == {name: value for name, value in expected.items() if name != "expires_at"}


def test_a_dedupe_row_expires_after_its_days(make_event: MakeEvent, make_ref: MakeRef) -> None:
    event = make_event(received_at="1970-01-02T00:00:00.000000Z")
    assert dedupe_row(event, make_ref(), "r", ttl_days=7)["expires_at"] == 8 * 86_400


def test_noted_rows_stand_beside_the_first_and_beside_each_other(make_event: MakeEvent, make_ref: MakeRef) -> None:
    event = make_event(event_time="2026-11-20T10:00:00Z")
    rows = [accepted_row(event, make_ref(), "r")] + [
        noted_row(event, make_ref(), request, index, status, {"event_time": "2026-11-19T00:00:00.000000Z"})
        for request in ("r", "q")
        for index in (0, 1)
        for status in ("DUPLICATE", "CONFLICT")
    ]
    assert len({(row["PK"], row["SK"]) for row in rows}) == len(rows)
    assert all(row["SK"].startswith(rows[0]["SK"]) for row in rows)
    assert {row["first_event_time"] for row in rows[1:]} == {"2026-11-19T00:00:00.000000Z"}


@given(names, names, names, names)
def test_no_two_pairs_of_names_share_an_index_partition(a: str, b: str, c: str, d: str) -> None:
    one, other = source_day_key(a, b, "2026-11-20", 0), source_day_key(c, d, "2026-11-20", 0)
    assert (one == other) == ((a, b) == (c, d))


@given(names, names, st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=1024))
@example("\N{GRINNING FACE}" * 250, "\N{GRINNING FACE}" * 250, "\N{GRINNING FACE}" * 256)
@example("#" * 256, "%" * 256, "x" * 1024)
def test_the_keys_of_what_is_accepted_fit_dynamodb(source: str, event_type: str, entity: str) -> None:
    checks = Checks(pointer)
    for member, value in {"source": source, "event_type": event_type, "entity_id": entity}.items():
        checks.name(member, value)
    try:
        checks.finish()
    except InvalidEvent:
        return  # at parse time, as 400
    assert len(source_day_key(source, event_type, "9999-12-30", SOURCE_DAY_SHARDS - 1).encode()) <= 2048
    assert len(entity_key(entity).encode()) <= 2048
    assert len(group_of(source)) <= 128


def test_the_longest_names_that_fit_are_accepted() -> None:
    checks = Checks(pointer)
    for member, value in {
        "source": "\N{GRINNING FACE}" * 250,
        "event_type": "#" * 256,
        "entity_id": "\N{GRINNING FACE}" * 256,
        "subject": "x" * 1024,
    }.items():
        assert checks.name(member, value) == value
    checks.finish()


def test_names_that_contain_the_separator_are_told_apart() -> None:
    assert source_day_key("a#TYPE#b", "c", "d", 0) != source_day_key("a", "b#TYPE#c", "d", 0)


@given(names, names)
def test_a_raw_key_fits_s3_and_names_one_partition(source: str, event_type: str) -> None:
    event = Event(
        event_id="0" * 64,
        source=source,
        event_type=event_type,
        entity_id="e",
        event_time="t",
        received_at="t",
        payload_sha="s",
        idempotency_key=None,
        language=None,
    )
    key = raw_key([event], "2026-11-20T12:00:00.000000Z", "JKJaXmPLvHcESHA=", "json")
    assert len(key.encode()) <= 1024
    assert key.startswith("raw/source=")
    assert key.count("/") == 4
    assert key.endswith("/date=2026-11-20/2026-11-20T120000.000000Z-JKJaXmPLvHcESHA=.json")


def test_a_body_of_mixed_sources_says_so(make_event: MakeEvent) -> None:
    key = raw_key([make_event(), make_event(source="other")], "2026-11-20T12:00:00.000000Z", "r", "ndjson")
    assert key == "raw/source=_mixed/event_type=order/date=2026-11-20/2026-11-20T120000.000000Z-r.ndjson"
    assert rejected_key("2026-11-20T12:00:00.000000Z", "r/1") == (
        "rejected/date=2026-11-20/2026-11-20T120000.000000Z-r%2F1.json"
    )


@given(st.integers(0, 2**256 - 1))
def test_every_id_has_a_shard(number: int) -> None:
    assert 0 <= shard_of(f"{number:064x}") < SOURCE_DAY_SHARDS
