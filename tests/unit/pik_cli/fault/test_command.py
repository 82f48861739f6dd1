"""`pik fault`: what fails on order is set, shown and ended, on stacks that allow it and on no others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import EndpointConnectionError

from pik.domain.operate.failure_modes import EFFECTS
from pik.domain.shared.limits import FAILURE_MODE_CACHE_SECONDS
from pik_cli.shell.failure_mode import OUTPUT
from tests.support.aws.account import FakeAws
from tests.support.aws.clock import Clock
from tests.support.command_line import Pik, summary, write_state
from tests.support.faults import refused

NAME = "/pik-local/failure_mode"


class FailureModeStack:
    """A stack's parameter in memory. Without `trial` the stack was deployed with EnableFaultInjection=false."""

    def __init__(self) -> None:
        self.region = "us-east-1"
        self.credentials = Credentials("a", "b")
        self.clock = Clock()
        self.aws = FakeAws(clock=self.clock)
        self.ssm = self.aws.ssm
        self.trial = True
        self.cloudformation = SimpleNamespace(describe_stacks=self._stacks)
        self.ssm.put_parameter(Name=NAME, Value="none", Type="String")
        self.aws.calls.clear()

    def _stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": OUTPUT, "OutputValue": NAME}] if self.trial else []
        parameters = [{"ParameterKey": "EnvName", "ParameterValue": "dev"}]
        stack = {"StackName": "pik-local", "StackStatus": "CREATE_COMPLETE"}
        return {"Stacks": [{**stack, "Outputs": outputs, "Parameters": parameters}]}

    def value(self) -> str:
        value: str = self.ssm.get_parameter(Name=NAME)["Parameter"]["Value"]
        return value

    def puts(self) -> int:
        return self.aws.calls.count(("ssm", "put_parameter"))


