"""The checks that read an account: each asks AWS, and judges."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from pik_cli.preflight import permissions
from pik_cli.preflight.checks import (
    ConcurrencyRoom,
    Judgement,
    Verdict,
    judge_email,
    judge_processor_cap,
    judge_reservations,
)
from pik_cli.preflight.template import TemplateReader
from pik_cli.shell.errors import error_code
from pik_cli.shell.stage import NOT_DEPLOYED, StageSettings, stack_trouble

BOOTSTRAP_STACK: Final = "aws-sam-cli-managed-default"
"""The stack in which `sam deploy` with resolve_s3 keeps its bucket; the name is sam's."""

_SHOWN: Final = 5


class AccountClients(Protocol):
    """Clients by service, and where AWS has the service."""

    def client(self, service: str, region: str | None = None) -> Any:
        """A service's client."""

    def regions_of(self, service: str) -> set[str]:
        """A service's regions."""


@dataclass
class Account:
    """An account and a region, as a deploy of a stage finds them. Everything is read once, when a check needs it."""

    settings: StageSettings
    region: str
    clients: AccountClients

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Who the credentials belong to, according to the region's own STS."""
        found: Mapping[str, str] = self.clients.client("sts", self.region).get_caller_identity()
        return found

    @cached_property
    def stack(self) -> Mapping[str, Any]:
        """The deployed stack; empty when there is none."""
        return self.stack_named(self.settings.stack_name)

    @cached_property
    def cloudformation(self) -> Any:
        """CloudFormation's client."""
        return self.clients.client("cloudformation", self.region)

    @property
    def is_new(self) -> bool:
        """Whether this would be the stack's first deploy."""
        return bool(self.stack.get("StackStatus", NOT_DEPLOYED) == NOT_DEPLOYED)

    @cached_property
    def deployed(self) -> dict[str, str]:
        """The deployed stack's parameters."""
        return {one["ParameterKey"]: one.get("ParameterValue", "") for one in self.stack.get("Parameters", [])}

    @cached_property
    def values(self) -> dict[str, str]:
        """Every parameter after the deploy."""
        return self.settings.values(self.deployed)

    @cached_property
    def template(self) -> TemplateReader:
        """The template with these values."""
        partition = self.identity["Arn"].split(":")[1]
        pseudo = {
            "AWS::StackName": self.settings.stack_name,
            "AWS::Region": self.region,
            "AWS::AccountId": self.identity["Account"],
            "AWS::Partition": partition,
        }
        return TemplateReader(self.settings.template, self.values, pseudo)

    @cached_property
    def room(self) -> ConcurrencyRoom:
        """Lambda's concurrent executions, and what the deploy takes of them."""
        limits = self.clients.client("lambda", self.region).get_account_settings()["AccountLimit"]
        return ConcurrencyRoom(
            quota=limits["ConcurrentExecutions"],
            unreserved=limits["UnreservedConcurrentExecutions"],
            own=sum(self.template.reservations(self.deployed).values()) if self.deployed else 0,
            wanted=self.template.reservations(),
        )

    def stack_named(self, name: str) -> Mapping[str, Any]:
        """A stack, or nothing when no stack has the name."""
        try:
            found: Mapping[str, Any] = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if error_code(error) != "ValidationError":  # which CloudFormation answers for an unknown name
                raise
            return {}
        return found


def check_credentials(account: Account) -> Judgement:
    """Whose credentials they are. Errors are for the caller to judge."""
    arn = account.identity["Arn"]
    evidence = f"account {account.identity['Account']}, as {arn}"
    if arn.endswith(":root"):
        return Judgement(
            Verdict.WARN, f"{evidence}: the root user", "name a role's profile: pik --profile NAME preflight"
        )
    return Judgement(Verdict.OK, evidence)


