"""Failures: the category that the design's table gives them, a fingerprint for their cause, a row in the ledger."""

from __future__ import annotations

import string
from typing import Any

import pytest
from botocore import exceptions as botocore_errors
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.work import BadWork
from pik.domain.http.strict_json import MalformedJson, parse_json
from pik.domain.shared.failures import (
    Attempt,
    Category,
    Cause,
    EntryRefused,
    HashMismatch,
    LogReference,
    PermanentFailure,
    ProcessingFailure,
    TimeoutFailure,
    TransientFailure,
    ValidationFailure,
    advice,
    classify,
    fingerprint,
    is_known,
    ledger_rows,
    place_of,
)
from pik.domain.shared.problems import InvalidEvent, Problem

INVOCATION = LogReference("processor", "request-1", "stream-1")
AT = "2026-11-20T12:00:00.000000Z"


def refused(code: str, status: int = 400, message: str = "no") -> botocore_errors.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore_errors.ClientError(response, "PutItem")


CASES: list[tuple[BaseException, Category]] = [
    (MalformedJson([Problem("body", "malformed_json")]), Category.VALIDATION),
    (InvalidEvent([Problem("/data_base64", "broken_base64")]), Category.VALIDATION),
    (HashMismatch("x"), Category.VALIDATION),
    (BadWork("x"), Category.VALIDATION),
    (ValidationFailure("x"), Category.VALIDATION),
    (refused("InvalidRange", 416), Category.VALIDATION),
    (ProcessingFailure("x"), Category.PROCESSING),
    (PermanentFailure("x"), Category.PERMANENT),
    (refused("AccessDenied", 403), Category.PERMANENT),
    (refused("AccessDeniedException"), Category.PERMANENT),
    (refused("ResourceNotFoundException"), Category.PERMANENT),
    (refused("NoSuchKey", 404), Category.PERMANENT),
    (refused("NoSuchBucket", 404), Category.PERMANENT),
    (refused("KMS.DisabledException"), Category.PERMANENT),
    (refused("ExpiredTokenException"), Category.PERMANENT),
    (botocore_errors.NoCredentialsError(), Category.PERMANENT),
    (TransientFailure("x"), Category.TRANSIENT),
    (refused("ProvisionedThroughputExceededException"), Category.TRANSIENT),
    (refused("ThrottlingException"), Category.TRANSIENT),
    (refused("SlowDown", 503), Category.TRANSIENT),
    (refused("InternalServerError", 500), Category.TRANSIENT),
    (refused("NobodyKnowsThisOne", 502), Category.TRANSIENT),
    (EntryRefused("ThrottlingException", "rate"), Category.TRANSIENT),
    (EntryRefused("InternalFailure", ""), Category.TRANSIENT),
    (botocore_errors.EndpointConnectionError(endpoint_url="https://sqs"), Category.TRANSIENT),
    (botocore_errors.ConnectionClosedError(endpoint_url="https://sqs"), Category.TRANSIENT),
    (ConnectionResetError("reset"), Category.TRANSIENT),
    (TimeoutFailure("x"), Category.TIMEOUT),
    (botocore_errors.ReadTimeoutError(endpoint_url="https://sqs"), Category.TIMEOUT),
    (botocore_errors.ConnectTimeoutError(endpoint_url="https://sqs"), Category.TIMEOUT),
    (TimeoutError("slow"), Category.TIMEOUT),
    (refused("RequestTimeout"), Category.TIMEOUT),
]


@pytest.mark.parametrize(("error", "category"), CASES, ids=lambda it: f"{it}"[:40])
def test_a_failure_has_the_category_of_the_table(error: BaseException, category: Category) -> None:
    assert classify(error) is category
    assert is_known(error)


def test_a_bare_error_code_is_classified_too() -> None:
    assert classify("AccessDenied") is Category.PERMANENT
    assert classify("SlowDown") is Category.TRANSIENT


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), KeyError("x"), refused("ValidationException"), "NeverHeard"])
def test_what_nobody_knows_is_tried_again_and_said_to_be_unknown(error: BaseException | str) -> None:
    assert classify(error) is Category.TRANSIENT
    assert not is_known(error)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (refused("AccessDeniedException"), "permission"),
        (refused("NoSuchKey"), "restore"),
        (refused("NoSuchBucket"), "RAW_BUCKET"),
        (refused("ResourceNotFoundException"), "deploy"),
        (refused("KMS.DisabledException"), "enable"),
        (refused("ExpiredToken"), "credentials"),
        (botocore_errors.NoCredentialsError(), "role"),
        (PermanentFailure("x"), "permission"),
    ],
)
def test_a_permanent_failure_comes_with_its_fix_in_words(error: BaseException, word: str) -> None:
    assert word in advice(error)


IDS = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXTS = st.text(string.ascii_letters + string.digits + " #-/", max_size=30)


FACTS = st.tuples(IDS, st.integers(), TEXTS, st.uuids())


