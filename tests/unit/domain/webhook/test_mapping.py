"""Requests of each kind of sender as events: where their members are, and what is said when they are not there."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.envelope import open_envelope
from pik.domain.event.intake import take_in
from pik.domain.http.requests import RequestBody
from pik.domain.http.validation import SchemaRegistry
from pik.domain.shared.limits import MAX_EVENT_BYTES
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.domain.webhook.mapping import as_event, challenge_of, read_body, view_of
from pik.domain.webhook.source import WebhookSource, read_source
from pik.webhooks import load_webhooks

FILES = load_webhooks()
JSON = {"content-type": "application/json"}


def event_of(source: WebhookSource, body: Any, headers: dict[str, str] | None = None) -> RequestBody:
    given = {**JSON, **(headers or {})}
    request = read_body(given, json.dumps(body).encode())
    return as_event(source, request, view_of(source, given, request.parts[0].value))


def attributes(name: str, body: Any, headers: dict[str, str] | None = None) -> dict[str, str]:
    found = event_of(read_source(name, FILES[name]), body, headers).attributes
    assert found is not None
    return dict(found)


def source(**event: str) -> WebhookSource:
    members = {"id": "body.id", "type": "'made'", **event}
    return read_source("mine", {"signature": {"scheme": "github"}, "event": members})


def problems(made: WebhookSource, body: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEvent) as caught:
        event_of(made, body)
    return [(it.path, it.code) for it in caught.value.problems]


def s3(message: Any) -> dict[str, Any]:
    return {"MessageId": "m", "TopicArn": "arn:t", "Timestamp": "2026-11-20T10:15:31Z", "Message": json.dumps(message)}


RECORD = {
    "eventName": "ObjectCreated:Put",
    "eventTime": "2026-11-20T10:15:30.123Z",
    "s3": {"bucket": {"name": "uploads"}, "object": {"key": "a/b.csv"}},
}

KINDS: dict[str, tuple[str, Any, dict[str, str], dict[str, str]]] = {
    "standard": (
        "standard",
        {"type": "contact.created", "timestamp": "2026-11-03T20:26:10Z", "data": {"id": "1"}},
        {"webhook-id": "msg_1"},
        {"id": "msg_1", "type": "contact.created", "subject": "1", "time": "2026-11-03T20:26:10Z"},
    ),
    "stripe": (
        "stripe",
        {
            "id": "evt_1",
            "type": "invoice.paid",
            "created": 1763633730,
            "data": {"object": {"id": "in_1", "customer": "cus_1"}},
        },
        {},
        {"id": "evt_1", "type": "invoice.paid", "subject": "cus_1", "time": "2025-11-20T10:15:30.000000Z"},
    ),
    "github": (
        "github",
        {"action": "opened", "repository": {"full_name": "octo/kit"}},
        {"x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "x-github-event": "issues"},
        {"id": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "type": "issues", "subject": "octo/kit"},
    ),
    "shopify": (
        "shopify",
        {"id": 820982911946154508},
        {
            "x-shopify-webhook-id": "b54557e4",
            "x-shopify-topic": "orders/create",
            "x-shopify-shop-domain": "one.myshopify.com",
            "x-shopify-triggered-at": "2026-11-20T10:15:30.123456789Z",
        },
        {
            "id": "b54557e4",
            "type": "orders/create",
            "subject": "one.myshopify.com",
            "time": "2026-11-20T10:15:30.123456789Z",
        },
    ),
    "slack": (
        "slack",
        {
            "type": "event_callback",
            "event_id": "Ev1",
            "event_time": 1763633730,
            "team_id": "T1",
            "event": {"type": "reaction_added", "user": "U1"},
        },
        {},
        {"id": "Ev1", "type": "reaction_added", "subject": "U1", "time": "2025-11-20T10:15:30.000000Z"},
    ),
    "eventbridge": (
        "eventbridge",
        {
            "id": "7bf73129-1428-4cd3-a780-95db273d1602",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "time": "2026-11-20T10:15:30Z",
            "resources": ["arn:aws:s3:::b"],
            "detail": {},
        },
        {},
        {
            "id": "7bf73129-1428-4cd3-a780-95db273d1602",
            "source": "aws.s3",
            "type": "Object Created",
            "subject": "arn:aws:s3:::b",
            "time": "2026-11-20T10:15:30Z",
        },
    ),
    "sns, JSON": (
        "sns",
        s3({"type": "order.paid", "id": 17}),
        {},
        {"id": "m", "type": "order.paid", "subject": "17", "time": "2026-11-20T10:15:31Z"},
    ),
    "sns, text": (
        "sns",
        {**s3(0), "Message": "hello"},
        {},
        {"id": "m", "type": "sns.notification", "subject": "arn:t", "time": "2026-11-20T10:15:31Z"},
    ),
    "s3": (
        "s3",
        s3({"Records": [RECORD]}),
        {},
        {"id": "m", "type": "ObjectCreated:Put", "subject": "uploads/a/b.csv", "time": "2026-11-20T10:15:30.123Z"},
    ),
    "s3, test": (
        "s3",
        s3({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-20T10:15:30Z", "Bucket": "uploads"}),
        {},
        {"id": "m", "type": "s3:TestEvent", "subject": "uploads", "time": "2026-11-20T10:15:30Z"},
    ),
    "pubsub": (
        "pubsub",
        {
            "message": {"messageId": "136969346945", "publishTime": "2026-11-20T10:15:30.5Z", "data": "e30="},
            "subscription": "projects/p/subscriptions/s",
        },
        {},
        {
            "id": "136969346945",
            "type": "pubsub.message",
            "subject": "projects/p/subscriptions/s",
            "time": "2026-11-20T10:15:30.5Z",
        },
    ),
    "pubsub, Cloud Storage": (
        "pubsub",
        {
            "message": {
                "messageId": "1",
                "publishTime": "2026-11-20T10:15:31Z",
                "attributes": {
                    "eventType": "OBJECT_FINALIZE",
                    "objectId": "a/b.csv",
                    "eventTime": "2026-11-20T10:15:30.5Z",
                },
            }
        },
        {},
        {"id": "1", "type": "OBJECT_FINALIZE", "subject": "a/b.csv", "time": "2026-11-20T10:15:30.5Z"},
    ),
    "eventarc": (
        "eventarc",
        {"name": "a b.csv"},
        {
            "ce-id": "e1",
            "ce-source": "//storage.googleapis.com/projects/_/buckets/b",
            "ce-type": "google.cloud.storage.object.v1.finalized",
            "ce-subject": "objects/a%20b.csv",
            "ce-time": "2026-11-20T10:15:30Z",
        },
        {
            "id": "e1",
            "source": "//storage.googleapis.com/projects/_/buckets/b",
            "type": "google.cloud.storage.object.v1.finalized",
            "subject": "objects/a b.csv",
            "time": "2026-11-20T10:15:30Z",
        },
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_sender_has_its_members_where_its_file_says(kind: str) -> None:
    name, body, headers, expected = KINDS[kind]
    assert attributes(name, body, headers) == {"specversion": "1.0", "source": name, **expected}


def test_every_file_of_the_kit_is_tried_here() -> None:
    assert {name for name, *_ in KINDS.values()} == set(FILES)


def test_the_body_is_the_data_as_it_was_sent() -> None:
    body = b' {"data": {"b": 1, "a": 2.50}, "id": "e"}\n'
    request = read_body(JSON, body)
    event = as_event(source(), request, view_of(source(), JSON, request.parts[0].value))
    (part,) = event.parts
    assert body[part.offset : part.offset + part.length] == body
    envelope = open_envelope(part.value, "order", SCHEMAS, event.attributes)
    assert envelope.payload == {"data": {"b": 1, "a": 2.5}, "id": "e"}
    assert (envelope.source, envelope.event_type, envelope.idempotency_key) == ("mine", "made", "e")
    assert (event.many, event.media_type) == (False, "application/json")


SCHEMAS = SchemaRegistry({}, allow_unknown=True)


def test_what_is_volatile_does_not_tell_two_deliveries_apart() -> None:
    volatile = replace(source(), volatile=("/attempt",))
    requests = [event_of(volatile, {"id": "1", "attempt": number}) for number in (1, 2)]
    one, other = (
        take_in(request, SCHEMAS, "order", "2026-11-20T12:00:00.000000Z", "r")[0][0].event for request in requests
    )
    assert one.event_id == other.event_id
    assert one.payload_sha != other.payload_sha
    assert one.compared_sha == other.compared_sha != ""


def test_what_is_volatile_goes_with_the_request() -> None:
    name, body, headers, _ = KINDS["stripe"]
    assert event_of(read_source(name, FILES[name]), body, headers).volatile == ("/pending_webhooks",)
    assert event_of(source(), {"id": "1"}).volatile == ()


def test_attributes_that_are_too_large_together_are_refused_with_a_member() -> None:
    made = source(**{member: f"body.{member}" for member in ("type", "source", "entity")})
    names = dict.fromkeys(("type", "source", "entity", "id"), "é" * 250)
    assert all(place.startswith("webhook:") for place, _ in problems(made, names))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1763633730, "2025-11-20T10:15:30.000000Z"),
        (1763633730.25, "2025-11-20T10:15:30.250000Z"),
        (1763633730123, "2025-11-20T10:15:30.123000Z"),
        (100_000_000_000, "1973-03-03T09:46:40.000000Z"),
        (1355517523.000005, "2012-12-14T20:38:43.000005Z"),
        (99_999_999_999, "5138-11-16T09:46:39.000000Z"),
    ],
)
def test_numbers_are_seconds_or_milliseconds(number: float, expected: str) -> None:
    event = event_of(source(time="body.at"), {"id": "1", "at": number})
    assert event.attributes is not None
    assert event.attributes["time"] == expected


def test_an_exact_number_is_a_time_too() -> None:
    request = read_body(JSON, b'{"id": "1"}')
    view = {"body": {"id": "1", "at": Decimal("1763633730.25")}, "headers": {}}
    event = as_event(source(time="body.at"), request, view)
    assert event.attributes is not None
    assert event.attributes["time"] == "2025-11-20T10:15:30.250000Z"


@pytest.mark.parametrize("at", [-1, -(10**15), 9 * 10**15, 1e300, "1763633730", "yesterday", "2026-11-20T10:15:30"])
def test_a_time_outside_the_calendar_or_of_another_form_is_refused_with_its_place(at: Any) -> None:
    ((place, code),) = problems(source(time="body.at"), {"id": "1", "at": at})
    assert place == "webhook:time"
    assert code in {"bad_time", "time_without_offset"}


@given(st.one_of(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_of_seconds_is_a_time_and_one_below_zero_is_refused(number: float) -> None:
    request = read_body(JSON, b'{"id": "1"}')
    view = {"body": {"id": "1", "at": number}, "headers": {}}
    if 0 <= number < 10**11:
        assert as_event(source(time="body.at"), request, view).attributes
    elif number <= -1:
        with pytest.raises(InvalidEvent, match="webhook:time: bad_time"):
            as_event(source(time="body.at"), request, view)


@pytest.mark.parametrize("value", [True, [], {}, ["1"], 1.5])
@pytest.mark.parametrize("member", ["id", "type", "entity", "source", "time"])
def test_what_is_no_text_names_nothing(member: str, value: Any) -> None:
    if member == "time" and isinstance(value, float):
        return
    found = problems(source(**{member: "body.it"}), {"id": "1", "it": value})
    assert found == [(f"webhook:{member}", "unmapped_member")]


def test_a_number_may_be_an_id_or_an_entity() -> None:
    event = event_of(source(entity="body.entity"), {"id": 9007199254740991, "entity": 0})
    assert event.attributes is not None
    assert (event.attributes["id"], event.attributes["subject"]) == ("9007199254740991", "0")


def test_a_missing_member_is_named_with_its_expression_and_all_are_named_at_once() -> None:
    with pytest.raises(InvalidEvent) as caught:
        event_of(source(type="body.kind", source="body.from"), {})
    assert caught.value.status == 400
    assert caught.value.problems == (
        Problem("webhook:id", "unmapped_member", {"member": "id", "expression": "body.id", "given": "null"}),
        Problem("webhook:type", "unmapped_member", {"member": "type", "expression": "body.kind", "given": "null"}),
        Problem("webhook:source", "unmapped_member", {"member": "source", "expression": "body.from", "given": "null"}),
    )


def test_an_entity_and_a_time_may_be_missing() -> None:
    event = event_of(source(entity="body.entity", time="body.at"), {"id": "1"})
    assert event.attributes == {"specversion": "1.0", "source": "mine", "id": "1", "type": "made"}


@pytest.mark.parametrize("value", ["", " ", "x" * 2_000, "a\nb"])
def test_what_cannot_be_a_name_is_refused_with_its_member(value: str) -> None:
    ((place, _),) = problems(source(entity="body.entity"), {"id": "1", "entity": value})
    assert place == "webhook:entity"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "Application/JSON; charset=UTF-8",
        "text/plain; charset=UTF-8",
        "application/cloudevents+json",
    ],
)
def test_json_comes_under_many_names(content_type: str) -> None:
    assert read_body({"content-type": content_type}, b"{}").parts[0].value == {}


@pytest.mark.parametrize(
    ("headers", "body", "status", "place", "code"),
    [
        (
            {"content-type": "application/x-www-form-urlencoded"},
            b"payload={}",
            415,
            "header:content-type",
            "unsupported_media_type",
        ),
        ({**JSON, "content-encoding": "gzip"}, b"{}", 415, "header:content-encoding", "unsupported_media_type"),
        (JSON, b"", 400, "body", "empty_body"),
        (JSON, b"{", 400, "body", "malformed_json"),
        (JSON, b"\xff", 400, "body", "invalid_utf8"),
        (JSON, b"[{}]", 400, "body", "not_an_object"),
        (JSON, b"[]", 400, "body", "empty_batch"),
        (JSON, b"5", 400, "body", "not_an_object"),
        (JSON, b'{"a": "' + b"x" * MAX_EVENT_BYTES + b'"}', 413, "body", "event_too_large"),
    ],
)
def test_what_is_no_object_of_json_is_refused(
    headers: dict[str, str], body: bytes, status: int, place: str, code: str
) -> None:
    with pytest.raises(InvalidEvent) as caught:
        read_body(headers, body)
    problem = caught.value.problems[0]
    assert (caught.value.status, problem.path, problem.code) == (status, place, code)


def test_expressions_see_no_header_that_holds_a_secret() -> None:
    token = read_source("eventbridge", FILES["eventbridge"])
    headers = {"x-api-key": "hush", "authorization": "hush", "cookie": "hush", "x-kind": "order"}
    assert view_of(token, headers, {}) == {"body": {}, "headers": {"x-kind": "order"}}


def test_only_the_challenge_of_a_sender_is_answered() -> None:
    slack = read_source("slack", FILES["slack"])
    for body, expected in [
        ({"type": "url_verification", "challenge": "3eZbrw1a"}, "3eZbrw1a"),
        ({"type": "url_verification"}, None),
        ({"type": "url_verification", "challenge": 5}, None),
        ({"type": "event_callback", "challenge": "3eZbrw1a"}, None),
    ]:
        assert challenge_of(slack, view_of(slack, {}, body)) == expected
    assert challenge_of(source(), view_of(source(), {}, {"challenge": "x"})) is None