def check_region(account: Account) -> Judgement:
    """Whether AWS has the services there, and whether the account may use the region."""
    region = account.region
    services = ("lambda", "sqs", "dynamodb", "events", "stepfunctions", "apigatewayv2")
    known = account.clients.regions_of("lambda")
    if region not in known:
        near = difflib.get_close_matches(region, sorted(known), n=1) or ["us-east-1"]
        fix = f"set region in samconfig.toml, for example region = {near[0]!r}"
        return Judgement(Verdict.FAIL, f"Lambda has no region {region}", fix)
    missing = [service for service in services if region not in account.clients.regions_of(service)]
    if missing:
        return Judgement(Verdict.WARN, f"botocore knows no endpoint in {region} of {', '.join(missing)}", "")
    try:
        status = account.clients.client("account", region).get_region_opt_status(RegionName=region)["RegionOptStatus"]
    except ClientError:
        # The region's own STS has answered, which it does for no account without the region.
        return Judgement(Verdict.OK, f"{region}; its STS knows account {account.identity['Account']}")
    if status in {"ENABLED", "ENABLED_BY_DEFAULT"}:
        return Judgement(Verdict.OK, f"{region} is {status}")
    verdict = Verdict.WARN if status == "ENABLING" else Verdict.FAIL
    return Judgement(verdict, f"{region} is {status}", f"aws account enable-region --region-name {region}")


def check_bucket(account: Account) -> Judgement:
    """Whether sam has, or can make, the bucket that it uploads to."""
    bucket = account.settings.bucket
    if not bucket:
        stack = account.stack_named(BOOTSTRAP_STACK)
        if not stack:
            return Judgement(Verdict.OK, f"none yet; the first deploy makes stack {BOOTSTRAP_STACK}")
        delete = f"aws cloudformation delete-stack --stack-name {BOOTSTRAP_STACK} --region {account.region}"
        status = stack["StackStatus"]
        bucket = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}.get("SourceBucket", "")
        if status.endswith("_IN_PROGRESS"):
            return Judgement(Verdict.WARN, f"stack {BOOTSTRAP_STACK} is in {status}", "wait, then run this again")
        if not bucket or not status.endswith("_COMPLETE") or status == "ROLLBACK_COMPLETE":
            return Judgement(Verdict.FAIL, f"stack {BOOTSTRAP_STACK} is in {status}, without a usable bucket", delete)
    else:
        delete = "correct s3_bucket in samconfig.toml, or set resolve_s3 = true"
    try:
        account.clients.client("s3", account.region).head_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) in {"404", "NoSuchBucket"}:
            return Judgement(Verdict.FAIL, f"bucket {bucket} does not exist", delete)
        if error_code(error) in {"403", "AccessDenied"}:
            return Judgement(Verdict.FAIL, f"bucket {bucket} does not let the caller in", f"allow s3 on {bucket}")
        raise
    return Judgement(Verdict.OK, f"bucket {bucket}")


def check_stack(account: Account) -> Judgement:
    """Whether CloudFormation would take a deploy."""
    name, status = account.settings.stack_name, account.stack.get("StackStatus", "")
    trouble = stack_trouble(status, name, account.region)
    if trouble:
        return Judgement(Verdict.FAIL, trouble[0], trouble[1])
    deployed, wanted = account.deployed.get("EnvName"), account.values.get("EnvName")
    if deployed not in {None, wanted}:
        fix = f"pik preflight --stage {deployed}; or name another stack_name in samconfig.toml"
        return Judgement(Verdict.FAIL, f"stack {name} was deployed with EnvName={deployed}, and not {wanted}", fix)
    if account.is_new:
        return Judgement(Verdict.OK, f"{name} does not exist yet; the deploy creates it")
    return Judgement(Verdict.OK, f"{name} is in {status}; the deploy updates it")


def check_names(account: Account) -> Judgement:
    """Whether a new stack's names are free, and whether an earlier stack left data behind."""
    if not account.is_new:
        return Judgement(Verdict.OK, "the stack exists and owns its names")
    fixed = account.template.fixed_names()
    taken = [(kind, name) for kind, name in fixed if kind in _LOOKUPS and _LOOKUPS[kind](account, name)]
    if taken:
        fixes = "; ".join(f"{_DELETES[kind].format(name=name)} --region {account.region}" for kind, name in taken)
        names = ", ".join(name for _, name in taken)
        return Judgement(Verdict.FAIL, f"exist already, so that the stack cannot create them: {names}", fixes)
    prefix = f"{account.settings.stack_name}-"
    pages = account.clients.client("dynamodb", account.region).get_paginator("list_tables").paginate()
    left = [name for page in pages for name in page["TableNames"] if name.startswith(prefix)]
    if left:
        shown = ", ".join(left[:_SHOWN]) + (", …" if len(left) > _SHOWN else "")
        return Judgement(
            Verdict.WARN,
            f"an earlier stack retained {len(left)} tables: {shown}; the new stack starts with empty ones",
            f"keep them, or delete each: aws dynamodb delete-table --table-name NAME --region {account.region}",
        )
    return Judgement(Verdict.OK, f"{len(fixed)} fixed names are free; the others are generated")


