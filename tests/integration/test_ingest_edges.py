"""Ingest at the edges of what producers send: numbers, times and names that are longer than usual."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.ingest_api import NDJSON, ORDER, IngestApi

WIDE = "\N{GRINNING FACE}"


@pytest.fixture
def api(fake_aws: FakeAws) -> IngestApi:
    return IngestApi(fake_aws, deployed(fake_aws))


def lines(*events: dict[str, Any]) -> str:
    return "\n".join(json.dumps(event) for event in events)


def order(**members: Any) -> dict[str, Any]:
    return ORDER | members


def body_with(amount: str) -> str:
    return json.dumps(ORDER).replace("42.5", amount)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12345678901.0123456789", "12345678901.0123456788"),
        ("0.1", "0.10000000000000000001"),
        ("0", "1e-400"),
        ("1e-400", "2e-400"),
        ("1e-323", "1.1e-323"),
    ],
)
def test_amounts_that_differ_in_any_digit_are_two_events(api: IngestApi, one: str, other: str) -> None:
    assert [api.post(body_with(amount))[1]["status"] for amount in (one, other)] == ["ACCEPTED", "ACCEPTED"]


@pytest.mark.parametrize(("one", "other"), [("42.5", "42.50"), ("1e-400", "10e-401"), ("100", "1e2"), ("0", "-0.0")])
def test_an_amount_written_in_two_ways_is_one_event(api: IngestApi, one: str, other: str) -> None:
    assert [api.post(body_with(amount))[1]["status"] for amount in (one, other)] == ["ACCEPTED", "DUPLICATE"]


def test_a_schema_bound_is_compared_with_all_digits(api: IngestApi) -> None:
    assert api.post(body_with("1000000000000"))[0] == 202
    status, answer = api.post(body_with("1000000000000.0000000000000000001"))
    assert status == 400
    assert [it["path"] for it in answer["error"]["details"]] == ["/payload/amount"]
    assert "1000000000000" in answer["error"]["details"][0]["message"]


def test_ids_beyond_a_double_are_kept_and_are_entities(api: IngestApi) -> None:
    snowflakes = [1234567890123456789, 1234567890123456790]
    for number in snowflakes:
        body = f'{{"orderId": "a", "amount": 1, "id": {number}}}'
        status, answer = api.post(body)
        assert (status, answer["status"]) == (202, "ACCEPTED")
        assert json.loads(api.bytes_of(answer["s3_key"]))["id"] == number


@pytest.mark.parametrize(
    ("number", "code"),
    [("1e401", "number_out_of_range"), ("1e-401", "number_out_of_range"), ("7" * 101, "too_many_digits")],
)
def test_a_number_beyond_the_bounds_is_refused_at_its_place(api: IngestApi, number: str, code: str) -> None:
    status, answer = api.post(body_with(number))
    assert status == 400
    assert answer["error"]["code"] == code
    assert [it["path"] for it in answer["error"]["details"]] == ["/payload/amount"]


def test_events_a_nanosecond_apart_are_two(api: IngestApi) -> None:
    times = [f"2026-11-20T10:15:30.2500001{digits}Z" for digits in ("", "00", "01")]
    statuses = [api.post(order(event_time=time))[1]["status"] for time in times]
    assert statuses == ["ACCEPTED", "DUPLICATE", "ACCEPTED"]
    assert {row["event_time"] for row in api.rows()} == {"2026-11-20T10:15:30.250000Z"}


def test_a_leap_second_is_the_last_instant_of_its_minute(api: IngestApi) -> None:
    assert api.post(order(event_time="2016-12-31T23:59:60Z"))[0] == 202
    assert api.post(order(event_time="2016-12-31T23:59:59.999999Z"))[0] == 202
    assert {row["event_time"] for row in api.rows()} == {"2016-12-31T23:59:59.999999Z"}


def test_a_time_that_no_window_could_end_after_is_refused(api: IngestApi) -> None:
    status, answer = api.post(order(event_time="9999-12-31T23:59:59.999999Z"))
    assert (status, answer["error"]["details"][0]["path"]) == (400, "/event_time")


def test_names_that_fill_a_key_are_refused_and_their_neighbours_accepted(api: IngestApi) -> None:
    sound = [order(entity_id=f"e-{number}") for number in range(3)]
    wide = [order(source=WIDE * 251), order(event_type=WIDE * 256, source=WIDE * 256), order(entity_id=WIDE * 257)]
    status, answer = api.post(lines(sound[0], *wide, *sound[1:]), NDJSON)
    assert (status, answer["accepted"], answer["rejected"]) == (207, 3, 3)
    assert all("bytes in a key" in detail["message"] for it in answer["results"] for detail in it.get("errors", []))
    assert {detail["path"] for it in answer["results"] for detail in it.get("errors", [])} == {
        "/1/source",
        "/2/source",
        "/2/event_type",
        "/3/entity_id",
    }


def test_the_widest_names_that_are_accepted_are_written(fake_aws: FakeAws) -> None:
    api = IngestApi(fake_aws, deployed(fake_aws), allow_unknown_types=True)
    for source, event_type in ((WIDE * 250, WIDE * 250), ("#" * 256, "%" * 256)):
        status, _ = api.post(
            order(source=source, event_type=event_type, entity_id=WIDE * 256, idempotency_key=WIDE * 256)
        )
        assert status == 202


def test_an_entity_may_be_the_path_of_a_blob(api: IngestApi) -> None:
    path = "containers/" + "a" * 1_000
    assert api.post(order(entity_id=path))[0] == 202
    assert [row["PK"] for row in api.rows()] == [f"ENTITY#{path}"]


def test_a_payload_that_no_double_holds_is_hashed_by_its_digits(api: IngestApi) -> None:
    amounts = ["0.30000000000000004441", "0.30000000000000004"]
    rows = []
    for amount in amounts:
        api.post(body_with(amount))
        rows = api.rows()
    assert len({row["payload_sha"] for row in rows}) == 2
    assert Decimal(amounts[0]) != Decimal(amounts[1])


TITLE = {"source": "shop", "event_type": "catalog.item", "payload": {"itemId": "manga-1", "title": "Yotsuba&!"}}
HEARTBEAT = {"source": "plant", "event_type": "heartbeat", "payload": {"deviceId": "sensor-7"}}


def title(payload: dict[str, Any], **members: Any) -> dict[str, Any]:
    return TITLE | {"payload": TITLE["payload"] | payload} | members


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}])
def test_a_retry_with_another_volatile_member_is_a_duplicate(api: IngestApi, key: dict[str, str]) -> None:
    exports = [{}, {"exportedAt": "2026-11-20T03:00:00Z"}, {"exportedAt": "2026-11-21T03:00:00Z"}, {}]
    assert [api.post(title(export, **key))[1]["status"] for export in exports] == ["ACCEPTED"] + ["DUPLICATE"] * 3
    assert len({row["payload_sha"] for row in api.rows()}) == 3  # what is stored is what was sent


def test_a_retry_that_also_changes_another_member_is_a_conflict(api: IngestApi) -> None:
    api.post(title({"exportedAt": "a"}, idempotency_key="k"))
    status, answer = api.post(title({"exportedAt": "a", "price": 5}, idempotency_key="k"))
    assert (status, answer["status"]) == (409, "CONFLICT")


def test_the_index_knows_what_was_compared_after_the_dedupe_row_has_expired(api: IngestApi) -> None:
    members = {"event_time": "2026-11-20T10:00:00Z", "idempotency_key": "k"}
    _, first = api.post(title({"exportedAt": "a"}, **members))
    api.aws.dynamodb.delete_item(TableName=api.names.dedupe_table, Key={"event_id": {"S": first["event_id"]}})
    assert api.post(title({"exportedAt": "b"}, **members))[1]["status"] == "DUPLICATE"


def test_heartbeats_without_a_time_are_events_of_their_own(api: IngestApi) -> None:
    status, answer = api.post(lines(HEARTBEAT, HEARTBEAT), NDJSON)
    assert (status, answer["accepted"]) == (202, 2)
    assert api.post(HEARTBEAT)[1]["status"] == "ACCEPTED"


def test_a_heartbeat_with_a_time_or_a_key_is_identified_by_it(api: IngestApi) -> None:
    for members in ({"event_time": "2026-11-20T10:00:00Z"}, {"idempotency_key": "beat-1"}):
        assert [api.post(HEARTBEAT | members)[1]["status"] for _ in range(2)] == ["ACCEPTED", "DUPLICATE"]
