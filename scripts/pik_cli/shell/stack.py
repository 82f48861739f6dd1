"""Finding the stack: from its name alone, through CloudFormation's outputs; or the local engine that runs here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pik import __version__
from pik_cli.shell import local_state
from pik_cli.shell.errors import Misuse, Unreachable, error_code
from pik_cli.shell.local_state import LocalEngine

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.session import Session as BotocoreSession
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

# The person's own profile, configuration file and proxy are for AWS; a wrong one must not keep the local engine away.
_LOCAL_VARIABLES: Final[dict[str, Any]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
_NAME_A_STACK: Final = (
    "Name one with --stack or PIK_STACK, or start a local engine: `make run` in a checkout of the kit, "
    "which installs the engine too; then run pik in that directory."
)


@dataclass(frozen=True, slots=True)
class Options:
    """The options that name a stack; None where nothing was given."""

    stack: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where the commands go: a stack's name and a way to AWS or to the local engine."""

    stack_name: str
    region: str | None
    profile: str | None
    endpoint_url: str | None
    local: LocalEngine | None = None
    notes: tuple[str, ...] = ()


def resolve(options: Options, environ: Mapping[str, str], directory: Path) -> Target:
    """Decide where the commands go.

    A running local engine is taken when nothing on the command line or in PIK_STACK or AWS_ENDPOINT_URL says otherwise,
    and when --endpoint-url is its own address. Raises Misuse when no stack is named.
    """
    for name, value in asdict(options).items():
        if value is not None and not value.strip():  # an unset variable of a script must not lead elsewhere
            option = f"--{name.replace('_', '-')}"
            raise Misuse(f"{option} is empty.", f"Give it a value, or leave {option} out.")
    named = options.stack or environ.get("PIK_STACK")
    region = options.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    endpoint = options.endpoint_url or environ.get("AWS_ENDPOINT_URL")
    search = local_state.find(directory)
    engine = search.engine
    if engine and endpoint and endpoint.rstrip("/") == engine.endpoint.rstrip("/"):
        return _local_target(engine, named)
    if named:
        return Target(named, region, options.profile, endpoint)
    means_aws = options.region or options.profile or endpoint
    if engine and not means_aws:
        return _local_target(engine, None)
    raise Misuse(f"No stack is named. {search.ignored}".strip(), _NAME_A_STACK)


def _local_target(engine: LocalEngine, named: str | None) -> Target:
    name = named or engine.stack_name
    note = f"Local engine at {engine.endpoint}, stack {name}."
    return Target(name, engine.region, None, engine.endpoint, engine, (note,))


class StackAws:
    """Clients for one target, each built once and only when something needs it.

    They are botocore's, which boto3 hands out too; boto3's resources and transfers would only take time to load.
    """

    def __init__(self, target: Target) -> None:
        self._target = target

    @cached_property
    def _session(self) -> BotocoreSession:
        from botocore.session import Session

        target = self._target
        if target.local is None:
            session = Session(profile=target.profile)
        else:
            session = Session(session_vars=_LOCAL_VARIABLES)
            session.set_credentials(target.local.access_key_id, target.local.secret_access_key)
        if target.region:
            session.set_config_variable("region", target.region)
        return session

    @cached_property
    def _config(self) -> Config:
        from botocore.config import Config

        return Config(
            connect_timeout=5,  # seconds; a person waits
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=16,
            user_agent_extra=f"pik/{__version__}",
            proxies={} if self._target.local else None,
            s3={"addressing_style": "path"} if self._target.local else None,
        )

    def _client(self, service: str) -> Any:
        return self._session.create_client(service, endpoint_url=self._target.endpoint_url, config=self._config)

    def client(self, service: str, region: str | None = None) -> Any:
        """A new client of a service that only one command calls, in another region when one is named."""
        config, endpoint = self._config, self._target.endpoint_url
        return self._session.create_client(service, region_name=region, endpoint_url=endpoint, config=config)

    def regions_of(self, service: str) -> set[str]:
        """The regions of all partitions that botocore knows for a service."""
        session = self._session
        partitions = session.get_available_partitions()
        return {region for partition in partitions for region in session.get_available_regions(service, partition)}

    @property
    def region(self) -> str | None:
        """The region that requests are signed for. Raises botocore's ProfileNotFound."""
        region: str | None = self._session.get_config_variable("region")
        return region

    @property
    def credentials(self) -> Credentials | None:
        """The caller's credentials, None when they have none. Raises botocore's ProfileNotFound."""
        return self._session.get_credentials()

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation's client."""
        client: CloudFormationClient = self._client("cloudformation")
        return client

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB's client."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def functions(self) -> LambdaClient:
        """The client of Lambda, whose own name is a word of the language."""
        client: LambdaClient = self._client("lambda")
        return client

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs' client."""
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @cached_property
    def s3(self) -> S3Client:
        """S3's client. The local engine serves no buckets by host name."""
        client: S3Client = self._client("s3")
        return client

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        """EventBridge Scheduler's client."""
        client: EventBridgeSchedulerClient = self._client("scheduler")
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS's client."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def ssm(self) -> SSMClient:
        """Systems Manager's client."""
        client: SSMClient = self._client("ssm")
        return client

    @cached_property
    def states(self) -> SFNClient:
        """Step Functions' client."""
        client: SFNClient = self._client("stepfunctions")
        return client

    @cached_property
    def sts(self) -> STSClient:
        """STS's client, which knows who calls."""
        client: STSClient = self._client("sts")
        return client


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its outputs and parameters by name, and CloudFormation's status of it. `arn` is empty where the
    endpoint gives none."""

    name: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    arn: str = ""
    capabilities: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """The account that the stack is in, `?` where its ARN is not known."""
        parts = self.arn.split(":")
        return parts[4] if len(parts) > 4 else "?"

    @property
    def stage(self) -> str:
        """The parameter EnvName, `?` for a stack without one."""
        return self.parameters.get("EnvName", "?")

    def output(self, name: str) -> str:
        """An output's value. Raises Unreachable when the stack has none of this name."""
        if name not in self.outputs:
            raise Unreachable(
                f"Stack {self.name} has no output {name}.",
                "Check that it is this kit's stack (--stack), and deploy the present template.yaml.",
            )
        return self.outputs[name]


def find_stack(target: Target, aws: StackAws) -> Stack:
    """Ask CloudFormation for the stack. Raises Unreachable when no stack of this name exists."""
    from botocore.exceptions import ClientError

    try:
        found = aws.cloudformation.describe_stacks(StackName=target.stack_name)["Stacks"]
    except ClientError as error:
        if error_code(error) == "ValidationError":
            raise _no_such_stack(target, aws) from error
        raise
    if not found:
        raise _no_such_stack(target, aws)
    stack = found[0]
    return Stack(
        name=stack["StackName"],
        status=stack["StackStatus"],
        outputs={it["OutputKey"]: it["OutputValue"] for it in stack.get("Outputs", []) if "OutputKey" in it},
        parameters={it["ParameterKey"]: it.get("ParameterValue", "") for it in stack.get("Parameters", [])},
        arn=stack.get("StackId", ""),
        capabilities=tuple(stack.get("Capabilities", [])),
    )


def _no_such_stack(target: Target, aws: StackAws) -> Unreachable:
    place = target.endpoint_url or f"region {aws.region}"
    whose = f" with profile {target.profile}" if target.profile else ""
    return Unreachable(
        f"There is no stack {target.stack_name} in {place}{whose}.",
        "Check --stack, --region and --profile; without --stack a local engine started by `make run` is found.",
    )
