"""moto behind the same face as FakeAws, so that one suite can hold both to the same behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
import moto.sqs.models as moto_sqs
from moto import mock_aws
from moto.core.utils import unix_time_millis

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@cache
def _client(service: str) -> Any:
    """Clients hold no state of moto's and cost more to build than most tests to run, so all tests share them."""
    session = boto3.Session("testing", "testing", "testing", region_name="us-east-1")
    client: Any = session.client(service)  # type: ignore[call-overload]
    return client


class MotoAws:
    """The clients of a started moto, whose queues' clock can be put forward."""

    is_moto = True

    def __init__(self) -> None:
        self._ahead = 0.0
        self.s3 = _client("s3")
        self.dynamodb = self.dynamodb_as_sent = _client("dynamodb")
        self.sqs = _client("sqs")
        self.events = _client("events")
        self.stepfunctions = _client("stepfunctions")
        self.ssm = _client("ssm")
        self.secretsmanager = _client("secretsmanager")

    def client(self, service: str) -> Any:
        return _client(service)

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass for messages."""
        self._ahead += seconds

    def stream_records(self, table: str) -> list[dict[str, Any]]:
        """The records of a table's stream, oldest first."""
        streams = _client("dynamodbstreams")
        (stream,) = streams.list_streams(TableName=table)["Streams"]
        (shard,) = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        place = {"StreamArn": stream["StreamArn"], "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**place)["ShardIterator"]
        records: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator)["Records"]
        return records

    @contextmanager
    def running(self) -> Iterator[MotoAws]:
        """While this lasts, moto's queues live by our clock."""
        real = unix_time_millis
        with patch.object(moto_sqs, "unix_time_millis", lambda: real() + self._ahead * 1000):
            yield self


@contextmanager
def started_moto() -> Iterator[MotoAws]:
    """moto, empty, in us-east-1, with credentials that are good for nothing."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict("os.environ", _CREDENTIALS))
        stack.enter_context(mock_aws())
        yield stack.enter_context(MotoAws().running())
