"""`make deploy`: the merged parameters reach sam, a person sees what changes and where, and a machine is not asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from samcli.cli.types import CfnParameterOverridesType

from scripts import deploy
from tests.template.stack import stages

ROOT = Path(__file__).parents[3]
SAM = str(Path(sys.executable).with_name("sam"))
ACCOUNT = "123456789012"


class DeployTarget:
    """An account with or without the stack, in place of botocore's session; and sam, whose calls are kept."""

    def __init__(self) -> None:
        self.status = ""
        self.parameters: dict[str, str] = {}
        self.calls: list[list[str]] = []
        self.fails = ""
        self.asked_for: list[str] = []

    def create_client(self, service: str, region_name: str) -> Any:
        assert region_name == "us-east-1"
        arn = f"arn:aws:iam::{ACCOUNT}:role/deployer"
        if service == "sts":
            return SimpleNamespace(get_caller_identity=lambda: {"Account": ACCOUNT, "Arn": arn})
        return SimpleNamespace(describe_stacks=self.describe_stacks)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        self.asked_for.append(StackName)
        if not self.status:
            missing = {"Error": {"Code": "ValidationError", "Message": "does not exist"}}
            raise ClientError(missing, "DescribeStacks")  # type: ignore[arg-type]
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"StackStatus": self.status, "Parameters": parameters}]}

    def run(self, command: list[str], **_: Any) -> Any:
        self.calls.append(command)
        return SimpleNamespace(returncode=7 if command[1] == self.fails else 0)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> DeployTarget:
    made = DeployTarget()
    monkeypatch.setattr("botocore.session.Session", lambda profile: made)
    monkeypatch.setattr(deploy, "subprocess", made)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(deploy.sys, "stdin", SimpleNamespace(isatty=lambda: True))
    return made


def given(command: list[str]) -> dict[str, str]:
    """The parameters of a command as sam itself reads them."""
    start = command.index("--parameter-overrides") + 1
    words = []
    for word in command[start:]:
        if word.startswith("--"):
            break
        words.append(word)
    read: dict[str, str] = CfnParameterOverridesType().convert(tuple(words), None, None)
    return read


def test_both_the_build_and_the_deploy_get_the_stages_parameters_and_the_given_ones(cloud: DeployTarget) -> None:
    overrides = ["--overrides", "EnableProcessor=false RedactPaths='/card number,/b'", "--email", "ops@example.com"]
    assert deploy.main(["--stage", "prod", *overrides]) == 0
    build, ship = cloud.calls
    assert (build[1], ship[1]) == ("build", "deploy")
    wanted = {
        **stages()["prod"],
        "EnableProcessor": "false",
        "RedactPaths": "/card number,/b",
        "AlarmEmail": "ops@example.com",
    }
    for command in (build, ship):
        assert command[2:4] == ["--config-env", "prod"]
        assert given(command) == wanted | {"Architecture": "arm64"}
    assert cloud.asked_for == ["pipeline-investigation-kit-prod"]


@pytest.mark.parametrize("value", ["", "a b", 'say "x"', "it's", "/a,/b", "a=b"])
def test_sam_reads_a_value_as_it_was_given(value: str) -> None:
    assert given(["--parameter-overrides", "A=1", deploy.override("RedactPaths", value)])["RedactPaths"] == value


