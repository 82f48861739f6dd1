"""Where commands go, and what CloudFormation says of the stack there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from pik_cli.shell.errors import Misuse, Unreachable
from pik_cli.shell.stack import Options, StackAws, Target, find_stack, resolve
from tests.support.command_line import write_state

ENDPOINT = "http://127.0.0.1:4566"
AWS_TARGET = Target("pik-dev", "eu-west-1", None, None)


@pytest.fixture
def aws(machine: Path, monkeypatch: pytest.MonkeyPatch) -> StackAws:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return StackAws(AWS_TARGET)


@contextmanager
def described(aws: StackAws, answer: dict[str, Any] | None, **error: Any) -> Iterator[None]:
    with Stubber(aws.cloudformation) as stub:
        if answer is None:
            stub.add_client_error("describe_stacks", expected_params={"StackName": "pik-dev"}, **error)
        else:
            stub.add_response("describe_stacks", answer, {"StackName": "pik-dev"})
        yield
        stub.assert_no_pending_responses()


def stack_answer(**changes: Any) -> dict[str, Any]:
    stack = {
        "StackName": "pik-dev",
        "StackStatus": "UPDATE_COMPLETE",
        "CreationTime": "2026-11-20T10:00:00Z",
        "Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://api"}],
        "Parameters": [{"ParameterKey": "EnvName", "ParameterValue": "dev"}],
    }
    return {"Stacks": [{**stack, **changes}]}


def test_a_running_local_engine_is_found_by_itself(machine: Path) -> None:
    write_state(machine, ENDPOINT)
    target = resolve(Options(), {}, machine)
    assert target.local is not None
    assert (target.stack_name, target.endpoint_url, target.region) == ("pik-local", ENDPOINT, "us-east-1")
    assert target.notes == (f"Local engine at {ENDPOINT}, stack pik-local.",)


def test_the_local_engine_is_found_though_the_shell_has_a_profile_and_a_region(machine: Path) -> None:
    write_state(machine, ENDPOINT)
    target = resolve(Options(), {"AWS_PROFILE": "work", "AWS_REGION": "eu-west-1"}, machine)
    assert target.local is not None
    assert target.region == "us-east-1"


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        (Options(stack="pik-dev"), {}),
        (Options(), {"PIK_STACK": "pik-dev"}),
        (Options(stack="pik-dev"), {"PIK_STACK": "other"}),
    ],
)
def test_a_named_stack_is_looked_for_on_aws_though_a_local_engine_runs(
    machine: Path, options: Options, environ: dict[str, str]
) -> None:
    write_state(machine, ENDPOINT)
    assert resolve(options, environ, machine) == Target("pik-dev", None, None, None)


@pytest.mark.parametrize(
    "options", [Options(region="eu-west-1"), Options(profile="p"), Options(endpoint_url="http://x")]
)
def test_options_that_mean_aws_want_a_stack_though_a_local_engine_runs(machine: Path, options: Options) -> None:
    write_state(machine, ENDPOINT)
    with pytest.raises(Misuse, match="No stack is named"):
        resolve(options, {}, machine)


def test_the_address_of_the_local_engine_brings_its_credentials(machine: Path) -> None:
    write_state(machine, ENDPOINT)
    target = resolve(Options(stack="another", endpoint_url=f"{ENDPOINT}/"), {}, machine)
    assert target.local is not None
    assert target.stack_name == "another"


def test_options_go_before_the_environment(machine: Path) -> None:
    environ = {"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b", "AWS_ENDPOINT_URL": "http://e", "PIK_STACK": "s"}
    assert resolve(Options(), environ, machine) == Target("s", "a", None, "http://e")
    options = Options("stack", "region", "profile", "http://o")
    assert resolve(options, environ, machine) == Target("stack", "region", "profile", "http://o")


def test_no_stack_at_all_is_wrong_usage_with_the_fix_and_the_reason(machine: Path) -> None:
    with pytest.raises(Misuse) as caught:
        resolve(Options(), {}, machine)
    assert "--stack" in caught.value.fix
    assert "make run" in caught.value.fix
    write_state(machine, ENDPOINT, pids=[2**22 + 1])
    with pytest.raises(Misuse, match="no longer runs"):
        resolve(Options(), {}, machine)


def test_outputs_and_parameters_are_found_by_name(aws: StackAws) -> None:
    with described(aws, stack_answer()):
        stack = find_stack(AWS_TARGET, aws)
    assert (stack.name, stack.status, stack.parameters) == ("pik-dev", "UPDATE_COMPLETE", {"EnvName": "dev"})
    assert stack.output("ApiUrl") == "https://api"


def test_a_missing_output_says_what_to_do(aws: StackAws) -> None:
    with described(aws, stack_answer(Outputs=[])):
        stack = find_stack(AWS_TARGET, aws)
    with pytest.raises(Unreachable, match="no output WorkQueueUrl") as caught:
        stack.output("WorkQueueUrl")
    assert "template.yaml" in caught.value.fix


def test_no_such_stack_says_where_it_was_looked_for(aws: StackAws) -> None:
    error = {"service_error_code": "ValidationError", "service_message": "Stack with id pik-dev does not exist"}
    with described(aws, None, **error), pytest.raises(Unreachable, match="no stack pik-dev in region eu-west-1"):
        find_stack(AWS_TARGET, aws)


def test_the_local_engine_is_called_with_its_own_credentials_whatever_the_shell_has(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(machine, ENDPOINT)
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    aws = StackAws(resolve(Options(), {}, machine))
    assert aws.credentials is not None
    assert (aws.credentials.access_key, aws.region) == ("test", "us-east-1")
    assert aws.sqs.meta.endpoint_url == ENDPOINT
    assert aws.sqs.meta.config.proxies == {}


@pytest.mark.parametrize("name", ["stack", "region", "profile", "endpoint_url"])
def test_an_empty_option_does_not_lead_to_the_local_engine(tmp_path: Path, name: str) -> None:
    write_state(tmp_path, ENDPOINT)
    with pytest.raises(Misuse, match=f"--{name.replace('_', '-')} is empty"):
        resolve(Options(**{name: " "}), {}, tmp_path)