@pytest.fixture
def cloud(machine: Path, monkeypatch: pytest.MonkeyPatch) -> FailureModeStack:
    made = FailureModeStack()
    write_state(machine, "http://127.0.0.1:9")
    monkeypatch.setattr("pik_cli.shell.session.StackAws", lambda _target: made)
    return made


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there who can be asked."""
    monkeypatch.setattr("pik_cli.fault.command.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))


def test_a_mode_is_set_and_the_way_out_is_told(cloud: FailureModeStack, pik: Pik) -> None:
    result = pik("fault", "set", "poison_payload", "--yes")
    assert result.exit_code == 0, result.output
    assert cloud.value() == "poison_payload"
    assert f"Failure mode poison_payload: {EFFECTS['poison_payload']}." in result.stdout
    assert f"within {FAILURE_MODE_CACHE_SECONDS:.0f} s" in result.stdout
    assert "End it with: pik fault clear" in result.stdout


def test_a_share_is_set_as_functions_write_it(cloud: FailureModeStack, pik: Pik) -> None:
    assert pik("fault", "set", "random_fail_p7", "--yes").exit_code == 0
    assert cloud.value() == "random_fail_p07"


def test_clear_ends_it_without_asking_and_once_more_does_no_harm(cloud: FailureModeStack, pik: Pik) -> None:
    pik("fault", "set", "throttle", "--yes")
    for options in ((), ("--yes",), ("-y",)):
        result = pik("fault", "clear", *options)
        assert (result.exit_code, cloud.value()) == (0, "none")
        assert "Failure mode none: nothing is injected." in result.stdout
        assert "End it with" not in result.stdout


def test_setting_none_is_clearing_and_asks_nobody(cloud: FailureModeStack, pik: Pik) -> None:
    pik("fault", "set", "throttle", "--yes")
    assert pik("fault", "set", "none").exit_code == 0
    assert cloud.value() == "none"


@pytest.mark.parametrize(("answer", "value", "status"), [("y\n", "throttle", 0), ("n\n", "none", 1), ("\n", "none", 1)])
def test_somebody_is_asked_before_events_fail(
    cloud: FailureModeStack, pik: Pik, terminal: None, answer: str, value: str, status: int
) -> None:
    result = pik("fault", "set", "throttle", input=answer)
    assert (result.exit_code, cloud.value()) == (status, value)
    assert "Let stack pik-local (dev) fail so?" in result.stderr


def test_where_nobody_can_be_asked_yes_must_be_said(cloud: FailureModeStack, pik: Pik) -> None:
    result = pik("fault", "set", "throttle")
    assert (result.exit_code, cloud.value()) == (2, "none")
    assert "--yes" in result.stderr


@pytest.mark.parametrize("args", [("set", "throttle"), ("clear",)])
def test_a_dry_run_sets_nothing(cloud: FailureModeStack, pik: Pik, args: tuple[str, ...]) -> None:
    result = pik("fault", *args, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.startswith("Would set failure mode ")
    assert cloud.puts() == 0


@pytest.mark.parametrize("mode", ["poison", "random_fail_p0", "random_fail_p101", ""])
def test_an_unknown_mode_is_wrong_usage_and_names_those_that_there_are(
    cloud: FailureModeStack, pik: Pik, mode: str
) -> None:
    result = pik("fault", "set", mode, "--yes")
    assert result.exit_code == 2
    assert all(name in result.stderr for name in EFFECTS)
    assert cloud.puts() == 0


def test_a_stack_without_fault_injection_refuses_with_the_fix(cloud: FailureModeStack, pik: Pik) -> None:
    cloud.trial = False
    result = pik("fault", "set", "throttle", "--yes")
    assert result.exit_code == 1
    assert "EnableFaultInjection=false" in result.stderr
    assert "deploy with EnableFaultInjection=true" in result.stderr
    assert cloud.puts() == 0


@pytest.mark.parametrize("command", ["show", "clear"])
def test_on_such_a_stack_there_is_nothing_to_show_or_clear(cloud: FailureModeStack, pik: Pik, command: str) -> None:
    cloud.trial = False
    result = pik("fault", command)
    assert result.exit_code == 0
    assert "EnableFaultInjection=false: nothing in it fails on order." in result.stdout
    assert cloud.aws.calls == []
    shown = summary(pik("fault", command, "-o", "json"))
    nothing = dict.fromkeys(("mode", "effect", "since", "parameter"))
    assert shown == {"enabled": False, "injects": False, **nothing}


@pytest.mark.parametrize("args", [("fault",), ("fault", "show")])
def test_what_is_on_is_shown_with_its_time_and_its_end(
    cloud: FailureModeStack, pik: Pik, args: tuple[str, ...]
) -> None:
    cloud.clock.advance(90)
    pik("fault", "set", "random_fail_p30", "--yes")
    result = pik(*args)
    assert result.exit_code == 0
    (since,) = [word.rstrip(":") for word in result.stdout.split() if word.endswith("Z:")]
    shown = summary(pik(*args, "-o", "json"))
    assert shown == {
        "enabled": True,
        "mode": "random_fail_p30",
        "injects": True,
        "effect": EFFECTS["random_fail_pNN"],
        "since": since,
        "parameter": NAME,
    }
    assert "End it with: pik fault clear" in result.stdout


def test_nothing_on_is_shown_as_that(cloud: FailureModeStack, pik: Pik) -> None:
    assert pik("fault", "show").stdout == "Failure mode none: nothing is injected.\n"
    shown = summary(pik("fault", "show", "-o", "json"))
    assert (shown["mode"], shown["injects"]) == ("none", False)


def test_a_value_that_somebody_else_put_there_and_nobody_knows_is_shown_as_none(
    cloud: FailureModeStack, pik: Pik
) -> None:
    cloud.ssm.put_parameter(Name=NAME, Value="chaos\x1b[31m", Type="String", Overwrite=True)
    result = pik("fault", "show")
    assert result.exit_code == 0
    assert "is unknown, which functions take as none" in result.stdout
    assert "\x1b" not in result.stdout
    shown = summary(pik("fault", "show", "-o", "json"))
    assert (shown["injects"], shown["effect"]) == (False, None)


def test_a_parameter_that_is_gone_is_told_and_made_again_by_clear(cloud: FailureModeStack, pik: Pik) -> None:
    cloud.ssm._parameters.clear()
    result = pik("fault", "show")
    assert result.exit_code == 1
    assert "pik fault clear" in result.stderr
    assert pik("fault", "clear").exit_code == 0
    assert cloud.value() == "none"


def test_json_of_an_act_has_stable_names(cloud: FailureModeStack, pik: Pik) -> None:
    shown = summary(pik("fault", "set", "throttle", "--dry-run", "-o", "json"))
    assert shown == {
        "mode": "throttle",
        "effect": EFFECTS["throttle"],
        "parameter": NAME,
        "dry_run": True,
        "seen_within_seconds": FAILURE_MODE_CACHE_SECONDS,
    }


@pytest.mark.parametrize(
    "error",
    [
        refused("AccessDeniedException", "PutParameter"),
        EndpointConnectionError(endpoint_url="https://ssm"),
    ],
    ids=["forbidden", "no network"],
)
def test_aws_that_cannot_be_reached_is_exit_status_3(cloud: FailureModeStack, pik: Pik, error: Exception) -> None:
    def fail(*_: Any) -> None:
        raise error

    cloud.aws.on_call = fail
    result = pik("fault", "clear")
    assert result.exit_code == 3
    assert "Traceback" not in result.stderr


def test_help_names_every_mode_with_what_it_does(pik: Pik) -> None:
    text = " ".join(pik("fault", "set", "--help").stdout.split())
    for name, effect in EFFECTS.items():
        assert f"{name} {effect.replace(' of raw bytes', '') if name == 'random_fail_pNN' else effect}" in text, name
    assert f"within {FAILURE_MODE_CACHE_SECONDS:.0f} seconds" in text
