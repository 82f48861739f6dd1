"""Real botocore clients on the in-memory AWS: everything runs but the sockets.

Parameters are validated or not, serialised and signed, and answers parsed, by the clients as the functions make them;
where the request would leave the process, botocore's `before-send` event, it is answered from memory.
"""

from __future__ import annotations

import base64
import io
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError

from benchmarks.meter import Meter
from pik.adapters.client.clients import SERVICES, Clients
from pik.settings import wants_tuned_clients
from tests.support.aws.account import FakeAws
from tests.support.aws.values import item_size

DELAYS: Final[Mapping[str, float]] = {
    "dynamodb": 0.005,
    "s3.put_object": 0.025,
    "s3.get_object": 0.015,
    "sqs": 0.008,
    "events": 0.020,
}
"""Seconds that a call takes, for rates: about what each takes within a region."""

ENVIRONMENT: Final[Mapping[str, str]] = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDBENCHMARK",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_SESSION_TOKEN": "benchmark",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""As Lambda gives credentials: by the environment. Whatever the caller's own are, they are not looked at."""

_OF_BOTOCORE: Final = frozenset({"ClientRequestToken", "ChecksumMode", "ChecksumAlgorithm"})
"""What botocore itself adds to requests; the in-memory AWS does not request it."""


class Wire:
    """Clients as the functions have them. `delays` may be changed between pieces of work; `responder_seconds` is the
    CPU spent on answering and metering, which no function has."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws
        self._current = threading.local()
        self._lock = threading.Lock()
        self._sizes: dict[str, float] = {}
        self.meter = Meter(self._sizes)
        self.delays: Mapping[str, float] = {}
        self.responder_seconds = 0.0
        os.environ.pop("AWS_PROFILE", None)
        os.environ.update(ENVIRONMENT)
        self.clients = Clients(tuned=wants_tuned_clients(os.environ))
        for service in SERVICES:
            self.connect(service, getattr(self.clients, service))
        self.connect("dynamodb", self.clients.dynamodb_as_sent)

    def connect(self, service: str, client: Any) -> None:
        """Answer a client's requests from memory."""

        def remember(params: Any, model: Any, **_: Any) -> None:
            self._current.call = (service, xform_name(model.name), params)

        client.meta.events.register("before-parameter-build", remember)
        client.meta.events.register("before-send", self._send)

    def learn_sizes(self, table: str) -> None:
        """How large a table's items are on average, for queries whose answers do not show all that was read."""
        items = self._aws.dynamodb.items(table)
        self._sizes[table] = sum(map(item_size, items)) / len(items)

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        service, operation, params = self._current.call
        time.sleep(self.delays.get(f"{service}.{operation}", self.delays.get(service, 0.0)))
        begun = time.thread_time()
        status, headers, body = self._answer(service, operation, params)
        spent = time.thread_time() - begun
        with self._lock:
            self.responder_seconds += spent
        return AWSResponse(request.url, status, headers, AnswerBody(body))

    def _answer(self, service: str, operation: str, params: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
        given = {name: value for name, value in params.items() if name not in _OF_BOTOCORE}
        try:
            answer = getattr(self._aws.client(service), operation)(**given)
        except ClientError as error:
            with self._lock:
                self.meter.count(service, operation, params, None)
            return _refusal(service, error)
        with self._lock:
            self.meter.count(service, operation, params, answer)
        return _s3_answer(answer) if service == "s3" else (200, {}, _json(answer))


class AnswerBody(io.BytesIO):
    """A body as urllib3 has it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _s3_answer(answer: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    body = answer["Body"].read() if "Body" in answer else b""
    return 200, {"content-length": str(len(body)), "etag": answer.get("ETag", "")}, body


def _refusal(service: str, error: ClientError) -> tuple[int, dict[str, str], bytes]:
    response: Any = error.response
    code, message = response["Error"]["Code"], response["Error"].get("Message", "")
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    if service == "s3":
        return status, {}, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    members = {name: value for name, value in response.items() if name not in {"Error", "ResponseMetadata"}}
    return status, {}, _json({"__type": f"com.amazonaws#{code}", "message": message, **members})


def _json(answer: Mapping[str, Any]) -> bytes:
    members = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    return json.dumps(members, default=_plain).encode()


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.timestamp()
