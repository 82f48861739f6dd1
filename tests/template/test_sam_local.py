"""What `sam local` and `sam build` read of the template, by SAM's own parsers: no container and no AWS is needed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

from tests.template.stack import ROOT, resources, transformed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SAM's own use of its validator

TOKEN = {"IngestAuth": "JWT", "JwtIssuer": "https://id.example.com/", "JwtAudience": "kit"}


def stacks(template: Path = ROOT / "template.yaml", **parameters: str) -> Any:
    """The stack as SAM's commands see it with these overrides."""
    found, remote = SamLocalStackProvider.get_stacks(str(template), parameter_overrides=parameters)
    assert remote == []
    return found


def served(template: Path = ROOT / "template.yaml", **parameters: str) -> dict[str, str]:
    """The routes that `sam local start-api` serves, with the functions that answer them."""
    return {
        f"{method} {route.path}": route.function_name
        for route in ApiProvider(stacks(template, **parameters)).routes
        for method in route.methods
        if method != "OPTIONS"
    }


@pytest.mark.parametrize("parameters", [{}, {"IngestAuth": "NONE"}, TOKEN], ids=["IAM", "NONE", "JWT"])
def test_start_api_serves_every_route_of_the_template(parameters: dict[str, str]) -> None:
    routes = served(**parameters)
    keys = {one["Properties"]["RouteKey"] for one in resources(transformed(), "AWS::ApiGatewayV2::Route").values()}
    assert set(routes) == keys
    assert routes["POST /events"] == "IngestFunction"
    assert routes["GET /replay/{run_id}"] == "ReplayFunction"


def test_start_api_would_crash_on_an_authorizer_behind_a_condition(tmp_path: Path) -> None:
    """Why the template has two routes for POST /events. When SAM can do this, one is enough."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    old, new = (
        "AuthorizerId: !Ref IngestJwtAuthorizer",
        "AuthorizerId: !If [IngestUsesJwt, !Ref IngestJwtAuthorizer, !Ref AWS::NoValue]",
    )
    assert old in text
    (tmp_path / "template.yaml").write_text(text.replace(old, new), encoding="utf-8")
    shutil.copytree(ROOT / "statemachines", tmp_path / "statemachines")
    with pytest.raises(TypeError, match="unhashable"):
        served(tmp_path / "template.yaml")


@pytest.mark.parametrize(
    ("parameters", "architecture"), [({}, "arm64"), ({"Architecture": "x86_64"}, "x86_64")], ids=["default", "x86_64"]
)
def test_every_function_runs_on_and_is_built_for_the_chosen_architecture(
    parameters: dict[str, str], architecture: str
) -> None:
    functions = list(SamFunctionProvider(stacks(**parameters)).get_all())
    assert {one.name for one in functions} == set(resources(transformed(), "AWS::Lambda::Function"))
    for function in functions:
        assert function.architectures == [architecture], function.name
        assert function.metadata["BuildMethod"] == "makefile", function.name
        assert function.metadata["ContextPath"] == f"scripts/architectures/{architecture}", function.name
        assert (ROOT / function.metadata["ContextPath"] / "Makefile").is_file()
