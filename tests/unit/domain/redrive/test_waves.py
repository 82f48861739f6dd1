"""How a redrive widens, what it waits for, and what stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.redrive.confirm import Outcome
from pik.domain.redrive.message import Entry
from pik.domain.redrive.request import Canary, RedriveRequest
from pik.domain.redrive.selection import Criteria
from pik.domain.redrive.waves import (
    End,
    RedriveState,
    Send,
    Wait,
    Wave,
    WaveEvidence,
    decide,
    in_order,
    seconds_until_due,
)
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import (
    MAX_REDRIVE_ALL,
    REDRIVE_CONFIRM_SECONDS,
    REDRIVE_MAX_CHECKS,
    REDRIVE_MAX_WAVES,
    REDRIVE_RUN_SECONDS,
    REDRIVE_WAVE_MESSAGES,
)
from tests.support.letters import NOW, ago

CAREFUL = Canary(5, 5, 0.1, 15)
LATER = times.from_datetime(times.to_datetime(NOW) + timedelta(seconds=3600))


def state(count: int = 100, canary: Canary | None = CAREFUL, *waves: Wave, **changes: Any) -> RedriveState:
    request = RedriveRequest("redrive", Criteria(), canary=canary)
    return replace(RedriveState("rdr-1", request, ago(60), count, sum(it.size for it in waves), waves), **changes)


def wave(number: int, size: int, **changes: Any) -> Wave:
    return replace(Wave(number, size, size, ago(20), ago(5)), **changes)


def failed(*events: str, fingerprint: str = "f" * 32) -> WaveEvidence:
    rows = [{"event_id": it, "fingerprint": fingerprint, "error_type": "E", "message": "m"} for it in events]
    return WaveEvidence.of(rows)


def test_the_first_wave_goes_out_without_a_look() -> None:
    assert decide(state(), WaveEvidence({}), [], NOW) == Send(0, 5, ())


def test_the_second_goes_out_when_the_first_is_decided() -> None:
    step = decide(state(100, CAREFUL, wave(0, 5)), WaveEvidence.of([], "abcde"), list("abcde"), NOW)
    assert isinstance(step, Send)
    assert (step.start, step.end) == (5, 30)
    assert (step.waves[0].decided, step.waves[0].failing, step.waves[0].checks) == (5, 0, 1)


def test_an_undecided_first_wave_is_looked_at_again_and_then_given_up() -> None:
    seen = WaveEvidence.of([], "abcd")
    step = decide(state(100, CAREFUL, wave(0, 5)), seen, list("abcde"), NOW)
    assert isinstance(step, Wait)
    assert step.seconds == 15
    last = decide(state(100, CAREFUL, wave(0, 5, checks=REDRIVE_MAX_CHECKS)), seen, list("abcde"), NOW)
    assert isinstance(last, End)
    assert (last.stopped, last.because["undecided"]) == ("undecided", 1)


def test_too_many_failures_stop_at_once_and_name_the_commonest_cause() -> None:
    rows = [
        *({"event_id": it, "fingerprint": "b", "error_type": "B", "message": "bad"} for it in "ab"),
        {"event_id": "c", "fingerprint": "c", "error_type": "C", "message": "worse"},
        {"event_id": "a", "fingerprint": "c", "error_type": "C", "message": "an earlier attempt"},
    ]
    step = decide(state(100, CAREFUL, wave(0, 5)), WaveEvidence.of(rows), list("abcde"), NOW)
    assert isinstance(step, End)
    assert step.stopped == "too_many_failing"
    because = step.because
    assert (because["fingerprint"], because["same_cause"], because["failing"], because["left"]) == ("b", 2, 3, 95)
    assert because["message"] == "bad"


@pytest.mark.parametrize(("failing", "goes_on"), [(3, True), (4, False)])
def test_a_share_of_failures_is_borne(failing: int, goes_on: bool) -> None:
    waves = (wave(0, 5, decided=5), wave(1, 25))
    step = decide(state(100, CAREFUL, *waves), failed(*map(str, range(failing))), [], NOW)
    assert isinstance(step, Send) == goes_on
    noted = step.waves
    assert noted is not None
    assert (noted[0].failing, noted[1].failing) == (0, failing)


def test_a_wave_counts_the_failures_that_waves_before_it_do_not() -> None:
    waves = wave(1, 5, failing=2, decided=5), wave(2, 25)
    step = decide(state(100, CAREFUL, *waves), failed("a", "b", "c"), [], NOW)
    assert isinstance(step, Send)
    assert [noted.failing for noted in step.waves] == [2, 1]


def test_rows_without_a_fingerprint_are_one_cause() -> None:
    evidence = WaveEvidence(
        {"a": {"error_type": "X"}, "b": {"fingerprint": "", "error_type": "X"}, "c": {"fingerprint": "f"}}
    )
    assert (evidence.commonest()["count"], evidence.commonest()["error_type"]) == (2, "X")


def test_later_waves_need_no_decision() -> None:
    assert isinstance(decide(state(100, CAREFUL, wave(0, 5, decided=5), wave(1, 25)), WaveEvidence({}), [], NOW), Send)


def decided(*counts: int, waiting: int, unchecked: int = 0) -> WaveEvidence:
    return WaveEvidence({}, outcome=Outcome(counts, waiting, unchecked))


def test_when_all_is_sent_and_decided_it_ends_at_once() -> None:
    seen = decided(5, 25, waiting=0)
    step = decide(state(30, CAREFUL, wave(0, 5, decided=5), wave(1, 25)), seen, [], NOW)
    assert step == End(step.waves or (), "", {}, seen.outcome)
    assert [it.decided for it in step.waves or ()] == [5, 25]


def test_what_was_sent_last_is_checked_twice_and_then_for_as_long_as_more_of_it_is_decided() -> None:
    def step(checks: int, known: int, found: int) -> Any:
        waves = (wave(0, 5, decided=5), wave(1, 25, decided=known, checks=checks))
        return decide(state(30, CAREFUL, *waves), decided(5, found, waiting=25 - found), [], NOW)

    assert isinstance(step(0, 0, 0), Wait)
    assert isinstance(step(1, 0, 1), Wait), "it makes progress"
    assert isinstance(step(5, 10, 11), Wait)
    assert isinstance(step(1, 0, 0), End), "it makes none"
    ended = step(5, 10, 10)
    assert isinstance(ended, End)
    assert ended.outcome is not None
    assert (ended.stopped, ended.outcome.unconfirmed) == ("", 15)
    assert isinstance(step(REDRIVE_MAX_CHECKS, 10, 11), End), "the number of checks is bounded"


def test_nobody_waits_for_what_cannot_be_looked_up() -> None:
    waves = (wave(0, 5, decided=5), wave(1, 25))
    step = decide(state(30, CAREFUL, *waves), decided(5, 15, waiting=0, unchecked=10), [], NOW)
    assert isinstance(step, End)


def test_without_a_canary_waves_are_large_and_nothing_stops_them() -> None:
    first = decide(state(12_000, None), WaveEvidence({}), [], NOW)
    assert first == Send(0, REDRIVE_WAVE_MESSAGES, ())
    last = decide(state(10, None, wave(0, 10)), failed("a", "b", "c"), [], NOW)
    assert isinstance(last, End)
    assert (last.stopped, last.waves[0].failing) == ("", 3)


def test_a_wave_of_which_nothing_went_out_is_the_last() -> None:
    step = decide(state(100, None, wave(0, 3, redriven=0, unsent=(0, 1, 2))), WaveEvidence({}), [], NOW)
    assert isinstance(step, End)
    assert step.stopped == "nothing_sent"


def test_a_run_that_lasts_too_long_ends() -> None:
    late = state(100, CAREFUL, wave(0, 5, decided=5), wave(1, 25), frozen_at=ago(REDRIVE_RUN_SECONDS + 1))
    step = decide(late, WaveEvidence({}), [], NOW)
    assert isinstance(step, End)
    assert step.stopped == "out_of_time"


def test_a_step_that_comes_too_early_is_told_how_long_to_wait() -> None:
    due = times.from_datetime(times.to_datetime(NOW) + timedelta(seconds=7.2))
    assert seconds_until_due(state(100, CAREFUL, wave(0, 5, due_at=due)), NOW) == 8
    assert seconds_until_due(state(100, CAREFUL, wave(0, 5)), NOW) == 0
    assert seconds_until_due(state(), NOW) == 0


@pytest.mark.parametrize(
    ("canary", "sent", "size", "delay", "wait"),
    [(CAREFUL, 0, 5, 0, 15), (CAREFUL, 0, 5, 900, 915), (None, 0, 50, 30, 0)],
)
def test_a_wave_is_judged_when_its_last_message_can_have_been_processed(
    canary: Canary | None, sent: int, size: int, delay: int, wait: int
) -> None:
    assert state(100, canary, sent_to=sent).wait_after(size, delay) == wait


@pytest.mark.parametrize("canary", [CAREFUL, None])
def test_the_last_wave_is_looked_at_soon(canary: Canary | None) -> None:
    assert state(100, canary, sent_to=50).wait_after(50, 30) == 30 + REDRIVE_CONFIRM_SECONDS
    quick = Canary(5, 5, 0.1, 2)
    assert state(100, quick, sent_to=50).wait_after(50, 0) == 2, "no later than the request says"


def test_nobody_waits_for_a_rescue() -> None:
    rescue = state(100, None, request=RedriveRequest("rescue", Criteria()), sent_to=50)
    assert rescue.wait_after(50, 0) == 0


@given(
    count=st.integers(1, MAX_REDRIVE_ALL),
    size=st.integers(1, 1000),
    widen=st.integers(1, 100),
    careful=st.booleans(),
)
def test_any_run_has_a_bounded_number_of_waves(count: int, size: int, widen: int, careful: bool) -> None:
    now = state(count, Canary(size, widen, 0.1, 15) if careful else None)
    sizes = []
    while not now.all_sent:
        sizes.append(now.next_size())
        waves = (*now.waves, wave(len(now.waves), sizes[-1]))
        now = replace(now, sent_to=now.sent_to + sizes[-1], waves=waves)
        assert len(sizes) <= REDRIVE_MAX_WAVES
    assert sum(sizes) == count
    assert max(sizes) <= REDRIVE_WAVE_MESSAGES
    if careful:
        assert sizes[0] == min(size, count), "a canary is never larger than was asked for"


COUNTS = st.integers(0, 9)
WAVES = st.builds(
    Wave,
    number=COUNTS,
    size=COUNTS,
    redriven=COUNTS,
    sent_at=st.just(NOW),
    due_at=st.just(NOW),
    unsent=st.lists(COUNTS).map(tuple),
    kept=COUNTS,
    key=st.text(),
)


@given(WAVES)
def test_a_wave_comes_back_from_a_row_as_it_was(it: Wave) -> None:
    columns = it.columns()
    assert Wave.of({**columns, "from_a_newer_version": 1}) == it
    assert columns["failed"] == len(it.unsent)


def entry(number: int, fingerprint: str) -> Entry:
    return Entry(f"{number:03d}", "receipt", ago(1000 - number), "shop", fingerprint)


@given(st.lists(st.sampled_from(["aaaab", "c"][0] + "c"), max_size=40), st.integers(0, 12))
def test_a_selection_keeps_every_entry_and_begins_with_as_many_causes_as_it_can(causes: list[str], first: int) -> None:
    entries = [entry(number, cause) for number, cause in enumerate(causes)]
    ordered = in_order(entries, first)
    assert sorted(it.message_id for it in ordered) == [it.message_id for it in entries]
    ahead = {it.fingerprint for it in ordered[:first]}
    assert len(ahead) == min(first, len(set(causes)))
    rest = [it.sent_at for it in ordered[first:]]
    assert rest == sorted(rest), "the oldest first"
