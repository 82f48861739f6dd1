"""An account in memory as `pik preflight` reads it: stacks, quotas, names, buckets and policy decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from botocore.exceptions import ClientError, ParamValidationError
from botocore.session import Session
from botocore.validate import ParamValidator

ACCOUNT: Final = "123456789012"


def refusal(code: str, operation: str = "Call") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": f"{code} it is"}}
    return ClientError(answer, operation)


@cache
def _client(service: str) -> Any:
    """botocore's own client, of which only the model is used."""
    return Session().create_client(service, region_name="us-east-1")


def _check_request(service: str, operation: str, arguments: Mapping[str, Any]) -> None:
    """Raises ParamValidationError for a request that the service's model does not have."""
    client = _client(service)
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    report = ParamValidator().validate(arguments, shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


class CloudAccount:
    """An account in memory, in place of StackAws. Any call can be made to raise."""

    def __init__(self) -> None:
        self.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/session"
        self.quota, self.unreserved = 1000, 1000
        self.stacks: dict[str, dict[str, Any]] = {}
        self.opted = "ENABLED_BY_DEFAULT"
        self.tables: list[str] = []
        self.log_groups: list[str] = []
        self.parameters: set[str] = set()
        self.buckets: set[str] = set()
        self.decisions: dict[str, dict[str, Any]] = {}
        self.simulated: list[dict[str, Any]] = []
        self.raises: dict[str, Exception] = {}
        self.calls: list[str] = []

    def client(self, service: str, region: str | None = None) -> Any:
        return CloudService(self, service)

    def regions_of(self, service: str) -> set[str]:
        return {"us-east-1", "eu-west-1", "ap-east-1"}


class CloudService:
    """A client of one service: every call is a function of this module by name."""

    def __init__(self, account: CloudAccount, service: str) -> None:
        self._account = account
        self._service = service

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            _check_request(self._service, operation, arguments)
            self._account.calls.append(operation)
            if operation in self._account.raises:
                raise self._account.raises[operation]
            return ANSWERS[operation](self._account, **arguments)

        return call

    def get_paginator(self, operation: str) -> Any:
        assert _client(self._service).can_paginate(operation)

        class Paginator:
            paginate = staticmethod(lambda **arguments: [getattr(self, operation)(**arguments)])

        return Paginator()


def describe_stacks(account: CloudAccount, StackName: str) -> Any:  # noqa: N803
    if StackName not in account.stacks:
        raise refusal("ValidationError")
    return {"Stacks": [account.stacks[StackName]]}


def simulate(account: CloudAccount, ActionNames: list[str], **asked: Any) -> Any:  # noqa: N803
    account.simulated.append({"actions": ActionNames, **asked})
    results = [{"EvalActionName": it, "EvalDecision": "allowed"} | account.decisions.get(it, {}) for it in ActionNames]
    return {"EvaluationResults": results}


def head_bucket(account: CloudAccount, Bucket: str) -> Any:  # noqa: N803
    if Bucket not in account.buckets:
        raise refusal("404")
    return {}


def get_parameter(account: CloudAccount, Name: str) -> Any:  # noqa: N803
    if Name not in account.parameters:
        raise refusal("ParameterNotFound")
    return {}


ANSWERS: dict[str, Callable[..., Any]] = {
    "get_caller_identity": lambda account: {"Account": ACCOUNT, "Arn": account.arn},
    "get_region_opt_status": lambda account, **_: {"RegionOptStatus": account.opted},
    "get_account_settings": lambda account: {
        "AccountLimit": {
            "ConcurrentExecutions": account.quota,
            "UnreservedConcurrentExecutions": account.unreserved,
        }
    },
    "describe_stacks": describe_stacks,
    "head_bucket": head_bucket,
    "get_role": lambda account, **role: {"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/path/{role['RoleName']}"}},
    "simulate_principal_policy": simulate,
    "list_tables": lambda account: {"TableNames": account.tables},
    "describe_log_groups": lambda account, **prefix: {
        "logGroups": [{"logGroupName": it} for it in account.log_groups if it.startswith(*prefix.values())]
    },
    "get_parameter": get_parameter,
    "get_queue_url": lambda account, **_: {},
}
