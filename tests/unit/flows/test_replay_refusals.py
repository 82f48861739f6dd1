"""Replay when AWS or the request will not have it: 4xx, 503 with a token, or raised; and what is on record then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.dynamodb.items import to_item
from pik.flows import replay as module
from tests.support.aws.stack import RUNS_TABLE
from tests.support.parts import ids
from tests.support.replay import END, ENTITY, SOURCE, START, ReplayHarness, request


@pytest.fixture
def harness() -> ReplayHarness:
    return ReplayHarness()


@pytest.mark.parametrize("operation", ["put_item", "query"])
def test_throttling_before_anything_was_done_is_503_and_the_run_is_on_record(
    harness: ReplayHarness, operation: str
) -> None:
    harness.accept(range(3))
    harness.faults.refuse(operation, "ThrottlingException")
    answer = harness.replay(request(ENTITY), harness.context)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
    body = json.loads(answer["body"])
    assert body["error"]["code"] == "unavailable"
    harness.faults.calm()
    assert harness.work_queue.all() == []
    if operation == "query":
        record = harness.runs.find(body["run_id"])
        assert record is not None
        assert (record["status"], record["stopped"]) == ("FAILED", "ClientError")
        again = harness.ok(**ENTITY, next_token=body["next_token"])
        assert (again["run_id"], again["status"], again["sent"]) == (body["run_id"], "COMPLETE", 3)


def test_throttling_on_the_way_ends_in_a_token_and_nothing_is_lost(
    harness: ReplayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLAY_PAGE_ROWS", 10)
    works = harness.accept(range(50))
    harness.faults.refuse("query", "ThrottlingException", after=2)
    first = harness.ok(**ENTITY)
    assert first["status"] == "PARTIAL"
    assert "ClientError" in first["explanation"]
    harness.faults.calm()
    last = harness.ok(**ENTITY, next_token=first["next_token"])
    assert (last["status"], last["totals"]["sent"]) == ("COMPLETE", 50)
    assert set(harness.work_queue.ids()) == set(ids(works))


def test_what_is_unavailable_is_said_in_the_readers_language(harness: ReplayHarness) -> None:
    harness.accept(range(3))
    harness.faults.refuse("update_item", "ThrottlingException")
    status, answer = harness.ask(ENTITY, **{"Accept-Language": "ja"})
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert not answer["error"]["message"].isascii()
    harness.faults.refuse("query", "ThrottlingException")
    status, answer = harness.ask(ENTITY, **{"Accept-Language": "ja"})
    assert (status, answer["error"]["message"].isascii()) == (503, False)


def test_a_record_that_cannot_be_updated_is_503_with_the_token_that_finishes_it(harness: ReplayHarness) -> None:
    harness.accept(range(3))
    harness.faults.refuse("update_item", "InternalServerError")
    status, body = harness.ask(ENTITY)
    assert status == 503
    harness.faults.calm()
    again = harness.ok(**ENTITY, next_token=body["next_token"])
    assert (again["status"], again["sent"], again["totals"]["sent"]) == ("COMPLETE", 0, 3)
    record = harness.runs.find()
    assert record is not None
    assert (record["status"], record["totals"]["sent"]) == ("COMPLETE", 3)


@pytest.mark.parametrize("operation", ["put_item", "query", "update_item"])
def test_what_is_no_passing_failure_is_raised_and_the_run_is_not_left_running(
    harness: ReplayHarness, operation: str
) -> None:
    harness.accept(range(3))
    harness.faults.refuse(operation, "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        harness.ask(ENTITY)
    harness.faults.calm()
    record = harness.runs.find()
    expected = {"put_item": None, "query": "FAILED", "update_item": "RUNNING"}[operation]
    assert (record["status"] if record else None) == expected


def test_messages_that_sqs_refuses_are_sent_again_then_counted_and_stay_before_the_token(
    harness: ReplayHarness,
) -> None:
    works = harness.accept(range(25))
    refused = works[7].event_id

    def partial(_: str, __: str, batch: Mapping[str, Any]) -> set[int]:
        bodies = [json.loads(it["MessageBody"]) for it in batch["Entries"]]
        return {place for place, it in enumerate(bodies) if it["event_id"] == refused}

    harness.aws.partial = partial
    first = harness.ok(**ENTITY)
    assert (first["status"], first["sent"], first["failed"], first["scanned"]) == ("PARTIAL", 24, 1, 25)
    assert harness.calls.counts()["send_message_batch"] == 4
    assert first["totals"] == {"scanned": 8, "sent": 7, "skipped": {}, "failed": 1}
    record = harness.runs.find()
    assert record is not None
    assert (record["status"], record["totals"]) == ("PARTIAL", first["totals"])
    harness.aws.partial = None
    last = harness.ok(**ENTITY, next_token=first["next_token"])
    assert last["totals"] == {"scanned": 25, "sent": 25, "skipped": {}, "failed": 0}
    assert harness.work_queue.ids()[refused] == 1
    assert set(harness.work_queue.ids()) == set(ids(works))


def test_a_token_of_other_filters_and_a_broken_one_are_400_and_send_nothing(harness: ReplayHarness) -> None:
    harness.accept(range(3))
    harness.context.remaining_ms = 0
    token = harness.ok(**ENTITY)["next_token"]
    harness.context.remaining_ms = 30_000
    harness.aws.calls.clear()
    for body, code in (
        ({**ENTITY, "shadow": True, "next_token": token}, "foreign_token"),
        ({**SOURCE, "next_token": token}, "foreign_token"),
        ({**ENTITY, "next_token": token[:-4]}, "broken_token"),
    ):
        status, answer = harness.ask(body)
        assert (status, answer["error"]["code"]) == (400, code)
        assert answer["error"]["details"][0]["path"] == "/next_token"
    assert harness.aws.calls == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "unscoped_window"),
        ("{", 400, "malformed_json"),
        ('{"entity_id": NaN}', 400, "not_a_number"),
        ("[]", 400, "request_not_an_object"),
        ({"entity_id": "customer-17"}, 400, "unscoped_window"),
        ({**ENTITY, "start_time": END, "end_time": START}, 400, "empty_window"),
    ],
)
def test_a_request_that_cannot_be_meant_is_400_with_its_place(
    harness: ReplayHarness, body: Any, status: int, code: str
) -> None:
    answered, answer = harness.ask(body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert answer["error"]["details"][0]["path"]
    assert harness.aws.calls == []


def test_a_body_that_is_no_json_by_its_type_is_415(harness: ReplayHarness) -> None:
    status, answer = harness.ask(ENTITY, **{"Content-Type": "application/x-ndjson"})
    assert (status, answer["error"]["details"][0]["path"]) == (415, "header:content-type")


def test_a_run_is_told_and_an_unknown_one_is_404(harness: ReplayHarness) -> None:
    harness.accept(range(3))
    run_id = harness.ok(**ENTITY)["run_id"]

    def get(name: str) -> tuple[int, dict[str, Any]]:
        event = {**request("", "GET /replay/{run_id}"), "pathParameters": {"run_id": name}}
        answer = harness.replay(event, harness.context)
        return answer["statusCode"], json.loads(answer["body"])

    status, body = get(run_id)
    record = harness.runs.find()
    assert record is not None
    assert (status, body) == (200, {name: value for name, value in record.items() if name != "PK"})
    item = to_item({**record, "PK": "RUN#rdr-1", "kind": "redrive"})
    harness.aws.dynamodb.put_item(TableName=RUNS_TABLE, Item=item)
    for name in ("rpl-20261120T120005Z-ffffffff", "rdr-1", "../x", ""):
        status, body = get(name)
        assert (status, body["error"]["code"]) == (404, "unknown_run")
    harness.faults.refuse("get_item", "ThrottlingException")
    assert get(run_id)[0] == 503


def test_another_route_is_404(harness: ReplayHarness) -> None:
    answer = harness.replay(request(ENTITY, "PUT /replay"), harness.context)
    assert answer["statusCode"] == 404
