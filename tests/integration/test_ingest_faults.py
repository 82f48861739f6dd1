"""Ingest under kills and refusals by AWS: each event ends up there once, and what may pass is a 503."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.faults import FaultPlan, Killed
from tests.support.ingest_api import JSON, ORDER, IngestApi


@pytest.fixture
def fake_api(fake_aws: FakeAws) -> IngestApi:
    return IngestApi(fake_aws, deployed(fake_aws))


class Killer:
    """Ends the process before or after the n-th AWS call takes effect."""

    def __init__(self, number: int, phase: str) -> None:
        self._left = number
        self._phase = phase

    def __call__(self, service: str, operation: str, kwargs: dict[str, Any], phase: str) -> None:
        if phase == self._phase:
            self._left -= 1
            if self._left == 0:
                raise Killed


BODIES: dict[str, tuple[Any, dict[str, str]]] = {
    "one event": (ORDER, JSON),
    "a batch": (
        [ORDER | {"entity_id": f"e-{n}"} for n in range(60)] + [ORDER | {"entity_id": "e-0"}, {"bad": 1}],
        JSON,
    ),
}


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("known", [False, True])
def test_a_request_killed_anywhere_and_sent_again_leaves_each_event_once(
    name: str, number: int, phase: str, known: bool
) -> None:
    aws = FakeAws()
    api = IngestApi(aws, deployed(aws))
    body, headers = BODIES[name]
    if known:
        api.post(body, headers)
    aws.on_call = Killer(number, phase)
    try:
        api.post(body, headers)
    except Killed:
        aws.on_call = None
        status, answer = api.post(body, headers)
        assert status in {200, 202, 207}
        assert answer.get("conflict", 0) == 0
    aws.on_call = None
    rows = api.rows()
    accepted = [row for row in rows if row["status"] == "ACCEPTED"]
    events = [it for it in (body if isinstance(body, list) else [body]) if "entity_id" in it]
    assert sorted(row["entity_id"] for row in accepted) == sorted({it["entity_id"] for it in events})
    inserted = [it for it in aws.dynamodb.stream_records(api.names.events_table) if it["eventName"] == "INSERT"]
    assert len(inserted) == len(rows)
    for row in rows:
        start, data = int(row["s3_offset"]), api.bytes_of(row["s3_key"])
        assert json.loads(data[start : start + int(row["s3_length"])])["entity_id"] == row["entity_id"]


def aws_error(code: str, status: int) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": metadata}, "Operation")


@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("ThrottlingException", 400), ("InternalError", 500)])
@pytest.mark.parametrize("operation", ["put_object", "put_item"])
@pytest.mark.parametrize("body", [ORDER, {"bad": 1}])
def test_what_will_pass_is_answered_503_and_the_producer_may_retry(
    fake_api: IngestApi, operation: str, code: str, status: int, body: Any
) -> None:
    faults = FaultPlan(fake_api.aws)
    faults.always(operation, aws_error(code, status))
    if operation == "put_item" and "bad" in body:
        assert fake_api.post(body)[0] == 400
        return
    answered, answer = fake_api.post(body)
    assert (answered, answer["error"]["code"]) == (503, "unavailable")
    faults.calm()
    assert fake_api.post(body)[0] in {202, 400}


def test_what_only_a_person_can_repair_is_raised(fake_api: IngestApi) -> None:
    faults = FaultPlan(fake_api.aws)
    faults.always("put_object", aws_error("AccessDenied", 403))
    with pytest.raises(ClientError, match="AccessDenied"):
        fake_api.post(ORDER)
    faults.calm()
    assert fake_api.rows() == []


def test_rows_that_another_request_holds_for_too_long_are_a_503(fake_api: IngestApi) -> None:
    faults = FaultPlan(fake_api.aws)
    faults.always("put_item", aws_error("TransactionConflictException", 400))
    assert fake_api.post(ORDER)[0] == 503
    faults.calm()
    assert fake_api.post(ORDER)[0] == 202
