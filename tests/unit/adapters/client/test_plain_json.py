"""Answers that are taken as sent: the same as botocore makes of them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from pik.adapters.client.clients import Clients


class ResponseStream(io.BytesIO):
    """The body of an answer, as urllib3 hands it out."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes) -> Any:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "akid")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    client = Clients().sqs
    headers = {"x-amzn-requestid": "request-1"}
    client.meta.events.register(
        "before-send", lambda request, **_: AWSResponse(request.url, status, headers, ResponseStream(body))
    )
    return client


def test_an_answer_keeps_its_members_and_its_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "5"}], "Failed": []}
    client = answering(monkeypatch, 200, json.dumps(given).encode())
    answer = client.send_message_batch(QueueUrl="https://q/1/q", Entries=[{"Id": "0", "MessageBody": "b"}])
    metadata = answer.pop("ResponseMetadata")
    assert answer == given
    assert (metadata["HTTPStatusCode"], metadata["RequestId"]) == (200, "request-1")


def test_an_answer_without_a_body_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = answering(monkeypatch, 200, b"").delete_message(QueueUrl="https://q/1/q", ReceiptHandle="r")
    assert answer.keys() == {"ResponseMetadata"}


def test_a_refusal_is_still_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}).encode()
    with pytest.raises(ClientError, match="gone") as caught:
        answering(monkeypatch, 400, body).receive_message(QueueUrl="https://q/1/q")
    assert caught.value.response["Error"]["Code"].endswith("QueueDoesNotExist")
