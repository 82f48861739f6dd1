"""Webhooks from the API's event to rows and objects: what is taken, what is refused, and what that leaves behind."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.domain.event.envelope import payload_with_sha
from pik.domain.http.strict_json import parse_json
from pik.domain.shared.limits import SECRET_CACHE_SECONDS, SECRET_REFRESH_SECONDS
from pik.domain.webhook.source import BadSource
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.webhook_api import SECRET, WebhookApi

CONTACT = '{"type":"contact.created","timestamp":"2026-11-03T20:26:10Z","data":{"id":"1"}}'
EVENT = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-11-20T10:15:30Z",
    "region": "us-east-1",
    "resources": ["arn:aws:s3:::b"],
    "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}},
}


@pytest.fixture
def api(aws: Any) -> WebhookApi:
    return WebhookApi(aws, deployed(aws))


@pytest.fixture
def fake_api(fake_aws: FakeAws) -> WebhookApi:
    return WebhookApi(fake_aws, deployed(fake_aws))


def standard(api: WebhookApi, body: str, message_id: str = "msg_1", secret: str = SECRET) -> dict[str, str]:
    """The headers that a sender of Standard Webhooks makes."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{message_id}.{api.epoch}.{body}".encode(), hashlib.sha256).digest()
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(api.epoch),
        "Webhook-Signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def test_a_signed_webhook_is_kept_raw_indexed_and_answered(api: WebhookApi) -> None:
    api.put_secret("standard", SECRET)
    status, answer = api.post("standard", CONTACT, standard(api, CONTACT))
    assert (status, answer["status"]) == (202, "ACCEPTED")
    (row,) = api.rows()
    assert (row["event_id"], row["PK"], row["status"]) == (answer["event_id"], "ENTITY#1", "ACCEPTED")
    assert (row["source"], row["event_type"], row["event_time"]) == (
        "standard",
        "contact.created",
        "2026-11-03T20:26:10.000000Z",
    )
    body, metadata = api.object_at(answer["s3_key"])
    assert body.decode() == CONTACT
    assert "msg_1" in str(metadata)
    assert payload_with_sha(parse_json(body), row["payload_sha"]) == json.loads(CONTACT)


def test_the_id_is_the_idempotency_key(api: WebhookApi) -> None:
    api.put_secret("standard", SECRET)
    answers = [api.post("standard", CONTACT, standard(api, CONTACT, message_id)) for message_id in ("a", "b", "a")]
    assert [(status, answer["status"]) for status, answer in answers] == [
        (202, "ACCEPTED"),
        (202, "ACCEPTED"),
        (200, "DUPLICATE"),
    ]
    assert answers[2][1]["event_id"] == answers[0][1]["event_id"] != answers[1][1]["event_id"]


def test_a_redelivery_in_another_window_is_a_duplicate(fake_api: WebhookApi) -> None:
    fake_api.put_secret("standard", SECRET)
    fake_api.post("standard", CONTACT, standard(fake_api, CONTACT))
    fake_api.seconds = 86_400
    assert fake_api.post("standard", CONTACT, standard(fake_api, CONTACT))[1]["status"] == "DUPLICATE"


def test_a_delivery_that_differs_only_where_its_source_is_volatile_is_a_duplicate(api: WebhookApi) -> None:
    api.put_secret("stripe", "hush")

    def deliver(pending: int, amount: int) -> str:
        event = {"id": "evt_1", "type": "invoice.paid", "created": 1763633730, "pending_webhooks": pending}
        body = json.dumps({**event, "data": {"object": {"id": "in_1", "amount": amount}}})
        signature = hmac.new(b"hush", f"{api.epoch}.{body}".encode(), hashlib.sha256).hexdigest()
        status: str = api.post("stripe", body, {"Stripe-Signature": f"t={api.epoch},v1={signature}"})[1]["status"]
        return status

    assert [deliver(2, 5), deliver(1, 5), deliver(1, 6)] == ["ACCEPTED", "DUPLICATE", "CONFLICT"]


WRONG: dict[str, dict[str, str]] = {
    "of another secret": {"Webhook-Signature": "v1,AAAA"},
    "none": {"Webhook-Signature": ""},
    "not ASCII": {"Webhook-Signature": "v1,ключ"},
    "huge": {"Webhook-Signature": "v1," + "A" * 9_000},
    "of another id": {"Webhook-Id": "msg_2"},
    "of a time long ago": {"Webhook-Timestamp": "1674087231"},
    "of no time": {"Webhook-Timestamp": "now"},
}


