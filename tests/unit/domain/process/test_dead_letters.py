"""Dead letters as anyone may have sent them: read with bounds, explained, and never an exception."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.process.dead_letters import DeadLetter, Reason
from pik.domain.shared import times
from pik.domain.shared.limits import MAX_ATTEMPTS, MAX_NAME_CHARS, MAX_REASON_CHARS
from tests.support.foreign import ATTRIBUTES, FOREIGN, ForeignMessage
from tests.support.makers import make_work

SYSTEM = {"SentTimestamp": "1795169730250", "ApproximateReceiveCount": "3", "MessageGroupId": "shop"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
VALUES = ANYTHING | st.fixed_dictionaries({"DataType": st.just("String") | ANYTHING, "StringValue": ANYTHING})
NAMES = st.sampled_from(["category", "fingerprint", "attempts", "failed_at", "reason", "run", "other"])


def read(message: ForeignMessage, system: Any = None) -> DeadLetter:
    return DeadLetter.of(
        {
            "MessageId": "m-1",
            "ReceiptHandle": "r-1",
            "Body": message.body,
            "Attributes": SYSTEM if system is None else system,
            "MessageAttributes": message.sent_attributes(),
        }
    )


def bounded(letter: DeadLetter) -> None:
    """Nothing that is shown of a letter, or computed from it, leaves its bounds."""
    assert times.is_normal(letter.sent_at)
    assert times.is_normal(letter.died_at)
    assert 1 <= letter.receive_count <= MAX_ATTEMPTS
    assert 0 <= letter.attempts(5) <= MAX_ATTEMPTS + 5
    reason = letter.reason
    if reason:
        assert max(len(reason.category), len(reason.fingerprint)) <= 64
        assert max(len(reason.error_type), len(reason.run), len(reason.event_id)) <= MAX_NAME_CHARS
        assert len(reason.message) <= MAX_REASON_CHARS
        assert all(not it or times.is_normal(it) for it in (reason.failed_at, reason.first_sent_at))


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_letter_is_a_letter_that_says_what_of_it_cannot_be_read(name: str) -> None:
    letter = read(FOREIGN[name])
    bounded(letter)
    assert letter.work is None
    assert letter.body == FOREIGN[name].body
    assert any(note.startswith("work message:") for note in letter.unreadable)
    assert letter.sent_at == "2026-11-20T10:15:30.250000Z"


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("attempts of 5,000 digits", "attempts: expected a whole number from 0 to 1000000"),
        ("a time in words", "failed_at: expected a UTC time with six decimals"),
        ("a long cause", "category: 9000 characters, of which 64 are shown"),
    ],
)
def test_an_attribute_that_cannot_be_read_costs_itself_and_is_named(name: str, note: str) -> None:
    work = make_work({"amount": 1})
    letter = read(ForeignMessage(work.message().body, ATTRIBUTES[name]))
    assert letter.work == work, "the event is sound all the same"
    assert letter.reason is not None
    assert note in letter.unreadable
    assert letter.attempts(5) == 5


def test_a_letter_of_the_kit_has_nothing_unreadable() -> None:
    work = make_work({"amount": 1}, attempts_before=2)
    at = "2026-11-20T11:00:00.000000Z"
    reason = Reason("VALIDATION", "HashMismatch", "f" * 32, "no payload", work.event_id, 3, at, at, "LIVE")
    letter = read(ForeignMessage(work.message().body, reason.attributes()))
    assert (letter.work, letter.reason, letter.unreadable) == (work, reason, ())
    assert letter.receive_count == 3


def test_attributes_are_kept_as_they_came_for_a_rescue() -> None:
    letter = read(ForeignMessage("y", {**ATTRIBUTES["typed attributes"], "reason": "r" * 5_000}))
    assert letter.attributes == {"reason": "r" * 5_000}
    assert letter.typed == {
        "category": {"DataType": "Number", "StringValue": "5"},
        "fingerprint": {"DataType": "Binary", "BinaryValue": base64.b64encode(b"\xff\x00").decode()},
        "attempts": {"DataType": "String.json", "StringValue": "{}"},
    }
    assert letter.reason is None, "only texts are a reason"
    assert letter.size == 1 + 5_000


@pytest.mark.parametrize("system", [{}, {"SentTimestamp": "soon", "ApproximateReceiveCount": "٣"}, [], None])
def test_system_attributes_that_are_missing_or_wrong_have_their_least_values(system: Any) -> None:
    message = {"MessageId": "m-1", "ReceiptHandle": "r-1", "Body": "y", "Attributes": system}
    letter = DeadLetter.of(message)
    assert (letter.sent_at, letter.receive_count, letter.group) == (times.from_milliseconds(0), 1, "")
    bounded(letter)


@given(ANYTHING, ANYTHING, st.dictionaries(NAMES, VALUES), st.dictionaries(st.sampled_from(sorted(SYSTEM)), ANYTHING))
def test_no_message_raises(body: Any, message_id: Any, attributes: Any, system: Any) -> None:
    message = {"MessageId": message_id, "ReceiptHandle": "r", "Body": body}
    bounded(DeadLetter.of({**message, "Attributes": system, "MessageAttributes": attributes}))
    bounded(DeadLetter.of({**message, "Attributes": attributes, "MessageAttributes": system}))
