"""The signer: what botocore's own makes of a request, to the byte."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from pik.adapters.client.clients import SERVICES, Clients
from pik.adapters.client.signing import SIGNATURE_VERSION, Signer

NOON = datetime(2026, 11, 20, 12)  # noqa: DTZ001 (as botocore has it: UTC, without saying so)
NAMES = st.text("abcXYZ-", min_size=1, max_size=8).map(lambda name: f"x-amz-{name}")
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
URLS = st.sampled_from(
    [
        "https://sqs.eu-central-1.amazonaws.com/",
        "https://sqs.eu-central-1.amazonaws.com:443/",
        "http://127.0.0.1:4566/",
        "http://[::1]:4566/",
        "https://DynamoDB.us-east-1.amazonaws.com/some/path?b=2&a=1",
    ]
)


def signed(signer: type[SigV4Auth], made: dict[str, Any], moment: datetime, *, key: str = "one") -> dict[str, str]:
    request = AWSRequest("POST", made["url"], dict(made["headers"]), made["data"])
    request.context.update(made["context"])
    credentials = Credentials("AKID", key, made["token"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        signer(credentials, "sqs", made["region"]).add_auth(request)
    return dict(request.headers.items())


REQUESTS = st.fixed_dictionaries(
    {
        "url": URLS,
        "headers": st.dictionaries(NAMES | st.sampled_from(["User-Agent", "Content-Type", "Host"]), VALUES, max_size=5),
        "data": st.binary(max_size=40) | st.text(max_size=10).map(str.encode),
        "context": st.sampled_from([{}, {"payload_signing_enabled": False}]),
        "token": st.none() | st.just("token"),
        "region": st.sampled_from(["eu-central-1", "us-east-1"]),
    }
)


@given(made=REQUESTS, days=st.integers(0, 2))
def test_a_request_is_signed_as_by_botocore(made: dict[str, Any], days: int) -> None:
    moment = NOON + timedelta(days=days)
    assert signed(Signer, made, moment) == signed(SigV4Auth, made, moment)


def test_other_credentials_make_another_signature() -> None:
    made = {"url": "https://a/", "headers": {}, "data": b"", "context": {}, "token": None, "region": "us-east-1"}
    signatures = {signed(Signer, made, NOON, key=key)["Authorization"] for key in ("one", "two")}
    assert len(signatures) == 2
    assert signed(Signer, made, NOON, key="two") == signed(SigV4Auth, made, NOON, key="two")


@pytest.mark.parametrize("service", SERVICES)
def test_the_clients_sign_with_it_but_for_s3(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    client = getattr(Clients(), service)
    assert (client.meta.config.signature_version == SIGNATURE_VERSION) == (service != "s3")
