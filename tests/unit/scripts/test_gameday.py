"""`make gameday` as a command: the list, the score sheet, its exit status, and the stacks that it will not touch."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from pik_cli.shell.failure_mode import OUTPUT
from pik_cli.shell.processor_switch import MAPPING_OUTPUT
from pik_cli.shell.session import Session
from pik_cli.shell.stack import Options, Target
from scripts.gameday import command, stage
from scripts.gameday.command import main
from scripts.gameday.play import Expectation, Game, Scenario
from scripts.gameday.scenarios import SCENARIOS
from scripts.gameday.stage import stops_interrupt
from tests.support.aws.account import FakeAws
from tests.support.gameday import FakeWorld

FIRST = Expectation("The sun rises.", ("status",))
SECOND = Expectation("The sun sets.", ("dlq", "analyze"))
NAME = "/pik-dev/failure_mode"


class GamedayTarget:
    """A deployed stack as CloudFormation and SSM describe it."""

    def __init__(self) -> None:
        self.region = "eu-west-1"
        self.given = {"EnvName": "dev", "EnableFaultInjection": "true", "DryRun": "false", "EnableProcessor": "true"}
        self.outputs = {OUTPUT: NAME, "ApiUrl": "https://api.example", MAPPING_OUTPUT: "uuid-processor"}
        self.mapping = "Enabled"
        self.functions = SimpleNamespace(get_event_source_mapping=lambda UUID: {"State": self.mapping})  # noqa: N803
        self.ssm = FakeAws().ssm
        self.ssm.put_parameter(Name=NAME, Value="none", Type="String")
        self.cloudformation = SimpleNamespace(describe_stacks=self._stacks)

    def _stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.given.items()]
        stack = {"StackName": "pik-dev", "StackStatus": "CREATE_COMPLETE"}
        return {"Stacks": [{**stack, "Outputs": outputs, "Parameters": given}]}


@pytest.fixture
def cloud(machine: Path, monkeypatch: pytest.MonkeyPatch) -> GamedayTarget:
    found = GamedayTarget()
    monkeypatch.setattr("pik_cli.shell.session.StackAws", lambda _target: found)
    return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """What scenarios are played on, wherever they are played."""
    made = FakeWorld()
    monkeypatch.setattr(command, "GamedayStack", lambda _session: made)
    return made


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Engines that were started for gamedays; none is."""
    started: list[dict[str, Any]] = []

    @contextmanager
    def own_engine(directory: Path, port: int | None, parameters: Any, output: Any) -> Iterator[Session]:
        started.append({"directory": directory, "port": port, "parameters": dict(parameters)})
        session = Session(Options(), output)
        session.target = Target("pik-local", "us-east-1", None, "http://127.0.0.1:9", None)
        session.stack = SimpleNamespace(name="pik-local")  # type: ignore[assignment]
        yield session

    monkeypatch.setattr(stage, "own_engine", own_engine)
    return started


def scenario(monkeypatch: pytest.MonkeyPatch, *, sets: bool) -> None:
    """A scenario of two expectations, of which the second depends."""

    def play(game: Game) -> None:
        game.check(FIRST, True, "a sunrise", "a sunrise")
        game.check(SECOND, sets, "a sunset", "a sunset" if sets else "\x1b[31mnothing")

    sun = Scenario("sun", "See the sun.", (FIRST, SECOND), play)
    monkeypatch.setattr(command, "SCENARIOS", {"sun": sun})


