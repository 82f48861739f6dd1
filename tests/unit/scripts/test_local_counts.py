"""Counting what the pipeline holds, waiting for it to drain, and saying what does not add up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from scripts.local import counts
from scripts.local.counts import Counts, Stuck, differences, wait_drained

EVEN = Counts(accepted=10, duplicate=2, conflict=1, rejected=3, applied=9, dead=1, waiting=0)
ANSWERED = {"accepted": 10, "duplicate": 2, "conflict": 1, "rejected": 3}


class FakePaginator:
    """A paginator with answers that are known."""

    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **_: Any) -> Iterable[dict[str, Any]]:
        return self._pages


class Client:
    """A client that answers from tables of answers."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def get_paginator(self, name: str) -> FakePaginator:
        return FakePaginator(self._answers[name])

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **request: self._answers[name](request)


class Scans(Client):
    """DynamoDB: a scan of each table."""

    def get_paginator(self, name: str) -> FakePaginator:
        assert name == "scan"
        scans = self._answers

        class ByTable(FakePaginator):
            def paginate(self, **request: Any) -> Iterable[dict[str, Any]]:
                return [{"Items": scans[request["TableName"]][:1]}, {"Items": scans[request["TableName"]][1:]}]

        return ByTable([])


class ObjectBody:
    """The body of an S3 object, as JSON."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def read(self) -> bytes:
        return json.dumps(self._value).encode()


class FakeEngine:
    """The three services that are read, with an answer each."""

    dynamodb = Scans(
        events=[{"status": {"S": it}} for it in ("ACCEPTED", "ACCEPTED", "ACCEPTED", "DUPLICATE", "CONFLICT")],
        aggregates=[
            {
                "PK": {"S": "ENTITY#a"},
                "SK": {"S": f"DAY#2026-11-20#RUN#LIVE#VER#{n:010d}"},
                "input_count": {"N": str(n)},
            }
            for n in (10, 2)
        ]
        + [{"PK": {"S": "ENTITY#a"}, "SK": {"S": "DAY#2026-11-21#RUN#LIVE#VER#0000000001"}, "input_count": {"N": "4"}}],
    )
    s3 = Client(
        list_objects_v2=[{"Contents": [{"Key": "rejected/1"}, {"Key": "rejected/2"}]}, {}],
        get_object=lambda request: {"Body": ObjectBody({"rejected": [{}] * int(request["Key"][-1])})},
    )
    sqs = Client(
        get_queue_attributes=lambda request: {
            "Attributes": {
                "ApproximateNumberOfMessages": "1" if request["QueueUrl"] == "work" else "0",
                "ApproximateNumberOfMessagesNotVisible": "2" if request["QueueUrl"] == "work" else "5",
                "ApproximateNumberOfMessagesDelayed": "0",
            }
        }
    )


def test_counts_come_from_tables_bucket_and_queues() -> None:
    outputs = {
        "EventsTableName": "events",
        "AggregatesTableName": "aggregates",
        "RawBucketName": "raw",
        "WorkQueueUrl": "work",
        "WorkDeadLetterQueueUrl": "dead",
    }
    found = counts.read(FakeEngine(), outputs)  # type: ignore[arg-type]
    # Of the day with versions 2 and 10 the tenth counts, though it was read first.
    assert found == Counts(3, 1, 1, rejected=3, applied=14, dead=5, waiting=3, versions=3, days=2)


def test_received_is_the_sum_of_all_fates() -> None:
    assert EVEN.received == 16


def test_what_adds_up_has_no_differences() -> None:
    assert differences(EVEN, 16, ANSWERED) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"applied": 8}, "10 were accepted, and 8 applied + 1 dead"),
        ({"applied": 11}, "10 were accepted, and 11 applied + 1 dead"),
        ({"duplicate": 1}, "16 events were sent, and 15 are kept"),
        ({"rejected": 4}, "the API answered 3 rejected, and 4 are kept as such"),
    ],
)
def test_each_difference_is_named(changed: dict[str, int], words: str) -> None:
    assert words in differences(replace(EVEN, **changed), 16, ANSWERED)


class SleepClock:
    """A clock that goes on only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waited(answers: Callable[[float], Counts]) -> tuple[Counts, float]:
    clock = SleepClock()
    final = wait_drained(lambda: answers(clock.now), clock=clock.clock, sleep=clock.sleep)
    return final, clock.now


def test_waiting_ends_when_nothing_is_on_its_way() -> None:
    final, seconds = waited(lambda now: EVEN if now >= 3 else replace(EVEN, applied=int(now), waiting=1))
    assert final == EVEN
    assert 3 <= seconds < 4


def test_an_empty_queue_alone_is_not_drained() -> None:
    assert not replace(EVEN, applied=5).drained
    assert not replace(EVEN, waiting=1).drained
    assert EVEN.drained


def test_what_stops_moving_is_named_with_its_place() -> None:
    with pytest.raises(Stuck, match=r"Nothing has moved for 30 s. 5 of 10 accepted.*: 3 in WorkQueue.*, 2 before it"):
        waited(lambda now: replace(EVEN, applied=4, waiting=3))


def test_movement_puts_the_verdict_off_and_the_end_still_comes() -> None:
    with pytest.raises(Stuck, match="Still not drained after 300 s"):
        waited(lambda now: replace(EVEN, applied=0, waiting=int(now)))


def test_counting_twice_is_never_drained() -> None:
    with pytest.raises(Stuck, match="1 events are counted more than once"):
        waited(lambda now: replace(EVEN, applied=10))
