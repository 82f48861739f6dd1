"""The publisher: every accepted event reaches the queue, and the stream never moves past one that has not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pik.domain.event.outbox import discarded_records
from pik.domain.event.work import Work, parse_work
from pik.flows import publish as module
from pik.flows.publish import PublishFlow
from pik.settings import PublisherSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.faults import FaultPlan, refused
from tests.support.makers import index_row, make_work, sequence, stream_record


class PublisherHarness:
    """A queue in memory and a publisher before it."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self.aws = FakeAws()
        self.names = deployed(self.aws)
        self.url = self.names.work_queue_url
        self.publisher = PublishFlow(PublisherSettings(self.url, dry_run, self.names.raw_bucket), self.aws)  # type: ignore[arg-type]
        self.aws.calls.clear()

    def publish(self, *records: dict[str, Any]) -> list[str]:
        """One batch; the sequence numbers that are reported."""
        answer = self.publisher({"Records": list(records)}, None)
        assert answer.keys() == {"batchItemFailures"}
        return [it["itemIdentifier"] for it in answer["batchItemFailures"]]

    def kept(self) -> dict[str, Any]:
        """What was set aside: the record by its key."""
        objects = self.aws.s3.objects(self.names.raw_bucket)
        return {key: discarded_records(it.body)[0] for key, it in objects.items()}

    def queued(self) -> list[Work]:
        return [parse_work(it.body) for it in self.aws.sqs.messages(self.url)]


@pytest.fixture
def harness() -> PublisherHarness:
    return PublisherHarness()


WORKS = [make_work({"n": n}, source=f"shop-{n % 3}") for n in range(120)]
RECORDS = [stream_record(index_row(work), n) for n, work in enumerate(WORKS)]


def poison(number: int) -> dict[str, Any]:
    """A record that cannot become a message, in the place `number`."""
    return stream_record(
        {name: value for name, value in index_row(WORKS[number]).items() if name != "payload_sha"}, number
    )


def test_a_batch_goes_out_in_tens(harness: PublisherHarness) -> None:
    assert harness.publish(*RECORDS[:100]) == []
    assert Counter(harness.aws.calls) == {("sqs", "send_message_batch"): 10}
    assert {it.event_id: it for it in harness.queued()} == {it.event_id: it for it in WORKS[:100]}


def test_a_message_is_the_live_claim_check_of_its_row_in_its_sources_group(harness: PublisherHarness) -> None:
    harness.publish(RECORDS[4])
    (message,) = harness.aws.sqs.messages(harness.url)
    assert json.loads(message.body) == WORKS[4].columns()
    assert harness.queued()[0].origin == "live"
    received = harness.aws.sqs.receive_message(QueueUrl=harness.url, MessageSystemAttributeNames=["All"])["Messages"]
    assert received[0]["Attributes"]["MessageGroupId"] == "shop-1"


