"""samconfig.toml: one stage per section, valid for the template, with nothing that must not be in a repository."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.template.stack import ROOT, defaults, refused_by_rules, source, stages

TEXT = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
CONFIGURATION = tomllib.loads(TEXT)
STAGES = ("default", "dev", "staging", "prod")


def test_there_is_a_section_for_each_stage_and_default_is_dev() -> None:
    assert CONFIGURATION["version"] == 0.1
    assert [name for name in CONFIGURATION if name != "version"] == list(STAGES)
    assert CONFIGURATION["default"] == CONFIGURATION["dev"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_says_how_to_build_validate_and_deploy(stage: str) -> None:
    section = CONFIGURATION[stage]
    assert set(section) == {"global", "validate", "build", "deploy"}
    assert section["validate"]["parameters"]["lint"] is True
    assert section["global"]["parameters"]["region"]
    assert isinstance(section["deploy"]["parameters"]["parameter_overrides"], str)
    named = "dev" if stage == "default" else stage
    assert section["global"]["parameters"]["stack_name"] == f"pipeline-investigation-kit-{named}"
    assert (stages()[stage]["EnvName"], stages()[stage]["StageSettings"]) == (named, named)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_overrides_are_parameters_within_their_bounds(stage: str) -> None:
    for name, value in stages()[stage].items():
        parameter = source()["Parameters"][name]
        assert value in [str(allowed) for allowed in parameter.get("AllowedValues", [value])], name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
        if "MinValue" in parameter:
            assert parameter["MinValue"] <= int(value) <= parameter["MaxValue"], name
    assert refused_by_rules(**stages()[stage]) == []


@pytest.mark.parametrize("stage", STAGES)
def test_one_value_on_the_command_line_does_not_drop_the_others_of_a_new_stack(stage: str) -> None:
    """`--parameter-overrides` replaces the whole list: a new stack gets the template's defaults for all others."""
    for name, value in stages()[stage].items():
        assert name == "StageSettings" or refused_by_rules(**{name: value}) != []


@pytest.mark.parametrize("stage", STAGES)
def test_an_existing_stack_does_not_change_its_stage_by_one_value(stage: str) -> None:
    """CloudFormation keeps the values of an existing stack that are not given."""
    for other in {"dev", "staging", "prod"} - {stages()[stage]["EnvName"]}:
        assert any(
            "StageSettings must equal" in one for one in refused_by_rules(**{**stages()[stage], "EnvName": other})
        )


def test_prod_runs_for_real_behind_iam_and_asks_before_it_changes() -> None:
    values = {**defaults(), **stages()["prod"]}
    assert (values["DryRun"], values["EnableProcessor"], values["IngestAuth"]) == ("false", "true", "AWS_IAM")
    assert CONFIGURATION["prod"]["deploy"]["parameters"]["confirm_changeset"] is True


@pytest.mark.parametrize("stage", STAGES)
def test_a_deployment_leaves_a_paused_processor_paused(stage: str) -> None:
    assert "EnableProcessor" not in stages()[stage]


def test_there_are_no_accounts_and_no_secrets_in_it() -> None:
    assert re.findall(r"\b\d{12}\b|AKIA\w+|[\w.]+@[\w.]+|arn:", TEXT) == []
