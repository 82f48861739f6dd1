"""The AWS clients, each built once and only when something needs it.

They are botocore's, which boto3 hands out too: its resources and transfers would be a twentieth of a cold start.
"""

from __future__ import annotations

import http.client
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

import botocore
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from pik.adapters.client.plain_json import take_as_sent
from pik.adapters.client.signing import SIGNATURE_VERSION

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

MAX_CONNECTIONS: Final = 24
"""Connections a client may have; as many as a function has threads at most, which else queue for a socket."""

# Objects of earlier versions have an entry of metadata per attribute of a binary CloudEvent, which S3 answers with as
# headers, and Python's HTTP client gives up at 100. S3 keeps 2 KB of metadata, so there cannot be more than this.
http.client._MAXHEADERS = 1_000  # type: ignore[attr-defined]

USER_AGENT: Final = "pipeline-investigation-kit"

SERVICES: Final = ["dynamodb", "events", "s3", "secretsmanager", "sqs", "ssm", "stepfunctions"]
"""All that the functions call."""

_CONFIG: Final = Config(
    # Three attempts: what still fails then is answered 503 or comes back through its queue, which waits for less money.
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=2,  # seconds; AWS answers a connection in milliseconds or not at all
    read_timeout=8,  # seconds; three of them fit the API's 30
    max_pool_connections=MAX_CONNECTIONS,
    tcp_keepalive=True,
    # Else S3 in us-east-1 is the global endpoint, which a VPC endpoint of the region does not serve.
    s3={"us_east_1_regional_endpoint": "regional"},
)

TUNED: Final = _CONFIG.merge(
    Config(
        # botocore puts its own text together for each request, a fifth of a call's CPU. CloudTrail shows this one.
        user_agent=f"{USER_AGENT} botocore/{botocore.__version__}",
        # Only adapters make requests, and their tests hold each against the service's model; here it would be a tenth
        # of a call's CPU, and the service checks again.
        parameter_validation=False,
    )
)

PLAIN: Final = _CONFIG.merge(Config(user_agent_extra=USER_AGENT))


class _KnownServices(Loader):
    """Knows which services there are; botocore looks into its 400 directories to find out, a tenth of a cold start."""

    def list_available_services(self, type_name: str) -> list[str]:
        return SERVICES


class Clients:
    """One client per service, shared by all adapters and threads of a function (clients are thread-safe).

    `tuned=False` leaves botocore as it is: the README in this folder says what the difference is.
    """

    def __init__(self, *, tuned: bool = True) -> None:
        self._tuned = tuned

    @cached_property
    def s3(self) -> S3Client:
        return cast("S3Client", self._client("s3"))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self._client("dynamodb"))

    @cached_property
    def dynamodb_as_sent(self) -> DynamoDBClient:
        """For queries whose rows hold texts and numbers alone: its Query answers are taken as sent, bytes in base64."""
        client = self._client("dynamodb")
        if self._tuned:
            take_as_sent(client.meta.events, "dynamodb.Query")
        return cast("DynamoDBClient", client)

    @cached_property
    def sqs(self) -> SQSClient:
        client = self._client("sqs")
        if self._tuned:
            take_as_sent(client.meta.events, "sqs")
        return cast("SQSClient", client)

    @cached_property
    def events(self) -> EventBridgeClient:
        return cast("EventBridgeClient", self._client("events"))

    @cached_property
    def ssm(self) -> SSMClient:
        return cast("SSMClient", self._client("ssm"))

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        return cast("SecretsManagerClient", self._client("secretsmanager"))

    @cached_property
    def stepfunctions(self) -> SFNClient:
        return cast("SFNClient", self._client("stepfunctions"))

    def _client(self, service: str) -> BaseClient:
        if not self._tuned:
            return self.session.create_client(service, config=PLAIN)
        # S3 has rules of its own for what of a request is signed.
        config = TUNED if service == "s3" else TUNED.merge(Config(signature_version=SIGNATURE_VERSION))
        return self.session.create_client(service, config=config)

    @cached_property
    def session(self) -> Session:
        """What makes the clients."""
        session = Session()
        if self._tuned:
            session.register_component("data_loader", _KnownServices())
        return session