@given(FACTS, FACTS)
def test_one_cause_has_one_fingerprint_whatever_event_met_it(one: Any, other: Any) -> None:
    def of(event_id: str, number: int, text: str, uuid: Any) -> str:
        message = f"event {event_id} of '{text}' (\"{text}\"): {number} bytes, request {uuid}, 20:1{abs(number)}"
        return fingerprint("HashMismatch", "pik.domain.envelope:payload_with_sha", message)

    assert of(*one) == of(*other)


def test_different_causes_have_different_fingerprints() -> None:
    found = {
        fingerprint("A", "here", "cannot read"),
        fingerprint("B", "here", "cannot read"),
        fingerprint("A", "there", "cannot read"),
        fingerprint("A", "here", "cannot write"),
    }
    assert len(found) == 4


def test_an_apostrophe_does_not_open_a_quotation() -> None:
    one = fingerprint("A", "here", "can't read the first file, won't read the second")
    other = fingerprint("A", "here", "can't find the first file, won't read the second")
    assert one != other


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    assert fingerprint("A", "here", "x 1") == fingerprint("A", "here", "x 2") == "cf7d4bf05c898377fe804619cfa93cbf"


def test_the_place_is_the_innermost_function_of_the_kit() -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json(b"{")
    assert place_of(caught.value) == "pik.domain.http.strict_json:_read"
    assert place_of(BadWork("never raised")) == "pik.domain.event.work"


@pytest.mark.parametrize("handler", ["ingest", "publisher", "processor", "replay", "redrive", "redrive_step"])
def test_a_handler_is_a_place_of_the_kit_too(handler: str) -> None:
    spaces: list[dict[str, Any]] = [{"__name__": handler}, {"__name__": "botocore.client"}]
    exec("def outer(inner): inner()", spaces[0])  # noqa: S102 (a function in a module of that name)
    exec("def inner(): raise ValueError('x')", spaces[1])  # noqa: S102
    with pytest.raises(ValueError, match="x") as caught:
        spaces[0]["outer"](spaces[1]["inner"])
    assert place_of(caught.value) == f"{handler}:outer"


def test_a_place_outside_the_kit_is_better_than_none() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert place_of(caught.value).endswith("test_a_place_outside_the_kit_is_better_than_none")


def test_a_ledger_row_says_all_that_is_known() -> None:
    columns = {"event_id": "e" * 64, "source": "shop", "s3_key": "raw/a", "run": "LIVE"}
    cause = Cause.of(HashMismatch("no payload 12"))
    (row,) = ledger_rows([(Attempt("m-1", "e" * 64, 7, False, columns), cause, "RETRY")], INVOCATION, AT, 30)
    assert row == {
        "PK": f"EVENT#{'e' * 64}",
        "SK": f"AT#{AT}#007",
        **columns,
        "category": "VALIDATION",
        "error_type": "HashMismatch",
        "message": "no payload 12",
        "place": "pik.domain.shared.failures",
        "fingerprint": fingerprint("HashMismatch", "pik.domain.shared.failures", "no payload 99"),
        "attempt": 7,
        "message_id": "m-1",
        "function": "processor",
        "request_id": "request-1",
        "log_stream": "stream-1",
        "disposition": "RETRY",
        "failed_at": AT,
        "expires_at": 1795176000 + 30 * 86_400,
    }
    assert type(row["category"]) is str


def test_an_aws_error_is_known_by_its_code() -> None:
    cause = Cause.of(refused("AccessDenied"))
    assert (cause.error_type, cause.category, cause.known) == ("AccessDenied", Category.PERMANENT, True)
    assert Cause.of(ZeroDivisionError("x")).known is False


def test_what_must_not_be_told_is_in_neither_the_message_nor_the_fingerprint() -> None:
    def clean(text: str) -> str:
        return text.replace("Jane", "<redacted>").replace("Joe", "<redacted>")

    one, other = Cause.of(BadWork("no place for Jane"), clean), Cause.of(BadWork("no place for Joe"), clean)
    assert one.message == "no place for <redacted>"
    assert one == other


def test_a_row_of_an_unreadable_message_is_under_its_own_id() -> None:
    cause = Cause.of(BadWork("x"))
    (row,) = ledger_rows([(Attempt("m-1", None, 5, True), cause, "DEAD_LETTER")], INVOCATION, AT, 30)
    assert row["disposition"] == "DEAD_LETTER"
    assert row["PK"] == "EVENT#unknown-m-1"


def test_a_long_or_strange_message_fits_the_table() -> None:
    cause = Cause.of(BadWork("\ud800" + "x" * 5_000))
    (row,) = ledger_rows([(Attempt("m", None, 1, False), cause, "RETRY")], INVOCATION, AT, 30)
    assert row["message"] == "?" + "x" * 999
    row["message"].encode()


def test_two_failures_of_one_event_in_one_moment_have_two_rows() -> None:
    attempts = [Attempt(f"m-{n}", "e" * 64, 1, False) for n in range(3)]
    rows = ledger_rows([(it, Cause.of(BadWork("x")), "RETRY") for it in attempts], INVOCATION, AT, 30)
    assert [row["message_id"] for row in rows] == ["m-0", "m-1", "m-2"]
    assert [row["SK"] for row in rows] == [f"AT#2026-11-20T12:00:00.00000{n}Z#001" for n in range(3)]
