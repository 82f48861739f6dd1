"""cfn-lint, which knows the schemas of CloudFormation's resources, finds nothing in the template."""

from __future__ import annotations

from pathlib import Path

from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

from tests.template.stack import ROOT


def findings(template: Path) -> list[str]:
    """What cfn-lint says of a file, down to what only informs."""
    return [str(match) for match in lint_file(template, ManualArgs(include_checks=["I"]))]


def test_cfn_lint_finds_nothing_not_even_to_inform_of() -> None:
    assert findings(ROOT / "template.yaml") == []


def test_cfn_lint_would_say_so_when_a_property_is_misspelt(tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(
        "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayNames: Alarms\n",
        encoding="utf-8",
    )
    assert any("DisplayNames" in finding for finding in findings(broken))


def test_cfn_lint_would_inform_of_a_deletion_policy_left_to_its_default(tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text("Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n", encoding="utf-8")
    assert any("DeletionPolicy" in finding for finding in findings(broken))
