"""Webhooks on the local engine: the route, its function, its role and its secrets, as `make run` deploys them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import httpx

from scripts.local.webhooks import LOCAL_SECRETS
from tests.e2e.pipeline import EnginePipeline

CONTACT = json.dumps({"type": "contact.created", "timestamp": "2026-11-20T20:26:10Z", "data": {"id": "contact-1"}})


def post(pipeline: EnginePipeline, source: str, body: str, **headers: str) -> httpx.Response:
    given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return pipeline.http.post(f"{pipeline.deployed.api_url}/webhooks/{source}", content=body, headers=given)


def signed(body: str, message_id: str) -> dict[str, str]:
    key, at = base64.b64decode(LOCAL_SECRETS["standard"].removeprefix("whsec_")), str(int(time.time()))
    signature = hmac.new(key, f"{message_id}.{at}.{body}".encode(), hashlib.sha256).digest()
    encoded = base64.b64encode(signature).decode()
    return {"webhook_id": message_id, "webhook_timestamp": at, "webhook_signature": f"v1,{encoded}"}


def test_a_signed_webhook_is_counted_once(pipeline: EnginePipeline) -> None:
    answers = [post(pipeline, "standard", CONTACT, **signed(CONTACT, "msg_1")) for _ in range(2)]
    assert [(it.status_code, it.json()["status"]) for it in answers] == [(202, "ACCEPTED"), (200, "DUPLICATE")]
    (row,) = [it for it in pipeline.rows("contact-1") if it["status"] == "ACCEPTED"]
    assert row["event_type"] == "contact.created"
    assert pipeline.version("contact-1", "2026-11-20", 1)["metrics"]["daily_event_count"] == 1


def test_a_wrong_signature_is_401_and_an_unknown_source_404(pipeline: EnginePipeline) -> None:
    body = CONTACT.replace("contact-1", "contact-2")
    wrong = {**signed(body, "msg_2"), "webhook_signature": "v1,AAAA"}
    answer = post(pipeline, "standard", body, **wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_signature")
    assert post(pipeline, "stripe", body).status_code == 404
    assert pipeline.rows("contact-2") == []


def test_an_event_of_an_api_destination_is_taken(pipeline: EnginePipeline) -> None:
    event = {
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-11-20T10:15:30Z",
        "resources": ["arn:aws:s3:::uploads"],
        "detail": {"object": {"key": "k"}},
    }
    assert post(pipeline, "eventbridge", json.dumps(event)).status_code == 401
    answer = post(pipeline, "eventbridge", json.dumps(event), x_api_key=LOCAL_SECRETS["eventbridge"])
    assert answer.json()["status"] == "ACCEPTED"
    pipeline.version("arn:aws:s3:::uploads", "2026-11-20", 1)