@pytest.mark.parametrize("case", WRONG)
def test_without_a_right_signature_the_answer_is_401_and_nothing_is_kept(api: WebhookApi, case: str) -> None:
    api.put_secret("standard", SECRET)
    status, answer = api.post("standard", CONTACT, {**standard(api, CONTACT), **WRONG[case]})
    assert status == 401
    assert answer["error"]["code"] in {"bad_signature", "missing_signature", "malformed_signature", "stale_signature"}
    assert api.is_empty()


def test_a_changed_body_is_refused_whatever_it_is(fake_api: WebhookApi) -> None:
    fake_api.put_secret("standard", SECRET)
    headers = standard(fake_api, CONTACT)
    for body in (CONTACT + " ", "", "{", "[]", "\ud800", None):
        assert fake_api.post("standard", body, headers)[0] == 401
    assert fake_api.is_empty()


def test_a_body_of_bytes_is_checked_as_it_was_sent(fake_api: WebhookApi) -> None:
    """API Gateway encodes what it takes for binary."""
    fake_api.put_secret("github", "hush")
    body = b'{"repository": {"full_name": "o/k"}}'
    event = {
        "routeKey": "POST /webhooks/{source}",
        "pathParameters": {"source": "github"},
        "headers": {
            "content-type": "application/json",
            "x-hub-signature-256": "sha256=" + hmac.new(b"hush", body, hashlib.sha256).hexdigest(),
            "x-github-delivery": "d1",
            "x-github-event": "push",
        },
        "requestContext": {"requestId": "r"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    assert fake_api.flow(event, None)["statusCode"] == 202  # type: ignore[arg-type]
    assert fake_api.flow({**event, "body": "?"}, None)["statusCode"] == 400  # type: ignore[arg-type]
    assert len(fake_api.rows()) == 1


def test_a_compressed_body_is_checked_as_it_was_sent_and_not_unpacked(fake_api: WebhookApi) -> None:
    fake_api.put_secret("github", "hush")
    packed = gzip.compress(b'{"repository": {"full_name": "o/k"}}')
    event = {
        "routeKey": "POST /webhooks/{source}",
        "pathParameters": {"source": "github"},
        "headers": {
            "content-type": "application/json",
            "content-encoding": "gzip",
            "x-hub-signature-256": "sha256=" + hmac.new(b"hush", packed, hashlib.sha256).hexdigest(),
        },
        "requestContext": {"requestId": "r"},
        "body": base64.b64encode(packed).decode(),
        "isBase64Encoded": True,
    }
    assert fake_api.flow(event, None)["statusCode"] == 415  # type: ignore[arg-type]
    assert len(fake_api.keys()) == 1
    unsigned = {**event, "headers": {**event["headers"], "x-hub-signature-256": "sha256=00"}}  # type: ignore[dict-item]
    assert fake_api.flow(unsigned, None)["statusCode"] == 401  # type: ignore[arg-type]
    assert len(fake_api.keys()) == 1


def test_a_source_that_is_not_listed_does_not_exist(fake_aws: FakeAws) -> None:
    api = WebhookApi(fake_aws, deployed(fake_aws), webhook_sources=frozenset({"github"}), webhook_topics=frozenset())
    for name in ("standard", "nothing", "", "../github", "github/"):
        status, answer = api.post(name, CONTACT)
        assert (status, answer["error"]["code"]) == (404, "unknown_webhook")
    assert fake_aws.calls.count(("ssm", "get_parameters")) == 0
    assert api.is_empty()


def test_a_list_with_a_source_that_has_no_file_starts_no_function(fake_aws: FakeAws) -> None:
    with pytest.raises(BadSource, match="no webhook source 'strype'"):
        WebhookApi(fake_aws, deployed(fake_aws), webhook_sources=frozenset({"strype"}), webhook_topics=frozenset())


def test_what_a_sender_with_a_right_signature_sent_wrongly_is_kept_with_the_reasons(api: WebhookApi) -> None:
    api.put_secret("standard", SECRET)
    body = '{"type": "", "data": {}}'
    status, answer = api.post("standard", body, standard(api, body))
    assert (status, answer["status"]) == (400, "REJECTED")
    assert [it["path"] for it in answer["error"]["details"]] == ["webhook:type", "webhook:entity"]
    (key,) = api.keys()
    assert key.startswith("rejected/")
    kept = json.loads(api.object_at(key)[0])["rejected"][0]
    assert kept["body"] == body
    assert [it["code"] for it in kept["errors"]] == ["blank", "blank"]
    for broken in ("{", "[]", "5"):
        status, answer = api.post("standard", broken, standard(api, broken))
        assert (status, answer["status"]) == (400, "REJECTED")
    form = "payload=%7B%7D"
    assert api.post("standard", form, standard(api, form), content_type="application/x-www-form-urlencoded")[0] == 415
    assert len(api.keys()) == 5
    assert api.rows() == []


def test_the_payload_is_checked_against_the_schema_of_its_type(fake_api: WebhookApi) -> None:
    fake_api.put_secret("standard", SECRET)
    body = '{"type": "order", "data": {"id": "1"}}'
    status, answer = fake_api.post("standard", body, standard(fake_api, body))
    assert status == 400
    assert "/orderId" in [it["path"] for it in answer["error"]["details"]]


def test_two_secrets_are_right_while_one_is_rotated_and_one_after(api: WebhookApi) -> None:
    new = "whsec_" + base64.b64encode(b"n" * 24).decode()

    def statuses() -> list[int]:
        return [
            api.post("standard", CONTACT, standard(api, CONTACT, f"{name}-{api.seconds}", secret))[0]
            for name, secret in (("old", SECRET), ("new", new))
        ]

    api.put_secret("standard", SECRET)
    assert statuses() == [202, 401]
    api.put_secret("standard", SECRET, "previous")
    api.put_secret("standard", new)
    api.seconds += SECRET_REFRESH_SECONDS
    assert statuses() == [202, 202]
    api.put_secret("standard", new, "previous")
    api.seconds += SECRET_CACHE_SECONDS
    assert statuses() == [401, 202]


def test_wrong_signatures_buy_no_call_each(fake_api: WebhookApi) -> None:
    fake_api.put_secret("standard", SECRET)
    headers = {**standard(fake_api, CONTACT), "Webhook-Signature": "v1,AAAA"}
    for _ in range(20):
        assert fake_api.post("standard", CONTACT, headers)[0] == 401
    assert fake_api.aws.calls.count(("ssm", "get_parameters")) == 1
    fake_api.seconds += SECRET_REFRESH_SECONDS
    for _ in range(20):
        fake_api.post("standard", CONTACT, headers)
    assert fake_api.aws.calls.count(("ssm", "get_parameters")) == 2


def test_right_signatures_cost_no_more_than_an_event(fake_api: WebhookApi) -> None:
    fake_api.put_secret("standard", SECRET)
    fake_api.post("standard", CONTACT, standard(fake_api, CONTACT, "a"))
    before = len(fake_api.aws.calls)
    fake_api.post("standard", CONTACT, standard(fake_api, CONTACT, "b"))
    assert fake_api.aws.calls[before:] == [("s3", "put_object"), ("dynamodb", "put_item"), ("dynamodb", "put_item")]


@pytest.mark.parametrize("secret", [None, "whsec_ ?"])
def test_a_source_without_a_usable_secret_is_answered_503_and_says_what_to_create(
    fake_api: WebhookApi, secret: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    if secret:
        fake_api.put_secret("standard", secret)
    with caplog.at_level(logging.ERROR):
        status, answer = fake_api.post("standard", CONTACT, standard(fake_api, CONTACT))
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    (record,) = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert vars(record)["create"] == "the SSM parameter /pik-test/webhooks/standard/current"
    assert fake_api.is_empty()


def test_no_log_line_and_no_object_holds_a_secret(
    fake_api: WebhookApi, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    fake_api.put_secret("eventbridge", "open sesame")
    with caplog.at_level(logging.DEBUG):
        fake_api.post("eventbridge", EVENT, {"x-api-key": "open sesame"})
        fake_api.post("eventbridge", {"id": 1.5}, {"x-api-key": "open sesame"})
        fake_api.post("eventbridge", EVENT, {"x-api-key": "sesame"})
    out, err = capsys.readouterr()
    kept = [str(fake_api.object_at(key)) for key in sorted(fake_api.keys())] + [str(fake_api.rows())]
    assert len(kept) == 3
    assert "sesame" not in "".join([out, err, caplog.text, *(str(vars(it)) for it in caplog.records), *kept])


@pytest.mark.parametrize(("dry_run", "counted"), [(False, 1), (True, 0)])
def test_a_refusal_is_one_line_with_its_source_and_is_counted(
    fake_aws: FakeAws,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    dry_run: bool,
    counted: int,
) -> None:
    api = WebhookApi(fake_aws, deployed(fake_aws), dry_run=dry_run)
    api.put_secret("github", "hush")
    with caplog.at_level(logging.WARNING):
        api.post("github", CONTACT, {"x-hub-signature-256": "sha256=00"})
    (record,) = caplog.records
    assert record.getMessage() == "webhook refused"
    assert (vars(record)["source"], vars(record)["codes"]) == ("github", ["bad_signature"])
    assert capsys.readouterr().out.count('"WebhooksRefused":[1.0]') == counted


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_a_store_of_secrets_that_fails_lets_nobody_in(fake_api: WebhookApi, code: str) -> None:
    def refuse(service: str, operation: str, request: Any, phase: str) -> None:
        if service == "ssm":
            raise ClientError({"Error": {"Code": code}}, "GetParameters")

    headers = standard(fake_api, CONTACT)
    fake_api.aws.on_call = refuse
    if code == "ThrottlingException":
        assert fake_api.post("standard", CONTACT, headers)[0] == 503
    else:  # nothing that a repetition would change: the caller gets a 500, and the alarm
        with pytest.raises(ClientError):
            fake_api.post("standard", CONTACT, headers)
    fake_api.aws.on_call = None
    assert fake_api.is_empty()


def test_a_dry_run_checks_the_signature_and_writes_nothing(fake_aws: FakeAws) -> None:
    api = WebhookApi(fake_aws, deployed(fake_aws), dry_run=True)
    api.put_secret("standard", SECRET)
    status, answer = api.post("standard", CONTACT, standard(api, CONTACT))
    assert (status, answer["status"], answer["dry_run"]) == (202, "ACCEPTED", True)
    assert api.post("standard", CONTACT, {**standard(api, CONTACT), "Webhook-Signature": "v1,AAAA"})[0] == 401
    assert api.is_empty()


def test_an_event_of_an_api_destination_is_taken_as_what_it_is(api: WebhookApi) -> None:
    api.put_secret("eventbridge", "open sesame")
    status, answer = api.post("eventbridge", EVENT, {"X-Api-Key": "open sesame"})
    assert (status, answer["status"]) == (202, "ACCEPTED")
    (row,) = api.rows()
    assert (row["source"], row["event_type"], row["PK"]) == ("aws.s3", "Object Created", "ENTITY#arn:aws:s3:::b")
    assert row["event_time"] == "2026-11-20T10:15:30.000000Z"
    assert api.post("eventbridge", EVENT, {"X-Api-Key": "open sesame"})[1]["status"] == "DUPLICATE"
    for headers in ({}, {"X-Api-Key": "open"}, {"X-Api-Key": ""}, {"X-Api-Key": "open sesame, open sesame"}):
        assert api.post("eventbridge", EVENT, headers)[0] == 401
    assert len(api.rows()) == 2


def test_a_push_of_pubsub_carries_its_token_in_the_query(fake_api: WebhookApi) -> None:
    fake_api.put_secret("pubsub", "open sesame")
    body = {"message": {"messageId": "1", "publishTime": "2026-11-20T10:15:30Z", "data": "e30="}, "subscription": "s"}
    assert fake_api.post("pubsub", body, query={"token": "open sesame"})[0] == 202
    assert fake_api.post("pubsub", body, query={"token": "sesame"})[0] == 401
    assert fake_api.post("pubsub", body)[1]["error"]["details"][0]["path"] == "query:token"


def test_the_challenge_of_slack_is_answered_when_it_is_signed(fake_api: WebhookApi) -> None:
    fake_api.put_secret("slack", "hush")
    body = '{"type": "url_verification", "challenge": "3eZbrw1a"}'
    signature = hmac.new(b"hush", f"v0:{fake_api.epoch}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": str(fake_api.epoch), "X-Slack-Signature": f"v0={signature}"}
    assert fake_api.post("slack", body, headers) == (200, {"challenge": "3eZbrw1a"})
    assert fake_api.post("slack", body, {**headers, "X-Slack-Signature": "v0=00"})[0] == 401
    assert fake_api.is_empty()


def test_secrets_manager_is_the_other_store(moto_aws: Any) -> None:
    api = WebhookApi(moto_aws, deployed(moto_aws), webhook_secret_store="SECRETS_MANAGER")
    moto_aws.secretsmanager.create_secret(Name="/pik-test/webhooks/standard", SecretString=SECRET)
    assert api.post("standard", CONTACT, standard(api, CONTACT))[0] == 202
