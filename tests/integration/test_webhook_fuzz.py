"""Webhooks under hostile requests: strangers are refused, senders are answered, and neither gets a 5xx."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pik.webhooks import load_webhooks
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.sns_signer import CERTIFICATE_URL, SUBSCRIBE_URL, TOPIC
from tests.support.webhook_api import SECRET, SOURCES, WebhookApi

EXPRESSIONS = str(load_webhooks())
MEMBERS = sorted({*re.findall(r"[a-zA-Z_]+", EXPRESSIONS), "Signature", "SignatureVersion", "SigningCertURL", "Token"})
SIGNED_HEADERS = {"webhook-signature", "webhook-timestamp", "stripe-signature", "x-slack-signature"}
OTHER_HEADERS = {"x-slack-request-timestamp", "content-type", "content-encoding"}
HEADER_NAMES = sorted({*re.findall(r'"([a-z-]+)"', EXPRESSIONS), *SIGNED_HEADERS, *OTHER_HEADERS})
TEXTS = st.sampled_from(
    [
        "Notification",
        "SubscriptionConfirmation",
        TOPIC,
        CERTIFICATE_URL,
        SUBSCRIBE_URL,
        "2026-11-20T12:00:00Z",
        "1",
        "2",
        "url_verification",
        "v1,AAAA",
        "t=1,v1=00",
        "{}",
        "e30=",
        "\ud800",
        "9" * 30,
    ]
)


def hostile() -> WebhookApi:
    """One function for all requests: what it keeps does not matter to the next."""
    aws = FakeAws(validate=False)
    api = WebhookApi(aws, deployed(aws))
    for source in SOURCES:
        api.put_secret(source, SECRET if source == "standard" else "hush")
    return api


HOSTILE = hostile()
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
HEADERS = st.dictionaries(st.sampled_from(HEADER_NAMES), TEXTS | st.text(max_size=30), max_size=8)


@settings(max_examples=300)
@given(st.sampled_from(sorted(SOURCES)), ANY_JSON | st.text(max_size=40), HEADERS, st.data())
def test_no_request_of_a_stranger_is_answered_5xx_or_leaves_anything(
    source: str, body: Any, headers: dict[str, str], data: st.DataObject
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    before = HOSTILE.keys()
    query = data.draw(st.dictionaries(st.just("token"), st.text(max_size=5)))
    status, _ = HOSTILE.post(source, text, headers, query)
    assert 400 <= status < 500
    assert HOSTILE.keys() == before


@settings(max_examples=300)
@given(st.sampled_from(["github", "eventbridge", "pubsub", "eventarc", "shopify"]), ANY_JSON, HEADERS)
def test_no_request_of_a_sender_is_answered_5xx(source: str, body: Any, headers: dict[str, str]) -> None:
    text = json.dumps(body)
    digest = hmac.new(b"hush", text.encode(), hashlib.sha256)
    proof = {
        "x-api-key": "hush",
        "x-hub-signature-256": f"sha256={digest.hexdigest()}",
        "x-shopify-hmac-sha256": base64.b64encode(digest.digest()).decode(),
    }
    status, _ = HOSTILE.post(source, text, {**headers, **proof}, query={"token": "hush"})
    assert status in {200, 202, 400, 409, 413, 415}
