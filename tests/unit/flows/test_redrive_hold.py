"""How long a redrive hides letters: minutes, unless it lasts longer, and always until each is sent and deleted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pik.domain.redrive.request import Canary
from pik.domain.redrive.selection import Criteria
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import FREEZE_HOLD_SECONDS, REDRIVE_HOLD_SECONDS, REDRIVE_LEAST_HOLD_SECONDS
from tests.support.faults import Killed, raises, refused
from tests.support.parts import ids
from tests.support.redrive_steps import CAREFUL, RUN_ID, RedriveHarness, balanced

SLOW = Canary(size=5, widen=5, max_failure_rate=0.1, wait_seconds=900)
EXTENDS = ("sqs", "change_message_visibility_batch")


def careful(canary: Canary, letters: int = 60) -> tuple[RedriveHarness, Counter[str]]:
    harness = RedriveHarness(validate=False)
    works = harness.pipeline.orders(letters, key="raw/all.ndjson")
    harness.letters.bury(works)
    harness.begin(canary=canary, criteria=Criteria(attempt_budget=3))
    return harness, ids(works)


def run(harness: RedriveHarness, calls: Counter[Any] | None = None) -> dict[str, Any]:
    """The whole run, with a processor that counts what it gets, and whose calls are not the run's."""

    def processor() -> None:
        if calls is not None:
            calls.update(harness.aws.calls)
        with harness.faults.suspended():
            harness.apply()
        harness.aws.calls.clear()
        receipts_are_held(harness)

    row = harness.run(work=processor)
    if calls is not None:
        calls.update(harness.aws.calls)
    return row


def receipts_are_held(harness: RedriveHarness) -> None:
    """What is not sent yet is hidden as long as the run waits and the next step takes."""
    row = harness.runs.row()
    wait = row["request"]["canary"]["wait_seconds"]
    until = harness.clock() + wait + REDRIVE_LEAST_HOLD_SECONDS
    if row["sent_to"] < row["frozen"]:
        assert all(it.visible_at >= until for it in harness.letters.all())


def test_a_run_that_is_over_in_minutes_never_extends_its_hold() -> None:
    harness, _ = careful(CAREFUL, letters=1_000)
    calls: Counter[Any] = Counter()
    row = run(harness, calls)
    assert (row["status"], row["totals"]["redriven"]) == ("COMPLETE", 1_000)
    assert calls[EXTENDS] == 0
    assert calls.total() <= 340
    assert times.lag_ms(row["frozen_at"], row["held_until"]) == FREEZE_HOLD_SECONDS * 1_000


def test_a_run_that_lasts_hours_extends_its_hold_once_ten_letters_a_call() -> None:
    harness, _ = careful(SLOW, letters=400)
    calls: Counter[Any] = Counter()
    row = run(harness, calls)
    assert [it["size"] for it in row["waves"]] == [5, 25, 125, 245]
    assert (row["status"], row["totals"]["redriven"], row["totals"]["kept"]) == ("COMPLETE", 400, 0)
    assert calls[EXTENDS] == 40, "one call per ten letters, once"
    assert harness.letters.all() == []
    balanced(row)


def test_a_first_wave_that_is_decided_late_is_followed_by_waves_whose_letters_are_still_held() -> None:
    harness, events = careful(CAREFUL)
    waits: list[int] = []

    def slow() -> None:
        waits.append(1)
        receipts_are_held(harness)
        if len(waits) > 18:
            harness.apply()

    row = harness.run(work=slow)
    assert (row["status"], row["totals"]["redriven"], row["totals"]["kept"]) == ("COMPLETE", 60, 0)
    assert harness.letters.all() == []
    assert {event for version in harness.pipeline.versions() for event in version.added} == set(events)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_step_that_dies_while_it_extends_is_repeated_and_ends_as_if_nothing_had_been(phase: str) -> None:
    harness, events = careful(SLOW)
    harness.restart_each_step()
    harness.faults.once("change_message_visibility_batch", phase, raises(Killed()))
    row = run(harness)
    assert (row["status"], row["totals"]["redriven"], row["totals"]["kept"]) == ("COMPLETE", 60, 0)
    assert {event for version in harness.pipeline.versions() for event in version.added} == set(events)