def test_large_messages_are_packed_by_bytes(harness: PublisherHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.adapters.sqs.work_queue.MAX_SEND_BYTES", 3 * WORKS[0].message().size + 10)
    assert harness.publish(*RECORDS[:10]) == []
    assert len(harness.aws.calls) == 4
    assert len(harness.queued()) == 10


def test_what_is_not_a_new_accepted_event_is_passed_over(
    harness: PublisherHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append(facts))
    records = [
        stream_record(index_row(WORKS[0]), 0, "MODIFY"),
        stream_record(index_row(WORKS[1]), 1, "REMOVE"),
        stream_record(index_row(WORKS[2], "DUPLICATE"), 2),
        stream_record(index_row(WORKS[3], "CONFLICT"), 3),
        stream_record({"PK": "x", "SK": "y"}, 4),
        RECORDS[5],
    ]
    assert harness.publish(*records) == []
    assert [it.event_id for it in harness.queued()] == [WORKS[5].event_id]
    assert said[0]["skipped"] == {"MODIFY": 1, "REMOVE": 1, "DUPLICATE": 1, "CONFLICT": 1, "None": 1}


def test_nothing_to_send_is_no_call(harness: PublisherHarness) -> None:
    assert harness.publish(stream_record(index_row(WORKS[0], "CONFLICT"), 0)) == []
    assert harness.publish() == []
    assert harness.aws.calls == []


def test_an_entry_that_sqs_refuses_once_is_sent_again_at_once(harness: PublisherHarness) -> None:
    rounds = iter([{3, 7}, set()])
    harness.aws.partial = lambda *_: next(rounds)
    assert harness.publish(*RECORDS[:10]) == []
    assert len(harness.aws.calls) == 2
    assert sorted(it.event_id for it in harness.queued()) == sorted(it.event_id for it in WORKS[:10])


def test_the_lowest_record_that_is_not_in_the_queue_is_reported(harness: PublisherHarness) -> None:
    unsent = {WORKS[n].event_id for n in (35, 12, 88)}

    def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
        return {n for n, it in enumerate(request["Entries"]) if json.loads(it["MessageBody"])["event_id"] in unsent}

    harness.aws.partial = partial
    assert harness.publish(*RECORDS[:100]) == [sequence(12)]
    assert len(harness.queued()) == 97
    assert len(harness.aws.calls) == 11


def test_a_call_that_fails_as_a_whole_is_made_again_and_then_reported(harness: PublisherHarness) -> None:
    def hook(_: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
        if phase == "before" and WORKS[20].event_id in request["Entries"][0]["MessageBody"]:
            raise refused("ServiceUnavailable", "SendMessageBatch")

    harness.aws.on_call = hook
    assert harness.publish(*RECORDS[:30]) == [sequence(20)]
    assert {it.event_id for it in harness.queued()} == {it.event_id for it in WORKS[:20]}
    assert len(harness.aws.calls) == 4


def test_an_answer_that_forgets_an_entry_does_not_count_as_sent(harness: PublisherHarness) -> None:
    class SecondUnanswered:
        """SQS that answers for all entries but the second."""

        def send_message_batch(self, **request: Any) -> Any:
            return {"Successful": [{"Id": it["Id"]} for it in request["Entries"] if it["Id"] != "1"]}

    given = PublisherSettings(harness.url, dry_run=False, raw_bucket="raw")
    publisher = PublishFlow(given, SimpleNamespace(sqs=SecondUnanswered()))  # type: ignore[arg-type]
    answer = publisher({"Records": RECORDS[:3]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence(1)}]}


def test_a_poison_record_is_set_aside_and_everything_around_it_is_sent(
    harness: PublisherHarness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[tuple[str, Any]] = []
    monkeypatch.setattr(module.logger, "error", lambda message, **facts: said.append((message, facts)))
    records = [*RECORDS[:4], poison(4), *RECORDS[5:9]]
    answer = harness.publisher({"Records": records}, SimpleNamespace(function_name="pik-publisher"))
    assert answer == {"batchItemFailures": []}
    assert {it.event_id for it in harness.queued()} == {WORKS[n].event_id for n in (0, 1, 2, 3, 5, 6, 7, 8)}
    ((message, facts),) = said
    assert message == "a record that cannot become a message"
    assert (facts["sequence_number"], facts["set_aside"]) == (sequence(4), True)
    assert facts["exc_info"].__traceback__ is not None
    assert harness.kept() == {facts["key"]: records[4]}
    assert facts["key"] == f"aws/lambda/publisher/{sequence(4)}-event-4.json"
    (counted,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "RecordsSetAside" in line]
    assert (counted["RecordsSetAside"], counted["function_name"]) == ([1.0], "pik-publisher")


def test_a_poison_record_that_comes_again_is_kept_once(harness: PublisherHarness) -> None:
    for _ in range(2):
        assert harness.publish(poison(4)) == []
    assert list(harness.kept().values()) == [poison(4)]


def test_a_poison_record_that_cannot_be_kept_is_reported_and_the_rest_is_sent(harness: PublisherHarness) -> None:
    def refuse(service: str, *_: Any) -> None:
        if service == "s3":
            raise refused("AccessDenied", "PutObject")

    harness.aws.on_call = refuse
    assert harness.publish(*RECORDS[:2], poison(2), RECORDS[3]) == [sequence(2)]
    assert len(harness.queued()) == 3
    assert harness.kept() == {}


def test_only_what_was_kept_is_counted_as_set_aside(
    harness: PublisherHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    puts: list[str] = []

    def refuse_the_second(service: str, _operation: str, request: Mapping[str, Any], phase: str) -> None:
        if (service, phase) == ("s3", "before"):
            puts.append(request["Key"])
            if len(puts) == 2:
                raise refused("SlowDown", "PutObject")

    harness.aws.on_call = refuse_the_second
    assert harness.publish(poison(0), poison(1), poison(2)) == [sequence(1)]
    assert list(harness.kept().values()) == [poison(0), poison(2)]
    (counted,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "RecordsSetAside" in line]
    assert counted["RecordsSetAside"] == [2.0]


@pytest.mark.parametrize(
    "broken",
    [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1"}},
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": {"status": {"NS": ["1"]}}}},
        {"dynamodb": {"SequenceNumber": "1"}},
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": {"status": {"S": "ACCEPTED"}}}},
    ],
)
def test_no_record_however_broken_fails_the_batch(harness: PublisherHarness, broken: dict[str, Any]) -> None:
    assert harness.publish(RECORDS[0], broken, RECORDS[2]) == []
    assert len(harness.queued()) == 2
    assert harness.kept() == {"aws/lambda/publisher/1.json": broken}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_bisection_isolates_poison_that_cannot_be_kept_and_loses_nothing(data: st.DataObject) -> None:
    """The mapping goes on from the number that was reported, halves what is left, and gives up on a single record."""
    harness = PublisherHarness()
    count = data.draw(st.integers(1, 30))
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=4))
    keep_nothing(harness)
    records = [poison(n) if n in bad else RECORDS[n] for n in range(count)]
    given_up: list[str] = []
    batches = [records]
    while batches:
        batch = batches.pop(0)
        reported = harness.publish(*batch)
        if not reported:
            continue
        (number,) = reported
        left = batch[[it["dynamodb"]["SequenceNumber"] for it in batch].index(number) :]
        if len(left) == 1:
            given_up.append(number)
        else:
            batches[:0] = [left[: len(left) // 2], left[len(left) // 2 :]]
    assert given_up == [sequence(n) for n in sorted(bad)]
    assert {it.event_id for it in harness.queued()} == {WORKS[n].event_id for n in range(count) if n not in bad}


def test_a_dry_run_sends_nothing_and_does_not_move_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = PublisherHarness(dry_run=True)
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(module.logger, "info", lambda message, **facts: said.append(facts))
    records = [stream_record(index_row(WORKS[0], "CONFLICT"), 0), RECORDS[1], poison(2)]
    assert harness.publish(*records) == [sequence(0)]
    assert harness.publish() == []
    assert harness.aws.calls == []
    assert said[0] == {"would_send": 1, "would_report": [sequence(2)], "skipped": {"CONFLICT": 1}}


def without_number(number: int) -> dict[str, Any]:
    """A poison record that does not even say where it is in the stream."""
    record = poison(number)
    record["dynamodb"] = {name: it for name, it in record["dynamodb"].items() if name != "SequenceNumber"}
    return record


def keep_nothing(harness: PublisherHarness) -> None:
    """RawBucket refuses what the publisher would set aside, so it has to report it."""

    def refuse(service: str, *_: Any) -> None:
        if service == "s3":
            raise refused("AccessDenied", "PutObject")

    harness.aws.on_call = refuse


def test_a_record_without_a_number_is_reported_by_the_last_one_before_it(harness: PublisherHarness) -> None:
    keep_nothing(harness)
    assert harness.publish(RECORDS[0], RECORDS[1], without_number(2), RECORDS[3]) == [sequence(1)]
    assert len(harness.queued()) == 3


def test_a_record_without_a_number_that_is_set_aside_holds_nothing_up(harness: PublisherHarness) -> None:
    assert harness.publish({**RECORDS[0], "dynamodb": None}, without_number(1), RECORDS[2]) == []
    assert [it.event_id for it in harness.queued()] == [WORKS[2].event_id]


def test_a_first_record_without_a_number_has_the_whole_batch_come_again(harness: PublisherHarness) -> None:
    keep_nothing(harness)
    assert harness.publish({**RECORDS[0], "dynamodb": None}, RECORDS[1]) == [""]
    assert len(harness.queued()) == 1


@pytest.mark.parametrize(
    "image",
    [
        {"event_id": {"N": "5"}},
        {"event_id": {"L": []}},
        {"source": {"N": "1.5"}},
        {"source": {"SS": ["a"]}},
        {"status": {"NULL": True}},
        {"s3_offset": {"S": "1" * 5_000}},
        {"entity_id": {"S": "e" * 1_100_000}},
    ],
)
def test_a_row_that_somebody_edited_is_reported_alone_or_sent_and_never_takes_others_along(
    harness: PublisherHarness, image: dict[str, Any]
) -> None:
    edited = stream_record(index_row(WORKS[1]), 1)
    edited["dynamodb"]["NewImage"] |= image
    assert harness.publish(RECORDS[0], edited, RECORDS[2]) in ([], [sequence(1)])
    bodies = [it.body for it in harness.aws.sqs.messages(harness.url)]
    assert {WORKS[0].message().body, WORKS[2].message().body} <= set(bodies)
    assert len(bodies) in {2, 3}


def test_a_message_that_sqs_refuses_is_reported_by_its_own_record(harness: PublisherHarness) -> None:
    FaultPlan(harness.aws).refuse_batches("send_message_batch", "InvalidMessageContents", WORKS[3].event_id)
    assert harness.publish(*RECORDS[:10]) == [sequence(3)]
    assert len(harness.queued()) == 9
