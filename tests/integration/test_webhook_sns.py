"""Messages of SNS at the webhook route: notifications, subscriptions, and what is forged."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from pik.adapters.sns import NotFetched
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.sns_signer import CERTIFICATE_URL, SUBSCRIBE_URL, TOPIC, SnsSigner
from tests.support.webhook_api import WebhookApi


@pytest.fixture
def api(aws: Any) -> WebhookApi:
    return WebhookApi(aws, deployed(aws))


@pytest.fixture
def fake_api(fake_aws: FakeAws) -> WebhookApi:
    return WebhookApi(fake_aws, deployed(fake_aws))


@pytest.fixture(scope="module")
def signer() -> SnsSigner:
    return SnsSigner(datetime(2026, 1, 1, tzinfo=UTC))


def post_sns(api: WebhookApi, message: dict[str, Any], source: str = "sns") -> tuple[int, dict[str, Any]]:
    return api.post(source, message, {"x-amz-sns-message-type": "Any"}, content_type="text/plain; charset=UTF-8")


def test_a_notification_of_a_listed_topic_is_taken(api: WebhookApi, signer: SnsSigner) -> None:
    api.served[CERTIFICATE_URL] = signer.certificate
    message = signer.notification('{"type": "order.paid", "id": 17}')
    assert [post_sns(api, message)[1]["status"] for _ in range(2)] == ["ACCEPTED", "DUPLICATE"]
    (first, _) = sorted(api.rows(), key=lambda row: str(row["status"]))
    assert (first["source"], first["event_type"], first["PK"]) == ("sns", "order.paid", "ENTITY#17")
    assert api.fetched == [CERTIFICATE_URL]


def test_a_notification_of_a_bucket_is_one_event(fake_api: WebhookApi, signer: SnsSigner) -> None:
    fake_api.served[CERTIFICATE_URL] = signer.certificate
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}
    assert post_sns(fake_api, signer.notification(json.dumps({"Records": [record]})), "s3")[0] == 202
    (row,) = fake_api.rows()
    assert (row["source"], row["event_type"], row["PK"]) == ("s3", "ObjectCreated:Put", "ENTITY#b/k")


def test_a_subscription_is_confirmed_for_a_listed_topic_alone(fake_api: WebhookApi, signer: SnsSigner) -> None:
    fake_api.served = {CERTIFICATE_URL: signer.certificate, SUBSCRIBE_URL: b"<ConfirmSubscriptionResponse/>"}
    assert post_sns(fake_api, signer.subscription()) == (200, {"status": "CONFIRMED", "topic": TOPIC})
    assert fake_api.fetched == [CERTIFICATE_URL, SUBSCRIBE_URL]
    fake_api.fetched.clear()
    status, answer = post_sns(fake_api, signer.subscription(TopicArn=TOPIC + "-of-somebody"))
    assert (status, answer["error"]["code"]) == (403, "unlisted_topic")
    assert fake_api.fetched == []
    assert fake_api.is_empty()


def test_a_forged_message_of_sns_confirms_and_leaves_nothing(fake_api: WebhookApi, signer: SnsSigner) -> None:
    fake_api.served = {CERTIFICATE_URL: signer.certificate, SUBSCRIBE_URL: b""}
    for message in (
        {**signer.subscription(), "Token": "another"},
        {**signer.notification("hello"), "Message": "goodbye"},
        {**signer.subscription(), "SubscribeURL": "https://example.com/"},
        {**signer.notification("hello"), "SigningCertURL": "https://example.com/cert.pem"},
        {"orderId": "1"},
    ):
        assert post_sns(fake_api, message)[0] == 401
    assert fake_api.fetched == [CERTIFICATE_URL]
    for body in ("{", "[]", ""):
        assert fake_api.post("sns", body)[0] == 400
    assert fake_api.is_empty()


def test_a_certificate_or_a_confirmation_that_cannot_be_fetched_is_tried_again_by_sns(
    fake_api: WebhookApi, signer: SnsSigner
) -> None:
    fake_api.served = {CERTIFICATE_URL: NotFetched("status 500"), SUBSCRIBE_URL: NotFetched("status 500")}
    assert post_sns(fake_api, signer.subscription())[0] == 503
    fake_api.served[CERTIFICATE_URL] = signer.certificate
    assert post_sns(fake_api, signer.subscription())[0] == 503
    fake_api.served[SUBSCRIBE_URL] = b""
    assert post_sns(fake_api, signer.subscription())[0] == 200


def test_a_certificate_that_sns_does_not_have_is_a_wrong_signature_and_no_alarm(
    fake_api: WebhookApi, signer: SnsSigner
) -> None:
    status, answer = post_sns(fake_api, signer.notification("hello"))
    assert (status, answer["error"]["code"]) == (401, "bad_signature")


def test_a_confirmation_that_sns_refuses_is_no_confirmation(fake_api: WebhookApi, signer: SnsSigner) -> None:
    fake_api.served[CERTIFICATE_URL] = signer.certificate
    assert post_sns(fake_api, signer.subscription())[0] == 503


def test_the_end_of_a_subscription_is_only_noted(
    fake_api: WebhookApi, signer: SnsSigner, caplog: pytest.LogCaptureFixture
) -> None:
    fake_api.served[CERTIFICATE_URL] = signer.certificate
    with caplog.at_level(logging.WARNING):
        answer = post_sns(fake_api, signer.subscription("UnsubscribeConfirmation"))
    assert answer == (200, {"status": "UNSUBSCRIBED", "topic": TOPIC})
    assert fake_api.fetched == [CERTIFICATE_URL]
    (record,) = caplog.records
    assert (vars(record)["topic"], vars(record)["status"]) == (TOPIC, "UNSUBSCRIBED")


def test_a_dry_run_confirms_no_subscription(fake_aws: FakeAws, signer: SnsSigner) -> None:
    api = WebhookApi(fake_aws, deployed(fake_aws), dry_run=True)
    api.served[CERTIFICATE_URL] = signer.certificate
    assert post_sns(api, signer.subscription()) == (200, {"status": "CONFIRMED", "topic": TOPIC, "dry_run": True})
    assert api.fetched == [CERTIFICATE_URL]