def test_an_extension_that_fails_is_tried_again_by_the_next_step() -> None:
    harness, _ = careful(Canary(size=5, widen=5, max_failure_rate=0.1, wait_seconds=300))
    harness.ask("freeze")
    harness.faults.always("change_message_visibility_batch", refused("ThrottlingException"))
    assert harness.ask("wave")["next"] == "WAIT"
    before = harness.runs.row()["held_until"]
    harness.faults.calm()
    harness.apply()
    harness.clock.advance(300)
    harness.ask("wave")
    assert harness.runs.row()["held_until"] > before
    assert all(it.visible_at >= harness.clock() + REDRIVE_HOLD_SECONDS for it in harness.letters.all())


def test_a_hold_that_was_lost_loses_no_letter_and_counts_none_twice() -> None:
    """Step Functions may be late beyond all measure: then others receive the letters, and their receipts are newer."""
    harness, events = careful(CAREFUL)
    harness.ask("freeze")
    harness.clock.advance(FREEZE_HOLD_SECONDS + 1)
    assert harness.letters.visible() == 60
    harness.begin("rdr-2", criteria=Criteria(attempt_budget=3), max_messages=20)
    assert harness.run("rdr-2")["totals"]["redriven"] == 20
    row = harness.run(work=harness.apply)
    balanced(row)
    assert row["status"] == "COMPLETE"
    harness.apply()
    added = [event for version in harness.pipeline.versions() for event in version.added]
    assert sorted(added) == sorted(events), "each once"


def test_what_a_run_stops_before_is_visible_at_once_also_after_its_hold_was_extended() -> None:
    harness, _ = careful(SLOW)
    row = harness.run(work=harness.fail)
    assert (row["status"], row["totals"]["redriven"]) == ("STOPPED", 5)
    assert row["held_until"] > harness.text(), "it was extended"
    assert harness.letters.visible() == len(harness.letters.all()) == 60


def test_a_letter_that_is_visible_already_is_given_back_and_not_gone() -> None:
    harness, _ = careful(CAREFUL, letters=12)
    harness.ask("freeze")
    harness.runs.change(status="CANCELLING", cancel_requested=True)
    harness.clock.advance(FREEZE_HOLD_SECONDS + 1)
    harness.ask("wave")
    harness.ask("finish")
    row = harness.runs.row()
    assert (row["totals"]["skipped"], row["totals"]["already_gone"]) == ({"cancelled": 12}, 0)


def test_a_run_of_an_earlier_release_holds_its_letters_to_its_end_and_is_not_extended() -> None:
    harness, _ = careful(SLOW)
    harness.ask("freeze")
    row = harness.runs.row()
    harness.runs.put({name: value for name, value in row.items() if name != "held_until"})
    harness.calls.forget()
    assert harness.ask("wave")["next"] == "WAIT"
    assert harness.calls.counts()["change_message_visibility_batch"] == 0
    assert "held_until" not in harness.runs.row(RUN_ID)


def test_a_step_that_begins_late_extends_the_hold_before_it_sends_anything() -> None:
    harness, _ = careful(CAREFUL)
    harness.ask("freeze")
    harness.clock.advance(FREEZE_HOLD_SECONDS - REDRIVE_LEAST_HOLD_SECONDS)
    held: list[float] = []

    def look() -> None:
        held.extend(it.visible_at - harness.clock() for it in harness.letters.all())

    harness.faults.once("send_message_batch", "before", look)
    harness.ask("wave")
    assert len(held) == 60
    assert min(held) >= REDRIVE_LEAST_HOLD_SECONDS + CAREFUL.wait_seconds


def test_the_delays_of_a_wave_are_part_of_how_long_the_others_must_be_held() -> None:
    harness, _ = careful(CAREFUL)
    harness.begin(canary=CAREFUL, criteria=Criteria(attempt_budget=3), jitter_seconds=900)
    harness.ask("freeze")
    wait = harness.ask("wave")["wait_seconds"]
    assert wait == CAREFUL.wait_seconds + 450
    assert min(it.visible_at for it in harness.letters.all()) >= harness.clock() + wait + REDRIVE_LEAST_HOLD_SECONDS


def test_letters_that_cannot_be_held_any_more_are_not_held_again_by_every_step() -> None:
    harness, _ = careful(CAREFUL)
    harness.ask("freeze")
    harness.clock.advance(FREEZE_HOLD_SECONDS + 1)
    assert harness.letters.visible() == 60
    harness.ask("wave")
    assert harness.runs.row()["held_until"] > harness.text(ago=-REDRIVE_LEAST_HOLD_SECONDS)
    harness.apply()
    harness.clock.advance(15)
    harness.calls.forget()
    harness.ask("wave")
    assert harness.calls.counts()["change_message_visibility_batch"] == 0
