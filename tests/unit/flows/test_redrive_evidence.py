"""What a redrive's steps know of what they sent, what they do when less can be read, and what they report."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pik.domain.redrive.selection import Criteria
from pik.domain.shared.limits import BATCH_ROUNDS
from pik.flows.redrive_step import RedriveStepFlow
from tests.support.redrive_steps import CAREFUL, RUN_ID, RedriveHarness, balanced


def logged(caplog: pytest.LogCaptureFixture, message: str) -> list[str]:
    return [record.levelname for record in caplog.records if record.getMessage() == message]


def counted(out: str, name: str) -> list[float]:
    """The values of a metric in what a function wrote."""
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{") and f'"{name}":' in line]
    return [value for line in lines for value in line[name]]


def test_markers_that_are_left_unprocessed_are_read_again_after_a_wait() -> None:
    harness, slept = RedriveHarness(), []
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)
    harness.step = RedriveStepFlow(
        harness.settings,
        harness.aws,  # type: ignore[arg-type]
        now=harness.moment,
        chance=lambda: 0.5,
        sleep=slept.append,
    )
    harness.pipeline.process(*harness.pipeline.orders(200, first=200))  # a big day: only markers know its events
    left = iter([{0}, {0}])

    def processor() -> None:
        harness.aws.partial = None
        harness.apply()
        harness.aws.partial = lambda _, operation, __: next(left, set()) if operation == "batch_get_item" else set()

    row = harness.run(work=processor)
    assert (row["status"], row["totals"]["redriven"]) == ("COMPLETE", 40)
    assert 1 <= len(slept) < BATCH_ROUNDS
    balanced(row)


def test_a_step_that_goes_on_at_once_knows_the_failures_of_its_own_run_alone() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(12))
    harness.begin(canary=CAREFUL)
    harness.context = harness.lasting
    assert harness.ask("freeze")["next"] == "WAIT"
    harness.fail()
    harness.clock.advance(15)
    assert harness.ask("wave")["next"] == "END"
    row = harness.runs.row()
    assert (row["status"], row["stopped"], row["because"]["failing"]) == ("STOPPED", "too_many_failing", 5)
    balanced(row)


def test_a_wave_is_counted_and_what_was_not_sent_is_logged_as_an_error(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    harness = RedriveHarness()
    works = harness.pipeline.orders(25)
    harness.letters.bury(works)
    harness.begin()
    refused = {work.event_id for work in works[:4]}

    def partial(_: str, operation: str, request: Any) -> set[int]:
        if operation != "send_message_batch":
            return set()
        return {n for n, it in enumerate(request["Entries"]) if json.loads(it["MessageBody"])["event_id"] in refused}

    harness.aws.partial = partial
    harness.run()
    out = capsys.readouterr().out
    assert sum(counted(out, "EventsSent")) == 21
    assert sum(counted(out, "EventsUnsent")) == 4
    assert logged(caplog, "messages not sent") == ["ERROR"]


@pytest.mark.parametrize("action", [None, "redrive"])
def test_a_rescue_that_is_gone_fails_its_put_back_with_that_reason(action: str | None) -> None:
    harness = RedriveHarness()
    if action:
        harness.begin("rdr-other", action=action)
    harness.begin(action="put_back", criteria=Criteria(), rescue_id="rdr-other")
    with pytest.raises(LookupError, match="there is no rescue 'rdr-other'"):
        harness.ask("freeze")


def test_a_run_that_is_stopped_goes_to_its_end_in_the_next_step() -> None:
    harness = RedriveHarness()
    harness.letters.bury(harness.pipeline.orders(40))
    harness.begin(canary=CAREFUL)
    assert harness.ask("freeze")["next"] == "WAVE"
    assert harness.ask("wave")["next"] == "WAIT"
    harness.fail()
    harness.clock.advance(15)
    assert harness.ask("wave") == {"run_id": RUN_ID, "next": "FINISH", "wait_seconds": 0}
    assert harness.ask("finish")["next"] == "END"
    assert harness.runs.row()["status"] == "STOPPED"
