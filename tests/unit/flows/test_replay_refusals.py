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
from tests.support.replay import END, ENTITY, SOURCE, START, ReplayHarness, failing, ids, request


@pytest.fixture
def stage() -> ReplayHarness:
    return ReplayHarness()


@pytest.mark.parametrize("operation", ["put_item", "query"])
def test_throttling_before_anything_was_done_is_503_and_the_run_is_on_record(
    stage: ReplayHarness, operation: str
) -> None:
    stage.accept(range(3))
    failing(stage, operation, "ThrottlingException")
    answer = stage.replay(request(ENTITY), stage.context)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
    body = json.loads(answer["body"])
    assert body["error"]["code"] == "unavailable"
    stage.aws.on_call = None
    assert stage.queued() == []
    if operation == "query":
        record = stage.record(body["run_id"])
        assert record is not None
        assert (record["status"], record["stopped"]) == ("FAILED", "ClientError")
        again = stage.ok(**ENTITY, next_token=body["next_token"])
        assert (again["run_id"], again["status"], again["sent"]) == (body["run_id"], "COMPLETE", 3)


def test_throttling_on_the_way_ends_in_a_token_and_nothing_is_lost(
    stage: ReplayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLAY_PAGE_ROWS", 10)
    works = stage.accept(range(50))
    failing(stage, "query", "ThrottlingException", after=2)
    first = stage.ok(**ENTITY)
    assert first["status"] == "PARTIAL"
    assert "ClientError" in first["explanation"]
    stage.aws.on_call = None
    last = stage.ok(**ENTITY, next_token=first["next_token"])
    assert (last["status"], last["totals"]["sent"]) == ("COMPLETE", 50)
    assert set(stage.queued_ids()) == set(ids(works))


def test_a_record_that_cannot_be_updated_is_503_with_the_token_that_finishes_it(stage: ReplayHarness) -> None:
    stage.accept(range(3))
    failing(stage, "update_item", "InternalServerError")
    status, body = stage.ask(ENTITY)
    assert status == 503
    stage.aws.on_call = None
    again = stage.ok(**ENTITY, next_token=body["next_token"])
    assert (again["status"], again["sent"], again["totals"]["sent"]) == ("COMPLETE", 0, 3)
    record = stage.record()
    assert record is not None
    assert (record["status"], record["totals"]["sent"]) == ("COMPLETE", 3)


@pytest.mark.parametrize("operation", ["put_item", "query", "update_item"])
def test_what_is_no_passing_failure_is_raised_and_the_run_is_not_left_running(
    stage: ReplayHarness, operation: str
) -> None:
    stage.accept(range(3))
    failing(stage, operation, "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        stage.ask(ENTITY)
    stage.aws.on_call = None
    record = stage.record()
    expected = {"put_item": None, "query": "FAILED", "update_item": "RUNNING"}[operation]
    assert (record["status"] if record else None) == expected


def test_messages_that_sqs_refuses_are_sent_again_then_counted_and_stay_before_the_token(stage: ReplayHarness) -> None:
    works = stage.accept(range(25))
    refused = works[7].event_id

    def partial(_: str, __: str, batch: Mapping[str, Any]) -> set[int]:
        bodies = [json.loads(it["MessageBody"]) for it in batch["Entries"]]
        return {place for place, it in enumerate(bodies) if it["event_id"] == refused}

    stage.aws.partial = partial
    first = stage.ok(**ENTITY)
    assert (first["status"], first["sent"], first["failed"], first["scanned"]) == ("PARTIAL", 24, 1, 25)
    assert stage.calls()["send_message_batch"] == 4
    assert first["totals"] == {"scanned": 8, "sent": 7, "skipped": {}, "failed": 1}
    record = stage.record()
    assert record is not None
    assert (record["status"], record["totals"]) == ("PARTIAL", first["totals"])
    stage.aws.partial = None
    last = stage.ok(**ENTITY, next_token=first["next_token"])
    assert last["totals"] == {"scanned": 25, "sent": 25, "skipped": {}, "failed": 0}
    assert stage.queued_ids()[refused] == 1
    assert set(stage.queued_ids()) == set(ids(works))


def test_a_token_of_other_filters_and_a_broken_one_are_400_and_send_nothing(stage: ReplayHarness) -> None:
    stage.accept(range(3))
    stage.context.remaining_ms = 0
    token = stage.ok(**ENTITY)["next_token"]
    stage.context.remaining_ms = 30_000
    stage.aws.calls.clear()
    for body, code in (
        ({**ENTITY, "shadow": True, "next_token": token}, "foreign_token"),
        ({**SOURCE, "next_token": token}, "foreign_token"),
        ({**ENTITY, "next_token": token[:-4]}, "broken_token"),
    ):
        status, answer = stage.ask(body)
        assert (status, answer["error"]["code"]) == (400, code)
        assert answer["error"]["details"][0]["path"] == "/next_token"
    assert stage.aws.calls == []


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
    stage: ReplayHarness, body: Any, status: int, code: str
) -> None:
    answered, answer = stage.ask(body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert answer["error"]["details"][0]["path"]
    assert stage.aws.calls == []


def test_a_body_that_is_no_json_by_its_type_is_415(stage: ReplayHarness) -> None:
    status, answer = stage.ask(ENTITY, **{"Content-Type": "application/x-ndjson"})
    assert (status, answer["error"]["details"][0]["path"]) == (415, "header:content-type")


def test_a_run_is_told_and_an_unknown_one_is_404(stage: ReplayHarness) -> None:
    stage.accept(range(3))
    run_id = stage.ok(**ENTITY)["run_id"]

    def get(name: str) -> tuple[int, dict[str, Any]]:
        event = {**request("", "GET /replay/{run_id}"), "pathParameters": {"run_id": name}}
        answer = stage.replay(event, stage.context)
        return answer["statusCode"], json.loads(answer["body"])

    status, told = get(run_id)
    record = stage.record()
    assert record is not None
    assert (status, told) == (200, {name: value for name, value in record.items() if name != "PK"})
    item = to_item({**record, "PK": "RUN#rdr-1", "kind": "redrive"})
    stage.aws.dynamodb.put_item(TableName=RUNS_TABLE, Item=item)
    for name in ("rpl-20261120T120005Z-ffffffff", "rdr-1", "../x", ""):
        status, told = get(name)
        assert (status, told["error"]["code"]) == (404, "unknown_run")
    failing(stage, "get_item", "ThrottlingException")
    assert get(run_id)[0] == 503


def test_another_route_is_404(stage: ReplayHarness) -> None:
    answer = stage.replay(request(ENTITY, "PUT /replay"), stage.context)
    assert answer["statusCode"] == 404