def test_without_a_scenario_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed and it.objective in printed for name, it in SCENARIOS.items())

    assert main(["-o", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [it["scenario"] for it in listed] == list(SCENARIOS)


def test_all_met_is_exit_status_0(
    monkeypatch: pytest.MonkeyPatch, own: list[Any], world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(monkeypatch, sets=True)

    assert main(["sun"]) == 0

    printed = capsys.readouterr().out
    assert "Gameday sun on stack pik-local" in printed
    assert "met  The sun rises.  a sunrise  a sunrise" in printed
    assert "2 of 2 expectations met." in printed
    assert "Look:" not in printed


def test_what_is_not_met_says_where_to_look_and_is_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, own: list[Any], world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(monkeypatch, sets=False)

    assert main(["sun"]) == 1

    printed = capsys.readouterr()
    assert "NOT MET  The sun sets." in printed.out
    assert "\\u001b[31mnothing" in printed.out
    assert "Not met: The sun sets.\n  Look: pik dlq analyze\n1 of 2 expectations met." in printed.out
    assert "make gameday SCENARIO=sun ARGS=--keep" in printed.err


def test_json_is_the_whole_sheet_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, own: list[Any], world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(monkeypatch, sets=False)

    assert main(["sun", "--output", "json"]) == 1

    sheet = json.loads(capsys.readouterr().out)
    assert (sheet["scenario"], sheet["stack"], sheet["met"], sheet["stopped"]) == ("sun", "pik-local", 1, None)
    assert sheet["expectations"][1] == {
        "text": "The sun sets.",
        "met": False,
        "expected": "a sunset",
        "found": "\x1b[31mnothing",
        "look": "pik dlq analyze",
    }
    assert sheet["expectations"][0]["look"] is None


def test_an_aws_that_goes_away_in_the_middle_is_exit_status_3_with_the_sheet(
    monkeypatch: pytest.MonkeyPatch, own: list[Any], world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(game: Game) -> None:
        game.check(FIRST, True, 1, 1)
        raise EndpointConnectionError(endpoint_url="https://sqs.example")

    monkeypatch.setattr(command, "SCENARIOS", {"sun": Scenario("sun", "See.", (FIRST, SECOND), play)})

    assert main(["sun", "-o", "json"]) == 3

    sheet = json.loads(capsys.readouterr().out)
    assert sheet["met"] == 1
    assert "sqs.example" in sheet["stopped"]
    assert sheet["expectations"][1]["found"].startswith("not reached: AWS does not answer")


def test_an_engine_of_its_own_gets_the_parameters_of_the_scenario(
    own: list[dict[str, Any]], world: FakeWorld, tmp_path: Path
) -> None:
    assert main(["downstream-outage", "--directory", str(tmp_path), "--port", "8080"]) == 0

    assert own == [{"directory": tmp_path, "port": 8080, "parameters": {"MaxReceiveCount": "2"}}]


@pytest.mark.parametrize(
    "words",
    [["moon"], ["--port", "99999", "poison"], ["poison", "--nonsense"], ["poison", "--stack", "pik-dev", "--keep"]],
)
def test_wrong_usage_is_exit_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(words)
    except SystemExit as left:
        code = left.code  # type: ignore[assignment]

    assert code == 2
    assert capsys.readouterr().err


def test_a_stack_for_trials_is_played_on(
    cloud: GamedayTarget, world: FakeWorld, own: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["poison", "--stack", "pik-dev", "--region", "eu-west-1", "--yes"]) == 0

    assert own == []
    assert len(world.accepted) > 0
    assert "on stack pik-dev" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"EnvName": "prod"}, "is prod: no gamedays there"),
        ({"EnvName": ""}, "no parameter EnvName"),
        ({"DryRun": "true"}, "DryRun=true"),
        ({"EnableProcessor": "false"}, "EnableProcessor=false"),
    ],
)
def test_other_stacks_are_refused_also_with_yes(
    cloud: GamedayTarget, world: FakeWorld, given: dict[str, str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.given |= given

    assert main(["poison", "--stack", "pik-dev", "--yes"]) == 1

    assert why in capsys.readouterr().err
    assert (world.accepted, world.modes) == ({}, [])


def test_a_stack_whose_processor_is_paused_for_a_time_is_refused(
    cloud: GamedayTarget, world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.mapping = "Disabled"

    assert main(["poison", "--stack", "pik-dev", "--yes"]) == 1

    printed = capsys.readouterr().err
    assert "The processor of stack pik-dev is paused" in printed
    assert "pik --stack pik-dev processor resume" in printed
    assert (world.accepted, world.modes) == ({}, [])


def test_a_stack_without_fault_injection_is_refused(
    cloud: GamedayTarget, world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    del cloud.outputs[OUTPUT]

    assert main(["traffic-spike", "--stack", "pik-dev", "--yes"]) == 1

    assert "EnableFaultInjection=false" in capsys.readouterr().err
    assert world.accepted == {}


def test_a_stack_that_already_fails_on_order_is_refused(
    cloud: GamedayTarget, world: FakeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.ssm.put_parameter(Name=NAME, Value="throttle", Overwrite=True)

    assert main(["poison", "--stack", "pik-dev", "--yes"]) == 1

    printed = capsys.readouterr().err
    assert "throttle since" in printed
    assert "pik --stack pik-dev fault clear" in printed
    assert world.accepted == {}


def test_without_yes_it_asks(
    cloud: GamedayTarget, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.gameday.stage.can_ask", lambda: False)
    assert main(["poison", "--stack", "pik-dev"]) == 2
    assert "pik-dev (dev)" in capsys.readouterr().err

    answers = iter([False, True])

    def confirm(question: str, *, abort: bool, err: bool) -> None:
        if not next(answers):
            raise command.typer.Abort

    monkeypatch.setattr("scripts.gameday.stage.can_ask", lambda: True)
    monkeypatch.setattr("scripts.gameday.stage.typer.confirm", confirm)
    assert main(["poison", "--stack", "pik-dev"]) == 1
    assert world.accepted == {}
    assert main(["poison", "--stack", "pik-dev"]) == 0
    assert len(world.accepted) > 0


def test_ctrl_c_and_sigterm_end_it_with_130_and_the_handlers_are_as_before(
    own: list[Any], world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def play(_game: Game) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(command, "SCENARIOS", {"sun": Scenario("sun", "See.", (FIRST,), play)})

    assert main(["sun"]) == 130
    assert signal.getsignal(signal.SIGTERM) is before


def test_while_it_clears_up_a_second_signal_changes_nothing() -> None:
    done = []

    def interrupted() -> None:
        with stops_interrupt():
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                done.append("cleared")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["cleared"]
