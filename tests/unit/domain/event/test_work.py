"""Work messages survive their way through the queue, and nothing else passes for one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.fields import RawRef
from pik.domain.event.work import BadWork, Message, Work, group_of, parse_work, work_of_row
from pik.domain.shared.failures import Category, classify
from tests.support.makers import make_work

WORK = make_work({"amount": 1}, ref=RawRef("bucket", "raw/a.json", 7, 12))
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=256)


@given(NAMES, NAMES, NAMES, st.sampled_from(["live", "replay", "redrive"]), st.integers(0, 10**6))
def test_a_message_reads_back_as_what_was_sent(source: str, kind: str, entity: str, origin: str, before: int) -> None:
    work = replace(
        WORK, source=source, event_type=kind, entity_id=entity, origin=origin, attempts_before=before, run="run-1"
    )
    message = work.message()
    assert parse_work(message.body) == work
    assert message.body.isascii()
    assert message.size == len(message.body.encode()) + len(message.group)


def test_the_members_are_those_of_the_contract() -> None:
    assert json.loads(WORK.message().body) == {
        "event_id": WORK.event_id,
        "event_type": "order",
        "source": "shop",
        "entity_id": "customer-17",
        "event_time": "2026-11-20T10:15:30.250000Z",
        "payload_sha": WORK.payload_sha,
        "s3_bucket": "bucket",
        "s3_key": "raw/a.json",
        "s3_offset": 7,
        "s3_length": 12,
        "origin": "live",
        "run": "LIVE",
        "attempts_before": 0,
    }


def test_an_index_row_becomes_a_live_message() -> None:
    row = {name: value for name, value in WORK.columns().items() if name not in {"origin", "run", "attempts_before"}}
    assert work_of_row({**row, "PK": "ENTITY#customer-17", "status": "ACCEPTED", "run": "from the row"}) == WORK


def test_a_member_that_a_later_version_added_is_ignored() -> None:
    assert parse_work(json.dumps({**WORK.columns(), "trace": [1]})) == WORK


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("event_id", "A" * 64),
        ("event_id", "a" * 63),
        ("event_id", 7),
        ("payload_sha", ""),
        ("source", ""),
        ("source", "x" * 257),
        ("event_type", None),
        ("entity_id", ["e"]),
        ("event_time", "yesterday"),
        ("event_time", "2026-11-20T10:15:30Z"),
        ("event_time", "2026-11-20T10:15:30.250000+00:00"),
        ("s3_bucket", ""),
        ("s3_key", "k" * 1025),
        ("s3_offset", -1),
        ("s3_offset", True),
        ("s3_offset", 1.0),
        ("s3_length", -1),
        ("s3_length", 4 * 1024 * 1024 + 1),
        ("origin", "nowhere"),
        ("origin", 3),
        ("run", "a#b"),
        ("run", ""),
        ("attempts_before", "1"),
    ],
)
def test_a_wrong_member_is_named(member: str, value: Any) -> None:
    with pytest.raises(BadWork, match=f"^work message: {member}: expected|^work message: {member}: bad_time"):
        parse_work(json.dumps({**WORK.columns(), member: value}))


@pytest.mark.parametrize("member", sorted(WORK.columns()))
def test_a_missing_member_is_named(member: str) -> None:
    columns = {name: value for name, value in WORK.columns().items() if name != member}
    with pytest.raises(BadWork, match=member):
        parse_work(json.dumps(columns))


@pytest.mark.parametrize("body", ["", "hello", "[]", "null", '{"a":1,"a":2}', "\ud800", '{"event_id":NaN}', "[" * 9999])
def test_what_is_no_json_object_is_bad_work(body: str) -> None:
    with pytest.raises(BadWork) as caught:
        parse_work(body)
    assert classify(caught.value) is Category.VALIDATION


def test_a_body_that_is_longer_than_any_work_message_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.domain.event.work.parse_json", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(BadWork, match="the longest has 65536"):
        parse_work(" " * 65_537)


def test_the_longest_work_message_is_far_below_that_bound() -> None:
    names = dict.fromkeys(("source", "event_type", "entity_id"), "😀" * 256)
    longest = make_work({"amount": 1}, ref=RawRef("b" * 256, "\U0001f600" * 1_024, 2**52, 4_000_000), **names)
    assert len(longest.message().body) < 65_536 / 2
    assert parse_work(longest.message().body) == longest


@pytest.mark.parametrize("body", ['{"' + "n" * 60_000 + '": NaN}', '{"x": ' + "9" * 60_000 + "}"])
def test_what_is_wrong_is_said_in_few_words_however_much_it_is(body: str) -> None:
    with pytest.raises(BadWork) as caught:
        parse_work(body)
    assert len(str(caught.value)) < 500


def test_a_message_that_sqs_would_refuse_for_its_size_is_bad_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.domain.event.work.MAX_SEND_BYTES", WORK.message().size - 1)
    with pytest.raises(BadWork, match="SQS takes"):
        WORK.message()


@given(NAMES)
def test_every_source_has_a_group_that_sqs_takes(source: str) -> None:
    group = group_of(source)
    assert 1 <= len(group) <= 128
    assert all("!" <= char <= "~" for char in group)


def test_a_group_is_the_source_itself_where_possible() -> None:
    assert group_of("shop") == "shop"
    assert group_of("~" * 128) == "~" * 128
    assert len(group_of("~" * 129)) == 64
    assert group_of("my shop") != group_of("my  shop")


def test_work_is_a_value() -> None:
    assert isinstance(WORK, Work)
    assert WORK.day == "2026-11-20"
    assert Message("é", "g").size == 3
