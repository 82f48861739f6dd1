"""Signatures of webhooks, against the senders' published examples where there are any."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from pik.domain.shared.limits import MAX_SIGNATURES
from pik.domain.shared.problems import InvalidEvent
from pik.domain.webhook.signatures import CHECKS, Secret, Signature, SignedRequest, UnusableSecret

STANDARD = Signature("standard-webhooks", 300)
STANDARD_SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
STANDARD_REQUEST = SignedRequest(
    {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    {},
    b'{"test": 2432232314}',
    1614265330,
)

GITHUB = Signature("github", 300)
GITHUB_SECRET = Secret("It's a Secret to Everybody")
GITHUB_REQUEST = SignedRequest(
    {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
    {},
    b"Hello, World!",
    0,
)

SLACK = Signature("slack", 300)
SLACK_SECRET = Secret("8f742231b10e8888abcd99yyyzzz85a5")
SLACK_REQUEST = SignedRequest(
    {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    },
    {},
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    1531420618,
)

STRIPE = Signature("stripe", 300)
STRIPE_SECRET = Secret("whsec_test_secret")
STRIPE_BODY = b'{"id": "evt_1"}'
STRIPE_REQUEST = SignedRequest(
    {
        "stripe-signature": "t=1700000000,v1="
        + hmac.new(b"whsec_test_secret", b"1700000000." + STRIPE_BODY, hashlib.sha256).hexdigest()
        + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"
    },
    {},
    STRIPE_BODY,
    1700000000,
)

SHOPIFY = Signature("shopify", 300)
SHOPIFY_SECRET = Secret("hush")
SHOPIFY_REQUEST = SignedRequest(
    {
        "x-shopify-hmac-sha256": base64.b64encode(
            hmac.new(b"hush", b'{"line_items":[]}', hashlib.sha256).digest()
        ).decode()
    },
    {},
    b'{"line_items":[]}',
    0,
)

TOKEN = Signature("token", 300, header="x-api-key")
TOKEN_SECRET = Secret("open sesame")
TOKEN_REQUEST = SignedRequest({"x-api-key": "open sesame"}, {}, b"{}", 0)

EXAMPLES: dict[str, tuple[Signature, Secret, SignedRequest]] = {
    "standard-webhooks": (STANDARD, STANDARD_SECRET, STANDARD_REQUEST),
    "github": (GITHUB, GITHUB_SECRET, GITHUB_REQUEST),
    "slack": (SLACK, SLACK_SECRET, SLACK_REQUEST),
    "stripe": (STRIPE, STRIPE_SECRET, STRIPE_REQUEST),
    "shopify": (SHOPIFY, SHOPIFY_SECRET, SHOPIFY_REQUEST),
    "token": (TOKEN, TOKEN_SECRET, TOKEN_REQUEST),
}
TIMED = ["standard-webhooks", "slack", "stripe"]
CARRIERS = {
    "standard-webhooks": "webhook-signature",
    "github": "x-hub-signature-256",
    "slack": "x-slack-signature",
    "stripe": "stripe-signature",
    "shopify": "x-shopify-hmac-sha256",
    "token": "x-api-key",
}


def with_headers(request: SignedRequest, **headers: str | None) -> SignedRequest:
    changed = {**request.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return replace(request, headers={name: value for name, value in changed.items() if value is not None})


def code_of(signature: Signature, request: SignedRequest, secret: Secret) -> tuple[int, str, str]:
    with pytest.raises(InvalidEvent) as caught:
        signature.check(request, [secret])
    (problem,) = caught.value.problems
    return caught.value.status, problem.path, problem.code


def is_right(signature: Signature, request: SignedRequest, secret: Secret) -> bool:
    """Whether a request is taken; every refusal is 401."""
    try:
        return signature.check(request, [secret])
    except InvalidEvent as error:
        if error.status != 401:
            raise
        return False


def test_every_scheme_has_an_example() -> None:
    assert set(EXAMPLES) == set(CHECKS)


@pytest.mark.parametrize("scheme", EXAMPLES)
def test_the_senders_own_example_is_right_and_every_change_of_it_is_wrong(scheme: str) -> None:
    signature, secret, request = EXAMPLES[scheme]
    assert signature.check(request, [secret])
    assert not signature.check(request, [Secret(secret.text[:-4] + "abcd")])
    if scheme != "token":
        assert not signature.check(replace(request, body=request.body + b" "), [secret])


@pytest.mark.parametrize("scheme", EXAMPLES)
def test_either_of_two_secrets_is_right_while_one_is_rotated(scheme: str) -> None:
    signature, secret, request = EXAMPLES[scheme]
    other = Secret("whsec_b3RoZXI=")
    assert signature.check(request, [other, secret])
    assert signature.check(request, [secret, other])
    assert not signature.check(request, [other])
    assert not signature.check(request, [])


@pytest.mark.parametrize("scheme", TIMED)
def test_a_signed_time_is_right_within_the_window_to_either_side_only(scheme: str) -> None:
    signature, secret, request = EXAMPLES[scheme]
    for seconds in (-300, 300):
        assert signature.check(replace(request, arrived=request.arrived + seconds), [secret])
    for seconds in (-301, 301):
        late = replace(request, arrived=request.arrived + seconds)
        status, _, code = code_of(signature, late, secret)
        assert (status, code) == (401, "stale_signature")
    assert replace(signature, tolerance_seconds=301).check(replace(request, arrived=request.arrived + 301), [secret])


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize("text", ["", "-1", "1e9", "１６１４２６５３３０", "1614265330.0", "9" * 400, " 1", "NaN"])
def test_a_time_that_is_no_whole_number_is_refused(scheme: str, text: str) -> None:
    signature, secret, request = EXAMPLES[scheme]
    if scheme == "stripe":
        changed = with_headers(request, stripe_signature=f"t={text}," + request.headers["stripe-signature"][13:])
    else:
        name = "webhook-timestamp" if scheme == "standard-webhooks" else "x-slack-request-timestamp"
        changed = with_headers(request, **{name: text})
    status, place, code = code_of(signature, changed, secret)
    assert status == 401
    assert place.startswith("header:")
    assert code in {"malformed_signature", "missing_signature", "stale_signature"}


@pytest.mark.parametrize("scheme", EXAMPLES)
def test_what_carries_the_signature_is_named_when_it_is_missing(scheme: str) -> None:
    signature, secret, request = EXAMPLES[scheme]
    place = f"header:{CARRIERS[scheme]}"
    for value in (None, "", "   "):
        assert code_of(signature, with_headers(request, **{CARRIERS[scheme]: value}), secret) == (
            401,
            place,
            "missing_signature",
        )


@pytest.mark.parametrize("scheme", EXAMPLES)
@pytest.mark.parametrize("value", ["ключ", "v1,é", "sha256=\ud800", "t=1700000000,v1=ü", "\x00", "v0=" + "a" * 100_000])
def test_no_text_of_a_header_makes_a_check_fail_otherwise_than_by_a_refusal(scheme: str, value: str) -> None:
    """hmac.compare_digest raises TypeError for texts that are not ASCII."""
    signature, secret, request = EXAMPLES[scheme]
    assert not is_right(signature, with_headers(request, **{CARRIERS[scheme]: value}), secret)


def test_a_secret_need_not_be_ascii() -> None:
    secret = Secret("ключ")
    assert TOKEN.check(replace(TOKEN_REQUEST, headers={"x-api-key": "ключ"}), [secret])
    digest = hmac.new("ключ".encode(), GITHUB_REQUEST.body, hashlib.sha256).hexdigest()
    assert GITHUB.check(with_headers(GITHUB_REQUEST, x_hub_signature_256=f"sha256={digest}"), [secret])


@given(st.sampled_from(sorted(EXAMPLES)), st.dictionaries(st.sampled_from(sorted(CARRIERS.values())), st.text()))
def test_any_headers_are_right_only_if_they_are_the_examples(scheme: str, headers: dict[str, str]) -> None:
    signature, secret, request = EXAMPLES[scheme]
    changed = with_headers(request, **headers)
    assert is_right(signature, changed, secret) is (
        changed.headers[CARRIERS[scheme]].strip() == request.headers[CARRIERS[scheme]]
    )


def test_a_sender_that_rotates_its_secret_sends_both_signatures() -> None:
    both = "v1,AAAA v1a,BBBB " + STANDARD_REQUEST.headers["webhook-signature"]
    assert STANDARD.check(with_headers(STANDARD_REQUEST, webhook_signature=both), [STANDARD_SECRET])
    two = STRIPE_REQUEST.headers["stripe-signature"].replace(",v1=", ",v1=00,v1=")
    assert STRIPE.check(with_headers(STRIPE_REQUEST, stripe_signature=two), [STRIPE_SECRET])


def test_signatures_beyond_the_bound_are_not_looked_at() -> None:
    right = STANDARD_REQUEST.headers["webhook-signature"]
    for others, expected in ((MAX_SIGNATURES - 1, True), (MAX_SIGNATURES, False)):
        listed = " ".join(["v1,AAAA"] * others + [right])
        changed = with_headers(STANDARD_REQUEST, webhook_signature=listed)
        assert STANDARD.check(changed, [STANDARD_SECRET]) is expected


@pytest.mark.parametrize("scheme", EXAMPLES)
def test_a_header_that_came_twice_is_joined_by_the_gateway_and_wrong(scheme: str) -> None:
    signature, secret, request = EXAMPLES[scheme]
    twice = {name: f"{value},{value}" for name, value in request.headers.items()}
    assert not is_right(signature, replace(request, headers=twice), secret)


def test_of_two_times_of_stripe_none_is_believed() -> None:
    late = STRIPE_REQUEST.arrived + 1000
    header = f"t={late}," + STRIPE_REQUEST.headers["stripe-signature"]
    changed = replace(with_headers(STRIPE_REQUEST, stripe_signature=header), arrived=late)
    assert code_of(STRIPE, changed, STRIPE_SECRET)[2] == "malformed_signature"


def test_the_older_version_of_stripe_alone_is_wrong() -> None:
    header = STRIPE_REQUEST.headers["stripe-signature"].replace("v1=", "v2=")
    assert not STRIPE.check(with_headers(STRIPE_REQUEST, stripe_signature=header), [STRIPE_SECRET])


@given(
    st.binary(min_size=1, max_size=64),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1),
    st.integers(1, 4_000_000_000),
    st.text(st.characters(codec="utf-8")),
)
def test_what_the_reference_of_standard_webhooks_signs_is_right(key: bytes, name: str, at: int, body: str) -> None:
    signature = Webhook(key).sign(name, datetime.fromtimestamp(at, UTC), body)
    headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}
    secret = Secret(f"whsec_{base64.b64encode(key).decode()}")
    assert STANDARD.check(SignedRequest(headers, {}, body.encode(), at), [secret])


def test_the_names_of_svix_are_those_of_standard_webhooks() -> None:
    headers = {name.replace("webhook-", "svix-"): value for name, value in STANDARD_REQUEST.headers.items()}
    assert STANDARD.check(replace(STANDARD_REQUEST, headers=headers), [STANDARD_SECRET])


def test_the_id_of_standard_webhooks_is_signed() -> None:
    changed = with_headers(STANDARD_REQUEST, webhook_id="msg_other")
    assert not STANDARD.check(changed, [STANDARD_SECRET])


@pytest.mark.parametrize("text", ["whsec_", "whsec_!!!", "whsec_é", "", "whsec_===="])
def test_a_secret_that_is_not_base64_or_empty_is_no_key(text: str) -> None:
    with pytest.raises(UnusableSecret) as caught:
        STANDARD.check(STANDARD_REQUEST, [Secret(text)])
    assert str(caught.value) == "the secret is not `whsec_` and base64, as Standard Webhooks require"


@pytest.mark.parametrize("text", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_the_prefix_of_a_standard_secret_may_be_left_out(text: str) -> None:
    assert STANDARD.check(STANDARD_REQUEST, [Secret(text)])


def test_the_padding_of_a_standard_secret_may_be_left_out() -> None:
    padded = f"whsec_{base64.b64encode(b'k' * 25).decode()}"
    signature = Webhook(padded).sign("m", datetime.fromtimestamp(5, UTC), "{}")
    headers = {"webhook-id": "m", "webhook-timestamp": "5", "webhook-signature": signature}
    assert padded.endswith("=")
    assert STANDARD.check(SignedRequest(headers, {}, b"{}", 5), [Secret(padded.rstrip("="))])


def test_a_token_may_have_a_prefix_or_be_a_parameter_of_the_query() -> None:
    bearer = Signature("token", 300, header="authorization", prefix="Bearer ")
    request = replace(TOKEN_REQUEST, headers={"authorization": "Bearer open sesame"})
    assert bearer.check(request, [TOKEN_SECRET])
    assert not bearer.check(replace(request, headers={"authorization": "open sesame"}), [TOKEN_SECRET])
    query = Signature("token", 300, query="token")
    assert query.check(replace(TOKEN_REQUEST, query={"token": "open sesame"}), [TOKEN_SECRET])
    assert not query.check(replace(TOKEN_REQUEST, query={"token": "open"}), [TOKEN_SECRET])
    assert code_of(query, TOKEN_REQUEST, TOKEN_SECRET) == (401, "query:token", "missing_signature")


def test_a_secret_is_not_shown() -> None:
    holder: Any = (Secret("hush"), [Secret("hush")], f"{Secret('hush')}")
    assert "hush" not in repr(holder)
