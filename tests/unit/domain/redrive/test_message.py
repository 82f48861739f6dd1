"""What a letter becomes: the same event with its history, later if it keeps failing, with another payload if asked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.envelope import payload_with_sha
from pik.domain.event.work import parse_work
from pik.domain.http.validation import SchemaRegistry
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.message import Entry, delay_of, entry_of, put_back, redriven, rescued, with_payload
from pik.domain.redrive.transform import Transform, TransformFailed
from pik.schemas import load_schemas
from tests.support.letters import letter

RUN = "rdr-20261120T101530Z-0a1b2c3d"
SCHEMAS = SchemaRegistry(load_schemas(), allow_unknown=True)


def in_a_file(entry: Entry) -> Entry:
    """As it comes back from the selection's file."""
    return Entry.of(json.loads(json.dumps(entry.columns())))


def stored() -> bytes:
    return json.dumps(
        {"source": "shop", "event_type": "order", "payload": {"orderId": "order-0", "amount": 1}}
    ).encode()


def test_a_redriven_message_is_the_same_event_with_one_redrive_more() -> None:
    given_ = letter(redrives=1, redrive_run="rdr-1", run="shadow-1", attempts_before=1)
    assert given_.work is not None
    message = redriven(in_a_file(entry_of(given_, 5, whole=False)), RUN, 30)
    work = parse_work(message.body)
    assert (work.origin, work.redrives, work.redrive_run, work.attempts_before) == ("redrive", 2, RUN, 2)
    assert (work.event_id, work.ref, work.payload_sha, work.run) == (
        given_.work.event_id,
        given_.work.ref,
        given_.work.payload_sha,
        "shadow-1",
    )
    assert (message.group, message.delay, dict(message.attributes)) == ("shop", 30, {})
    assert message.body.isascii()


@pytest.mark.parametrize("whole", [True, False])
def test_an_entry_comes_back_from_its_file_as_it_was(whole: bool) -> None:
    for found in (letter(), letter(readable=False), letter(reason=False), letter(redrives=2, redrive_run="rdr-1")):
        entry = entry_of(found, 5, whole=whole)
        assert in_a_file(entry) == entry


def test_a_letter_without_a_work_message_cannot_be_redriven() -> None:
    with pytest.raises(LookupError, match="message-0 holds no work message"):
        redriven(entry_of(letter(readable=False), 5, whole=False), RUN, 0)


def test_attempts_of_a_message_that_sqs_moved_are_those_that_the_queue_allows() -> None:
    assert entry_of(letter(reason=False, attempts_before=3), 5, whole=False).attempts == 8


def test_a_rescued_message_comes_back_as_it_was_without_its_receipt() -> None:
    for it in (letter(), letter(readable=False), letter(reason=False)):
        kept = json.loads(json.dumps(rescued(entry_of(it, 5, whole=True))))
        assert "receipt" not in kept
        message = put_back(Entry.of(kept))
        assert (message.body, message.group, message.attributes) == (it.body, it.group, it.attributes)
        assert kept["sent_at"] == it.sent_at


@given(redrives=st.integers(0, 40), backoff=st.booleans(), jitter=st.integers(0, 900), chance=st.floats(0, 0.999999))
def test_a_delay_is_one_that_sqs_takes(redrives: int, backoff: bool, jitter: int, chance: float) -> None:
    delay = delay_of(redrives, backoff=backoff, jitter_seconds=jitter, chance=chance)
    assert 0 <= delay <= 900
    if not backoff or redrives == 0:
        assert delay <= jitter
    assert delay >= delay_of(redrives, backoff=backoff, jitter_seconds=0, chance=0) - jitter


def test_an_event_that_came_back_is_delayed_twice_as_long_each_time() -> None:
    delays = [delay_of(n, backoff=True, jitter_seconds=0, chance=0.5) for n in range(7)]
    assert delays == [0, 60, 120, 240, 480, 900, 900]


def test_the_new_payload_is_stored_as_an_event_whose_hash_is_told() -> None:
    it = letter()
    body, sha = with_payload(entry_of(it, 5, whole=False), Transform({"amount": 2.5}), stored(), SCHEMAS)
    event = json.loads(body)
    assert payload_with_sha(event, sha) == {"orderId": "order-0", "amount": 2.5}
    assert (event["source"], event["event_type"], event["entity_id"]) == ("shop", "order", "customer-17")


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        (Transform({"amount": "much"}), "breaks the schema of its type: /payload/amount: type"),
        (Transform({}, "to_number('1e999')"), "no JSON that the kit takes"),
        (Transform({"deep": json.loads("[" * 80 + "]" * 80)}), "no JSON that the kit takes"),
        (Transform({"note": "x" * 1_100_000}), "at most 1048576"),
    ],
)
def test_a_new_payload_that_no_producer_could_send_is_refused(transform: Transform, said: str) -> None:
    with pytest.raises(TransformFailed, match=said):
        with_payload(entry_of(letter(), 5, whole=False), transform, stored(), SCHEMAS)


def test_a_payload_that_is_not_json_cannot_be_changed() -> None:
    data = b"\x89PNG"
    entry = entry_of(letter(), 5, whole=False)
    ref = replace(entry.event.ref, key="raw/a.bin")
    picture = replace(entry, work=replace(entry.event, ref=ref, payload_sha=hashlib.sha256(data).hexdigest()))
    with pytest.raises(TransformFailed, match="not JSON"):
        with_payload(picture, Transform({"amount": 1}), data, SCHEMAS)


@pytest.mark.parametrize("data", [b"\x00\xff", "AP8="])  # as botocore hands it over, and as SQS sends it
def test_attributes_of_other_types_are_kept_as_they_are(data: object) -> None:
    found = DeadLetter.of(
        {
            "MessageId": "m",
            "ReceiptHandle": "r",
            "Body": "no work message",
            "MessageAttributes": {
                "trace": {"DataType": "Binary", "BinaryValue": data},
                "weight": {"DataType": "Number", "StringValue": "1.50"},
                "name": {"DataType": "String", "StringValue": "Ada"},
            },
        }
    )
    message = put_back(Entry.of(json.loads(json.dumps(rescued(entry_of(found, 5, whole=True))))))
    assert message.attributes == {"name": "Ada"}
    assert message.typed == {
        "trace": {"DataType": "Binary", "BinaryValue": "AP8="},
        "weight": {"DataType": "Number", "StringValue": "1.50"},
    }
    assert message.size > len("no work message" + "Ada" + "AP8=" + "1.50")
