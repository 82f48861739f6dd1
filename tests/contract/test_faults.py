"""The fakes' own side: where calls can be broken, what is counted, and that nothing depends on luck."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.tables import TABLE, create_tables, item, put
from tests.support.aws.account import FakeAws
from tests.support.aws.clock import START, Clock
from tests.support.aws.errors import conflicted, throttled, unavailable
from tests.support.aws.stack import deployed
from tests.support.faults import Killed

BUCKET = "raw"


def kill(service: str, operation: str, phase: str) -> Callable[[str, str, Mapping[str, Any], str], None]:
    """A hook that kills one operation in one phase, and remembers nothing else."""

    def hook(at_service: str, at_operation: str, _request: Mapping[str, Any], at_phase: str) -> None:
        if (at_service, at_operation, at_phase) == (service, operation, phase):
            raise Killed

    return hook


# --- Hooks ------------------------------------------------------------------------------------------------------------


def test_a_call_killed_before_takes_no_effect(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)
    fake_aws.on_call = kill("dynamodb", "put_item", "before")
    with pytest.raises(Killed):
        put(fake_aws.dynamodb, item("p", "s"))
    assert fake_aws.dynamodb.items(TABLE) == []
    assert fake_aws.calls[-1] == ("dynamodb", "put_item"), "it was made, and is counted"


def test_a_call_killed_after_has_taken_effect(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)
    fake_aws.on_call = kill("dynamodb", "put_item", "after")
    with pytest.raises(Killed):
        put(fake_aws.dynamodb, item("p", "s"))
    assert fake_aws.dynamodb.items(TABLE) == [item("p", "s")]


def test_a_refusal_can_be_lost_too(fake_aws: FakeAws) -> None:
    fake_aws.on_call = kill("s3", "get_object", "after")
    with pytest.raises(Killed):
        fake_aws.s3.get_object(Bucket="none", Key="a")


def test_a_hook_sees_every_call_twice_with_its_arguments(fake_aws: FakeAws) -> None:
    seen: list[Any] = []
    fake_aws.on_call = lambda *call: seen.append(call)
    fake_aws.s3.create_bucket(Bucket=BUCKET)
    arguments = {"Bucket": BUCKET}
    assert seen == [("s3", "create_bucket", arguments, "before"), ("s3", "create_bucket", arguments, "after")]


def test_a_hook_may_make_calls_of_its_own(fake_aws: FakeAws) -> None:
    fake_aws.s3.create_bucket(Bucket=BUCKET)

    def hook(_service: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
        if (operation, phase, request.get("Key")) == ("put_object", "before", "a"):
            fake_aws.s3.put_object(Bucket=BUCKET, Key="b", Body=b"first")

    fake_aws.on_call = hook
    fake_aws.s3.put_object(Bucket=BUCKET, Key="a", Body=b"second")
    assert sorted(fake_aws.s3.objects(BUCKET)) == ["a", "b"]


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("dynamodb", "ThrottlingException"),
        ("s3", "SlowDown"),
        ("sqs", "RequestThrottled"),
        ("events", "ThrottlingException"),
    ],
)
def test_a_hook_can_throttle(fake_aws: FakeAws, service: str, code: str) -> None:
    def hook(at_service: str, operation: str, _request: Mapping[str, Any], _phase: str) -> None:
        raise throttled(at_service, operation)

    calls: dict[str, Callable[[], Any]] = {
        "dynamodb": lambda: put(fake_aws.dynamodb, item("p", "s")),
        "s3": lambda: fake_aws.s3.create_bucket(Bucket=BUCKET),
        "sqs": lambda: fake_aws.sqs.create_queue(QueueName="work"),
        "events": lambda: fake_aws.events.create_event_bus(Name="bus"),
    }
    fake_aws.on_call = hook
    with pytest.raises(ClientError) as caught:
        calls[service]()
    assert caught.value.response["Error"]["Code"] == code


def test_a_hook_can_let_a_write_meet_another(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)

    def hook(_service: str, operation: str, request: Mapping[str, Any], _phase: str) -> None:
        raise conflicted(operation, request, at=1)

    fake_aws.on_call = hook
    with pytest.raises(fake_aws.dynamodb.exceptions.TransactionConflictException):
        put(fake_aws.dynamodb, item("p", "s"))
    actions = [{"Put": {"TableName": TABLE, "Item": item("p", f"{n}")}} for n in range(2)]
    with pytest.raises(fake_aws.dynamodb.exceptions.TransactionCanceledException) as caught:
        fake_aws.dynamodb.transact_write_items(TransactItems=actions)
    codes = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
    assert codes == ["None", "TransactionConflict"]
    assert fake_aws.dynamodb.items(TABLE) == []


def test_a_fault_of_aws_is_a_500(fake_aws: FakeAws) -> None:
    error = unavailable("dynamodb", "put_item")
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert error.operation_name == "PutItem"


# --- Partial failures -------------------------------------------------------------------------------------------------


def failing(*indexes: int) -> Callable[[str, str, Mapping[str, Any]], set[int]]:
    return lambda _service, _operation, _request: set(indexes)


def test_entries_of_a_batch_of_messages_can_fail(fake_aws: FakeAws) -> None:
    names = deployed(fake_aws)
    fake_aws.partial = failing(1)
    entries = [{"Id": f"e{n}", "MessageBody": f"{n}"} for n in range(3)]
    answer = fake_aws.sqs.send_message_batch(QueueUrl=names.work_queue_url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["e0", "e2"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["SenderFault"], failed["Code"]) == ("e1", False, "InternalError")
    assert [one.body for one in fake_aws.sqs.messages(names.work_queue_url)] == ["0", "2"]


def test_a_batch_that_fails_whole_has_no_successful(fake_aws: FakeAws) -> None:
    names = deployed(fake_aws)
    fake_aws.partial = failing(0)
    entries = [{"Id": "e", "MessageBody": "x"}]
    answer = fake_aws.sqs.send_message_batch(QueueUrl=names.work_queue_url, Entries=entries)
    assert "Successful" not in answer
    assert len(answer["Failed"]) == 1


@pytest.mark.parametrize("operation", ["delete_message_batch", "change_message_visibility_batch"])
def test_entries_that_end_a_receive_can_fail(fake_aws: FakeAws, operation: str) -> None:
    names = deployed(fake_aws)
    fake_aws.sqs.send_message(QueueUrl=names.work_queue_url, MessageBody="x")
    (got,) = fake_aws.sqs.receive_message(QueueUrl=names.work_queue_url)["Messages"]
    fake_aws.partial = failing(0)
    more = {} if operation == "delete_message_batch" else {"VisibilityTimeout": 0}
    entries = [{"Id": "e", "ReceiptHandle": got["ReceiptHandle"], **more}]
    answer = getattr(fake_aws.sqs, operation)(QueueUrl=names.work_queue_url, Entries=entries)
    assert [one["Id"] for one in answer["Failed"]] == ["e"]
    (message,) = fake_aws.sqs.messages(names.work_queue_url)
    assert message.in_flight(START)


def test_entries_of_a_call_to_the_bus_can_fail(fake_aws: FakeAws) -> None:
    names = deployed(fake_aws)
    fake_aws.partial = failing(0, 2)
    entry = {"Source": "kit", "DetailType": "t", "EventBusName": names.event_bus}
    entries = [{**entry, "Detail": json.dumps({"n": n})} for n in range(3)]
    answer = fake_aws.events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    assert [one.get("ErrorCode") for one in answer["Entries"]] == ["InternalFailure", None, "InternalFailure"]
    (published,) = fake_aws.events.published
    assert json.loads(published["Detail"]) == {"n": 1}
    assert published["EventId"] == answer["Entries"][1]["EventId"]


def test_items_of_a_batch_can_stay_unprocessed(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)
    fake_aws.partial = failing(0)
    requests = [{"PutRequest": {"Item": item("p", f"{n}")}} for n in range(2)]
    answer = fake_aws.dynamodb.batch_write_item(RequestItems={TABLE: requests})
    assert answer["UnprocessedItems"] == {TABLE: requests[:1]}
    assert fake_aws.dynamodb.items(TABLE) == [item("p", "1")]


def test_keys_of_a_batch_can_stay_unprocessed(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)
    put(fake_aws.dynamodb, item("p", "0"), item("p", "1"))
    fake_aws.partial = failing(1)
    keys = [item("p", "0"), item("p", "1")]
    answer = fake_aws.dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    assert answer["Responses"] == {TABLE: [item("p", "0")]}
    assert answer["UnprocessedKeys"] == {TABLE: {"Keys": [item("p", "1")], "ConsistentRead": True}}


# --- What comes out ---------------------------------------------------------------------------------------------------


def test_entries_for_a_missing_bus_are_shown_as_lost(fake_aws: FakeAws) -> None:
    entry = {"Source": "kit", "DetailType": "t", "Detail": "{}", "EventBusName": "nowhere"}
    fake_aws.events.put_events(Entries=[entry])
    assert fake_aws.events.published == []
    assert [one["EventBusName"] for one in fake_aws.events.lost] == ["nowhere"]


def test_stream_records_are_as_lambda_gets_them(fake_aws: FakeAws, clock: Clock) -> None:
    create_tables(fake_aws.dynamodb)
    put(fake_aws.dynamodb, item("p", "s", data={"B": b"\x00\xff"}, list={"L": [{"B": b"a"}]}))
    clock.advance(1.75)
    put(fake_aws.dynamodb, item("p", "t"))
    first, second = fake_aws.dynamodb.stream_records(TABLE)
    assert json.loads(json.dumps(first)) == first
    assert first["dynamodb"]["NewImage"] == item("p", "s", data={"B": "AP8="}, list={"L": [{"B": "YQ=="}]})
    assert first["dynamodb"]["Keys"] == item("p", "s")
    assert second["dynamodb"]["ApproximateCreationDateTime"] == START + 1
    assert second["dynamodb"]["StreamViewType"] == "NEW_IMAGE"
    assert second["dynamodb"]["SizeBytes"] == 2 * len("PKpSKt"), "keys and image, by names and values"
    assert second["eventSourceARN"].startswith(f"arn:aws:dynamodb:us-east-1:123456789012:table/{TABLE}/stream/")
    assert second["dynamodb"]["SequenceNumber"] > first["dynamodb"]["SequenceNumber"]
    assert len({first["eventID"], second["eventID"]}) == 2


def test_a_stream_can_be_read_on_from_a_record(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)
    put(fake_aws.dynamodb, *(item("p", f"{n}") for n in range(20)))
    records = fake_aws.dynamodb.stream_records(TABLE)
    after = records[11]["dynamodb"]["SequenceNumber"]
    assert fake_aws.dynamodb.stream_records(TABLE, after=after) == records[12:]


def test_received_messages_become_the_event_of_lambda(fake_aws: FakeAws) -> None:
    names = deployed(fake_aws)
    attributes = {
        "kind": {"DataType": "String", "StringValue": "x"},
        "data": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    request = {"QueueUrl": names.work_queue_url, "MessageBody": '{"a": 1}', "MessageGroupId": "shop"}
    sent = fake_aws.sqs.send_message(MessageAttributes=attributes, **request)
    every = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    messages = fake_aws.sqs.receive_message(QueueUrl=names.work_queue_url, **every)["Messages"]
    event = fake_aws.sqs.lambda_event(messages)
    assert json.loads(json.dumps(event)) == event
    assert event == {
        "Records": [
            {
                "messageId": sent["MessageId"],
                "receiptHandle": messages[0]["ReceiptHandle"],
                "body": '{"a": 1}',
                "attributes": {
                    "SenderId": "AIDAFAKESENDER",
                    "SentTimestamp": str(int(START * 1000)),
                    "ApproximateReceiveCount": "1",
                    "ApproximateFirstReceiveTimestamp": str(int(START * 1000)),
                    "MessageGroupId": "shop",
                },
                "messageAttributes": {
                    "kind": {"stringListValues": [], "binaryListValues": [], "dataType": "String", "stringValue": "x"},
                    "data": {
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "Binary",
                        "binaryValue": "AP8=",
                    },
                },
                "md5OfBody": sent["MD5OfMessageBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:pik-test-work",
                "awsRegion": "us-east-1",
            }
        ]
    }


# --- Trust ------------------------------------------------------------------------------------------------------------


def story(aws: FakeAws) -> Any:
    """A little of everything, and all that can be seen of it."""
    names = deployed(aws)
    url = names.work_queue_url
    answers = [
        aws.s3.put_object(Bucket=names.raw_bucket, Key="a", Body=b"x"),
        aws.dynamodb.put_item(TableName=names.events_table, Item=item("p", "s")),
        aws.sqs.send_message(QueueUrl=url, MessageBody="x"),
        aws.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"]),
        aws.events.put_events(Entries=[{"Source": "k", "DetailType": "t", "Detail": "{}"}]),
    ]
    return answers, aws.calls, aws.dynamodb.stream_records(names.events_table), aws.events.published


def test_the_same_calls_have_the_same_answers() -> None:
    assert story(FakeAws(clock=Clock())) == story(FakeAws(clock=Clock()))


def test_calls_are_counted_exactly(fake_aws: FakeAws) -> None:
    deployed(fake_aws)
    fake_aws.calls.clear()
    fake_aws.events.put_events(Entries=[{"Source": "k", "DetailType": "t", "Detail": "{}"}])
    with pytest.raises(ClientError):
        fake_aws.s3.get_object(Bucket="none", Key="a")
    assert fake_aws.calls == [("events", "put_events"), ("s3", "get_object")]


def test_clients_are_found_by_name(fake_aws: FakeAws) -> None:
    assert fake_aws.client("dynamodb") is fake_aws.dynamodb
    with pytest.raises(KeyError):
        fake_aws.client("lambda")


def test_what_the_fake_does_not_know_it_does_not_ignore(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)
    with pytest.raises(NotImplementedError, match="ReturnConsumedCapacity"):
        fake_aws.dynamodb.put_item(TableName=TABLE, Item=item("p", "s"), ReturnConsumedCapacity="TOTAL")
    assert fake_aws.dynamodb.items(TABLE) == []


def test_time_is_only_the_clocks(fake_aws: FakeAws, clock: Clock) -> None:
    names = deployed(fake_aws, visibility_seconds=60)
    fake_aws.sqs.send_message(QueueUrl=names.work_queue_url, MessageBody="x")
    receive = {"QueueUrl": names.work_queue_url, "WaitTimeSeconds": 20}
    assert len(fake_aws.sqs.receive_message(**receive)["Messages"]) == 1
    clock.advance(59.999)
    assert "Messages" not in fake_aws.sqs.receive_message(**receive)
    clock.advance(0.001)
    assert len(fake_aws.sqs.receive_message(**receive)["Messages"]) == 1


def test_one_of_many_threads_wins_a_condition(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)

    def attempt(number: int) -> str:
        try:
            fake_aws.dynamodb.put_item(
                TableName=TABLE, Item=item("p", "s", n=number), ConditionExpression="attribute_not_exists(PK)"
            )
        except fake_aws.dynamodb.exceptions.ConditionalCheckFailedException:
            return "lost"
        return "won"

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(attempt, range(200)))
    assert outcomes == {"won": 1, "lost": 199}
    assert len(fake_aws.calls) == 2 + 200


def test_counters_of_many_threads_add_up(fake_aws: FakeAws) -> None:
    create_tables(fake_aws.dynamodb)

    def add(_: int) -> None:
        fake_aws.dynamodb.update_item(
            TableName=TABLE,
            Key=item("p", "s"),
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(200)))
    assert fake_aws.dynamodb.items(TABLE) == [item("p", "s", n=200)]
    assert len(fake_aws.dynamodb.stream_records(TABLE)) == 200


def test_a_message_is_received_by_one_of_many_threads(fake_aws: FakeAws) -> None:
    names = deployed(fake_aws)
    url = names.work_queue_url
    for n in range(100):
        fake_aws.sqs.send_message(QueueUrl=url, MessageBody=f"{n}")

    def receive(_: int) -> list[str]:
        messages = fake_aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3).get("Messages", [])
        return [one["Body"] for one in messages]

    with ThreadPoolExecutor(8) as pool:
        bodies = [body for part in pool.map(receive, range(40)) for body in part]
    assert sorted(bodies, key=int) == [f"{n}" for n in range(100)]
