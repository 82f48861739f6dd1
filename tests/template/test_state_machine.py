"""The redrive's state machine: it ends, repeats what failed, and gives back what it held."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pik.domain.shared import redrive_limits
from tests.support.redrive_steps import MACHINE, execute
from tests.template.stack import ROOT, source

STATES: dict[str, Any] = MACHINE["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}


def ways_on(state: dict[str, Any]) -> Iterator[str]:
    for part in (state, *state.get("Choices", []), *state.get("Catch", [])):
        yield from (part[name] for name in ("Next", "Default") if name in part)


def test_every_state_is_there_and_is_reached() -> None:
    reached = {MACHINE["StartAt"]}
    pending = list(reached)
    while pending:
        new = set(ways_on(STATES[pending.pop()])) - reached
        reached |= new
        pending += new
    assert reached == set(STATES)


def test_every_way_ends() -> None:
    ends = {name for name, state in STATES.items() if state["Type"] in {"Succeed", "Fail"}}
    while more := {name for name, state in STATES.items() if ends & set(ways_on(state))} - ends:
        ends |= more
    assert ends == set(STATES)


def test_every_task_is_repeated_with_growing_waits_and_jitter() -> None:
    for name, state in TASKS.items():
        (retry,) = state["Retry"]
        assert retry["ErrorEquals"] == ["States.ALL"], name
        assert 1 < retry["MaxAttempts"] <= 10, name
        assert retry["BackoffRate"] >= 2, name
        assert retry["JitterStrategy"] == "FULL", name


def test_an_error_anywhere_gives_back_what_is_held_and_fails_the_execution() -> None:
    for name, state in TASKS.items():
        if name != "FinishAfterError":
            assert state["Catch"] == [
                {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "FinishAfterError"}
            ], name
    steps: list[Any] = []

    def broken(payload: Any) -> Any:
        steps.append(payload)
        if payload["step"] == "finish":
            return {"run_id": "rdr-1", "next": "END", "wait_seconds": 0}
        raise RuntimeError("it broke")

    assert execute(MACHINE, {"run_id": "rdr-1"}, broken, lambda _: None) == "Failed"
    assert [it["step"] for it in steps] == ["freeze"] * 7 + ["finish"]
    assert steps[-1] == {"step": "finish", "run_id": "rdr-1", "error": {"Error": "RuntimeError", "Cause": "it broke"}}


def test_its_times_fit_into_each_other() -> None:
    longest_wait = redrive_limits.MAX_CANARY_WAIT_SECONDS + redrive_limits.MAX_JITTER_SECONDS
    function = source()["Resources"]["RedriveStepFunction"]["Properties"]
    assert redrive_limits.REDRIVE_RUN_SECONDS + longest_wait + function["Timeout"] <= MACHINE["TimeoutSeconds"]
    assert MACHINE["TimeoutSeconds"] < redrive_limits.REDRIVE_HOLD_SECONDS
    assert function["Timeout"] == redrive_limits.REDRIVE_STEP_SECONDS
    assert function["Timeout"] * 1000 == redrive_limits.REDRIVE_STEP_MS * 2, "half of its time, as the definition says"
    assert function["Timeout"] < redrive_limits.REDRIVE_LEAST_HOLD_SECONDS, (
        "a step that found its letters held, holds them"
    )
    assert (
        redrive_limits.REDRIVE_LEAST_HOLD_SECONDS + redrive_limits.CANARY_WAIT_SECONDS * 5
        < redrive_limits.FREEZE_HOLD_SECONDS
    ), "a redrive of 1,000 messages in five waves extends nothing"
    assert redrive_limits.FREEZE_HOLD_SECONDS + redrive_limits.REDRIVE_HOLD_SECONDS < 12 * 3600, (
        "SQS counts from the receive"
    )
    for state in TASKS.values():
        assert state["TimeoutSeconds"] > function["Timeout"]


def test_its_comment_says_the_bounds_that_hold() -> None:
    text = Path(ROOT / "statemachines" / "redrive.asl.yaml").read_text("utf-8")
    for name in ("REDRIVE_MAX_WAVES", "REDRIVE_MAX_CHECKS", "REDRIVE_RUN_SECONDS", "REDRIVE_HOLD_SECONDS"):
        assert name in text
    assert f"at most {redrive_limits.REDRIVE_MAX_WAVES} waves" in text
    assert f"at most {redrive_limits.REDRIVE_MAX_CHECKS} times" in text
    assert f"{redrive_limits.REDRIVE_HOLD_SECONDS:,}" in text
    assert redrive_limits.REDRIVE_RUN_SECONDS == 3 * 3600


def test_only_what_the_template_gives_is_put_into_it() -> None:
    text = Path(ROOT / "statemachines" / "redrive.asl.yaml").read_text("utf-8")
    given = source()["Resources"]["RedriveStateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(given)
    assert "&" not in text, "Step Functions reads no YAML anchors"
