"""The order of the steps of a switch: cut off after any of them, nothing comes out that was not requested."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik import __version__
from pik.domain.operate.processor_switch import (
    SwitchRequest,
    SwitchSituation,
    SwitchStep,
    ends_at,
    plan_switch,
    switch_changes,
    switch_id,
    takes_messages,
)

NOW = "2026-11-20T10:15:30.250000Z"
situations = st.builds(SwitchSituation, st.booleans(), st.booleans(), st.sampled_from([None, True, False]))


def after(now: SwitchSituation, steps: tuple[SwitchStep, ...], wanted: bool) -> SwitchSituation:
    """What these steps lead to."""
    for step in steps:
        if step is SwitchStep.SCHEDULE:
            now = replace(now, pending=not wanted)
        elif step is SwitchStep.CANCEL:
            now = replace(now, pending=None)
        elif step is SwitchStep.DECLARE:
            now = replace(now, declared=wanted, running=wanted)
        else:
            now = replace(now, running=wanted)
    return now


def in_the_end(now: SwitchSituation) -> bool:
    """Whether the processor runs once the schedule has fired."""
    return now.running if now.pending is None else now.pending


@given(situations, st.booleans())
def test_without_an_end_stack_and_mapping_agree_and_nothing_is_scheduled(now: SwitchSituation, wanted: bool) -> None:
    done = after(now, plan_switch(wanted, now, timed=False), wanted)
    assert done == SwitchSituation(wanted, wanted, None)


@given(situations, st.booleans())
def test_what_is_done_is_not_done_again(now: SwitchSituation, wanted: bool) -> None:
    done = after(now, plan_switch(wanted, now, timed=False), wanted)
    assert plan_switch(wanted, done, timed=False) == ()


@given(situations, st.booleans())
def test_for_a_time_it_is_as_requested_and_the_opposite_afterwards_and_the_stack_says_the_same(
    now: SwitchSituation, wanted: bool
) -> None:
    done = after(now, plan_switch(wanted, now, timed=True), wanted)
    assert done == SwitchSituation(now.declared, wanted, not wanted)


@given(situations, st.booleans(), st.integers(1, 4))
def test_a_timed_switch_that_is_cut_off_ends_all_the_same(now: SwitchSituation, wanted: bool, cut: int) -> None:
    done = after(now, plan_switch(wanted, now, timed=True)[:cut], wanted)
    assert in_the_end(done) is not wanted


@given(situations, st.booleans(), st.integers(1, 4))
def test_a_switch_without_an_end_that_is_cut_off_is_never_undone_by_a_schedule(
    now: SwitchSituation, wanted: bool, cut: int
) -> None:
    done = after(now, plan_switch(wanted, now, timed=False)[:cut], wanted)
    if wanted in (now.running, now.pending):
        assert in_the_end(done) is wanted
    assert done.pending != (not wanted)


def test_a_running_processor_with_nothing_scheduled_is_left_alone() -> None:
    assert plan_switch(True, SwitchSituation(True, True), timed=False) == ()


def test_the_parameter_is_changed_only_without_an_end() -> None:
    running = SwitchSituation(True, True)
    assert plan_switch(False, running, timed=False) == (SwitchStep.DECLARE, SwitchStep.SWITCH)
    assert plan_switch(False, running, timed=True) == (SwitchStep.SCHEDULE, SwitchStep.SWITCH)


@pytest.mark.parametrize(
    ("state", "takes"),
    [("Enabled", True), ("Enabling", True), ("Creating", True), ("Updating", True), ("Disabling", False),
     ("Disabled", False), ("Deleting", False), ("", False)],
)  # fmt: skip
def test_a_mapping_takes_messages_or_does_not(state: str, takes: bool) -> None:
    assert takes_messages(state) is takes


@pytest.mark.parametrize(
    ("now", "seconds", "end"),
    [
        (NOW, 300, "2026-11-20T10:20:31Z"),
        ("2026-11-20T10:15:30.000000Z", 300, "2026-11-20T10:20:30Z"),
        ("2026-12-31T23:59:59.000001Z", 60, "2027-01-01T00:01:00Z"),
    ],
)
def test_an_end_is_a_whole_second_and_never_early(now: str, seconds: int, end: str) -> None:
    assert ends_at(now, seconds) == end


def test_a_record_says_who_when_why_and_until_when() -> None:
    run_id = switch_id(NOW, "0a1b2c3d")
    assert run_id == "prc-20261120T101530Z-0a1b2c3d"
    row = SwitchRequest("pause", "arn:caller", "downstream is down", "2026-11-20T10:20:31Z").record(
        run_id, NOW, {"parameter": "true"}
    )
    assert row["PK"] == f"RUN#{run_id}"
    assert (row["kind"], row["action"], row["status"]) == ("processor", "pause", "RUNNING")
    assert (row["requested_by"], row["requested_at"], row["reason"]) == ("arn:caller", NOW, "downstream is down")
    assert (row["until"], row["before"]) == ("2026-11-20T10:20:31Z", {"parameter": "true"})
    assert (row["run_id"], row["request_id"], row["updated_at"], row["stopped"]) == (run_id, run_id, NOW, "")
    assert row["code_version"] == __version__


def test_the_end_of_a_record_says_whether_it_failed_and_why() -> None:
    assert switch_changes(NOW) == {"status": "COMPLETE", "updated_at": NOW, "stopped": ""}
    assert switch_changes(NOW, "no")["status"] == "FAILED"
