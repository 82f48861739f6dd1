"""Requests to the API: authorization, retries, and what an answer means."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from pik_cli.shell.api import (
    Backoff,
    HttpApi,
    bearer_signer,
    call_with_retries,
    choose_signer,
    health_of,
    http_client,
    message_of,
    read_health,
    retry_after,
    signature,
)
from pik_cli.shell.errors import Misuse, Unreachable

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
CREDENTIALS = Credentials("AKID", "secret", "session-token")


def aws(credentials: Credentials | None = CREDENTIALS, region: str | None = "eu-west-1") -> Any:
    return SimpleNamespace(credentials=credentials, region=region)


def api_of(respond: Any, base: str = "https://api.example") -> HttpApi:
    return HttpApi(base, http_client(transport=httpx.MockTransport(respond)))


def test_a_signature_is_what_aws_computes_for_the_request_as_it_is_sent() -> None:
    """The request is verified as the other side would: signed again from what arrived, with the same time."""
    arrived: list[httpx.Request] = []
    api = api_of(lambda request: arrived.append(request) or httpx.Response(202), "https://api.example:8443/stage/$x/")
    body = '{"注文":1}'.encode()
    signed = api.signed_by(signature(CREDENTIALS, "eu-west-1"))
    signed.call("POST", "/events", body, {"content-type": "application/json"})
    request = arrived[0]
    authorization = request.headers["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-west-1/execute-api/aws4_request" in authorization
    assert request.headers["x-amz-security-token"] == "session-token"
    names = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    again = AWSRequest("POST", str(request.url), {name: request.headers[name] for name in names}, data=request.content)
    again.context["timestamp"] = request.headers["x-amz-date"]
    verifier = SigV4Auth(CREDENTIALS, "execute-api", "eu-west-1")
    text = verifier.string_to_sign(again, verifier.canonical_request(again))
    assert authorization.endswith(f"Signature={verifier.signature(text, again)}")
    assert request.headers["host"] == "api.example:8443"
    assert {"content-type", "host", "x-amz-date", "x-amz-security-token"} <= set(names)


def test_each_attempt_is_signed_anew() -> None:
    calls = iter(range(9))

    def sign(_method: str, _url: str, headers: dict[str, str], _body: bytes) -> dict[str, str]:
        return {**headers, "authorization": f"attempt {next(calls)}"}

    seen: list[str] = []
    answers = iter([503, 503, 202])

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(next(answers))

    api = api_of(respond).signed_by(sign)
    response = call_with_retries(lambda: api.call("POST", "/events"), Backoff(5), lambda _: True)
    assert response.status_code == 202
    assert seen == ["attempt 0", "attempt 1", "attempt 2"]


@given(st.integers(0, 60), st.floats(0, 1, exclude_max=True), st.none() | st.floats(-5, 1e9))
def test_the_wait_is_random_below_a_doubling_bound_and_never_below_what_the_server_asks(
    attempt: int, chance: float, wish: float | None
) -> None:
    delay = Backoff(8, base=0.5, cap=20.0).delay(attempt, wish, chance)
    least = min(max(wish or 0.0, 0.0), 60.0)
    assert least <= delay <= least + min(20.0, 0.5 * 2.0**attempt)
    assert delay <= 80.0


def test_the_wait_spreads_over_its_whole_range() -> None:
    backoff = Backoff(8, base=0.5, cap=20.0)
    assert backoff.delay(3, None, 0.0) == 0.0
    assert backoff.delay(3, None, 0.5) == 2.0
    assert backoff.delay(3, 7.0, 0.5) == 9.0
    assert backoff.delay(10, None, 0.5) == 10.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Fri, 20 Nov 2026 10:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2026 10:00:30", 30.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(httpx.Response(503, headers={"retry-after": value}), NOW) == seconds


class Calls:
    """A call that answers with these statuses in turn; a text is a connection error."""

    def __init__(self, *kinds: int | str) -> None:
        self.kinds = list(kinds)
        self.made = 0

    def __call__(self) -> httpx.Response:
        self.made += 1
        kind = self.kinds.pop(0)
        if isinstance(kind, str):
            raise httpx.ConnectError(kind)
        return httpx.Response(kind, headers={"retry-after": "3"} if kind == 429 else {})


def test_passing_errors_are_tried_again_and_each_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik_cli.shell.api.random.random", lambda: 0.5)
    told: list[tuple[str, float]] = []
    waited: list[float] = []
    calls = Calls("refused", 429, 500, 200)
    response = call_with_retries(
        calls, Backoff(8, 1.0, 20.0), lambda s: not waited.append(s), lambda *it: told.append(it)
    )
    assert response.status_code == 200
    assert waited == [0.5, 4.0, 2.0]
    assert told == [("refused", 0.5), ("HTTP 429", 4.0), ("HTTP 500", 2.0)]


@pytest.mark.parametrize("status", [200, 202, 207, 301, 400, 401, 403, 404, 413])
def test_what_will_not_change_is_not_tried_again(status: int) -> None:
    calls = Calls(status, 200)
    assert call_with_retries(calls, Backoff(8), lambda _: True).status_code == status
    assert calls.made == 1


def test_the_last_answer_is_given_and_the_last_connection_error_raised() -> None:
    calls = Calls(503, 503, 503)
    assert call_with_retries(calls, Backoff(2), lambda _: True).status_code == 503
    assert calls.made == 3
    calls = Calls(503, "refused")
    with pytest.raises(httpx.ConnectError, match="refused"):
        call_with_retries(calls, Backoff(1), lambda _: True)


def test_a_pause_that_is_broken_off_ends_the_attempts() -> None:
    calls = Calls(503, 200)
    assert call_with_retries(calls, Backoff(8), lambda _: False).status_code == 503
    calls = Calls("refused", 200)
    with pytest.raises(httpx.ConnectError):
        call_with_retries(calls, Backoff(8), lambda _: False)
    assert calls.made == 1


@pytest.mark.parametrize(
    ("wanted", "announced", "name"),
    [
        (None, "AWS_IAM", "iam"),
        (None, "JWT", "bearer"),
        (None, "NONE", "none"),
        ("none", "AWS_IAM", "none"),
        ("IAM", "NONE", "iam"),
        ("bearer abc", "NONE", "bearer"),
    ],
)
def test_the_api_says_how_to_authorize_and_the_caller_may_insist(wanted: str | None, announced: str, name: str) -> None:
    assert choose_signer(wanted, announced, aws(), "token")[0] == name


def test_a_token_in_the_option_goes_before_the_one_in_the_environment() -> None:
    sign = choose_signer("bearer  given ", "NONE", aws(), "environment")[1]
    assert sign is not None
    assert sign("POST", "u", {"a": "b"}, b"") == {"a": "b", "authorization": "Bearer given"}
    assert bearer_signer("x")("POST", "u", {}, b"") == {"authorization": "Bearer x"}


def test_authorization_that_cannot_be_had_is_refused_with_the_fix() -> None:
    with pytest.raises(Unreachable, match="no AWS credentials"):
        choose_signer("iam", "NONE", aws(credentials=None), "")
    with pytest.raises(Unreachable, match="region"):
        choose_signer("iam", "NONE", aws(region=None), "")
    with pytest.raises(Misuse) as caught:
        choose_signer(None, "JWT", aws(), "")
    assert "PIK_TOKEN" in caught.value.fix
    with pytest.raises(Misuse, match="basic"):
        choose_signer("basic", "NONE", aws(), "")


def test_health_is_asked_again_with_a_signature_where_it_is_not_open() -> None:
    seen: list[bool] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append("authorization" in request.headers)
        return httpx.Response(200 if seen[-1] else 403, json={"status": "ok", "switches": {"dry_run": False}})

    health = read_health(api_of(respond), aws())
    assert (health.problem, health.switches, health.url) == ("", {"dry_run": False}, "https://api.example/health")
    assert seen == [False, True]
    refused = read_health(api_of(respond), aws(credentials=None))
    assert refused.http_status == 403


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (httpx.Response(200, json={"status": "ok"}), ""),
        (httpx.Response(200, json={"status": "degraded"}), "status 'degraded'"),
        (httpx.Response(200, text="<html>"), "status None"),
        (httpx.Response(200, json=["ok"]), "status None"),
        (httpx.Response(503, json={"error": {"code": "x", "message": "too busy"}}), "503: too busy"),
    ],
)
def test_only_200_and_ok_is_health(response: httpx.Response, problem: str) -> None:
    found = health_of(response, "u").problem
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (httpx.Response(400, json={"error": {"message": "own words"}}), "own words"),
        (httpx.Response(403, json={"message": "Forbidden"}), "Forbidden"),
        (httpx.Response(403, json={"Message": "denied"}), "denied"),
        (httpx.Response(502, text="x" * 500), "x" * 200),
        (httpx.Response(502), "Bad Gateway"),
    ],
)
def test_the_reason_of_a_refusal_is_found_wherever_it_stands(response: httpx.Response, message: str) -> None:
    assert message_of(response) == message