def check_permissions(account: Account) -> Judgement:
    """Whether the caller may make what the template holds, as IAM simulates it."""
    principal = permissions.principal_arn(account.identity["Arn"])
    if principal is None:
        return Judgement(Verdict.OK, "the root user may do everything")
    iam = account.clients.client("iam", account.region)
    if ":role/" in principal:
        principal = iam.get_role(RoleName=principal.rpartition("/")[2])["Role"]["Arn"]  # with its path
    kinds = account.template.kinds()
    actions = permissions.needed_actions(kinds)
    place = {
        "partition": principal.split(":")[1],
        "region": account.region,
        "account": account.identity["Account"],
        "stack": account.settings.stack_name,
    }
    context = [
        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for key, value in (("aws:RequestedRegion", account.region), ("iam:PassedToService", "lambda.amazonaws.com"))
    ]
    paginator = iam.get_paginator("simulate_principal_policy")
    refused: dict[str, str] = {}
    for resource, names in permissions.by_resource(actions, **place).items():
        pages = paginator.paginate(
            PolicySourceArn=principal, ActionNames=names, ResourceArns=[resource], ContextEntries=context
        )
        refused |= permissions.denied(result for page in pages for result in page["EvaluationResults"])
    unlisted = permissions.unknown_kinds(kinds)
    if refused:
        shown = ", ".join(f"{name} ({why})" for name, why in list(refused.items())[:_SHOWN])
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        fix = f"allow {principal.rpartition('/')[2]}: {' '.join(refused)}"
        return Judgement(Verdict.FAIL, f"{len(refused)} of {len(actions)} actions are not allowed: {shown}{more}", fix)
    if unlisted:
        return Judgement(Verdict.UNKNOWN, f"{len(actions)} actions allowed; not checked for {', '.join(unlisted)}")
    return Judgement(Verdict.OK, f"{len(actions)} actions simulated, all allowed")


def check_reservations(account: Account) -> Judgement:
    """Whether the account has the concurrency that functions reserve."""
    return judge_reservations(account.room, account.settings)


def check_processor_cap(account: Account) -> Judgement:
    """Whether the account has the concurrency that the queue may use."""
    found = account.template.processor_cap()
    if found is None:
        return Judgement(Verdict.UNKNOWN, "the template has no event source mapping with a ScalingConfig")
    parameter, cap = found
    reserved = account.template.reserved_for_cap()
    return judge_processor_cap(cap, reserved, account.room, account.settings, parameter)


def check_email(account: Account) -> Judgement:
    """Whether somebody gets the alarms."""
    return judge_email(account.values, account.settings)


def _found(call: Callable[..., Any], missing: frozenset[str], **arguments: str) -> bool:
    """Whether a call finds what it names."""
    try:
        call(**arguments)
    except ClientError as error:
        if error_code(error) in missing:
            return False
        raise
    return True


def _log_group(account: Account, name: str) -> bool:
    groups = account.clients.client("logs", account.region).describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


def _parameter(account: Account, name: str) -> bool:
    client = account.clients.client("ssm", account.region)
    return _found(client.get_parameter, frozenset({"ParameterNotFound"}), Name=name)


def _queue(account: Account, name: str) -> bool:
    client = account.clients.client("sqs", account.region)
    missing = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
    return _found(client.get_queue_url, missing, QueueName=name)


_LOOKUPS: Final[Mapping[str, Callable[[Account, str], bool]]] = {
    "AWS::Logs::LogGroup": _log_group,
    "AWS::SSM::Parameter": _parameter,
    "AWS::SQS::Queue": _queue,
}
_DELETES: Final[Mapping[str, str]] = {
    "AWS::Logs::LogGroup": "aws logs delete-log-group --log-group-name {name}",
    "AWS::SSM::Parameter": "aws ssm delete-parameter --name {name}",
    "AWS::SQS::Queue": "aws sqs delete-queue --queue-url $(aws sqs get-queue-url --queue-name {name} --output text)",
}
