"""Ingest from the API's event to rows and objects, against moto and the in-memory AWS alike."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.ingest_api import JSON, NDJSON, ORDER, IngestApi


@pytest.fixture
def api(aws: Any) -> IngestApi:
    return IngestApi(aws, deployed(aws))


@pytest.fixture
def fake_api(fake_aws: FakeAws) -> IngestApi:
    return IngestApi(fake_aws, deployed(fake_aws))


def test_each_event_is_counted_by_its_status_and_accepted_ones_with_their_lag(
    fake_api: IngestApi, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_api.post([ORDER, ORDER, {"bad": 1}])
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"IngestLag"' in line]
    (counted,) = [line for line in written if "_aws" in line]
    assert counted["IngestLag"] == [6_270_750, 6_270_750]
    assert (counted["EventsAccepted"], counted["EventsDuplicate"], counted["EventsRejected"]) == ([1], [1], [1])


def test_an_order_is_kept_raw_indexed_and_answered(api: IngestApi) -> None:
    status, answer = api.post(ORDER)
    assert status == 202
    (row,) = api.rows()
    assert answer == {
        "event_id": row["event_id"],
        "status": "ACCEPTED",
        "ingest_lag_ms": 6_270_750,
        "s3_bucket": api.names.raw_bucket,
        "s3_key": "raw/source=shop/event_type=order/date=2026-11-20/2026-11-20T120001.000000Z-req-1.json",
    }
    assert json.loads(api.bytes_of(answer["s3_key"])) == ORDER
    assert (row["PK"], row["status"], row["s3_length"]) == (
        "ENTITY#customer-17",
        "ACCEPTED",
        str(len(json.dumps(ORDER))),
    )


def test_the_labs_three_requests(api: IngestApi) -> None:
    body = '{"orderId":"test-001","amount":99.99}'
    assert [api.post(body)[1]["status"], api.post(body)[1]["status"]] == ["ACCEPTED", "DUPLICATE"]
    status, answer = api.post('{"invalidField":"value"}')
    assert status == 400
    assert answer["status"] == "REJECTED"
    assert answer["error"]["code"] == "no_envelope"
    assert "orderId" in answer["error"]["message"]
    assert api.statuses() == {"ACCEPTED": 1, "DUPLICATE": 1}


def test_a_duplicate_has_a_row_of_its_own_and_the_first_is_untouched(api: IngestApi) -> None:
    api.post(ORDER)
    before = api.rows()
    assert api.post(ORDER)[0] == 200
    assert api.statuses() == {"ACCEPTED": 1, "DUPLICATE": 1}
    assert before[0] in api.rows()
    assert len(api.keys("raw/")) == 2


def test_a_raw_object_is_never_written_over(fake_api: IngestApi) -> None:
    key = "raw/source=shop/event_type=order/date=2026-11-20/2026-11-20T120001.000000Z-req-1.json"
    fake_api.aws.s3.put_object(Bucket=fake_api.names.raw_bucket, Key=key, Body=b"there before")
    fake_api.post(ORDER)
    assert fake_api.bytes_of(key) == b"there before"


def test_the_same_key_with_another_payload_is_a_conflict_that_is_kept(api: IngestApi) -> None:
    api.post(ORDER | {"idempotency_key": "k"})
    status, answer = api.post(ORDER | {"idempotency_key": "k", "payload": {"orderId": "test-123", "amount": 1}})
    assert (status, answer["status"], answer["error"]["code"]) == (409, "CONFLICT", "idempotency_conflict")
    assert "2026-11-20T12:00:01.000000Z" in answer["error"]["message"]
    assert api.statuses() == {"ACCEPTED": 1, "CONFLICT": 1}
    assert json.loads(api.bytes_of(answer["s3_key"]))["payload"]["amount"] == 1


def test_many_are_answered_each_in_the_order_of_the_body(api: IngestApi) -> None:
    lines = [
        ORDER,
        ORDER | {"entity_id": "customer-18"},
        ORDER,
        {"source": "shop", "event_type": "order", "entity_id": "x", "payload": {"amount": 1}},
        ORDER | {"idempotency_key": "k"},
        ORDER | {"idempotency_key": "k", "payload": {"orderId": "o", "amount": 2}},
    ]
    status, answer = api.post("\n".join(json.dumps(it) for it in lines), NDJSON)
    assert status == 207
    assert [it["status"] for it in answer["results"]] == [
        "ACCEPTED", "ACCEPTED", "DUPLICATE", "REJECTED", "ACCEPTED", "CONFLICT",
    ]  # fmt: skip
    assert {name: answer[name] for name in ("received", "accepted", "duplicate", "conflict", "rejected")} == {
        "received": 6, "accepted": 3, "duplicate": 1, "conflict": 1, "rejected": 1,
    }  # fmt: skip
    assert answer["results"][3]["errors"][0]["path"] == "/3/payload/orderId"
    assert api.statuses() == {"ACCEPTED": 3, "DUPLICATE": 1, "CONFLICT": 1}


def test_every_row_points_to_the_bytes_of_its_event(api: IngestApi) -> None:
    events = [ORDER | {"entity_id": f"吉田𠮷-{n}", "payload": {"orderId": f"🎉{n}", "amount": n}} for n in range(3)]
    api.post(events)
    for row in api.rows():
        data = api.bytes_of(row["s3_key"])
        start = int(row["s3_offset"])
        assert json.loads(data[start : start + int(row["s3_length"])])["entity_id"] == row["entity_id"]


def test_all_of_a_batch_accepted_is_202_and_all_rejected_is_400(api: IngestApi) -> None:
    assert api.post([ORDER])[0] == 202
    status, answer = api.post([{"orderId": 1}, {"amount": -1}])
    assert (status, answer["rejected"], answer["error"]["code"]) == (400, 2, "all_rejected")
    assert {it["path"] for it in answer["error"]["details"]} >= {"/0/orderId", "/0/amount", "/1/orderId", "/1/amount"}


def test_a_rejected_event_is_kept_with_its_bytes_and_reasons(api: IngestApi) -> None:
    _, answer = api.post('{"orderId":  "test-1"}\n', NDJSON)
    kept = json.loads(api.bytes_of(answer["results"][0]["s3_key"]))
    assert kept["rejected"][0]["body"] == '{"orderId":  "test-1"}'
    assert [(it["path"], it["code"]) for it in kept["rejected"][0]["errors"]] == [("/0/amount", "required")]
    assert kept["request_id"] == "req-1"
    assert api.rows() == []


def test_messages_are_in_the_producers_language(api: IngestApi) -> None:
    chat = {"source": "s", "event_type": "chat.message", "entity_id": "e", "payload": {"message": "漫" * 4001}}
    english = api.post(chat)[1]["error"]["details"][0]["message"]
    japanese = api.post(chat, JSON | {"Accept-Language": "ja-JP,ja;q=0.9"})[1]["error"]["details"][0]["message"]
    chat["payload"]["preferredLanguage"] = "ja"  # type: ignore[index]
    assert api.post(chat)[1]["error"]["details"][0]["message"] == japanese != english
    assert "4000" in japanese.replace(",", "")


def test_people_count_characters_as_they_see_them(api: IngestApi) -> None:
    family = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}\u200d\N{BOY}"
    chat = {"source": "s", "event_type": "chat.message", "entity_id": "e"}
    assert api.post(chat | {"payload": {"message": family * 4000}})[0] == 202
    assert api.post(chat | {"payload": {"message": "\U00020bb7" * 4000}})[0] == 202
    assert api.post(chat | {"payload": {"message": family * 4001}})[0] == 400


def test_cloud_events_in_every_mode_are_one_event(api: IngestApi) -> None:
    cloud = {
        "specversion": "1.0",
        "id": "A-1",
        "source": "shop",
        "type": "order",
        "subject": "c",
        "data": ORDER["payload"],
    }
    assert api.post(cloud, {"content-type": "application/cloudevents+json"})[1]["status"] == "ACCEPTED"
    binary = JSON | {
        "ce-specversion": "1.0",
        "ce-id": "A-1",
        "ce-source": "shop",
        "ce-type": "order",
        "ce-subject": "c",
    }
    assert api.post(ORDER["payload"], binary)[1]["status"] == "DUPLICATE"
    batch = api.post([cloud, cloud | {"id": "A-2"}], {"content-type": "application/cloudevents-batch+json"})[1]
    assert [it["status"] for it in batch["results"]] == ["DUPLICATE", "ACCEPTED"]


def test_an_unknown_type_is_accepted_only_when_allowed(aws: Any) -> None:
    names = deployed(aws)
    unknown = {"source": "s", "event_type": "weather", "entity_id": "e", "payload": {"wind": 3}}
    status, answer = IngestApi(aws, names, allow_unknown_types=False).post(unknown)
    assert (status, answer["error"]["details"][0]["path"]) == (400, "/event_type")
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "weather", "subject": "e", "data": 1}
    batch = IngestApi(aws, names, allow_unknown_types=False).post([cloud])[1]
    assert batch["results"][0]["errors"][0]["path"] == "/0/type"
    assert IngestApi(aws, names, allow_unknown_types=True).post(unknown)[0] == 202


def test_behind_a_token_events_are_accepted_at_their_path_alone(fake_api: IngestApi) -> None:
    order = {"orderId": "test-001", "amount": 1}
    assert fake_api.post_with_token(order)[1]["status"] == "ACCEPTED"
    for path in ("event", "events/1", "replay", ""):
        status, body = fake_api.post_with_token(order, path)
        assert (status, body["error"]["code"]) == (404, "unknown_route")
    assert fake_api.statuses() == {"ACCEPTED": 1}


def test_health_needs_no_aws_and_shows_the_switches(fake_api: IngestApi) -> None:
    fake_api.aws.calls.clear()
    status, answer = fake_api.health()
    assert (status, answer["status"], answer["switches"]["dry_run"]) == (200, "ok", False)
    assert fake_api.aws.calls == []


def test_a_dry_run_calls_nothing_and_says_what_would_happen(fake_aws: FakeAws) -> None:
    api = IngestApi(fake_aws, deployed(fake_aws), dry_run=True)
    fake_aws.calls.clear()
    assert api.post(ORDER)[1]["status"] == "ACCEPTED"
    _, answer = api.post([ORDER, ORDER, {"orderId": 1}])
    assert [it["status"] for it in answer["results"]] == ["ACCEPTED", "DUPLICATE", "REJECTED"]
    assert answer["dry_run"] is True
    assert fake_aws.calls == []


HOSTILE: dict[str, tuple[Any, dict[str, str], bool, int, str]] = {
    "empty": ("", JSON, False, 400, "body"),
    "no body at all": (None, JSON, False, 400, "body"),
    "white space": (" \n ", JSON, False, 400, "body"),
    "no content type": ("{}", {}, False, 415, "header:content-type"),
    "a form": ("a=b", {"content-type": "application/x-www-form-urlencoded"}, False, 415, "header:content-type"),
    "another charset": ("{}", {"content-type": "application/json; charset=utf-16"}, False, 415, "header:content-type"),
    "brotli": ("{}", JSON | {"content-encoding": "br"}, False, 415, "header:content-encoding"),
    "gzip that is not": (base64.b64encode(b"{}").decode(), JSON | {"content-encoding": "gzip"}, True, 400, "body"),
    "broken base64": ("*not base64*", JSON, True, 400, "body"),
    "bad UTF-8": (base64.b64encode(b'{"orderId":"\xff"}').decode(), JSON, True, 400, "body"),
    "deep nesting": ('{"orderId":' + "[" * 100_000, JSON, False, 400, "body"),
    "nesting beyond the bound": ('{"orderId":' + "[" * 80 + "]" * 80 + "}", JSON, False, 400, "/orderId" + "/0" * 63),
    "NaN": ('{"orderId":"a","amount":NaN}', JSON, False, 400, "/amount"),
    "infinity": ('{"orderId":"a","amount":1e400}', JSON, False, 400, "/amount"),
    "400 digits": ('{"orderId":"a","amount":' + "9" * 400 + "}", JSON, False, 400, "/amount"),
    "5,000 digits": ('{"orderId":"a","amount":' + "9" * 5000 + "}", JSON, False, 400, "/amount"),
    "a lone surrogate": ('{"orderId":"\\ud800","amount":1}', JSON, False, 400, "/orderId"),
    "a lone surrogate as a twice used name": ('{"\\ud800":1,"\\ud800":2}', JSON, False, 400, "body"),
    "a raw lone surrogate": ('{"orderId":"\ud800","amount":1}', JSON, False, 400, "body"),
    "a member twice": ('{"orderId":"a","orderId":"b","amount":1}', JSON, False, 400, "body"),
    "truncated": ('{"orderId":"a"', JSON, False, 400, "body"),
    "10 MB": ('{"orderId":"' + "x" * 10_000_000 + '"}', JSON, False, 413, "body"),
    "an event over 1 MiB": ('{"orderId":"' + "x" * 1_100_000 + '"}', JSON, False, 400, "body"),
    "too many": ("1\n" * 501, NDJSON, False, 413, "body"),
    "no object": ('"text"', JSON, False, 400, "body"),
    "an empty array": ("[]", JSON, False, 400, "body"),
    "no leap day": (json.dumps(ORDER | {"event_time": "2025-02-29T00:00:00Z"}), JSON, False, 400, "/event_time"),
    "no second 61": (json.dumps(ORDER | {"event_time": "2016-12-31T23:59:61Z"}), JSON, False, 400, "/event_time"),
    "a far offset": (json.dumps(ORDER | {"event_time": "2026-11-20T00:00:00+23:59"}), JSON, False, 400, "/event_time"),
    "no offset": (json.dumps(ORDER | {"event_time": "2026-11-20T00:00:00"}), JSON, False, 400, "/event_time"),
    "year 0": (json.dumps(ORDER | {"event_time": "0000-01-01T00:00:00Z"}), JSON, False, 400, "/event_time"),
    "the last moment, moved out of time": (
        json.dumps(ORDER | {"event_time": "9999-12-31T23:59:59-12:00"}),
        JSON,
        False,
        400,
        "/event_time",
    ),
    "a NUL in a name": (json.dumps(ORDER | {"entity_id": "a\u0000b"}), JSON, False, 400, "/entity_id"),
    "a long name": (json.dumps(ORDER | {"source": "s" * 257}), JSON, False, 400, "/source"),
    "an entity that is a list": (json.dumps(ORDER | {"entity_id": []}), JSON, False, 400, "/entity_id"),
    "a binary event without a type": (
        "{}",
        JSON | {"ce-id": "1", "ce-specversion": "1.0", "ce-source": "s"},
        False,
        400,
        "header:ce-type",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_body_gets_a_4xx_that_names_the_place_and_is_kept(fake_api: IngestApi, case: str) -> None:
    body, headers, is_base64, expected, path = HOSTILE[case]
    status, answer = fake_api.post(body, headers, is_base64=is_base64)
    assert status == expected
    error = answer["error"]
    assert path in [it["path"] for it in error["details"]]
    assert error["message"]
    assert fake_api.rows() == []
    if (body or "").strip():
        assert fake_api.keys("rejected/") == [answer["s3_key"]]


def test_a_rejected_binary_event_is_kept_with_its_attributes(fake_api: IngestApi) -> None:
    _, answer = fake_api.post("{}", JSON | {"ce-id": "%E5%BA%97", "ce-source": "s"})
    kept = json.loads(fake_api.bytes_of(answer["s3_key"]))
    assert kept["cloud_event_headers"] == {"ce-id": "%E5%BA%97", "ce-source": "s"}
    _, answer = fake_api.post("{}")
    assert "cloud_event_headers" not in json.loads(fake_api.bytes_of(answer["s3_key"]))


def test_a_rejected_body_is_kept_to_the_byte(fake_api: IngestApi) -> None:
    data = b'{"orderId":"\xff"}'
    _, answer = fake_api.post(base64.b64encode(data).decode(), JSON, is_base64=True)
    kept = json.loads(fake_api.bytes_of(answer["s3_key"]))
    assert base64.b64decode(kept["rejected"][0]["body_base64"]) == data


def calls(api: IngestApi, act: Callable[[], Any]) -> Counter[str]:
    api.aws.calls.clear()
    act()
    return Counter(operation for _, operation in api.aws.calls)


def test_one_event_costs_three_calls_new_or_known(fake_api: IngestApi) -> None:
    assert calls(fake_api, lambda: fake_api.post(ORDER)) == {"put_object": 1, "put_item": 2}
    assert calls(fake_api, lambda: fake_api.post(ORDER)) == {"put_object": 1, "put_item": 1, "transact_write_items": 1}


def test_a_hundred_new_events_cost_three_calls_and_any_known_ones_at_most_five(fake_api: IngestApi) -> None:
    batch = [ORDER | {"entity_id": f"e-{n}"} for n in range(100)]
    assert calls(fake_api, lambda: fake_api.post(batch)) == {"put_object": 1, "transact_write_items": 2}
    assert calls(fake_api, lambda: fake_api.post(batch)) == {"put_object": 1, "transact_write_items": 4}
    mixed = batch[:50] + [ORDER | {"entity_id": f"f-{n}"} for n in range(50)]
    assert calls(fake_api, lambda: fake_api.post(mixed)).total() <= 5
    assert fake_api.statuses() == {"ACCEPTED": 150, "DUPLICATE": 150}


def test_five_hundred_events_in_one_request_are_each_settled(fake_api: IngestApi) -> None:
    # Not on moto, whose transactions are not safe under the threads that send them.
    body = "\n".join(json.dumps(ORDER | {"entity_id": f"e-{n % 400}"}) for n in range(500))
    status, answer = fake_api.post(body, NDJSON)
    assert (status, answer["accepted"], answer["duplicate"]) == (207, 400, 100)
    assert fake_api.statuses() == {"ACCEPTED": 400, "DUPLICATE": 100}
