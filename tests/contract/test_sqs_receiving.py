"""SQS: messages are hidden while they are worked on, seen again, and at last set aside."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.queues import PREFIX, VISIBILITY, ContractQueue
from tests.contract.refusals import code, refusal


@pytest.fixture
def queue(aws: Any) -> ContractQueue:
    return ContractQueue(aws)


def test_a_received_message_says_when_and_how_often(queue: ContractQueue) -> None:
    queue.send()
    queue.wait(5)
    (first,) = queue.receive()
    queue.wait(VISIBILITY + 5)
    (second,) = queue.receive()
    one, two = first["Attributes"], second["Attributes"]
    assert (one["ApproximateReceiveCount"], two["ApproximateReceiveCount"]) == ("1", "2")
    assert one["SentTimestamp"] == two["SentTimestamp"]
    assert one["ApproximateFirstReceiveTimestamp"] == two["ApproximateFirstReceiveTimestamp"]
    waited = int(one["ApproximateFirstReceiveTimestamp"]) - int(one["SentTimestamp"])
    assert 5_000 <= waited < 6_000
    assert "SenderId" in one
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    assert first["MessageId"] == second["MessageId"]


def test_attributes_are_those_asked_for(queue: ContractQueue) -> None:
    queue.send()
    request = {"QueueUrl": queue.url, "AttributeNames": ["ApproximateReceiveCount"]}
    (got,) = queue.sqs.receive_message(**request)["Messages"]
    assert got["Attributes"] == {"ApproximateReceiveCount": "1"}


def test_a_received_message_is_hidden_for_the_queues_time(queue: ContractQueue) -> None:
    queue.send()
    assert queue.bodies() == ["body"]
    assert queue.counts() == (0, 1, 0)
    queue.wait(VISIBILITY - 1)
    assert queue.bodies() == []
    queue.wait(2)
    assert queue.counts() == (1, 0, 0)
    assert queue.bodies() == ["body"]


def test_a_receive_can_hide_for_its_own_time(queue: ContractQueue) -> None:
    queue.send()
    queue.receive(VisibilityTimeout=5)
    queue.wait(6)
    assert queue.bodies() == ["body"]


def test_a_receive_gives_at_most_what_is_asked(queue: ContractQueue) -> None:
    for n in range(5):
        queue.send(f"body {n}")
    assert len(queue.receive(3)) == 3
    assert len(queue.receive(10)) == 2
    assert len(queue.sqs.receive_message(QueueUrl=queue.url).get("Messages", [])) == 0


@pytest.mark.parametrize("most", [0, 11])
def test_a_receive_gives_one_to_ten(queue: ContractQueue, most: int) -> None:
    request = {"QueueUrl": queue.url, "MaxNumberOfMessages": most}
    assert code(queue.sqs.receive_message, **request) == "InvalidParameterValue"


def test_a_receive_hides_for_at_most_12_hours(queue: ContractQueue) -> None:
    request = {"QueueUrl": queue.url, "VisibilityTimeout": 43_201}
    assert code(queue.sqs.receive_message, **request) == "InvalidParameterValue"


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_a_deleted_message_is_gone(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=got["ReceiptHandle"])
    queue.wait(VISIBILITY + 1)
    assert queue.bodies() == []
    assert queue.counts() == (0, 0, 0)


def test_deleting_twice_is_no_error(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    for _ in range(2):
        queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=got["ReceiptHandle"])
    assert queue.counts() == (0, 0, 0)


def test_the_latest_handle_deletes_also_when_the_message_is_visible_again(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    queue.wait(VISIBILITY + 1)
    queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=got["ReceiptHandle"])
    assert queue.bodies() == []


@pytest.mark.moto_differs("moto deletes by any handle; on AWS an old one may do nothing, and here it never does")
def test_an_old_handle_deletes_nothing_and_is_no_error(queue: ContractQueue) -> None:
    queue.send()
    (old,) = queue.receive(VisibilityTimeout=1)
    queue.wait(2)
    (new,) = queue.receive()
    queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=old["ReceiptHandle"])
    assert queue.counts() == (0, 1, 0)
    queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=new["ReceiptHandle"])
    assert queue.counts() == (0, 0, 0)


def test_a_handle_that_is_none_is_refused(queue: ContractQueue) -> None:
    request = {"QueueUrl": queue.url, "ReceiptHandle": "no handle"}
    assert code(queue.sqs.delete_message, **request) == "ReceiptHandleIsInvalid"
    assert code(queue.sqs.change_message_visibility, VisibilityTimeout=1, **request) == "ReceiptHandleIsInvalid"


def test_a_batch_deletes_what_it_can(queue: ContractQueue) -> None:
    for n in range(2):
        queue.send(f"body {n}")
    handles = [one["ReceiptHandle"] for one in queue.receive()]
    entries = [
        {"Id": f"{n}", "ReceiptHandle": handle} for n, handle in enumerate([handles[0], "no handle", handles[1]])
    ]
    answer = queue.sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["0", "2"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("1", "ReceiptHandleIsInvalid", True)
    assert queue.counts() == (0, 0, 0)


@pytest.mark.moto_differs("moto deletes any number of messages in a call")
def test_a_batch_deletes_at_most_ten(queue: ContractQueue) -> None:
    entries = [{"Id": f"{n}", "ReceiptHandle": f"handle {n}"} for n in range(11)]
    request = {"QueueUrl": queue.url, "Entries": entries}
    assert code(queue.sqs.delete_message_batch, **request) == PREFIX + "TooManyEntriesInBatchRequest"


# --- Visibility -------------------------------------------------------------------------------------------------------


def test_a_message_can_be_hidden_for_longer(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    request = {"QueueUrl": queue.url, "ReceiptHandle": got["ReceiptHandle"]}
    queue.sqs.change_message_visibility(VisibilityTimeout=VISIBILITY * 2, **request)
    queue.wait(VISIBILITY + 1)
    assert queue.bodies() == []
    queue.wait(VISIBILITY)
    assert queue.bodies() == ["body"]


def test_a_message_can_be_given_back(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    queue.sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    queue.wait(0.01)
    (again,) = queue.receive()
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_changed_time_is_for_one_receive(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    queue.sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=1)
    queue.wait(2)
    assert queue.bodies() == ["body"]
    queue.wait(2)
    assert queue.bodies() == [], "hidden for the queue's time again"


@pytest.mark.moto_differs("moto finds no message and says ReceiptHandleIsInvalid")
def test_a_deleted_message_cannot_be_hidden(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    request = {"QueueUrl": queue.url, "ReceiptHandle": got["ReceiptHandle"]}
    queue.sqs.delete_message(**request)
    response = refusal(queue.sqs.change_message_visibility, VisibilityTimeout=1, **request)
    assert response["Error"]["Code"] == "InvalidParameterValue"
    assert response["Error"]["Message"].endswith("not available for visibility timeout change.")


@pytest.mark.moto_differs("moto hides a message that is not in flight")
def test_a_message_that_is_visible_again_cannot_be_hidden(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    queue.wait(VISIBILITY + 1)
    request = {"QueueUrl": queue.url, "ReceiptHandle": got["ReceiptHandle"], "VisibilityTimeout": 30}
    assert code(queue.sqs.change_message_visibility, **request) == PREFIX + "MessageNotInflight"
    assert queue.bodies() == ["body"]


@pytest.mark.moto_differs("moto hides by any handle that a message ever had")
def test_an_old_handle_hides_nothing(queue: ContractQueue) -> None:
    queue.send()
    (old,) = queue.receive(VisibilityTimeout=1)
    queue.wait(2)
    queue.receive(VisibilityTimeout=10)
    request = {"QueueUrl": queue.url, "ReceiptHandle": old["ReceiptHandle"], "VisibilityTimeout": 3_600}
    assert code(queue.sqs.change_message_visibility, **request) == "InvalidParameterValue"


def test_a_message_is_hidden_for_12_hours_at_most(queue: ContractQueue) -> None:
    queue.send()
    (got,) = queue.receive()
    request = {"QueueUrl": queue.url, "ReceiptHandle": got["ReceiptHandle"]}
    assert code(queue.sqs.change_message_visibility, VisibilityTimeout=43_201, **request) == "InvalidParameterValue"
    queue.wait(30)
    assert code(queue.sqs.change_message_visibility, VisibilityTimeout=43_200, **request) == "InvalidParameterValue"
    queue.sqs.change_message_visibility(VisibilityTimeout=43_100, **request)


def test_a_batch_hides_what_it_can(queue: ContractQueue) -> None:
    for n in range(2):
        queue.send(f"body {n}")
    handles = [one["ReceiptHandle"] for one in queue.receive()]
    entries = [
        {"Id": "0", "ReceiptHandle": handles[0], "VisibilityTimeout": 5},
        {"Id": "1", "ReceiptHandle": "no handle", "VisibilityTimeout": 5},
        {"Id": "2", "ReceiptHandle": handles[1], "VisibilityTimeout": 43_201},
    ]
    answer = queue.sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["0"]
    failed = [(one["Id"], one["Code"], one["SenderFault"]) for one in answer["Failed"]]
    assert failed == [("1", "ReceiptHandleIsInvalid", True), ("2", "InvalidParameterValue", True)]
    queue.wait(6)
    assert len(queue.receive()) == 1


# --- Dead letters -----------------------------------------------------------------------------------------------------


def exhaust(queue: ContractQueue) -> dict[str, Any]:
    """Receive the one message as often as the queue allows; the next receive is one too many."""
    got: dict[str, Any] = {}
    for _ in range(2):
        (got,) = queue.receive()
        queue.wait(VISIBILITY + 1)
    return got


def test_a_message_received_too_often_is_set_aside_at_the_next_receive(queue: ContractQueue) -> None:
    queue.send("poison")
    queue.send("healthy", DelaySeconds=2 * VISIBILITY)
    exhaust(queue)
    assert queue.counts()[0] == 2
    assert queue.counts(queue.dead_url) == (0, 0, 0), "nothing moves before somebody receives"
    assert queue.bodies() == ["healthy"]
    assert queue.counts(queue.dead_url) == (1, 0, 0)


def test_a_dead_letter_keeps_its_id_its_age_and_its_count(queue: ContractQueue) -> None:
    sent = queue.send("poison", MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    last = exhaust(queue)
    assert queue.bodies() == []
    (dead,) = queue.receive(url=queue.dead_url, MessageAttributeNames=["All"])
    assert (dead["MessageId"], dead["Body"]) == (sent["MessageId"], "poison")
    assert dead["MessageAttributes"] == {"kind": {"DataType": "String", "StringValue": "x"}}
    assert dead["Attributes"]["SentTimestamp"] == last["Attributes"]["SentTimestamp"]
    assert dead["Attributes"]["ApproximateReceiveCount"] == "3", "counted over both queues"


def test_a_message_deleted_in_time_is_no_dead_letter(queue: ContractQueue) -> None:
    queue.send()
    last = exhaust(queue)
    queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=last["ReceiptHandle"])
    assert queue.bodies() == []
    assert queue.counts(queue.dead_url) == (0, 0, 0)


@pytest.mark.moto_differs("moto does not say where a dead letter came from")
def test_a_dead_letter_says_where_it_came_from(queue: ContractQueue) -> None:
    queue.send()
    exhaust(queue)
    queue.receive()
    (dead,) = queue.receive(url=queue.dead_url)
    assert dead["Attributes"]["DeadLetterQueueSourceArn"] == queue.attributes()["QueueArn"]


@pytest.mark.moto_differs("moto expires a message only when it is received")
def test_a_dead_letter_expires_by_its_first_sending(aws: Any) -> None:
    queue = ContractQueue(aws)
    queue.send()
    exhaust(queue)
    queue.receive()
    queue.wait(4 * 86_400 - 2 * (VISIBILITY + 1) - 1)
    assert queue.counts(queue.dead_url) == (1, 0, 0)
    queue.wait(2)
    assert queue.counts(queue.dead_url) == (0, 0, 0)