@pytest.mark.parametrize(
    ("ci", "terminal", "asks"), [("", True, True), ("1", True, False), ("true", True, False), ("", False, False)]
)
def test_a_person_is_asked_and_a_machine_is_not(
    cloud: DeployTarget,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: str,
    terminal: bool,
    asks: bool,
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(deploy.sys, "stdin", SimpleNamespace(isatty=lambda: terminal))
    assert deploy.main(["--stage", "dev"]) == 0
    assert ("--confirm-changeset" in cloud.calls[1]) is asks
    assert ("--no-confirm-changeset" in cloud.calls[1]) is not asks
    assert "--no-fail-on-empty-changeset" in cloud.calls[1]
    assert ("without a question" in capsys.readouterr().out) is not asks


def test_what_changes_and_where_is_shown_before_anything_is_deployed(
    cloud: DeployTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.status, cloud.parameters = "UPDATE_COMPLETE", {**stages()["dev"], "BatchSize": "50", "MaxReceiveCount": "9"}
    assert deploy.main(["--stage", "dev", "--overrides", "BatchSize=20"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["stage", "dev"] in shown
    assert ["account", f"{ACCOUNT},", "as", f"arn:aws:iam::{ACCOUNT}:role/deployer"] in shown
    assert ["region", "us-east-1"] in shown
    assert ["BatchSize", "50", "20"] in shown
    assert not [line for line in shown if line[:1] == ["LogLevel"]], "did not change"
    (kept,) = [line for line in shown if line[:1] == ["Kept"]]
    assert "MaxReceiveCount=9" in kept


def test_a_dry_run_builds_and_deploys_nothing(cloud: DeployTarget, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.main(["--stage", "dev", "--dry-run"]) == 0
    assert cloud.calls == []
    assert "sam deploy --config-env dev" in capsys.readouterr().out


def test_a_build_that_fails_is_not_deployed(cloud: DeployTarget) -> None:
    cloud.fails = "build"
    assert deploy.main(["--stage", "dev"]) == 7
    assert [command[1] for command in cloud.calls] == ["build"]


def test_a_deploy_that_fails_is_the_exit_status(cloud: DeployTarget) -> None:
    cloud.fails = "deploy"
    assert deploy.main(["--stage", "dev"]) == 7


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("ROLLBACK_COMPLETE", "sam delete --stack-name pipeline-investigation-kit-dev"),
        ("DELETE_FAILED", "sam delete"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "describe-stack-events"),
    ],
)
def test_a_stack_that_takes_no_update_is_refused_before_the_build(
    cloud: DeployTarget, capsys: pytest.CaptureFixture[str], status: str, fix: str
) -> None:
    cloud.status = status
    assert deploy.main(["--stage", "dev"]) == 1
    assert cloud.calls == []
    refusal = capsys.readouterr().err
    assert status in refusal
    assert fix in refusal


def test_wrong_usage_calls_nobody(cloud: DeployTarget, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.main(["--stage", "prod", "--overrides", "EnvName=dev"]) == 2
    assert (cloud.calls, cloud.asked_for) == ([], [])
    assert "contradicts the stage prod" in capsys.readouterr().err


def test_the_build_is_for_the_architecture_that_the_stack_keeps(cloud: DeployTarget, tmp_path: Path) -> None:
    text = (ROOT / "template.yaml").read_text("utf-8")
    if "\n  Architecture:" not in text:
        text = text.replace("\nParameters:\n", "\nParameters:\n  Architecture: {Type: String, Default: arm64}\n", 1)
    (tmp_path / "template.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    settings = deploy.read_stage(tmp_path, "dev")
    place = deploy.DeployPlace(ACCOUNT, "", "UPDATE_COMPLETE", {"Architecture": "x86_64"})
    assert deploy.keep_architecture(settings, place).overrides["Architecture"] == "x86_64"
    asked = deploy.read_stage(tmp_path, "dev", ["Architecture=arm64"])
    assert deploy.keep_architecture(asked, place).overrides["Architecture"] == "arm64"


def sam_deploy(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The real sam, with an AWS that nothing answers for."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [SAM, "deploy", *options]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An unbuilt checkout, with a bucket named so that sam begins with the upload."""
    for name in ("src", "statemachines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", tmp_path)
    text = (ROOT / "samconfig.toml").read_text("utf-8").replace("resolve_s3 = true", 's3_bucket = "packages"')
    (tmp_path / "samconfig.toml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("options", [(), ("--config-env", "prod", "--parameter-overrides", "EnableProcessor=false")])
def test_sam_deploys_no_unbuilt_tree(tree: Path, options: tuple[str, ...]) -> None:
    done = sam_deploy(tree, *options)
    assert done.returncode == 1
    assert "Template file not found at" in done.stderr
    assert ".aws-sam/build/template.yaml" in done.stderr
    assert "upload" not in done.stderr


def test_a_tree_in_which_some_functions_are_built_is_not_deployed_either(tree: Path) -> None:
    """`sam build ReplayFunction` leaves the others at the CodeUri of Globals, no folder below .aws-sam/build."""
    built = tree / ".aws-sam" / "build"
    (built / "ReplayFunction").mkdir(parents=True)
    text = (ROOT / "template.yaml").read_text("utf-8").replace("statemachines/", "../../statemachines/")
    (built / "template.yaml").write_text(text, encoding="utf-8")
    done = sam_deploy(tree)
    assert done.returncode == 1
    assert "CodeUri of resource IngestFunction refers to a file or folder that does not exist" in done.stderr
