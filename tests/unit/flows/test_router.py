"""The front door of the HTTP functions: routes, refusals, and failures that will pass."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from pik.domain.http.front_door import HttpCall
from pik.domain.http.responses import Response, response
from pik.domain.shared.failures import AWS_CODES, Category, classify, is_passing
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.flows.invocation import InvocationContext
from pik.flows.router import Router
from tests.support.aws.context import FakeContext

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSING = sorted(AWS_CODES[Category.TRANSIENT] | AWS_CODES[Category.TIMEOUT])
LASTING = sorted(AWS_CODES[Category.PERMANENT] | AWS_CODES[Category.VALIDATION])


def refused(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")


def serve(raised: Exception | None = None, route: str = "POST /things", **event: Any) -> Response:
    def act(call: HttpCall, context: InvocationContext) -> Response:
        if raised:
            raise raised
        return response(200, {"body": call.read_json(), "by": call.requested_by, "at": call.received_at})

    request = {"routeKey": route, "headers": {"Content-Type": "application/json"}, "requestContext": {}, **event}
    return Router({"POST /things": act}, lambda: NOW)(request, FakeContext())


def test_a_route_gets_the_call_taken_apart() -> None:
    by = {"requestId": "r-1", "authorizer": {"iam": {"userArn": "arn:ada"}}}
    answer = serve(body='{"n": 1}', requestContext=by)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"body": {"n": 1}, "by": "arn:ada", "at": "2026-11-20T12:00:00.000000Z"}


def test_a_route_that_nobody_serves_is_404() -> None:
    answer = serve(route="PUT /things")
    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["error"]["code"] == "unknown_route"


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({"body": "{"}, 400, "malformed_json"),
        ({"body": "e30", "isBase64Encoded": True}, 400, "broken_base64"),
        ({"body": "{}", "headers": {"content-type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"body": "{}", "headers": {"content-type": "application/x-ndjson"}}, 415, "unsupported_media_type"),
        ({"body": "{}", "headers": {"content-type": "application/json", "content-encoding": "br"}}, 415, None),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_its_place(
    event: dict[str, Any], status: int, code: str | None
) -> None:
    answer = serve(**event)
    assert answer["statusCode"] == status
    error = json.loads(answer["body"])["error"]
    assert error["details"][0]["path"]
    assert code in {None, error["code"]}


def test_a_refusal_is_in_the_callers_language() -> None:
    problem = InvalidEvent([Problem("/n", "missing_member", {"member": "n"})], 409)
    answer = serve(problem, headers={"Accept-Language": "ja"})
    assert answer["statusCode"] == 409
    assert "必" in answer["body"] or "追加" in answer["body"]


@pytest.mark.parametrize("code", PASSING)
def test_what_the_processor_retries_is_answered_with_503(code: str) -> None:
    error = refused(code)
    assert classify(error) in {Category.TRANSIENT, Category.TIMEOUT}
    answer = serve(error)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "1")
    assert json.loads(answer["body"])["error"]["code"] == "unavailable"


@pytest.mark.parametrize("code", LASTING)
def test_what_no_repetition_changes_is_raised(code: str) -> None:
    with pytest.raises(ClientError):
        serve(refused(code))


def test_awss_own_faults_and_lost_connections_pass_and_bugs_do_not() -> None:
    assert serve(refused("Whatever", 500))["statusCode"] == 503
    assert serve(ReadTimeoutError(endpoint_url="https://x"))["statusCode"] == 503
    assert not is_passing(KeyError("n"))
    with pytest.raises(KeyError):
        serve(KeyError("n"))


@pytest.mark.parametrize(
    "code",
    ["ConditionalRequestConflict", "OperationAborted", "KMS.ThrottlingException", "TransactionConflictException"],
)
def test_conflicts_and_throttled_keys_pass(code: str) -> None:
    assert is_passing(refused(code, 409))
