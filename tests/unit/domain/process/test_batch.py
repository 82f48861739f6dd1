"""What the processor decides: what to read, what an event must be, what a message waits for."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.fields import RawRef
from pik.domain.event.work import BadWork
from pik.domain.http.strict_json import MalformedJson
from pik.domain.process.batch import (
    AmountOverLimit,
    BrokenReference,
    DayOutcome,
    Delivery,
    Due,
    group_by_day,
    judge,
    open_event,
    plan_reads,
    read_deliveries,
)
from pik.domain.process.inputs import Input
from pik.domain.process.versions import DayKey
from pik.domain.shared.failures import Category, HashMismatch, TransientFailure, classify
from pik.domain.shared.limits import MAX_BODY_BYTES
from tests.support.foreign import FOREIGN, ForeignMessage
from tests.support.makers import AMOUNT_RULES, make_input, make_work, sqs_record

WORK = make_work({"amount": 1})
KEY = DayKey("customer-17", "2026-11-20", "LIVE")
EVENT = WORK.event_id


def delivery(number: int = 0, *, receive_count: int = 1, **changes: Any) -> Delivery:
    return Delivery(f"m-{number}", receive_count, replace(WORK, **changes))


def placed(number: int, key: str, offset: int, length: int, bucket: str = "raw") -> Delivery:
    return delivery(number, ref=RawRef(bucket, key, offset, length))


def test_a_batch_is_read_in_order_and_a_bad_message_spoils_only_itself() -> None:
    records = [sqs_record("{", 0), sqs_record(WORK.message().body, 1, receive_count=3)]
    records[1]["attributes"]["MessageGroupId"] = "shop"
    bad, good = read_deliveries(records)
    assert (bad.message_id, bad.work, bad.body, bad.group) == ("message-0", None, "{", "")
    assert isinstance(bad.error, BadWork)
    body = WORK.message().body
    assert good == Delivery("message-1", 3, WORK, None, body, "shop", "receipt-1", "2026-11-20T10:15:30.250000Z")


@pytest.mark.parametrize(("before", "died_after", "attempts"), [(0, 5, 5), (6, 5, 6)])
def test_a_dead_letter_that_was_moved_back_as_it_was_keeps_its_attempts(
    before: int, died_after: int, attempts: int
) -> None:
    record = sqs_record(replace(WORK, attempts_before=before).message().body, 0)
    told = {"category": "TRANSIENT", "fingerprint": "f", "attempts": str(died_after)}
    record["messageAttributes"] = {
        name: {"stringValue": value, "dataType": "String", "stringListValues": [], "binaryListValues": []}
        for name, value in told.items()
    }
    (found,) = read_deliveries([record])
    assert found.work == replace(WORK, attempts_before=attempts)
    assert found.is_repeat
    assert found.attempt(5).number == attempts + 1


def test_attributes_of_others_mean_nothing() -> None:
    record = sqs_record(WORK.message().body, 0)
    record["messageAttributes"] = {"attempts": {"stringValue": "9"}, "category": {"binaryValue": "eA=="}}
    assert read_deliveries([record])[0].work == WORK


@pytest.mark.parametrize(
    ("it", "repeat"),
    [
        (delivery(), False),
        (delivery(origin="replay"), False),
        (delivery(receive_count=2), True),
        (delivery(attempts_before=1), True),
        (delivery(origin="redrive"), True),
        (Delivery("m", 2, None), True),
        (Delivery("m", 1, None), False),
    ],
)
def test_a_repeat_is_what_an_earlier_attempt_may_have_counted(it: Delivery, repeat: bool) -> None:
    assert it.is_repeat is repeat


def test_an_attempt_counts_those_under_earlier_messages() -> None:
    attempt = delivery(receive_count=3, attempts_before=5).attempt(5)
    assert (attempt.number, attempt.last, attempt.event_id) == (8, False, EVENT)
    assert attempt.columns["s3_key"] == WORK.ref.key
    assert "attempts_before" not in attempt.columns
    assert delivery(receive_count=5).attempt(5).last
    assert Delivery("m-9", 5, None).attempt(5).ledger_event == "unknown-m-9"


def test_events_of_one_object_share_one_read() -> None:
    deliveries = [placed(0, "a", 50, 10), placed(1, "b", 0, 5), placed(2, "a", 10, 20), placed(3, "a", 55, 3)]
    (first, second), refused = plan_reads(deliveries, "raw")
    assert (first.key, first.offset, first.length) == ("a", 10, 50)
    assert [it.message_id for it in first.deliveries] == ["m-0", "m-2", "m-3"]
    assert (second.key, second.offset, second.length) == ("b", 0, 5)
    assert refused == {}


def test_another_bucket_is_not_read() -> None:
    reads, refused = plan_reads([placed(0, "a", 0, 5, bucket="secrets"), placed(1, "a", 0, 5)], "raw")
    assert [it.message_id for it in reads[0].deliveries] == ["m-1"]
    assert isinstance(refused["m-0"], BrokenReference)
    assert "secrets" in str(refused["m-0"])


def test_a_message_that_could_not_be_read_keeps_its_reason() -> None:
    error = BadWork("x")
    assert plan_reads([Delivery("m-0", 1, None, error)], "raw") == ([], {"m-0": error})


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8), st.binary(max_size=5))
def test_each_event_is_cut_out_of_the_bytes_read(names: list[str], before: bytes) -> None:
    body, deliveries, payloads = before, [], {}
    for number, name in enumerate(names):
        payload = {"name": name, "n": number}
        piece = json.dumps({"payload": payload}, ensure_ascii=False).encode()
        work = make_work(payload, ref=RawRef("raw", "a", len(body), len(piece)))
        deliveries.append(Delivery(f"m-{number}", 1, work))
        payloads[f"m-{number}"] = payload
        body += piece + b"\n"
    (read,), _ = plan_reads(reversed(deliveries), "raw")
    opened = read.open(body[read.offset : read.offset + read.length], AMOUNT_RULES)
    assert {it: found.payload for it, found in opened.items() if isinstance(found, Input)} == payloads


def test_an_object_that_ends_too_early_spoils_only_the_events_beyond_its_end() -> None:
    payload = {"n": 1}
    inside = Delivery("m-0", 1, make_work(payload, ref=RawRef("raw", "a", 0, 7)))
    (read,), _ = plan_reads([inside, placed(1, "a", 5, 100)], "raw")
    opened = read.open(b'{"n":1}', AMOUNT_RULES)
    assert isinstance(opened["m-0"], Input)
    assert isinstance(opened["m-1"], BrokenReference)
    assert str(opened["m-1"]) == "a ends at 7; the event is 100 from 5"
    assert classify(opened["m-1"]) is Category.VALIDATION


def test_bytes_that_are_not_the_event_are_refused() -> None:
    work = make_work({"n": 1})
    with pytest.raises(HashMismatch):
        open_event(work, b'{"n":2}', AMOUNT_RULES)
    with pytest.raises(MalformedJson):
        open_event(work, b'{"n":', AMOUNT_RULES)
    assert open_event(work, b'{ "payload": {"n": 1.0} }', AMOUNT_RULES).payload == {"n": 1}


@pytest.mark.parametrize(
    ("kind", "payload", "refused"),
    [
        ("order", {"amount": 1_000_000}, False),
        ("order", {"amount": 1_000_000.01}, True),
        ("order", {"amount": "1000000.01"}, True),
        ("order", {"amount": 1_000_000.01, "currency": "EUR"}, True),
        ("order", {"amount": 1_000_000.01, "currency": "JPY"}, False),
        ("order", {"amount": 1_000_000.01, "currency": "IRR"}, False),
        ("refund", {"amount": 2e6}, False),
        ("payment", {"amount": 2e6}, False),
    ],
)
def test_an_order_over_the_limit_of_its_currency_breaks_a_business_rule(kind: str, payload: Any, refused: bool) -> None:
    event = open_event(make_work(payload, event_type=kind), json.dumps(payload).encode(), AMOUNT_RULES)
    gone = BrokenReference("x")
    limits = {"*": Decimal(1_000_000), "JPY": Decimal(150_000_000), "IRR": Decimal("1e12")}
    assert judge({"m-0": event}, {}) == {"m-0": event}
    judged = judge({"m-0": event, "m-1": gone}, limits)
    assert judged["m-1"] is gone
    if not refused:
        assert judged["m-0"] is event
        return
    error = judged["m-0"]
    assert isinstance(error, AmountOverLimit)
    assert "1000000.01 is over the limit of 1000000" in str(error)
    assert classify(error) is Category.PROCESSING


def test_events_are_grouped_by_entity_day_and_run_and_each_counts_once() -> None:
    one, two = make_input(1), make_input(2)
    elsewhere = [
        make_input(3, entity_id="e"),
        make_input(4, event_time="2026-11-21T00:00:00.000000Z"),
        make_input(5, run="r"),
    ]
    groups = group_by_day([one, two, *elsewhere, replace(one, work=replace(one.work, attempts_before=1))])
    assert groups == {
        KEY: [one, two],
        replace(KEY, entity_id="e"): [elsewhere[0]],
        replace(KEY, day="2026-11-21"): [elsewhere[1]],
        replace(KEY, run="r"): [elsewhere[2]],
    }


def test_a_message_waits_for_the_version_that_counted_its_event_now() -> None:
    assert DayOutcome(KEY, counted={EVENT: 4}).due(delivery(), EVENT) == Due(KEY, 4)


def test_a_first_delivery_of_a_counted_event_waits_for_nothing() -> None:
    assert DayOutcome(KEY, known={EVENT: 4}).due(delivery(), EVENT) is None
    assert DayOutcome(KEY, known={EVENT: 4}).due(delivery(origin="replay"), EVENT) is None


def test_a_repeated_delivery_of_a_counted_event_announces_its_version_again() -> None:
    assert DayOutcome(KEY, known={EVENT: 4}).due(delivery(receive_count=2), EVENT) == Due(KEY, 4)


def test_an_event_counted_by_a_write_without_an_answer_is_announced() -> None:
    assert DayOutcome(KEY, known={EVENT: 4}, contested={EVENT}).due(delivery(), EVENT) == Due(KEY, 4)


def test_an_event_that_was_not_counted_has_the_days_failure() -> None:
    error = TransientFailure("busy")
    with pytest.raises(TransientFailure) as caught:
        DayOutcome(KEY, error=error).due(delivery(), EVENT)
    assert caught.value is error
    with pytest.raises(LookupError):
        DayOutcome(KEY).due(delivery(), EVENT)


def test_versions_that_were_written_before_a_failure_stand() -> None:
    assert DayOutcome(KEY, counted={EVENT: 1}, error=TransientFailure("later")).due(delivery(), EVENT) == Due(KEY, 1)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_message_has_its_own_error_and_spoils_no_neighbour(name: str) -> None:
    records = [
        sqs_record(WORK.message().body, 0),
        sqs_record(FOREIGN[name].body, 1),
        sqs_record(WORK.message().body, 2),
    ]
    for record in records:
        record["messageAttributes"] = lambda_attributes(FOREIGN[name])
    first, foreign, last = read_deliveries(records)
    assert isinstance(foreign.error, BadWork)
    assert len(str(foreign.error)) < 1_000
    assert (first.work, last.work) == (WORK, WORK), "their own attributes cost them nothing"
    assert foreign.attempt(5).number == 1


@pytest.mark.parametrize("count", [None, "0", "-1", "٣", "1" * 5_000, "many", {}])
def test_a_message_of_which_no_attempt_can_be_counted_is_its_own_failure(count: Any) -> None:
    records = [sqs_record(WORK.message().body, n) for n in range(2)]
    records[0]["attributes"] |= {"ApproximateReceiveCount": count}
    bad, good = read_deliveries(records)
    assert (bad.work, bad.receive_count) == (None, 1)
    assert "ApproximateReceiveCount" in str(bad.error)
    assert good.work == WORK


@pytest.mark.parametrize("wrong", [{"SentTimestamp": "9" * 30}, {"SentTimestamp": None}, {"MessageGroupId": 5}])
def test_what_is_only_shown_of_a_message_keeps_nobody_from_processing_it(wrong: Any) -> None:
    record = sqs_record(WORK.message().body, 0)
    record["attributes"] |= wrong
    (found,) = read_deliveries([record])
    assert (found.work, found.error) == (WORK, None)


@pytest.mark.parametrize("lacking", ["body", "attributes", "messageAttributes", "receiptHandle"])
def test_a_record_without_a_part_is_read_for_what_it_has(lacking: str) -> None:
    records = [sqs_record(WORK.message().body, n) for n in range(2)]
    del records[0][lacking]
    bad, good = read_deliveries(records)
    assert bad.message_id == "message-0"
    assert (bad.error is None) == (lacking in {"messageAttributes", "receiptHandle"})
    assert good.work == WORK


def test_a_place_far_away_is_read_alone_and_what_lies_between_is_not() -> None:
    far = MAX_BODY_BYTES * 1_000
    deliveries = [placed(0, "a", 0, 10), placed(1, "a", far, 10), placed(2, "a", 20, 10), placed(3, "a", far - 5, 3)]
    (near, away), _ = plan_reads(deliveries, "raw")
    assert (near.offset, near.length, [it.message_id for it in near.deliveries]) == (0, 30, ["m-0", "m-2"])
    assert (away.offset, away.length, [it.message_id for it in away.deliveries]) == (far - 5, 15, ["m-1", "m-3"])


def lambda_attributes(message: ForeignMessage) -> dict[str, Any]:
    """The attributes as Lambda hands them over."""
    return {
        name: {
            "dataType": value["DataType"],
            "stringListValues": [],
            **({"stringValue": value["StringValue"]} if "StringValue" in value else {"binaryValue": "/wA="}),
        }
        for name, value in message.sent_attributes().items()
    }
