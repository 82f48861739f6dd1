"""A stage's settings: what is given is added to the stage's parameters, and what contradicts it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pik_cli.shell.errors import Misuse
from pik_cli.shell.stage import find_checkout, pairs, read_stage
from tests.template.stack import stages

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_a_given_parameter_drops_none_of_the_stages_others(stage: str) -> None:
    settings = read_stage(ROOT, stage, ["EnableProcessor=false"])
    assert settings.overrides == {**stages()[stage], "EnableProcessor": "false"}
    assert settings.overrides["EnvName"] == stage
    assert settings.stack_name == f"pipeline-investigation-kit-{stage}"
    assert settings.region == "us-east-1"
    assert settings.bucket == ""


def test_an_address_is_the_parameter_of_the_alarms() -> None:
    assert read_stage(ROOT, "prod", [], "ops@example.com").overrides["AlarmEmail"] == "ops@example.com"
    assert "AlarmEmail" not in read_stage(ROOT, "prod").overrides


@pytest.mark.parametrize(
    ("stage", "given", "email", "message", "fix"),
    [
        ("prod", "EnvName=dev", "", "EnvName=dev contradicts the stage prod", "make deploy STAGE=dev"),
        ("qa", "", "", "no stage 'qa'", "dev, staging, prod"),
        ("default", "", "", "no stage 'default'", "dev, staging, prod"),
        ("dev", "EnableProcesor=false", "", "no parameter EnableProcesor", "Did you mean EnableProcessor?"),
        ("dev", "EnableProcessor=no", "", "EnableProcessor=no is not allowed", "true, false"),
        ("dev", "BatchSize=0", "", "BatchSize=0 is not allowed", "1 to 1,000"),
        ("dev", "BatchSize=many", "", "BatchSize=many is not allowed", "1 to 1,000"),
        ("dev", "AlarmEmail=nobody", "", "AlarmEmail=nobody is not allowed", "an email address"),
        ("dev", "", "nobody", "AlarmEmail=nobody is not allowed", "an email address"),
        ("dev", "AlarmEmail=a@b.co", "c@d.co", "EMAIL=c@d.co contradicts AlarmEmail=a@b.co", "one of the two"),
        ("dev", "EnableProcessor", "", "'EnableProcessor' is not NAME=VALUE", "A=1 B=2"),
        ("dev", "BatchSize=5 BatchSize=6", "", "gives BatchSize twice", "once"),
        ("dev", "RedactPaths='/a", "", "No closing quotation", "VALUE WITH SPACES"),
    ],
)
def test_what_contradicts_the_stage_or_the_template_is_wrong_usage_with_a_fix(
    stage: str, given: str, email: str, message: str, fix: str
) -> None:
    with pytest.raises(Misuse) as raised:
        read_stage(ROOT, stage, [given], email)
    assert message in raised.value.message
    assert fix in raised.value.fix


def test_repeating_the_stages_own_name_is_no_contradiction() -> None:
    assert read_stage(ROOT, "prod", ["EnvName=prod"]).overrides["EnvName"] == "prod"


def test_values_may_be_quoted_empty_or_contain_equals_signs() -> None:
    assert pairs(["A=1 B='x y'", "C= D=e=f"], "here") == {"A": "1", "B": "x y", "C": "", "D": "e=f"}


def test_a_value_is_the_given_one_else_the_deployed_one_else_the_default() -> None:
    settings = read_stage(ROOT, "dev", ["BatchSize=7"])
    fresh = settings.values()
    assert (fresh["BatchSize"], fresh["LogLevel"], fresh["MaxReceiveCount"]) == ("7", "DEBUG", "5")
    after = settings.values({"BatchSize": "9", "LogLevel": "ERROR", "MaxReceiveCount": "3", "Removed": "x"})
    assert (after["BatchSize"], after["LogLevel"], after["MaxReceiveCount"]) == ("7", "DEBUG", "3")
    assert "Removed" not in after


def test_the_checkout_is_found_from_below_or_where_it_is_named(tmp_path: Path) -> None:
    assert find_checkout(ROOT / "src" / "pik") == ROOT
    assert find_checkout(tmp_path, ROOT) == ROOT


@pytest.mark.parametrize("named", [True, False])
def test_without_a_checkout_the_message_says_so(tmp_path: Path, named: bool) -> None:
    (tmp_path / "template.yaml").write_text("Resources: {}\n", encoding="utf-8")
    with pytest.raises(Misuse, match="checkout of the kit") as raised:
        find_checkout(tmp_path, tmp_path if named else None)
    assert "--checkout DIR" in raised.value.fix


def test_a_template_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text((ROOT / "samconfig.toml").read_text("utf-8"), encoding="utf-8")
    (tmp_path / "template.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(Misuse, match=r"template\.yaml cannot be read"):
        read_stage(tmp_path, "dev")
