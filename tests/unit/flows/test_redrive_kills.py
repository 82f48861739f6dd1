"""A redrive under kills, refusals and partial failures at any call: nothing is lost, every count adds up."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pik.domain.event.work import parse_work
from pik.domain.redrive.request import Canary
from pik.domain.redrive.selection import Criteria
from pik.domain.shared.redrive_limits import REDRIVE_HOLD_SECONDS, REDRIVE_STEP_MS
from pik.flows import redrive_step as module
from tests.support.faults import Killed, refused
from tests.support.parts import ids
from tests.support.redrive_steps import RedriveHarness, balanced
from tests.support.workers import InlineWorkers

_TROUBLES = 12
"""Of one run: enough to wear out one state's seven attempts, too few for those of the state that its Catch leads to."""

BEFORE_AND_AFTER = ("before", "after")
STEP_BY_STEP, AT_ONCE = REDRIVE_STEP_MS, 2 * REDRIVE_STEP_MS
"""The time that steps have: for themselves alone, or for those that can follow at once, too."""

CALLS_OF_A_RUN = {STEP_BY_STEP: 33, AT_ONCE: 28}


class RedriveTroubles:
    """What happens to the calls of a redrive at random: after about `calm` good ones, one is killed or refused, or some
    of its entries fail; at most _TROUBLES times."""

    def __init__(self, harness: RedriveHarness, chance: random.Random, calm: int) -> None:
        self._chance = chance
        self._kinds = ["fine"] * calm + ["kill", "refuse", "entries"]
        self._left = _TROUBLES
        harness.aws.on_call, harness.aws.partial = self._call, self._entries

    def _drawn(self, kind: str) -> bool:
        if self._left and self._chance.choice(self._kinds) == kind:
            self._left -= 1
            return True
        return False

    def _call(self, _: str, operation: str, __: Mapping[str, Any], phase: str) -> None:
        if phase != self._chance.choice(BEFORE_AND_AFTER):
            return
        if self._drawn("kill"):
            raise Killed
        if self._drawn("refuse"):
            raise refused("ThrottlingException", operation)

    def _entries(self, _: str, __: str, batch: Mapping[str, Any]) -> set[int]:
        if not self._drawn("entries"):
            return set()
        return {place for place, _ in enumerate(batch["Entries"]) if self._chance.random() < 0.3}


def quiet(patch: pytest.MonkeyPatch, part: int = 7) -> None:
    """No threads, so that hypothesis can replay what it found; small parts; no log."""
    patch.setattr(module, "Workers", InlineWorkers)
    patch.setattr("pik.adapters.s3.redrive_files.REDRIVE_PART_MESSAGES", part)
    for level in ("info", "warning", "error", "exception"):
        patch.setattr(module.logger, level, lambda *_, **__: None)
    patch.setattr("pik.flows.wave.metrics.flush_metrics", lambda: None)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_under_any_troubles_nothing_is_lost_and_counts_add_up(data: st.DataObject) -> None:
    harness = RedriveHarness(validate=False)
    works = harness.pipeline.orders(data.draw(st.integers(0, 30), "messages"))
    harness.letters.bury(works)
    canary = data.draw(st.sampled_from([None, Canary(2, 3, 0.1, 15)]), "canary")
    action = data.draw(st.sampled_from(["redrive", "rescue"]), "action")
    budget = 3 if action == "redrive" else None
    harness.lasting.remaining_ms = data.draw(st.sampled_from([STEP_BY_STEP, AT_ONCE]), "time")
    harness.begin(action=action, canary=canary, criteria=Criteria(attempt_budget=budget))
    with pytest.MonkeyPatch.context() as patch:
        quiet(patch)
        harness.restart_each_step()
        RedriveTroubles(harness, data.draw(st.randoms(use_true_random=False)), data.draw(st.integers(3, 60), "calm"))

        def processor() -> None:
            with harness.faults.suspended():
                harness.apply()

        row = harness.run(work=processor)
        harness.faults.calm()
        harness.apply()
        rescued = _rescued(harness)
        counted = {event_id for it in harness.pipeline.versions() for event_id in it.added}
        assert counted | rescued | set(harness.letters.ids()) == set(ids(works))
        assert sum(len(it.added) for it in harness.pipeline.versions()) == len(counted), "an event counts once"
        assert row["status"] in {"COMPLETE", "STOPPED", "FAILED"}
        balanced(row)
        assert row["totals"]["redriven"] + row["totals"]["rescued"] <= len(works)
        assert row["totals"]["redriven"] <= len(counted)
        assert row["totals"]["rescued"] <= len(rescued)


def _rescued(harness: RedriveHarness) -> set[str]:
    found = harness.aws.s3.list_objects_v2(Bucket=harness.pipeline.names.raw_bucket, Prefix="rescued/").get(
        "Contents", []
    )
    files = module.RedriveFiles(harness.aws.s3, harness.pipeline.names.raw_bucket)
    lines = [line for it in found for line in files.get_lines(it["Key"]) or []]
    return {parse_work(it["body"]).event_id for it in lines}


@pytest.mark.parametrize("phase", BEFORE_AND_AFTER)
@pytest.mark.parametrize(
    ("time", "number"), [(time, n) for time, calls in CALLS_OF_A_RUN.items() for n in range(calls)]
)
def test_killed_once_at_any_call_it_ends_as_if_nothing_had_been(
    time: int, number: int, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = RedriveHarness(validate=False)
    harness.lasting.remaining_ms = time
    works = harness.pipeline.orders(12)
    harness.letters.bury(works)
    harness.begin(canary=Canary(2, 5, 0.1, 15), criteria=Criteria(attempt_budget=3))
    quiet(monkeypatch)
    harness.restart_each_step()
    seen = 0
    killed: list[str] = []

    def kill(_: str, operation: str, __: Mapping[str, Any], when: str) -> None:
        nonlocal seen
        seen += when == phase
        if when == phase and seen == number + 1:
            killed.append(operation)
            raise Killed

    def processor() -> None:
        with harness.faults.suspended():
            harness.apply()

    harness.aws.on_call = kill
    row = harness.run(work=processor)
    harness.faults.calm()
    harness.apply()
    assert bool(killed) == (number < CALLS_OF_A_RUN[time] - 1), "the last number is the first beyond the run's calls"
    balanced(row)
    assert row["status"] == "COMPLETE", killed
    counted = {event_id for it in harness.pipeline.versions() for event_id in it.added}
    assert (row["totals"]["redriven"], row["totals"]["unconfirmed"]) == (len(counted), 0), killed
    # A process that dies between a receive and the selection leaves letters hidden: they come back when the hold ends.
    harness.clock.advance(REDRIVE_HOLD_SECONDS + 1)
    assert harness.letters.visible() == len(harness.letters.all()) == 12 - len(counted)
    assert counted | set(harness.letters.ids()) == set(ids(works))
    if killed not in (["receive_message"], ["put_object"]):
        assert len(counted) == 12, killed
