"""Envelopes: three forms of an event, and every member that is missing or wrong, at its place."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pik.domain.event.envelope import BARE_SOURCE, identify, open_envelope, payload_with_sha
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
        open_envelope(value, "order", **kwargs)
    return [(it.path, it.code) for it in caught.value.problems]


def test_the_kits_own_form(schemas: NoSchemas) -> None:
    event = identify(open_envelope(KIT, "order"), schemas, ARRIVAL)
    assert (event.source, event.event_type, event.entity_id) == ("shop", "order", "customer-17")
    assert event.event_time == "2026-11-20T10:15:30.250000Z"
    assert event.lag_ms == 6_269_750
    assert event.payload_sha == payload_sha(KIT["payload"])


def test_a_cloud_event_is_the_same_event_with_its_id_as_key(schemas: NoSchemas) -> None:
    cloud = identify(open_envelope(CLOUD, "order"), schemas, ARRIVAL)
    kit = identify(open_envelope(KIT | {"idempotency_key": "A-1"}, "order"), schemas, ARRIVAL)
    assert cloud == kit


def test_structured_binary_and_base64_cloud_events_are_one_event(schemas: NoSchemas) -> None:
    structured = open_envelope(CLOUD, "order")
    attributes = {name: value for name, value in CLOUD.items() if isinstance(value, str)}
    binary = open_envelope(CLOUD["data"], "order", attributes)
    encoded = {name: value for name, value in CLOUD.items() if name != "data"}
    encoded["data_base64"] = base64.b64encode(json.dumps(CLOUD["data"]).encode()).decode()
    as_base64 = open_envelope(encoded, "order")
    events = [identify(it, schemas, ARRIVAL) for it in (structured, binary, as_base64)]
    assert events[0] == events[1] == events[2]


def test_a_bare_payload_is_the_default_type_and_its_arrival_is_no_part_of_it(schemas: NoSchemas) -> None:
    one = identify(open_envelope({"id": "x", "amount": 1}, "order"), schemas, ARRIVAL)
    later = identify(open_envelope({"amount": 1, "id": "x"}, "order"), schemas, "2026-12-24T00:00:00.000000Z")
    assert (one.source, one.event_type, one.entity_id, one.event_time) == (BARE_SOURCE, "order", "x", ARRIVAL)
    assert later.event_id == one.event_id


def test_a_timed_event_is_another_at_another_time(schemas: NoSchemas) -> None:
    one = identify(open_envelope(KIT, "order"), schemas, ARRIVAL)
    other = identify(open_envelope(KIT | {"event_time": "2026-11-20T10:15:30.251Z"}, "order"), schemas, ARRIVAL)
    assert one.event_id != other.event_id


def test_the_offset_of_a_time_is_no_part_of_an_event(schemas: NoSchemas) -> None:
    one = identify(open_envelope(KIT, "order"), schemas, ARRIVAL)
    tokyo = identify(open_envelope(KIT | {"event_time": "2026-11-20T19:15:30.25+09:00"}, "order"), schemas, ARRIVAL)
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


def test_a_cloud_event_without_data_and_with_bad_base64() -> None:
    without = {name: value for name, value in CLOUD.items() if name != "data"}
    assert problems_of(without) == [("/data", "missing_member")]
    assert problems_of(without | {"data_base64": "***"}) == [("/data_base64", "broken_base64")]
    not_json = base64.b64encode(b"plain").decode()
    assert problems_of(without | {"data_base64": not_json})[0] == ("/data_base64", "data_base64_not_json")


def test_a_binary_cloud_events_missing_attribute_is_a_header() -> None:
    assert problems_of({}, attributes={"specversion": "1.0", "id": "1", "source": "s"}) == [
        ("header:ce-type", "missing_header")
    ]


@pytest.mark.parametrize(
    ("value", "kind"), [([], "array"), ("x", "string"), (None, "null"), (True, "boolean"), (1, "number")]
)
def test_an_event_is_an_object(value: Any, kind: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        open_envelope(value, "order", base="/4")
    assert [(it.path, it.params) for it in caught.value.problems] == [("/4", {"given": kind})]


def test_without_any_entity_the_event_is_refused_where_it_stands(schemas: NoSchemas) -> None:
    value = {"source": "s", "event_type": "t", "payload": 1}
    with pytest.raises(InvalidEvent) as caught:
        identify(open_envelope(value, "order", base="/3"), schemas, ARRIVAL, "/3")
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
