"""What a deploy to the local engine is made of: the template as data, its parameters, and the package."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from pik_cli.shell import cfn_yaml
from scripts.local.aws import EngineAws
from scripts.local.deploy import LOCAL_PARAMETERS, DeployError, parameter_values, read_template, transform
from scripts.local.package import package


def test_short_forms_are_read_as_their_long_forms() -> None:
    text = """
Description: 2010-09-09
A: !Ref Name
B: !GetAtt Table.Stream.Arn
C: !Sub ['${X}', { X: !Ref Y }]
D: !If [Cond, !Ref AWS::NoValue, 1]
E: { Condition: !Condition Other }
"""
    assert cfn_yaml.load(text) == {
        "Description": "2010-09-09",
        "A": {"Ref": "Name"},
        "B": {"Fn::GetAtt": ["Table", "Stream.Arn"]},
        "C": {"Fn::Sub": ["${X}", {"X": {"Ref": "Y"}}]},
        "D": {"Fn::If": ["Cond", {"Ref": "AWS::NoValue"}, 1]},
        "E": {"Condition": {"Condition": "Other"}},
    }


@pytest.mark.parametrize("text", ["- a list", "a: [", "just words"])
def test_what_is_no_template_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"YAML|mapping"):
        cfn_yaml.load(text)


def test_a_template_that_is_not_there_is_a_plain_message(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"gone\.yaml cannot be read"):
        read_template(tmp_path / "gone.yaml")


def test_parameters_are_defaults_as_text_with_the_overrides_on_top() -> None:
    template = {"Parameters": {"A": {"Default": 5}, "B": {"Default": "x"}, "C": {"Type": "String"}}}
    assert parameter_values(template, {"B": "y"}) == {"A": "5", "B": "y"}


def test_an_override_that_the_template_does_not_know_is_refused() -> None:
    with pytest.raises(DeployError, match="no parameter Nonsense"):
        parameter_values({"Parameters": {}}, {"Nonsense": "1"})


def test_the_real_template_has_the_parameters_of_the_local_stack() -> None:
    values = parameter_values(read_template(), LOCAL_PARAMETERS)
    assert (values["IngestAuth"], values["EnableFaultInjection"]) == ("NONE", "true")


def test_the_transform_needs_no_aws_and_leaves_only_cloudformation() -> None:
    template = read_template()
    transformed = transform(template, parameter_values(template, LOCAL_PARAMETERS), EngineAws("http://127.0.0.1:1"))
    kinds = {resource["Type"] for resource in transformed["Resources"].values()}
    assert "AWS::Lambda::Function" in kinds
    assert not [kind for kind in kinds if kind.startswith("AWS::Serverless::")]


def test_a_state_machine_has_its_definition_in_the_template() -> None:
    parameters = parameter_values(read_template(), LOCAL_PARAMETERS)
    template = transform(read_template(), parameters, EngineAws("http://127.0.0.1:1"))
    machine = template["Resources"]["RedriveStateMachine"]["Properties"]
    definition = json.loads("\n".join(machine["DefinitionString"]["Fn::Join"][1]))
    assert definition["States"][definition["StartAt"]]["Resource"] == "${RedriveStepFunctionArn}"
    assert set(machine["DefinitionSubstitutions"]) == {"RedriveStepFunctionArn"}


def test_a_definition_that_is_not_there_is_a_plain_message() -> None:
    template = read_template()
    template["Resources"]["RedriveStateMachine"]["Properties"]["DefinitionUri"] = "statemachines/gone.asl.yaml"
    with pytest.raises(DeployError, match=r"gone\.asl\.yaml cannot be read"):
        transform(template, parameter_values(template, LOCAL_PARAMETERS), EngineAws("http://127.0.0.1:1"))


def test_a_wrong_template_is_refused_with_the_transform_s_words() -> None:
    template = {"Resources": {"Broken": {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "x.y"}}}}
    with pytest.raises(DeployError, match="Broken"):
        transform(template, {}, EngineAws("http://127.0.0.1:1"))


def test_the_package_holds_code_and_schemas_and_is_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "pik" / "__pycache__").mkdir(parents=True)
    (tmp_path / "ingest.py").write_text("x = 1\n")
    (tmp_path / "pik" / "order.json").write_text("{}")
    (tmp_path / "pik" / "__pycache__" / "left.py").write_text("")
    (tmp_path / "requirements.txt").write_text("boto3")

    first = package(tmp_path)

    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == ["ingest.py", "pik/order.json"]
    assert package(tmp_path) == first


def test_a_package_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        package(tmp_path)
