"""The boto3 clients, each built once and only when something needs it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

MAX_CONNECTIONS: Final = 16
"""Connections a client; as many as threads, which else queue for a socket; more gained nothing in trials."""

_CONFIG: Final = Config(
    # Three attempts: what still fails then is answered 503 or comes back through its queue, which waits for less money.
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=2,  # seconds; AWS answers a connection in milliseconds or not at all
    read_timeout=8,  # seconds; three of them fit the API's 30
    max_pool_connections=MAX_CONNECTIONS,
    tcp_keepalive=True,
)


class Clients:
    """One client a service, shared by all adapters and threads of a function (boto3 clients are thread-safe)."""

    @cached_property
    def s3(self) -> S3Client:
        return boto3.client("s3", config=_CONFIG)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return boto3.client("dynamodb", config=_CONFIG)

    @cached_property
    def sqs(self) -> SQSClient:
        return boto3.client("sqs", config=_CONFIG)

    @cached_property
    def events(self) -> EventBridgeClient:
        return boto3.client("events", config=_CONFIG)
