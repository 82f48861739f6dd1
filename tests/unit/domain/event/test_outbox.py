"""What the outbox announces, and what is kept of the rest."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.outbox import (
    UnreadableBatch,
    announced,
    discarded_records,
    sequence_of,
    set_aside,
    set_aside_key,
)
from tests.support.makers import index_row, make_work, stream_record

WORK = make_work({"n": 1})
RECORD = stream_record(index_row(WORK), 7)


def test_a_new_row_of_an_accepted_event_is_announced() -> None:
    assert announced("INSERT", index_row(WORK)) == WORK


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("MODIFY", index_row(WORK), "MODIFY"),
        ("REMOVE", {}, "REMOVE"),
        ("INSERT", index_row(WORK, "DUPLICATE"), "DUPLICATE"),
        ("INSERT", index_row(WORK, "CONFLICT"), "CONFLICT"),
        ("INSERT", {"PK": "x"}, "None"),
    ],
)
def test_what_is_not_announced_says_why(name: str, row: dict[str, Any], reason: str) -> None:
    assert announced(name, row) == reason


def test_a_row_that_ingest_has_not_written_raises() -> None:
    with pytest.raises(KeyError):
        announced("INSERT", {"status": "ACCEPTED"})


@pytest.mark.parametrize("payload", [json.dumps({"Records": [RECORD]}), {"Records": [RECORD]}], ids=["text", "object"])
def test_a_discarded_batch_gives_its_records(payload: Any) -> None:
    text = json.dumps({"requestContext": {}, "DDBStreamBatchInfo": {}, "payload": payload}).encode()
    assert discarded_records(text) == [RECORD]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the object is not JSON"),
        (b"\xff\xfe\x00", "the object is not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"DDBStreamBatchInfo": {"shardId": "shard"}}', "positions in the stream and no records"),
        (b'{"payload": "{"}', "its payload is not JSON"),
        (b'{"payload": "[]"}', "no list of Records"),
        (b'{"payload": {"Records": {}}}', "no list of Records"),
        (b'{"payload": "' + b"[" * 100_000 + b'"}', "its payload is not JSON: RecursionError"),
    ],
)  # fmt: skip
def test_an_object_without_records_says_why(text: bytes, reason: str) -> None:
    with pytest.raises(UnreadableBatch, match=reason):
        discarded_records(text)


@given(st.binary(max_size=200))
def test_whatever_an_object_holds_it_is_read_or_refused(text: bytes) -> None:
    with suppress(UnreadableBatch):
        assert isinstance(discarded_records(text), list)


def test_what_is_set_aside_is_read_as_a_discarded_batch() -> None:
    assert discarded_records(set_aside(RECORD, "KeyError: 's3_key'")) == [RECORD]


def test_a_record_has_one_place_to_be_set_aside_whatever_it_holds() -> None:
    assert set_aside_key(RECORD) == f"aws/lambda/publisher/{sequence_of(RECORD)}-event-7.json"
    strange = {"eventID": "../../../x\n" * 30, "dynamodb": {"SequenceNumber": "1/2"}}
    assert set_aside_key(strange).removeprefix("aws/lambda/publisher/").removesuffix(".json").replace("-", "").isalnum()
    assert len(set_aside_key(strange)) < 200
    assert set_aside_key({}) == set_aside_key([]) == "aws/lambda/publisher/nameless.json"


@pytest.mark.parametrize("record", [{}, [], None, "x", {"dynamodb": None}, {"dynamodb": {}}])
def test_a_record_without_a_sequence_number_has_none(record: Any) -> None:
    assert sequence_of(record) == ""
