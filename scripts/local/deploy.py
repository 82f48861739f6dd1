"""The real template on the local engine: transform, adapt, create the stack, set what the engine leaves out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from pik_cli.shell import cfn_yaml
from pik_cli.shell.cfn_yaml import Template
from scripts.local.adaptations import Place, adapt
from scripts.local.aws import EngineAws
from scripts.local.package import SOURCE, package
from scripts.local.webhooks import LOCAL_SECRETS, put_secrets

TEMPLATE_FILE: Final = SOURCE.parent / "template.yaml"
STACK_NAME: Final = "pik-local"
ARTIFACTS_BUCKET: Final = "pik-local-artifacts"
LOCAL_PARAMETERS: Final[Mapping[str, str]] = {
    # Without it the template refuses a stack, whose parameters could be what is left of a stage's list.
    "StageSettings": "dev",
    # Nobody but this machine reaches the engine, and a newcomer's curl has no signature.
    "IngestAuth": "NONE",
    # Each concurrent function is a process here; more of them than cores only wait for each other.
    "ProcessorMaxConcurrency": "2",
    # A machine to learn on: `pik fault set` works from the first minute, and nothing fails before.
    "EnableFaultInjection": "true",
    # One sender of each kind: with signed times, without, and with a token.
    "WebhookSources": ",".join(LOCAL_SECRETS),
}
"""Overrides of the template's defaults on the local engine."""

_DEPLOY_SECONDS: Final = 60.0
_CODE_KEY: Final = "src.zip"
_TEMPLATE_KEY: Final = "template.json"
_SHOWN_REASONS: Final = 5


class DeployError(Exception):
    """The template could not be deployed; the text names the resources and the reasons."""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """What is there after a deploy."""

    stack_name: str
    api_url: str
    outputs: Mapping[str, str]


def read_template(path: Path = TEMPLATE_FILE) -> Template:
    """Read a template file. Raises DeployError."""
    try:
        return cfn_yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeployError(f"{path.name} cannot be read: {error}") from error


def parameter_values(template: Template, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return each parameter's value as CloudFormation would see it. Raises DeployError for an unknown name."""
    declared = template.get("Parameters", {})
    unknown = sorted(set(overrides) - set(declared))
    if unknown:
        raise DeployError(f"The template has no parameter {', '.join(unknown)}.")
    defaults = {name: str(it["Default"]) for name, it in declared.items() if "Default" in it}
    return defaults | dict(overrides)


def transform(template: Template, parameters: Mapping[str, str], aws: EngineAws) -> Template:
    """Return the template as plain CloudFormation, transformed as AWS would, without asking AWS.

    Raises DeployError with what the transform says about a wrong template.
    """
    from samtranslator.model.exceptions import InvalidDocumentException  # a second and a half of imports, so late
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": ARTIFACTS_BUCKET, "Key": _CODE_KEY}
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            _put_definition_in(resource["Properties"])
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    translator = Translator({}, Parser(), boto_session=aws.session)
    try:
        return cast("Template", translator.translate(template, parameter_values=dict(parameters)))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes) or error.message
        raise DeployError(f"The SAM transform refuses template.yaml: {causes}") from error
    finally:
        translator.metrics.publish()  # to nobody; else it warns of what it has not published


def _put_definition_in(properties: dict[str, Any]) -> None:
    """Take a state machine's definition into the template, in place of the file that `sam deploy` would upload."""
    path = TEMPLATE_FILE.parent / properties.pop("DefinitionUri")
    try:
        properties["Definition"] = cfn_yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeployError(f"{path.name} cannot be read: {error}") from error


def deploy(
    aws: EngineAws,
    overrides: Mapping[str, str] = LOCAL_PARAMETERS,
    template: Template | None = None,
    source: Path = SOURCE,
) -> DeployedStack:
    """Deploy the template (the repository's unless given) with code from `source`. Raises DeployError."""
    template = read_template() if template is None else template
    parameters = parameter_values(template, overrides)
    place = Place(aws.endpoint, parameters)
    adapted = adapt(transform(template, parameters, aws), place)
    try:
        aws.s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
        aws.s3.put_object(Bucket=ARTIFACTS_BUCKET, Key=_CODE_KEY, Body=package(source))
        outputs = _create_stack(aws, adapted, overrides)
        _finish_tables(aws, adapted)
        put_secrets(aws, outputs)
    except (ClientError, BotoCoreError) as error:
        raise DeployError(f"The engine refuses a call of the deploy: {error}") from error
    return DeployedStack(STACK_NAME, place.api_url, outputs)


def _create_stack(aws: EngineAws, template: Template, overrides: Mapping[str, str]) -> dict[str, str]:
    # By URL: a template of this size is too long for a request's body, here as in AWS.
    body = json.dumps(template).encode()
    aws.s3.put_object(Bucket=ARTIFACTS_BUCKET, Key=_TEMPLATE_KEY, Body=body)
    aws.cloudformation.create_stack(
        StackName=STACK_NAME,
        TemplateURL=f"{aws.endpoint}/{ARTIFACTS_BUCKET}/{_TEMPLATE_KEY}",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in overrides.items()],
    )
    deadline = time.monotonic() + _DEPLOY_SECONDS
    while time.monotonic() < deadline:
        stack = aws.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {it["OutputKey"]: it["OutputValue"] for it in stack.get("Outputs", [])}
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise DeployError(f"The stack ended as {stack['StackStatus']}:\n{_reasons(aws)}")
        time.sleep(0.05)
    raise DeployError(f"The stack was not complete after {_DEPLOY_SECONDS:.0f} s.")


def _reasons(aws: EngineAws) -> str:
    events = aws.cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    failed = [it for it in events if it.get("ResourceStatus", "").endswith("_FAILED")]
    lines = [f"  {it['LogicalResourceId']}: {it.get('ResourceStatusReason', 'no reason given')}" for it in failed]
    return "\n".join(lines[:_SHOWN_REASONS]) or "  no reason given; see the engine's log"


def _finish_tables(aws: EngineAws, template: Template) -> None:
    """Set what the engine ignores when it makes a table: expiry of rows and point-in-time recovery."""
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != "AWS::DynamoDB::Table":
            continue
        properties: dict[str, Any] = resource["Properties"]
        detail = aws.cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=logical_id)
        table = detail["StackResourceDetail"]["PhysicalResourceId"]
        if "TimeToLiveSpecification" in properties:
            aws.dynamodb.update_time_to_live(
                TableName=table, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
            )
        if "PointInTimeRecoverySpecification" in properties:
            aws.dynamodb.update_continuous_backups(
                TableName=table, PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"]
            )
