"""Envelopes: three forms of an event, and every member that is missing or wrong, at its place."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.envelope import (
    BARE_SOURCE,
    EnvelopeForm,
    identify,
    open_envelope,
    payload_with_sha,
    recognise,
    stored_payload,
)
from pik.domain.http.validation import SchemaRegistry
from pik.domain.shared.failures import HashMismatch
from pik.domain.shared.identity import payload_sha
from pik.domain.shared.problems import InvalidEvent
from tests.support.schemas import ARRIVAL, NoSchemas

KIT = {
    "source": "shop",
    "event_type": "order",
    "entity_id": "customer-17",
    "event_time": "2026-11-20T10:15:30.250Z",
    "payload": {"orderId": "test-123", "amount": 42.5},
}
CLOUD = {
    "specversion": "1.0",
    "id": "A-1",
    "source": "shop",
    "type": "order",
    "subject": "customer-17",
    "time": "2026-11-20T10:15:30.250Z",
    "data": {"orderId": "test-123", "amount": 42.5},
}


def problems_of(value: Any, **kwargs: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEvent) as caught:
        open_envelope(value, "order", NoSchemas(), **kwargs)
    return [(it.path, it.code) for it in caught.value.problems]


def test_the_kits_own_form(schemas: NoSchemas) -> None:
    event = identify(open_envelope(KIT, "order", schemas), schemas, ARRIVAL)
    assert (event.source, event.event_type, event.entity_id) == ("shop", "order", "customer-17")
    assert event.event_time == "2026-11-20T10:15:30.250000Z"
    assert event.lag_ms == 6_269_750
    assert event.payload_sha == payload_sha(KIT["payload"])


def test_a_cloud_event_is_the_same_event_with_its_id_as_key(schemas: NoSchemas) -> None:
    cloud = identify(open_envelope(CLOUD, "order", schemas), schemas, ARRIVAL)
    kit = identify(open_envelope(KIT | {"idempotency_key": "A-1"}, "order", schemas), schemas, ARRIVAL)
    assert cloud == kit


def test_structured_binary_and_base64_cloud_events_are_one_event(schemas: NoSchemas) -> None:
    structured = open_envelope(CLOUD, "order", schemas)
    attributes = {name: value for name, value in CLOUD.items() if isinstance(value, str)}
    binary = open_envelope(CLOUD["data"], "order", schemas, attributes)
    encoded = {name: value for name, value in CLOUD.items() if name != "data"}
    encoded["data_base64"] = base64.b64encode(json.dumps(CLOUD["data"]).encode()).decode()
    as_base64 = open_envelope(encoded, "order", schemas)
    events = [identify(it, schemas, ARRIVAL) for it in (structured, binary, as_base64)]
    assert events[0] == events[1] == events[2]


def test_a_bare_payload_is_the_default_type_and_its_arrival_is_no_part_of_it(schemas: NoSchemas) -> None:
    one = identify(open_envelope({"id": "x", "amount": 1}, "order", schemas), schemas, ARRIVAL)
    later = identify(open_envelope({"amount": 1, "id": "x"}, "order", schemas), schemas, "2026-12-24T00:00:00.000000Z")
    assert (one.source, one.event_type, one.entity_id, one.event_time) == (BARE_SOURCE, "order", "x", ARRIVAL)
    assert later.event_id == one.event_id


def test_a_timed_event_is_another_at_another_time(schemas: NoSchemas) -> None:
    one = identify(open_envelope(KIT, "order", schemas), schemas, ARRIVAL)
    other = identify(
        open_envelope(KIT | {"event_time": "2026-11-20T10:15:30.251Z"}, "order", schemas), schemas, ARRIVAL
    )
    assert one.event_id != other.event_id


def test_the_offset_of_a_time_is_no_part_of_an_event(schemas: NoSchemas) -> None:
    one = identify(open_envelope(KIT, "order", schemas), schemas, ARRIVAL)
    tokyo = identify(
        open_envelope(KIT | {"event_time": "2026-11-20T19:15:30.25+09:00"}, "order", schemas), schemas, ARRIVAL
    )
    assert one.event_id == tokyo.event_id


def test_everything_that_is_wrong_is_told_at_once() -> None:
    value = {"event_type": 7, "entity_id": " ", "event_time": "soon", "idempotency_key": "a\nb"}
    assert problems_of(value) == [
        ("/source", "missing_member"),
        ("/event_type", "wrong_type"),
        ("/entity_id", "blank"),
        ("/idempotency_key", "control_character"),
        ("/event_time", "bad_time"),
        ("/payload", "missing_member"),
    ]


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"specversion": "0.3"}, "/specversion", "unsupported_specversion"),
        ({"id": ""}, "/id", "blank"),
        ({"subject": "x" * 1025}, "/subject", "too_many_bytes"),
        ({"subject": "\N{GRINNING FACE}" * 257}, "/subject", "too_many_bytes"),
        ({"id": "x" * 257}, "/id", "too_long"),
        ({"source": "\N{GRINNING FACE}" * 251}, "/source", "too_many_bytes"),
        ({"type": "#" * 251 + "%" * 83}, "/type", "too_long"),
        ({"time": 5}, "/time", "wrong_type"),
        ({"time": "2026-11-20T10:15:30"}, "/time", "time_without_offset"),
    ],
)
def test_a_cloud_events_wrong_attribute(change: dict[str, Any], path: str, code: str) -> None:
    assert problems_of(CLOUD | change) == [(path, code)]


WITHOUT = {name: value for name, value in CLOUD.items() if name != "data"}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_bad_base64_is_refused_where_it_stands() -> None:
    assert problems_of(WITHOUT | {"data_base64": "***"}) == [("/data_base64", "broken_base64")]
    assert problems_of(WITHOUT | {"data_base64": 5}) == [("/data_base64", "wrong_type")]


@pytest.mark.parametrize("name", ["application/json", "application/ld+json; charset=utf-8", "Text/JSON"])
def test_bytes_that_are_said_to_be_json_must_be_json(name: str) -> None:
    event = WITHOUT | {"datacontenttype": name, "data_base64": encoded(b"plain")}
    assert problems_of(event) == [("/data_base64", "data_base64_not_json")]


@pytest.mark.parametrize("more", [{}, {"datacontenttype": "image/png"}, {"datacontenttype": None}])
def test_bytes_that_are_not_json_are_the_payload_and_hash_to_their_sha256(schemas: NoSchemas, more: Any) -> None:
    data = b"\x89PNG\r\n\x00"
    envelope = open_envelope(WITHOUT | {"data_base64": encoded(data)} | more, "order", schemas)
    event = identify(envelope, schemas, ARRIVAL)
    assert envelope.payload == data
    assert event.payload_sha == hashlib.sha256(data).hexdigest()
    stored = json.dumps(WITHOUT | {"data_base64": encoded(data)} | more).encode()
    assert stored_payload("raw/a.json", stored, event.payload_sha) == data


@pytest.mark.parametrize(
    "more",
    [{}, {"data_base64": ""}, {"data_base64": None}, {"data_base64": "", "datacontenttype": "application/json"}],
)
def test_an_event_without_data_has_no_bytes(schemas: NoSchemas, more: dict[str, Any]) -> None:
    event = identify(open_envelope(WITHOUT | more, "order", schemas), schemas, ARRIVAL)
    assert event.payload_sha == hashlib.sha256(b"").hexdigest()
    assert stored_payload("raw/a.json", json.dumps(WITHOUT | more).encode(), event.payload_sha) == b""
    with pytest.raises(HashMismatch):
        stored_payload("raw/a.json", json.dumps(CLOUD).encode(), event.payload_sha)


def test_null_is_a_payload_and_no_data_is_none(schemas: NoSchemas) -> None:
    event = identify(open_envelope(CLOUD | {"data": None}, "order", schemas), schemas, ARRIVAL)
    assert event.payload_sha == payload_sha(None) != hashlib.sha256(b"").hexdigest()


def test_a_cloud_event_without_a_subject_is_about_what_its_payload_names_else_its_source() -> None:
    schemas = SchemaRegistry({"order": ORDER}, allow_unknown=True)
    without = {name: value for name, value in CLOUD.items() if name != "subject"}
    assert identify(open_envelope(without, "order", schemas), schemas, ARRIVAL).entity_id == "test-123"
    unknown = without | {"type": "t.x"}
    assert identify(open_envelope(unknown, "order", schemas), schemas, ARRIVAL).entity_id == "shop"


@given(st.binary(max_size=64), st.sampled_from(["raw/a.bin", "raw/a.json"]))
def test_the_suffix_of_an_object_says_whether_its_bytes_are_the_payload(data: bytes, key: str) -> None:
    sha = hashlib.sha256(data).hexdigest()
    if key.endswith(".bin"):
        assert stored_payload(key, data, sha) == data
        with pytest.raises(HashMismatch):
            stored_payload(key, data + b"x", sha)
    else:  # never the bytes of JSON, which would lose its amounts
        with suppress(HashMismatch, InvalidEvent):
            assert not isinstance(stored_payload(key, data, sha), bytes)


ORDER = {
    "x-pik-entity": "orderId",
    "type": "object",
    "required": ["orderId", "amount"],
    "properties": {"orderId": {"type": "string"}, "amount": {"type": "number"}},
}
ORDERS = SchemaRegistry({"order": ORDER}, allow_unknown=True)
BARE = {"orderId": "o-1", "amount": 1}


@pytest.mark.parametrize(
    "more",
    [
        {"payload": {"x": 1}},
        {"event_type": "order"},
        {"specversion": "2"},
        {"specversion": "1.0", "id": "1"},
        {"source": "web", "payload": None},
        {"event_type": None, "source": None, "payload": None},
        {"type": "gift", "id": 7, "source": "web", "time": "soon"},
    ],
)
def test_a_sound_order_is_an_order_whatever_its_other_members_are_called(more: dict[str, Any]) -> None:
    assert recognise(BARE | more, "order", ORDERS) is EnvelopeForm.BARE
    assert identify(open_envelope(BARE | more, "order", ORDERS), ORDERS, ARRIVAL).payload_sha == payload_sha(
        BARE | more
    )


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (BARE | {"source": "s", "event_type": "t", "payload": 1}, EnvelopeForm.KIT),
        (BARE | {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}, EnvelopeForm.CLOUD_EVENT),
        (CLOUD | {"payload": 1, "event_type": "t"}, EnvelopeForm.CLOUD_EVENT),
        ({"specversion": "1.0", "type": "t"}, EnvelopeForm.CLOUD_EVENT),
        ({"event_type": "t", "entity_id": "e"}, EnvelopeForm.KIT),
        ({"payload": {}, "source": "s"}, EnvelopeForm.KIT),
        ({"orderId": "o-1"}, EnvelopeForm.BARE),
        ({"amount": "much", "payload": 1}, EnvelopeForm.BARE),
        ({}, None),
        ({"payload": BARE}, None),
        ({"event_type": "order"}, None),
        ({"specversion": "1.0"}, None),
        ({"source": "s", "id": "1", "type": "t", "time": "2026-11-20T00:00:00Z", "data": {}}, None),
        ({"type": "contact.created", "timestamp": "2026-11-03T20:26:10Z", "data": {"id": "1"}}, None),
    ],
)
def test_an_envelope_is_recognised_by_more_than_one_mark(value: dict[str, Any], form: EnvelopeForm | None) -> None:
    assert recognise(value, "order", ORDERS) is form


def test_what_fits_no_form_is_answered_with_the_forms() -> None:
    with pytest.raises(InvalidEvent) as caught:
        open_envelope({"detail-type": "x"}, "order", ORDERS, base="/2")
    (problem,) = caught.value.problems
    assert (problem.path, problem.code) == ("/2", "no_envelope")
    assert problem.params == {"type": "order", "expected": "orderId, amount"}


@pytest.mark.parametrize("registry", [SchemaRegistry({}, True), SchemaRegistry({"order": {}}, True)])
def test_without_a_schema_that_names_the_entity_there_are_no_bare_payloads(registry: SchemaRegistry) -> None:
    with pytest.raises(InvalidEvent) as caught:
        open_envelope(BARE, "order", registry)
    assert [(it.path, it.code) for it in caught.value.problems] == [("body", "no_envelope_nor_default")]


names = st.sampled_from(
    ["source", "event_type", "payload", "specversion", "id", "type", "data", "subject", "orderId", "amount", "x"]
)
values = st.one_of(st.none(), st.just("1.0"), st.text(max_size=3), st.integers(0, 9), st.just({}))


@given(st.dictionaries(names, values))
def test_what_was_accepted_before_keeps_its_form(value: dict[str, Any]) -> None:
    """A complete envelope is one whatever it also holds, and a sound payload without marks is bare."""
    form = recognise(value, "order", ORDERS)
    if all(value.get(name) is not None for name in ("specversion", "id", "source", "type")):
        assert form is EnvelopeForm.CLOUD_EVENT
    elif value.get("source") is not None and value.get("event_type") is not None and "payload" in value:
        assert form is EnvelopeForm.KIT
    elif not ORDERS.problems("order", value) and value.get("orderId"):
        assert form is EnvelopeForm.BARE


def test_a_binary_cloud_events_missing_attribute_is_a_header() -> None:
    assert problems_of({}, attributes={"specversion": "1.0", "id": "1", "source": "s"}) == [
        ("header:ce-type", "missing_header")
    ]


@pytest.mark.parametrize(
    ("value", "kind"), [([], "array"), ("x", "string"), (None, "null"), (True, "boolean"), (1, "number")]
)
def test_an_event_is_an_object(value: Any, kind: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        open_envelope(value, "order", NoSchemas(), base="/4")
    assert [(it.path, it.params) for it in caught.value.problems] == [("/4", {"given": kind})]


def test_without_any_entity_the_event_is_refused_where_it_stands(schemas: NoSchemas) -> None:
    value = {"source": "s", "event_type": "t", "payload": 1}
    with pytest.raises(InvalidEvent) as caught:
        identify(open_envelope(value, "order", schemas, base="/3"), schemas, ARRIVAL, "/3")
    assert [(it.path, it.code) for it in caught.value.problems] == [("/3/entity_id", "missing_entity")]


@pytest.mark.parametrize("value", [KIT, CLOUD, KIT["payload"], {"data_base64": "eyJhIjoxfQ=="}])
def test_the_payload_of_a_stored_event_is_found_by_its_hash_alone(value: Any) -> None:
    payload = {"a": 1} if "data_base64" in value else KIT["payload"]
    assert payload_with_sha(value, payload_sha(payload)) == payload


def test_a_binary_payload_that_looks_like_an_envelope_is_still_itself() -> None:
    payload = {"payload": {"nested": 1}, "event_type": "x"}
    assert payload_with_sha(payload, payload_sha(payload)) == payload


@pytest.mark.parametrize("text", ["!!", "eA==", "e30="])
def test_a_bare_payload_may_have_a_member_that_looks_like_base64(text: str) -> None:
    payload = {"orderId": "a", "data_base64": text}
    assert payload_with_sha(payload, payload_sha(payload)) == payload


def test_bytes_that_do_not_hold_the_payload_are_a_mismatch() -> None:
    with pytest.raises(HashMismatch):
        payload_with_sha(KIT, payload_sha({"amount": 43}))
