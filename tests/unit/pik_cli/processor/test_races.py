"""`pik processor` when it dies, fails, or is not alone: what was not requested never holds, and a retry ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.command_line import Pik, summary
from tests.support.faults import refused
from tests.support.switch_stack import OPERATOR, CommandDied, SwitchStack


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "without an end"])
@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize("before", [(), ("pause",), ("pause", "--for", "1h"), ("resume", "--for", "1h")], ids=str)
def test_a_death_before_any_write_never_leaves_what_was_not_requested(
    cloud: SwitchStack, pik: Pik, before: tuple[str, ...], verb: str, timed: bool
) -> None:
    """A timed switch ends, and one without an end is not undone. A second attempt completes it."""
    if before[:1] == ("resume",):
        pik("processor", "pause", "--yes")
    if before:
        pik("processor", *before, "--yes")
    wanted, running = verb == "resume", cloud.running
    args = ["processor", verb, "--yes", *(["--for", "5m"] if timed else [])]
    for place in range(1, 5):
        deaths = place

        def die(_name: str) -> None:
            nonlocal deaths
            deaths -= 1
            if deaths == 0:
                raise CommandDied

        cloud.on_write = die
        try:
            assert pik(*args).exit_code == 0
        except CommandDied:
            cloud.rest()
            made = cloud.schedule is not None and json.loads(cloud.schedule["Target"]["Input"])["Enabled"] is not wanted
            if timed and running is not wanted and cloud.running is wanted:
                assert made, "nothing ends it"
            if not timed and running is wanted and place > 1:
                assert not made, "a schedule will undo it"
            running = cloud.running
        cloud.on_write = lambda _name: None
    assert pik(*args).exit_code == 0
    assert cloud.running is wanted
    if timed:
        cloud.fire()
        assert cloud.running is not wanted
    else:
        assert (cloud.schedule, cloud.parameters["EnableProcessor"]) == (None, str(wanted).lower())


def test_a_dead_command_is_seen_in_the_record(cloud: SwitchStack, pik: Pik) -> None:
    def die(name: str) -> None:
        if name == "update_stack":
            raise CommandDied

    cloud.on_write = die
    with pytest.raises(CommandDied):
        pik("processor", "pause", "--yes", catch_exceptions=False)
    assert "(RUNNING)" in pik("processor", "status").stdout


def test_an_update_that_fails_says_why_and_what_works_without_the_stack(cloud: SwitchStack, pik: Pik) -> None:
    cloud.fails = "Resource handler returned message: too many requests"
    result = pik("processor", "pause", "--yes")
    assert result.exit_code == 1
    assert "UPDATE_ROLLBACK_COMPLETE: IngestFunction: Resource handler returned" in result.stderr
    assert "pik processor pause --for 12h" in result.stderr
    last = cloud.runs()["processor-last"]
    assert (last["status"], "UPDATE_ROLLBACK_COMPLETE" in last["stopped"]) == ("FAILED", True)


def test_a_mapping_that_is_still_changing_is_waited_for(cloud: SwitchStack, pik: Pik) -> None:
    cloud.mapping = "Enabling"
    assert pik("processor", "pause", "--for", "5m", "--yes").exit_code == 0
    assert cloud.mapping == "Disabled"


def test_a_mapping_that_never_rests_ends_the_waiting_with_what_to_look_at(
    cloud: SwitchStack, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud.functions, "get_event_source_mapping", lambda **_: {"State": "Updating"})
    result = pik("processor", "pause", "--for", "5m", "--yes")
    assert result.exit_code == 3
    assert "Updating" in result.stderr
    assert "pik processor status" in result.stderr


def test_what_cannot_be_recorded_is_done_all_the_same_and_said(cloud: SwitchStack, pik: Pik) -> None:
    def refuse(service: str, operation: str, *_: Any) -> None:
        if service == "dynamodb":
            raise refused("AccessDeniedException", "PutItem")

    cloud.aws.on_call = refuse
    result = pik("processor", "pause", "--yes", "-o", "json")
    assert (result.exit_code, cloud.mapping) == (0, "Disabled")
    assert "could not be recorded" in result.stderr
    shown = summary(result)
    assert (shown["recorded"], shown["changed"]) == (False, True)
    assert (shown["stage"], shown["requested_by"]) == ("dev", OPERATOR)


def test_a_stack_that_somebody_else_has_just_switched_is_no_error(cloud: SwitchStack, pik: Pik) -> None:
    def switched(name: str) -> None:
        if name == "update_stack":
            cloud.parameters["EnableProcessor"] = "false"
            cloud.mapping = "Disabling"

    cloud.on_write = switched
    assert pik("processor", "pause", "--yes").exit_code == 0
    assert (cloud.updates, cloud.mapping) == ([], "Disabled")


def test_a_mapping_that_somebody_else_changes_meanwhile_is_tried_again(cloud: SwitchStack, pik: Pik) -> None:
    def changed(name: str) -> None:
        if name == "update_event_source_mapping" and name not in cloud.writes:
            cloud.mapping = "Updating"

    cloud.on_write = changed
    assert pik("processor", "pause", "--for", "5m", "--yes").exit_code == 0
    assert cloud.mapping == "Disabled"
    assert cloud.writes.count("update_event_source_mapping") == 2


def test_a_schedule_that_fires_while_it_is_cancelled_is_no_error(cloud: SwitchStack, pik: Pik) -> None:
    pik("processor", "pause", "--for", "5m", "--yes")
    cloud.on_write = lambda name: cloud.fire() if name == "delete_schedule" else None
    assert pik("processor", "pause", "--yes").exit_code == 0
    assert (cloud.mapping, cloud.parameters["EnableProcessor"]) == ("Disabled", "false")


def test_a_look_that_does_not_see_the_update_yet_is_not_its_end(cloud: SwitchStack, pik: Pik) -> None:
    cloud.stale = 2
    assert pik("processor", "pause", "--yes").exit_code == 0
    assert (cloud.status, cloud.parameters["EnableProcessor"], cloud.mapping) == (
        "UPDATE_COMPLETE",
        "false",
        "Disabled",
    )
