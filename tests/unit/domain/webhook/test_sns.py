"""Messages of SNS: nothing of them is believed but what a certificate from SNS's own address has signed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pik.domain.shared.problems import InvalidEvent
from pik.domain.webhook.signatures import Signature
from pik.domain.webhook.sns import SnsMessage, is_signed_by, read_message
from pik.domain.webhook.source import WebhookSource
from tests.support.sns_signer import CERTIFICATE_URL, SUBSCRIBE_URL, TOPIC, SnsSigner, certificate_of

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = WebhookSource("sns", Signature("sns", 3900), {}, None, (), frozenset({TOPIC}))


@cache
def signer() -> SnsSigner:
    return SnsSigner(SINCE)


def read(members: Any, seconds: int = 0) -> SnsMessage:
    return read_message(SOURCE, members, int(NOW.timestamp()) + seconds)


def refusal(members: Any, seconds: int = 0) -> tuple[int, str, str]:
    with pytest.raises(InvalidEvent) as caught:
        read(members, seconds)
    (problem,) = caught.value.problems
    return caught.value.status, problem.path, problem.code


def is_right(members: Any) -> bool:
    return is_signed_by(read(members), signer().certificate, NOW)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_each_type_of_message_is_right_in_both_versions(kind: str, version: str) -> None:
    if kind == "Notification":
        message = signer().notification('{"a": 1}\nand more', SignatureVersion=version)
    else:
        message = signer().subscription(kind, SignatureVersion=version)
    read_back = read(message)
    assert (read_back.kind, read_back.topic, read_back.version) == (kind, TOPIC, version)
    assert read_back.certificate_url == CERTIFICATE_URL
    assert read_back.subscribe_url == ("" if kind == "Notification" else SUBSCRIBE_URL)
    assert is_right(message)


def test_the_signed_text_is_the_one_that_aws_documents() -> None:
    message = read(signer().notification("hello", Subject="greeting"))
    assert message.signed.decode() == (
        "Message\nhello\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\ngreeting\n"
        f"Timestamp\n2026-11-20T12:00:00.000Z\nTopicArn\n{TOPIC}\nType\nNotification\n"
    )


def test_a_notification_may_have_a_subject_or_none() -> None:
    assert is_right(signer().notification("hello", Subject="greeting"))
    assert is_right({**signer().notification("hello"), "Subject": None})
    assert not is_right({**signer().notification("hello"), "Subject": "greeting"})
    assert not is_right({**signer().notification("hello", Subject="greeting"), "Subject": None})


@pytest.mark.parametrize("member", ["Message", "MessageId", "Subject", "Timestamp"])
def test_every_signed_member_of_a_notification_counts(member: str) -> None:
    message = signer().notification("hello", Subject="greeting")
    changed = "2026-11-20T12:00:01.000Z" if member == "Timestamp" else "another"
    assert not is_right({**message, member: changed})


@pytest.mark.parametrize("member", ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token"])
def test_every_signed_member_of_a_confirmation_counts(member: str) -> None:
    changed = {"SubscribeURL": SUBSCRIBE_URL + "0", "Timestamp": "2026-11-20T12:00:01.000Z"}.get(member, "another")
    assert not is_right({**signer().subscription(), member: changed})


def test_one_type_of_message_cannot_be_made_of_another() -> None:
    goodbye = signer().subscription("UnsubscribeConfirmation")
    assert not is_right({**goodbye, "Type": "SubscriptionConfirmation"})
    assert not is_right({**goodbye, "Type": "Notification"})


def test_a_version_is_only_right_with_its_own_hash_and_others_are_unknown() -> None:
    for signed, claimed in (("1", "2"), ("2", "1"), ("2", "3"), ("2", "")):
        message = signer().notification("hello", SignatureVersion=signed)
        assert not is_right({**message, "SignatureVersion": claimed})


def test_another_key_is_wrong_and_so_is_what_is_no_certificate() -> None:
    message = read(signer().notification("hello"))
    assert not is_signed_by(message, SnsSigner(SINCE).certificate, NOW)
    for certificate in (
        b"",
        b"<html>",
        signer().certificate[:200],
        certificate_of(ec.generate_private_key(ec.SECP256R1()), SINCE),
    ):
        assert not is_signed_by(message, certificate, NOW)


def test_a_certificate_is_believed_while_it_is_valid() -> None:
    message = read(signer().notification("hello"))
    for moment, expected in [
        (SINCE, True),
        (SINCE - timedelta(seconds=1), False),
        (SINCE + timedelta(days=365), True),
        (SINCE + timedelta(days=365, seconds=1), False),
    ]:
        assert is_signed_by(message, signer().certificate, moment) is expected


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.us-east-1.amazonaws.com.example.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.us-east-1.amazonaws.com@example.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://s3.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.us-east-1.amazonaws.org/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.us-east-1.amazonaws.com.evil/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://snsxus-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.a.b.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem?x=1",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem#x",
        "https://sns.us-east-1.amazonaws.com/?Action=Publish&Message=x.pem",
        "https://sns.us-east-1.amazonaws.com/../SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem\n",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-../../x.pem",
        "HTTPS://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        "",
    ],
)
def test_a_certificate_comes_from_snss_own_address_alone(url: str) -> None:
    expected = (401, "/SigningCertURL", "foreign_url")
    assert refusal(signer().notification("hello", SigningCertURL=url)) == expected


@pytest.mark.parametrize(
    "host", ["sns.eu-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn", "sns.us-gov-west-1.amazonaws.com"]
)
def test_every_region_and_partition_has_its_address(host: str) -> None:
    url = CERTIFICATE_URL.replace("sns.us-east-1.amazonaws.com", host)
    assert read(signer().notification("hello", SigningCertURL=url)).certificate_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://example.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com/?Action=Publish&TopicArn=a",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1\r\nHost: example.com",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&" + "x" * 3_000,
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_a_confirmation_goes_to_snss_own_address_alone(url: str) -> None:
    message = signer().subscription(SubscribeURL=url)
    assert refusal(message) == (401, "/SubscribeURL", "foreign_url")


def test_a_topic_that_is_not_listed_is_refused_before_anything_is_fetched() -> None:
    for message in (signer().notification("hello", TopicArn=TOPIC + "2"), signer().subscription(TopicArn=TOPIC + "2")):
        assert refusal(message) == (403, "/TopicArn", "unlisted_topic")
    assert refusal({**signer().notification("hello"), "TopicArn": None})[2] == "malformed_signature"


def test_a_message_is_taken_within_its_window() -> None:
    message = signer().notification("hello")
    for seconds in (-3900, 3900):
        assert read(message, seconds).kind == "Notification"
    for seconds in (-3901, 3901):
        assert refusal(message, seconds) == (401, "/Timestamp", "stale_signature")


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"Type": None}, "/Type", "no_sns_message"),
        ({"Type": "Other"}, "/Type", "no_sns_message"),
        ({"Type": ["Notification"]}, "/Type", "no_sns_message"),
        ({"Signature": None}, "/Signature", "malformed_signature"),
        ({"Signature": "é"}, "/Signature", "malformed_signature"),
        ({"Signature": "A"}, "/Signature", "malformed_signature"),
        ({"SignatureVersion": 2}, "/SignatureVersion", "malformed_signature"),
        ({"SigningCertURL": 5}, "/SigningCertURL", "malformed_signature"),
        ({"Timestamp": "yesterday"}, "/Timestamp", "malformed_signature"),
        ({"Timestamp": 5}, "/Timestamp", "malformed_signature"),
        ({"Message": {"a": 1}}, "/Message", "malformed_signature"),
        ({"Subject": 5}, "/Subject", "malformed_signature"),
    ],
)
def test_what_does_not_have_the_form_of_a_message_is_refused_with_its_place(
    changes: dict[str, Any], place: str, code: str
) -> None:
    assert refusal({**signer().notification("hello"), **changes}) == (401, place, code)


def test_an_empty_signature_is_wrong() -> None:
    message = replace(read(signer().notification("hello")), signature=b"")
    assert not is_signed_by(message, signer().certificate, NOW)
