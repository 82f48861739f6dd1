"""AWS clients that talk to the local engine and to nothing else."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config

from scripts.local.engine import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

# The person's own AWS set-up must not reach the engine, and above all nothing here may ever reach a real account:
# no profile, no configuration file, no proxy.
_NO_OWN_CONFIGURATION = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
_CONFIG = Config(
    proxies={},
    connect_timeout=5,
    read_timeout=60,
    retries={"total_max_attempts": 3, "mode": "standard"},
    s3={"addressing_style": "path"},
)


class EngineAws:
    """Lazily built clients, one a service, for one endpoint.

    Attributes:
        endpoint: URL of the engine, such as http://127.0.0.1:4566.
        session: what the clients come from.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        core = botocore.session.Session(session_vars=_NO_OWN_CONFIGURATION)
        self.session = boto3.Session(
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            region_name=REGION,
            botocore_session=core,
        )

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation client."""
        return self.session.client("cloudformation", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB client."""
        return self.session.client("dynamodb", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge client."""
        return self.session.client("events", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def functions(self) -> LambdaClient:
        """Lambda client (`lambda` is a word of the language)."""
        return self.session.client("lambda", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs client."""
        return self.session.client("logs", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def s3(self) -> S3Client:
        """S3 client."""
        return self.session.client("s3", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler client."""
        return self.session.client("scheduler", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def sns(self) -> SNSClient:
        """SNS client."""
        return self.session.client("sns", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS client."""
        return self.session.client("sqs", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def ssm(self) -> SSMClient:
        """SSM client."""
        return self.session.client("ssm", endpoint_url=self.endpoint, config=_CONFIG)

    @cached_property
    def sts(self) -> STSClient:
        """STS client."""
        return self.session.client("sts", endpoint_url=self.endpoint, config=_CONFIG)

    def functions_as(self, role_arn: str) -> LambdaClient:
        """Lambda client with the permissions of a role, which must trust this account."""
        keys = self.sts.assume_role(RoleArn=role_arn, RoleSessionName="local-schedule")["Credentials"]
        return self.session.client(
            "lambda",
            endpoint_url=self.endpoint,
            config=_CONFIG,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
