"""`pik processor`: what is changed and what is not, in which order, and what holds when it dies in between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pik_cli.shell.output import Output
from pik_cli.shell.processor_switch import SCHEDULE_NAME, warn_when_paused
from pik_cli.shell.session import Session
from pik_cli.shell.stack import Options
from tests.support.command_line import Pik, summary
from tests.support.faults import refused
from tests.support.switch_stack import OPERATOR, UUID, SwitchStack


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik_cli.shell.consent.can_ask", lambda: True)


def wait_for_events(cloud: SwitchStack, count: int) -> None:
    for _ in range(count):
        cloud.sqs.send_message(QueueUrl=cloud.work_queue_url, MessageBody="{}")


def test_a_pause_changes_one_parameter_waits_until_the_mapping_is_off_and_is_recorded(
    cloud: SwitchStack, pik: Pik
) -> None:
    wait_for_events(cloud, 3)
    result = pik("processor", "pause", "--yes", "--reason", "the payment service is down")
    assert result.exit_code == 0, result.output
    assert cloud.mapping == "Disabled"
    assert cloud.parameters == {"EnvName": "dev", "DryRun": "false", "EnableProcessor": "false", "BatchSize": "50"}
    (update,) = cloud.updates
    assert update["UsePreviousTemplate"] is True
    changed = [it for it in update["Parameters"] if not it.get("UsePreviousValue")]
    assert changed == [{"ParameterKey": "EnableProcessor", "ParameterValue": "false"}]
    assert set(update["Capabilities"]) == {"CAPABILITY_NAMED_IAM", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
    assert "stack pik-local (stage dev, account 123456789012, us-east-1) is paused" in result.stdout
    assert "3 messages in WorkQueue." in result.stdout
    assert "To resume it: pik processor resume" in result.stdout
    last = cloud.runs()["processor-last"]
    row = cloud.runs()[str(last["run_id"])]
    for shown in (row, last):
        assert (shown["kind"], shown["action"], shown["status"]) == ("processor", "pause", "COMPLETE")
        assert (shown["requested_by"], shown["reason"]) == (OPERATOR, "the payment service is down")
    assert update["ClientRequestToken"] == row["run_id"]


def test_a_resume_undoes_it_and_is_the_last_switch(cloud: SwitchStack, pik: Pik) -> None:
    pik("processor", "pause", "--yes")
    result = pik("processor", "resume", "--yes", "--reason", "back")
    assert result.exit_code == 0
    assert (cloud.mapping, cloud.parameters["EnableProcessor"]) == ("Enabled", "true")
    assert len(cloud.runs()) == 3
    assert cloud.runs()["processor-last"]["action"] == "resume"
    shown = pik("processor", "status").stdout
    assert "resume at " in shown
    assert f"by {OPERATOR}: back" in shown


@pytest.mark.parametrize(("verb", "word"), [("pause", "paused"), ("resume", "running")])
def test_what_holds_already_is_said_and_nothing_is_asked_or_changed(
    cloud: SwitchStack, pik: Pik, verb: str, word: str
) -> None:
    if verb == "pause":
        pik("processor", "pause", "--yes", "--reason", "why not")
    before, runs = list(cloud.writes), cloud.runs()
    result = pik("processor", verb)
    assert result.exit_code == 0
    assert f"is already {word}" in result.stdout
    assert ("why not" in result.stdout) is (verb == "pause")
    assert (cloud.writes, cloud.runs()) == (before, runs)
    assert summary(pik("processor", verb, "-o", "json"))["changed"] is False


def test_in_a_pipe_yes_must_be_given(cloud: SwitchStack, pik: Pik) -> None:
    result = pik("processor", "pause")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert (cloud.writes, cloud.runs()) == ([], {})


@pytest.mark.parametrize(("answer", "paused", "status"), [("y\n", True, 0), ("n\n", False, 1), ("\n", False, 1)])
def test_somebody_is_asked_and_sees_stack_stage_account_and_region(
    cloud: SwitchStack, pik: Pik, terminal: None, answer: str, paused: bool, status: int
) -> None:
    result = pik("processor", "pause", input=answer)
    assert (result.exit_code, cloud.mapping == "Disabled") == (status, paused)
    assert "Pause the processor of stack pik-local (stage dev, account 123456789012, us-east-1)?" in result.stderr


def test_a_dry_run_says_each_step_and_takes_none(cloud: SwitchStack, pik: Pik) -> None:
    result = pik("processor", "pause", "--dry-run")
    assert result.exit_code == 0
    assert "update the stack with EnableProcessor=false" in result.stdout
    assert "until the event source mapping is Disabled" in result.stdout
    timed = pik("processor", "pause", "--for", "5m", "--dry-run", "-o", "json")
    assert summary(timed)["steps"] == ["schedule", "switch"]
    assert (cloud.writes, cloud.runs()) == ([], {})


def test_a_pause_for_a_time_ends_by_a_schedule_and_leaves_the_stack_alone(cloud: SwitchStack, pik: Pik) -> None:
    result = pik("processor", "pause", "--for", "5m", "--yes", "--reason", "try")
    assert result.exit_code == 0, result.output
    assert (cloud.mapping, cloud.updates, cloud.parameters["EnableProcessor"]) == ("Disabled", [], "true")
    assert cloud.schedule is not None
    assert cloud.schedule["Name"] == SCHEDULE_NAME
    assert cloud.schedule["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:lambda:updateEventSourceMapping"
    assert json.loads(cloud.schedule["Target"]["Input"]) == {"Uuid": UUID, "Enabled": True}
    assert cloud.schedule["ActionAfterCompletion"] == "DELETE"
    until = cloud.runs()["processor-last"]["until"]
    assert cloud.schedule["ScheduleExpression"] == f"at({until.removesuffix('Z')})"
    assert f"At {until}" in result.stdout
    assert f"resumes at {until}" in pik("processor", "status").stdout
    cloud.fire()
    assert cloud.running
    shown = summary(pik("processor", "status", "-o", "json"))
    assert (shown["running"], shown["schedule"], shown["finding"]) == (True, None, None)


def test_pausing_again_for_a_time_replaces_the_schedule(cloud: SwitchStack, pik: Pik) -> None:
    pik("processor", "pause", "--for", "5m", "--yes")
    assert cloud.schedule is not None
    first = cloud.schedule["ScheduleExpression"]
    assert pik("processor", "pause", "--for", "2h", "--yes").exit_code == 0
    assert cloud.schedule["ScheduleExpression"] > first
    assert cloud.mapping == "Disabled"
    assert cloud.writes.count("update_event_source_mapping") == 1


def test_resuming_cancels_the_schedule(cloud: SwitchStack, pik: Pik) -> None:
    pik("processor", "pause", "--for", "5m", "--yes")
    assert pik("processor", "resume", "--yes").exit_code == 0
    assert (cloud.mapping, cloud.schedule, cloud.updates) == ("Enabled", None, [])
    assert cloud.writes[-2:] == ["update_event_source_mapping", "delete_schedule"]


def test_pausing_without_an_end_after_a_timed_pause_deletes_its_schedule_first(cloud: SwitchStack, pik: Pik) -> None:
    pik("processor", "pause", "--for", "5m", "--yes")
    assert pik("processor", "pause", "--yes").exit_code == 0
    assert (cloud.mapping, cloud.schedule, cloud.parameters["EnableProcessor"]) == ("Disabled", None, "false")
    assert cloud.writes[-2:] == ["delete_schedule", "update_stack"]


def test_a_paused_processor_can_be_given_an_end_and_what_the_stack_says_is_then_a_finding(
    cloud: SwitchStack, pik: Pik
) -> None:
    pik("processor", "pause", "--yes")
    assert pik("processor", "pause", "--for", "5m", "--yes").exit_code == 0
    assert cloud.mapping == "Disabled"
    cloud.fire()
    assert summary(pik("processor", "status", "-o", "json"))["finding"] == "processor_undeclared"
    assert pik("processor", "resume", "--yes").exit_code == 0
    assert (cloud.parameters["EnableProcessor"], cloud.mapping) == ("true", "Enabled")


def test_resuming_for_a_time_ends_in_a_pause(cloud: SwitchStack, pik: Pik) -> None:
    pik("processor", "pause", "--yes")
    assert pik("processor", "resume", "--for", "5m", "--yes").exit_code == 0
    assert (cloud.mapping, cloud.parameters["EnableProcessor"]) == ("Enabled", "false")
    assert summary(pik("processor", "status", "-o", "json"))["finding"] == "processor_pauses"
    cloud.fire()
    assert cloud.mapping == "Disabled"


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_cannot_be_updated_is_said_before_asking_and_a_timed_pause_works(
    cloud: SwitchStack, pik: Pik, status: str
) -> None:
    cloud.status = status
    result = pik("processor", "pause")
    assert result.exit_code == 1
    assert status in result.stderr
    assert "pik processor pause --for 12h" in result.stderr
    assert cloud.writes == []
    assert pik("processor", "pause", "--for", "12h", "--yes").exit_code == 0
    assert cloud.mapping == "Disabled"


@pytest.mark.parametrize(
    "args",
    [("resume",), ("resume", "--for", "5m"), ("pause", "--for", "5m")],
    ids=str,
)
def test_a_dry_stack_is_never_opened(cloud: SwitchStack, pik: Pik, args: tuple[str, ...]) -> None:
    cloud.parameters["DryRun"] = "true"
    cloud.mapping = "Disabled"
    result = pik("processor", *args, "--yes")
    assert result.exit_code == 1
    assert "DryRun=true" in result.stderr
    assert cloud.writes == []


def test_a_dry_stack_can_be_kept_paused_for_afterwards(cloud: SwitchStack, pik: Pik) -> None:
    cloud.parameters["DryRun"] = "true"
    cloud.mapping = "Disabled"
    assert pik("processor", "pause", "--yes").exit_code == 0
    assert (cloud.parameters["EnableProcessor"], cloud.mapping) == ("false", "Disabled")


@pytest.mark.parametrize("duration", ["30s", "4d", "0"])
def test_a_time_that_cannot_be_kept_is_wrong_usage(cloud: SwitchStack, pik: Pik, duration: str) -> None:
    result = pik("processor", "pause", "--for", duration, "--yes")
    assert result.exit_code == 2
    assert "1m to 3d" in result.stderr
    assert cloud.writes == []


def test_a_reason_is_bounded(cloud: SwitchStack, pik: Pik) -> None:
    assert pik("processor", "pause", "--yes", "--reason", "x" * 257).exit_code == 2
    assert cloud.writes == []


def test_an_older_stack_pauses_without_an_end_and_refuses_one(cloud: SwitchStack, pik: Pik) -> None:
    del cloud.outputs["ProcessorScheduleGroupName"]
    result = pik("processor", "pause", "--for", "5m", "--yes")
    assert (result.exit_code, "deploy the present template.yaml" in result.stderr) == (1, True)
    assert cloud.mapping == "Enabled"
    assert pik("processor", "pause", "--yes").exit_code == 0
    assert cloud.mapping == "Disabled"


def test_status_in_json_has_stable_names(cloud: SwitchStack, pik: Pik) -> None:
    pik("processor", "pause", "--for", "5m", "--yes", "--reason", "why")
    shown = summary(pik("processor", "status", "-o", "json"))
    assert (shown["enable_processor"], shown["dry_run"], shown["running"]) == (True, False, False)
    assert shown["mapping"] == {"uuid": UUID, "state": "Disabled", "last_result": "OK"}
    assert shown["schedule"]["action"] == "resume"
    assert shown["last"]["reason"] == "why"
    assert shown["finding"] == "processor_disabled"


def test_a_schedule_that_somebody_else_made_under_this_name_is_shown_as_such(cloud: SwitchStack, pik: Pik) -> None:
    cloud.schedule = {"ScheduleExpression": "rate(1 hour)", "Target": {"Input": "[]"}}
    result = pik("processor", "status")
    assert result.exit_code == 0
    assert "is not one that pik made" in result.stdout


def test_a_stack_without_the_parameter_is_not_this_kits(cloud: SwitchStack, pik: Pik) -> None:
    del cloud.parameters["EnableProcessor"]
    result = pik("processor", "pause", "--yes")
    assert (result.exit_code, "no parameter EnableProcessor" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), ""),
        (("pause",), "The processor is paused: what is sent waits"),
        (("pause", "--for", "5m"), "paused until "),
    ],
    ids=str,
)
def test_commands_that_send_messages_say_that_they_wait(
    cloud: SwitchStack, pik: Pik, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], words: str
) -> None:
    if args:
        pik("processor", *args, "--yes")
    capsys.readouterr()
    warn_when_paused(Session(Options(), Output()))
    printed = capsys.readouterr().err.replace("Local engine at http://127.0.0.1:9, stack pik-local.", "")
    assert (words in printed) if words else not printed.strip()


def test_a_switch_that_cannot_be_read_stands_in_nobodys_way(
    cloud: SwitchStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: Any) -> None:
        raise refused("AccessDeniedException", "GetEventSourceMapping")

    monkeypatch.setattr(cloud.functions, "get_event_source_mapping", refuse)
    warn_when_paused(Session(Options(), Output()))
    assert "paused" not in capsys.readouterr().err


def test_a_schedule_that_cannot_be_read_is_said_before_anything_is_done(cloud: SwitchStack, pik: Pik) -> None:
    cloud.schedule = {"ScheduleExpression": "rate(1 hour)", "Target": {"Input": "[]"}}
    result = pik("processor", "pause", "--yes")
    assert (result.exit_code, "could not be read" in result.stderr) == (0, True)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_a_schedule_calls_lambda_in_the_stacks_own_partition(cloud: SwitchStack, pik: Pik, partition: str) -> None:
    cloud.outputs["ProcessorScheduleRoleArn"] = f"arn:{partition}:iam::123456789012:role/schedule"
    assert pik("processor", "pause", "--for", "5m", "--yes").exit_code == 0
    assert cloud.schedule is not None
    assert cloud.schedule["Target"]["Arn"] == f"arn:{partition}:scheduler:::aws-sdk:lambda:updateEventSourceMapping"
