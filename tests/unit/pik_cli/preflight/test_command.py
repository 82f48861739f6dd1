"""`pik preflight`: each check's verdicts on accounts that are large, small, strange or closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from pik_cli.preflight.account import BOOTSTRAP_STACK
from tests.support.cloud_account import ACCOUNT, CloudAccount, refusal
from tests.support.command_line import Pik, summary

ROOT = Path(__file__).parents[4]
STACK = "pipeline-investigation-kit-prod"
REGION = "us-east-1"


@pytest.fixture
def cloud(machine: Path, monkeypatch: pytest.MonkeyPatch) -> CloudAccount:
    made = CloudAccount()
    monkeypatch.setattr("pik_cli.preflight.command.StackAws", lambda _target: made)
    return made


@pytest.fixture
def check(cloud: CloudAccount, pik: Pik) -> Callable[..., dict[str, Any]]:
    """One check of a run for production."""

    def run(name: str, *options: str) -> dict[str, Any]:
        result = pik("-o", "json", "preflight", "--stage", "prod", "--checkout", str(ROOT), *options)
        (found,) = [it for it in summary(result)["checks"] if it["id"] == name]
        failed = any(it["verdict"] == "FAIL" for it in summary(result)["checks"])
        assert (result.exit_code != 0) is failed, result.output
        assert isinstance(found, dict)
        return found

    return run


Check = Callable[..., dict[str, Any]]


def test_a_usual_account_is_ready_and_nothing_is_written(cloud: CloudAccount, pik: Pik) -> None:
    result = pik("-o", "json", "preflight", "--stage", "prod", "--email", "a@b.co", "--checkout", str(ROOT))
    assert result.exit_code == 0, result.output
    found = summary(result)
    assert {it["id"]: it["verdict"] for it in found["checks"]} == {
        "credentials": "OK",
        "region": "OK",
        "permissions": "OK",
        "package-bucket": "OK",
        "stack": "OK",
        "names": "OK",
        "reservations": "OK",
        "processor-concurrency": "OK",
        "alarm-email": "OK",
    }
    assert (found["stage"], found["stack"], found["region"], found["verdict"]) == ("prod", STACK, REGION, "OK")
    assert all(it.startswith(("get_", "describe_", "list_", "head_", "simulate_")) for it in cloud.calls)


def test_people_get_a_table_and_the_commands_that_help(cloud: CloudAccount, pik: Pik) -> None:
    cloud.quota = cloud.unreserved = 50
    result = pik("preflight", "--stage", "prod", "--checkout", str(ROOT))
    assert result.exit_code == 1
    assert "FAIL     reservations" in result.stdout
    assert "\nWhat to change:\n" in result.stdout
    assert "make deploy STAGE=prod EMAIL=" in result.stdout


def test_credentials_that_aws_refuses_are_exit_status_3_and_everything_else_is_unknown(
    cloud: CloudAccount, pik: Pik
) -> None:
    cloud.raises["get_caller_identity"] = NoCredentialsError()
    result = pik("-o", "json", "preflight", "--checkout", str(ROOT))
    assert result.exit_code == 3
    first, *others = summary(result)["checks"]
    assert (first["id"], first["verdict"]) == ("credentials", "FAIL")
    assert "aws sso login" in first["fix"]
    assert {it["verdict"] for it in others} == {"UNKNOWN"}
    assert cloud.calls == ["get_caller_identity"]


def test_credentials_that_are_refused_by_the_region_alone_lead_to_its_opt_in(cloud: CloudAccount, pik: Pik) -> None:
    cloud.raises["get_caller_identity"] = refusal("InvalidClientTokenId")
    result = pik("-o", "json", "--region", "ap-east-1", "preflight", "--checkout", str(ROOT))
    assert "aws account enable-region --region-name ap-east-1" in summary(result)["checks"][0]["fix"]


def test_the_root_user_is_a_warning(cloud: CloudAccount, check: Check) -> None:
    cloud.arn = f"arn:aws:iam::{ACCOUNT}:root"
    assert check("credentials")["verdict"] == "WARN"
    assert check("permissions")["verdict"] == "OK"
    assert cloud.simulated == []


@pytest.mark.parametrize(
    ("status", "verdict"), [("ENABLED", "OK"), ("ENABLING", "WARN"), ("DISABLED", "FAIL"), ("DISABLING", "FAIL")]
)
def test_the_region_must_be_enabled(cloud: CloudAccount, check: Check, status: str, verdict: str) -> None:
    cloud.opted = status
    found = check("region", "--region", "ap-east-1")
    assert found["verdict"] == verdict
    assert (found["fix"] is None) is (verdict == "OK")


def test_a_region_that_does_not_exist_fails_with_one_that_does(cloud: CloudAccount, check: Check) -> None:
    found = check("region", "--region", "eu-west-9")
    assert (found["verdict"], "'eu-west-1'" in found["fix"]) == ("FAIL", True)


def test_without_the_right_to_read_the_opt_in_the_regions_own_answer_counts(cloud: CloudAccount, check: Check) -> None:
    cloud.raises["get_region_opt_status"] = refusal("AccessDeniedException")
    assert check("region")["verdict"] == "OK"


def test_what_the_stage_reserves_must_leave_the_account_a_hundred(cloud: CloudAccount, check: Check) -> None:
    assert "reserves 140 of the account's 1000; 860 would be left" in check("reservations")["evidence"]
    cloud.quota = cloud.unreserved = 240
    assert check("reservations")["verdict"] == "OK"
    cloud.unreserved = 239
    found = check("reservations")
    assert found["verdict"] == "FAIL"
    zero = "IngestReservedConcurrency=0 PublisherReservedConcurrency=0 ProcessorReservedConcurrency=0"
    assert f"make deploy STAGE=prod OVERRIDES='{zero}'" in found["fix"]
    assert "request-service-quota-increase" in found["fix"]


def test_an_update_gives_its_own_reservations_back_first(cloud: CloudAccount, check: Check) -> None:
    parameters = {"EnvName": "prod", "IngestReservedConcurrency": "100", "ProcessorReservedConcurrency": "20"}
    listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    cloud.stacks[STACK] = {"StackStatus": "UPDATE_COMPLETE", "Parameters": listed}
    cloud.quota, cloud.unreserved = 240, 120
    found = check("reservations")
    assert (found["verdict"], "100 would be left" in found["evidence"]) == ("OK", True)
    cloud.unreserved = 119
    assert check("reservations")["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("quota", "options", "verdict", "fix"),
    [
        (1000, ["--stage", "dev"], "OK", None),
        (50, ["--stage", "dev"], "OK", None),
        (30, ["--stage", "dev"], "WARN", "ProcessorMaxConcurrency=15"),
        (10, ["--stage", "dev"], "FAIL", "ProcessorMaxConcurrency=5"),
        (10, ["--stage", "dev", "--set", "ProcessorMaxConcurrency=5"], "OK", None),
        (1000, ["--stage", "dev", "--set", "ProcessorMaxConcurrency=0"], "WARN", "ProcessorMaxConcurrency=500"),
        (1000, ["--set", "ProcessorReservedConcurrency=10"], "FAIL", "ProcessorMaxConcurrency=10"),
        (1000, ["--set", "ProcessorReservedConcurrency=30 ProcessorMaxConcurrency=0"], "OK", None),
    ],
)
def test_the_cap_of_the_processor_must_fit_what_the_account_has(
    cloud: CloudAccount, check: Check, quota: int, options: list[str], verdict: str, fix: str | None
) -> None:
    cloud.quota = cloud.unreserved = quota
    found = check("processor-concurrency", *options)
    assert found["verdict"] == verdict
    assert (fix in found["fix"]) if fix else found["fix"] is None


@pytest.mark.parametrize(("quota", "verdict"), [(10, "OK"), (50, "OK")])
def test_a_small_account_deploys_a_stage_that_reserves_nothing(
    cloud: CloudAccount, check: Check, quota: int, verdict: str
) -> None:
    cloud.quota = cloud.unreserved = quota
    assert check("reservations", "--stage", "dev")["verdict"] == verdict
    assert check("reservations", "--stage", "dev", "--set", "IngestReservedConcurrency=1")["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("status", "verdict", "fix"),
    [
        ("CREATE_COMPLETE", "OK", ""),
        ("UPDATE_ROLLBACK_COMPLETE", "OK", ""),
        ("REVIEW_IN_PROGRESS", "OK", ""),
        ("ROLLBACK_COMPLETE", "FAIL", f"sam delete --stack-name {STACK}"),
        ("DELETE_FAILED", "FAIL", "sam delete"),
        ("UPDATE_ROLLBACK_FAILED", "FAIL", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "FAIL", "describe-stack-events"),
    ],
)
def test_the_stack_must_be_in_a_state_that_takes_a_deploy(
    cloud: CloudAccount, check: Check, status: str, verdict: str, fix: str
) -> None:
    cloud.stacks[STACK] = {"StackStatus": status}
    found = check("stack")
    assert found["verdict"] == verdict
    assert fix in (found["fix"] or "")


def test_a_stack_of_another_stage_is_not_deployed_over(cloud: CloudAccount, check: Check) -> None:
    parameters = [{"ParameterKey": "EnvName", "ParameterValue": "dev"}]
    cloud.stacks[STACK] = {"StackStatus": "CREATE_COMPLETE", "Parameters": parameters}
    found = check("stack")
    assert (found["verdict"], "EnvName=dev" in found["evidence"]) == ("FAIL", True)


def bootstrap(status: str, bucket: str = "managed") -> dict[str, Any]:
    return {"StackStatus": status, "Outputs": [{"OutputKey": "SourceBucket", "OutputValue": bucket}]}


@pytest.mark.parametrize(
    ("stack", "error", "verdict"),
    [
        (bootstrap("CREATE_COMPLETE"), None, "OK"),
        (bootstrap("CREATE_COMPLETE", "deleted"), None, "FAIL"),
        (bootstrap("CREATE_COMPLETE"), refusal("403"), "FAIL"),
        (bootstrap("CREATE_COMPLETE"), refusal("SlowDown"), "UNKNOWN"),
        ({"StackStatus": "ROLLBACK_COMPLETE"}, None, "FAIL"),
        (bootstrap("CREATE_IN_PROGRESS"), None, "WARN"),
    ],
)
def test_sams_own_bucket_must_be_usable_once_it_exists(
    cloud: CloudAccount, check: Check, stack: dict[str, Any], error: Exception | None, verdict: str
) -> None:
    cloud.buckets = {"managed"}
    cloud.stacks[BOOTSTRAP_STACK] = stack
    if error:
        cloud.raises["head_bucket"] = error
    assert check("package-bucket")["verdict"] == verdict


def test_names_that_exist_already_fail_a_new_stack_and_not_an_update(cloud: CloudAccount, check: Check) -> None:
    taken = f"/aws/lambda/{STACK}-IngestFunction"
    cloud.log_groups = [taken, f"{taken}-other"]
    found = check("names")
    assert (found["verdict"], found["fix"]) == (
        "FAIL",
        f"aws logs delete-log-group --log-group-name {taken} --region {REGION}",
    )
    cloud.stacks[STACK] = {"StackStatus": "CREATE_COMPLETE"}
    assert check("names")["verdict"] == "OK"


def test_a_name_counts_only_when_the_parameters_make_its_resource(cloud: CloudAccount, check: Check) -> None:
    cloud.parameters = {f"/{STACK}/failure_mode"}
    assert check("names")["verdict"] == "OK"
    assert check("names", "--set", "EnableFaultInjection=true")["verdict"] == "FAIL"


def test_tables_that_an_earlier_stack_retained_are_a_warning(cloud: CloudAccount, check: Check) -> None:
    cloud.tables = [f"{STACK}-EventsTable-1ABC", "other-table"]
    found = check("names")
    assert (found["verdict"], f"{STACK}-EventsTable-1ABC" in found["evidence"]) == ("WARN", True)
    assert "other-table" not in found["evidence"]


def test_permissions_are_asked_for_the_role_with_its_path_and_the_stacks_names(
    cloud: CloudAccount, check: Check
) -> None:
    assert check("permissions")["verdict"] == "OK"
    assert {it["PolicySourceArn"] for it in cloud.simulated} == {f"arn:aws:iam::{ACCOUNT}:role/path/Deployer"}
    asked = {it["ResourceArns"][0]: it["actions"] for it in cloud.simulated}
    assert "dynamodb:CreateTable" in asked[f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{STACK}-Table"]
    assert "kms:CreateKey" in asked["*"]


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ({"EvalDecision": "implicitDeny"}, "no policy allows it"),
        ({"EvalDecision": "explicitDeny"}, "an explicit deny"),
        (
            {"EvalDecision": "implicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            "a service control policy",
        ),
    ],
)
def test_a_denied_action_is_named_with_who_denies(
    cloud: CloudAccount, check: Check, decision: dict[str, Any], why: str
) -> None:
    cloud.decisions["states:CreateStateMachine"] = decision
    found = check("permissions")
    assert found["verdict"] == "FAIL"
    assert f"states:CreateStateMachine ({why})" in found["evidence"]
    assert "states:CreateStateMachine" in found["fix"]


@pytest.mark.parametrize("operation", ["simulate_principal_policy", "get_role"])
def test_permissions_that_may_not_be_read_are_unknown(cloud: CloudAccount, check: Check, operation: str) -> None:
    cloud.raises[operation] = refusal("AccessDenied", operation)
    found = check("permissions")
    assert (found["verdict"], operation in found["evidence"]) == ("UNKNOWN", True)


def test_production_without_an_address_is_a_warning_and_dev_is_not(cloud: CloudAccount, check: Check) -> None:
    assert check("alarm-email")["verdict"] == "WARN"
    assert check("alarm-email", "--email", "a@b.co")["verdict"] == "OK"
    assert check("alarm-email", "--stage", "dev")["verdict"] == "OK"


def test_where_there_is_no_checkout_it_says_so(cloud: CloudAccount, pik: Pik) -> None:
    result = pik("preflight")
    assert result.exit_code == 2
    assert "no checkout of the kit here" in result.stderr
    assert "--checkout DIR" in result.stderr
    assert cloud.calls == []


def test_a_parameter_that_contradicts_the_stage_is_wrong_usage(cloud: CloudAccount, pik: Pik) -> None:
    result = pik("preflight", "--stage", "prod", "--set", "EnvName=dev", "--checkout", str(ROOT))
    assert (result.exit_code, cloud.calls) == (2, [])
