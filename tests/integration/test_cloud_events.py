"""CloudEvents 1.0 in its three modes: each test is a row of the table in docs/cloudevents.md."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.support.cloud_events import (
    ATTRIBUTES,
    JSON_DATA,
    ORDER_DATA,
    ORDER_EVENT,
    CloudEventsApi,
    refusal,
)


@pytest.fixture
def cloud() -> CloudEventsApi:
    return CloudEventsApi()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_one_event_in_three_modes(cloud: CloudEventsApi) -> None:
    assert cloud.structured(ORDER_EVENT)[1]["status"] == "ACCEPTED"
    attributes = {name: value for name, value in ORDER_EVENT.items() if isinstance(value, str)}
    assert cloud.binary(json.dumps(ORDER_DATA), JSON_DATA, **attributes)[1]["status"] == "DUPLICATE"
    assert cloud.batched([ORDER_EVENT])[1]["results"][0]["status"] == "DUPLICATE"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_required_attributes(cloud: CloudEventsApi, name: str) -> None:
    without = {it: value for it, value in ORDER_EVENT.items() if it not in {name, "data"}}
    assert refusal(cloud.binary("{}", JSON_DATA, **{name: None})) == (400, f"header:ce-{name}", "missing_header")
    if name == "specversion":  # nothing else says that it is a CloudEvent
        assert refusal(cloud.structured(without))[2] == "no_envelope"
    else:
        assert refusal(cloud.structured(without)) == (400, f"/{name}", "missing_member")


def test_specversion(cloud: CloudEventsApi) -> None:
    changed = cloud.structured(ORDER_EVENT | {"specversion": "0.3"})
    assert refusal(changed) == (400, "/specversion", "unsupported_specversion")
    assert refusal(cloud.binary("{}", specversion="2")) == (400, "header:ce-specversion", "unsupported_specversion")


def test_id_is_the_idempotency_key(cloud: CloudEventsApi) -> None:
    assert cloud.structured(ORDER_EVENT)[1]["status"] == "ACCEPTED"
    assert cloud.structured(ORDER_EVENT)[1]["status"] == "DUPLICATE"
    assert cloud.structured(ORDER_EVENT | {"data": ORDER_DATA | {"amount": 1}})[1]["status"] == "CONFLICT"
    assert cloud.structured(ORDER_EVENT | {"id": "A-2"})[1]["status"] == "ACCEPTED"


def test_subject_is_optional(cloud: CloudEventsApi) -> None:
    row = cloud.accept(cloud.binary('{"message":{"data":"aGk="}}', JSON_DATA, subject=None))
    assert row["entity_id"] == "/shop"
    without = {name: value for name, value in ORDER_EVENT.items() if name != "subject"}
    assert cloud.accept(cloud.structured(without))["entity_id"] == "test-123"


def test_time_is_optional(cloud: CloudEventsApi) -> None:
    assert cloud.accept(cloud.structured(ORDER_EVENT))["event_time"] == "2026-11-20T10:15:30.250000Z"
    row = cloud.accept(cloud.binary("{}", JSON_DATA, id="A-2"))
    assert row["event_time"] == row["received_at"]
    assert refusal(cloud.structured(ORDER_EVENT | {"time": "soon"})) == (400, "/time", "bad_time")
    assert refusal(cloud.binary("{}", JSON_DATA, time="soon")) == (400, "header:ce-time", "bad_time")


def test_data_is_optional(cloud: CloudEventsApi) -> None:
    for answer in (cloud.structured(ATTRIBUTES), cloud.binary(b"", id="A-2"), cloud.binary(b"", JSON_DATA, id="A-3")):
        assert cloud.accept(answer)["payload_sha"] == sha(b"")
    assert cloud.batched([ATTRIBUTES | {"id": "A-4"}])[1]["accepted"] == 1


def test_data_is_needed_by_types_with_a_schema(cloud: CloudEventsApi) -> None:
    assert refusal(cloud.structured(ATTRIBUTES | {"type": "order"})) == (400, "/data", "payload_missing")
    assert refusal(cloud.binary(b"", type="order")) == (400, "body", "payload_missing")


def test_data_schema_and_extensions_are_kept(cloud: CloudEventsApi) -> None:
    more = {"dataschema": "https://example.com/schema", "traceparent": "00-1-2-01", "myext": "店 \u202e"}
    row = cloud.accept(cloud.structured(ATTRIBUTES | more | {"data": 1}))
    assert json.loads(cloud.stored(row)).items() >= more.items()
    headers = {
        "ce-dataschema": more["dataschema"],
        "ce-traceparent": more["traceparent"],
        "ce-myext": "%E5%BA%97 %E2%80%AE",
    }
    row = cloud.accept(cloud.binary("1", JSON_DATA | headers, id="A-2"))
    assert cloud.attributes(row).items() >= (ATTRIBUTES | more | {"id": "A-2"}).items()


def test_names_that_are_no_attributes_are_kept(cloud: CloudEventsApi) -> None:
    row = cloud.accept(cloud.structured(ATTRIBUTES | {"My_Own": True}))
    assert json.loads(cloud.stored(row))["My_Own"] is True
    row = cloud.accept(cloud.binary("1", JSON_DATA | {"ce-my_own": "x"}, id="A-2"))
    assert cloud.attributes(row)["my_own"] == "x"


def test_header_names_in_any_case(cloud: CloudEventsApi) -> None:
    given = {f"Ce-{name.title()}": value for name, value in ATTRIBUTES.items()}
    assert cloud.accept(cloud.api.post_bytes(b"1", {"Content-Type": "application/json", **given}))["source"] == "/shop"


def test_quoted_header_values(cloud: CloudEventsApi) -> None:
    plain = cloud.accept(cloud.binary("1", JSON_DATA, source="/my source"))
    assert plain["source"] == "/my source"
    assert cloud.binary("1", JSON_DATA, source='"/my source"')[1]["status"] == "DUPLICATE"
    row = cloud.accept(cloud.binary("1", JSON_DATA, source=r'"say \"hi\" \\ %E5%BA%97"'))
    assert row["source"] == 'say "hi" \\ 店'


def test_percent_encoded_header_values(cloud: CloudEventsApi) -> None:
    assert cloud.accept(cloud.binary("1", JSON_DATA, source="%E5%BA%97%2520"))["source"] == "店%20"
    assert refusal(cloud.binary("1", JSON_DATA, source="%C0%A0")) == (400, "header:ce-source", "invalid_utf8")
    assert refusal(cloud.binary("1", JSON_DATA, note="%FF")) == (400, "header:ce-note", "invalid_utf8")


def test_content_type_is_the_type_of_the_data(cloud: CloudEventsApi) -> None:
    headers = {"content-type": "text/plain; charset=iso-8859-1", "ce-datacontenttype": "application/json"}
    row = cloud.accept(cloud.binary(b"caf\xe9", headers))
    assert cloud.attributes(row)["datacontenttype"] == "text/plain; charset=iso-8859-1"
    assert cloud.aws.s3.head_object(Bucket=row["s3_bucket"], Key=row["s3_key"])["ContentType"] == "text/plain"
    assert refusal(cloud.binary("1", {"content-type": "\x1b"}))[::2] == (415, "unsupported_media_type")


@pytest.mark.parametrize("name", ["application/json", "text/json", "application/vnd.shop+json; charset=utf-8"])
def test_binary_json(cloud: CloudEventsApi, name: str) -> None:
    cloud.accept(cloud.binary(json.dumps(ORDER_DATA), {"content-type": name}))
    assert cloud.metrics()["daily_amount_sum"] == {"XXX": "42.5"}
    assert refusal(cloud.binary("{", {"content-type": name}))[::2] == (400, "malformed_json")


@pytest.mark.parametrize("name", ["text/plain", "application/xml", "application/octet-stream", "image/png"])
@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x00\xff", b'{"amount":5}', b"\xef\xbb\xbf5"])
def test_binary_data_of_other_types(cloud: CloudEventsApi, name: str, data: bytes) -> None:
    row = cloud.accept(cloud.binary(data, {"content-type": name}))
    assert (row["payload_sha"], cloud.stored(row)) == (sha(data), data)
    assert (cloud.metrics()["daily_event_count"], cloud.metrics()["daily_amount_sum"]) == (1, {})
    assert cloud.binary(data, {"content-type": name})[1]["status"] == "DUPLICATE"
    assert cloud.binary(data + b"x", {"content-type": name})[1]["status"] == "CONFLICT"


@pytest.mark.parametrize(("data", "total"), [(json.dumps(ORDER_DATA).encode(), "42.5"), (b"\xff\x00", "0")])
def test_binary_data_without_a_type(cloud: CloudEventsApi, data: bytes, total: str) -> None:
    row = cloud.accept(cloud.binary(data))
    assert cloud.stored(row) == data
    assert cloud.metrics()["daily_amount_sum"] == ({} if total == "0" else {"XXX": total})


def test_data_that_is_not_json_under_a_type_with_a_schema(cloud: CloudEventsApi) -> None:
    assert refusal(cloud.binary("x", {"content-type": "text/plain"}, type="order")) == (400, "body", "payload_not_json")
    event = ATTRIBUTES | {"type": "order", "data_base64": encoded(b"\xff")}
    assert refusal(cloud.structured(event)) == (400, "/data_base64", "payload_not_json")


def test_attributes_that_cannot_be_kept(cloud: CloudEventsApi) -> None:
    refused = cloud.binary("1", JSON_DATA | {"ce-long": "x" * 2_000})
    assert refusal(refused) == (400, "header:ce-long", "attributes_too_large")
    assert cloud.structured(ATTRIBUTES | {"long": "x" * 2_000})[1]["status"] == "ACCEPTED"


def test_structured_mode_ignores_the_headers(cloud: CloudEventsApi) -> None:
    headers = {"ce-id": "other", "content-type": "application/cloudevents+json; charset=utf-8"}
    assert cloud.accept(cloud.structured(ORDER_EVENT, **headers))["idempotency_key"] == "A-1"


def test_structured_under_the_name_of_json(cloud: CloudEventsApi) -> None:
    for number, name in enumerate(["application/json", "application/ld+json"]):
        event = ORDER_EVENT | {"id": f"A-{number}"}
        assert cloud.accept(cloud.api.post(event, {"content-type": name}))["source"] == "/shop"


@pytest.mark.parametrize("data", [{"a": 1}, [1], "text", 5, True, None])
def test_structured_data_is_any_json_value(cloud: CloudEventsApi, data: Any) -> None:
    row = cloud.accept(cloud.structured(ATTRIBUTES | {"data": data}))
    assert row["payload_sha"] == sha(json.dumps(data, separators=(",", ":")).encode())


def test_structured_text_is_a_json_string(cloud: CloudEventsApi) -> None:
    row = cloud.accept(cloud.structured(ATTRIBUTES | {"datacontenttype": "text/xml", "data": "<a/>"}))
    assert row["payload_sha"] == sha(b'"<a/>"')


def test_structured_bytes_that_are_json(cloud: CloudEventsApi) -> None:
    event = ATTRIBUTES | {"type": "order", "data_base64": encoded(json.dumps(ORDER_DATA).encode())}
    cloud.accept(cloud.structured(event))
    assert cloud.metrics()["daily_amount_sum"] == {"XXX": "42.5"}


@pytest.mark.parametrize("more", [{}, {"datacontenttype": "image/png"}])
def test_structured_bytes_that_are_not_json(cloud: CloudEventsApi, more: dict[str, str]) -> None:
    data = b"\x89PNG\r\n\x00\xff"
    row = cloud.accept(cloud.structured(ATTRIBUTES | more | {"data_base64": encoded(data)}))
    assert row["payload_sha"] == sha(data)
    assert (cloud.metrics()["daily_event_count"], cloud.metrics()["daily_amount_sum"]) == (1, {})


def test_structured_bytes_that_claim_to_be_json(cloud: CloudEventsApi) -> None:
    event = ATTRIBUTES | {"datacontenttype": "application/json", "data_base64": encoded(b"\xff")}
    assert refusal(cloud.structured(event)) == (400, "/data_base64", "data_base64_not_json")
    assert refusal(cloud.structured(event | {"data_base64": "***"})) == (400, "/data_base64", "broken_base64")


def test_null_attributes_are_unset(cloud: CloudEventsApi) -> None:
    row = cloud.accept(cloud.structured(ATTRIBUTES | {"subject": None, "time": None, "datacontenttype": None}))
    assert (row["entity_id"], row["event_time"]) == ("/shop", row["received_at"])


@pytest.mark.parametrize("name", ["cloudevents+xml", "cloudevents+avro", "cloudevents+protobuf", "cloudevents-batch+x"])
def test_other_event_formats(cloud: CloudEventsApi, name: str) -> None:
    assert refusal(cloud.binary("1", {"content-type": f"application/{name}"})) == (
        415,
        "header:content-type",
        "unsupported_media_type",
    )


def test_a_batch_is_answered_event_by_event(cloud: CloudEventsApi) -> None:
    status, answer = cloud.batched([ORDER_EVENT, ORDER_EVENT | {"id": ""}, ATTRIBUTES | {"id": "A-3"}])
    assert status == 207
    assert [it["status"] for it in answer["results"]] == ["ACCEPTED", "REJECTED", "ACCEPTED"]
    assert answer["results"][1]["errors"][0]["path"] == "/1/id"


def test_an_empty_batch(cloud: CloudEventsApi) -> None:
    status, answer = cloud.batched([])
    assert status == 200
    assert answer == {"received": 0, "accepted": 0, "duplicate": 0, "conflict": 0, "rejected": 0, "results": []}
    assert cloud.api.keys("") == []
