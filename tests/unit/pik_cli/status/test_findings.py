"""What is worth attention, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pik_cli.shell.discarded import DiscardedState
from pik_cli.shell.failure_mode import FaultState
from pik_cli.shell.processor_switch import PendingSwitch
from pik_cli.shell.queues import QUEUES, QueueCounts
from pik_cli.shell.stack import Stack
from pik_cli.status.findings import StatusFinding, findings
from pik_cli.status.read import MAPPINGS, TABLES, ApiState, Snapshot, SourceMapping, TableState

WELL = Snapshot(
    stack=Stack("pik-dev", "UPDATE_COMPLETE", {}),
    region="eu-west-1",
    api=ApiState("https://api", "ok", "0.1.0", {"dry_run": False, "enable_processor": True}),
    queues=tuple(QueueCounts(name, 0, 0, 0) for name in QUEUES),
    mappings=tuple(SourceMapping(name, f"uuid-{name}", "Enabled", "OK", 10) for name in MAPPINGS),
    tables=tuple(TableState(name, "ACTIVE", 1) for name in TABLES),
)


def with_queue(name: str, **counts: Any) -> Snapshot:
    return replace(WELL, queues=tuple(QueueCounts(name, **counts) if it.name == name else it for it in WELL.queues))


def with_mapping(name: str, **changes: Any) -> Snapshot:
    return replace(WELL, mappings=tuple(replace(it, **changes) if it.name == name else it for it in WELL.mappings))


def only(snapshot: Snapshot) -> StatusFinding:
    found = findings(snapshot)
    assert len(found) == 1, found
    return found[0]


def test_a_pipeline_at_work_wants_no_attention() -> None:
    assert findings(WELL) == []
    assert findings(with_queue("WorkQueue", visible=1_850, in_flight=20, delayed=3)) == []


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"visible": 42, "in_flight": 0, "delayed": 0}, "42 messages in the dead-letter queue"),
        ({"visible": 1, "in_flight": 0, "delayed": 0}, "1 message in the dead-letter queue"),
        ({"visible": 0, "in_flight": 2_000, "delayed": 0}, "2,000 messages in the dead-letter queue"),
    ],
)
def test_dead_letters_are_a_finding_with_where_to_look(counts: dict[str, int], words: str) -> None:
    found = only(with_queue("WorkDeadLetterQueue", **counts))
    assert found.code == "dead_letters"
    assert found.message.startswith(words)
    assert "pik logs processor --level ERROR" in found.next_step


def test_a_warning_of_the_api_is_a_finding() -> None:
    found = only(replace(WELL, api=replace(WELL.api, warnings=('DefaultEventType "x" has no schema.',))))
    assert (found.code, found.message) == ("api_warning", 'DefaultEventType "x" has no schema.')


def test_dead_letters_of_the_bus_are_told_from_those_of_the_work() -> None:
    found = only(with_queue("BusDeadLetterQueue", visible=3))
    assert (found.code, "bus's dead-letter queue" in found.message) == ("bus_dead_letters", True)
    assert "aggregates are right" in found.next_step


def paused(waiting: int = 7, **parameters: str) -> Snapshot:
    """A snapshot whose processor mapping is off, and whose stack has these parameters."""
    snapshot = with_mapping("processor", state="Disabled")
    queues = (QueueCounts("WorkQueue", waiting, 0, 0), *WELL.queues[1:])
    return replace(snapshot, queues=queues, stack=replace(WELL.stack, parameters=parameters))


def test_a_processor_that_is_off_against_what_the_stack_says_loses_nothing_and_says_so() -> None:
    found = only(paused())
    assert found.code == "processor_disabled"
    assert "Disabled, although the stack says EnableProcessor=true and nothing is scheduled" in found.message
    assert "nothing is lost, 7 messages wait in the work queue" in found.message
    assert found.next_step == "To go on: pik processor resume"


@pytest.mark.parametrize(
    ("parameters", "because", "undo"),
    [
        ({"EnableProcessor": "false"}, "deployed with EnableProcessor=false:", "To go on: pik processor resume"),
        ({"DryRun": "true"}, "deployed with DryRun=true:", "To go on, deploy with DryRun=false."),
        (
            {"EnableProcessor": "false", "DryRun": "true"},
            "deployed with EnableProcessor=false and DryRun=true:",
            "To go on, deploy with DryRun=false, then: pik processor resume.",
        ),
    ],
)
def test_a_processor_that_was_switched_off_names_the_switch(
    parameters: dict[str, str], because: str, undo: str
) -> None:
    found = only(paused(**parameters))
    assert because in found.message
    assert found.next_step == undo


def test_switches_of_the_api_count_where_the_stacks_parameters_are_not_known() -> None:
    switches = {"enable_processor": False, "dry_run": True}
    snapshot = replace(paused(), api=replace(WELL.api, switches=switches))
    found = next(it for it in findings(snapshot) if it.code == "processor_disabled")
    assert "deployed with EnableProcessor=false and DryRun=true" in found.message


def test_a_timed_pause_says_until_when_and_how_many_wait() -> None:
    pending = PendingSwitch(opens=True, at="2026-11-20T10:05:00Z")
    found = only(replace(paused(1, EnableProcessor="true"), pending=pending))
    assert found.code == "processor_disabled"
    assert "until 2026-11-20T10:05:00Z, when a schedule resumes it: nothing is lost, 1 message waits" in found.message
    assert "pik processor resume" in found.next_step


def test_a_processor_that_a_schedule_will_pause_is_a_finding() -> None:
    pending = PendingSwitch(opens=False, at="2026-11-20T10:05:00Z")
    found = only(replace(WELL, pending=pending))
    assert (found.code, "until 2026-11-20T10:05:00Z" in found.message) == ("processor_pauses", True)


def test_a_processor_that_runs_against_what_the_stack_says_is_a_finding() -> None:
    found = only(replace(WELL, stack=replace(WELL.stack, parameters={"EnableProcessor": "false"})))
    assert (found.code, "EnableProcessor=false" in found.message) == ("processor_undeclared", True)


def test_a_schedule_that_cannot_be_read_is_a_finding_and_changes_no_other() -> None:
    pending = PendingSwitch(problem="GetSchedule: AccessDeniedException")
    found = only(replace(WELL, pending=pending))
    assert (found.code, "GetSchedule: AccessDeniedException" in found.message) == ("unreadable", True)


def test_a_disabled_publisher_has_a_day() -> None:
    found = only(with_mapping("publisher", state="Disabled"))
    assert found.code == "publisher_disabled"
    assert "24 hours" in found.message
    assert "uuid-publisher" in found.next_step


@pytest.mark.parametrize("state", ["Enabling", "Creating", "Updating"])
def test_a_mapping_on_its_way_is_no_finding(state: str) -> None:
    assert findings(with_mapping("processor", state=state)) == []


def test_a_mapping_that_reports_a_problem_is_a_finding() -> None:
    found = only(with_mapping("processor", last_result="PROBLEM: Function call failed"))
    assert (found.code, "Function call failed" in found.message) == ("processor_failing", True)


def test_a_dry_stack_is_a_finding() -> None:
    snapshot = replace(WELL, api=replace(WELL.api, switches={"dry_run": True}))
    assert only(snapshot).code == "dry_run"


def test_an_api_that_is_not_well_is_a_finding() -> None:
    found = only(replace(WELL, api=ApiState("https://api", problem="the API does not answer: refused")))
    assert (found.code, found.message) == ("api_unwell", "The API does not answer: refused")


@pytest.mark.parametrize(
    ("status", "is_finding"),
    [
        ("CREATE_COMPLETE", False),
        ("UPDATE_IN_PROGRESS", False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
        ("UPDATE_ROLLBACK_COMPLETE", True),
        ("ROLLBACK_FAILED", True),
        ("CREATE_FAILED", True),
    ],
)
def test_a_deployment_that_did_not_succeed_is_a_finding(status: str, is_finding: bool) -> None:
    found = findings(replace(WELL, stack=Stack("pik-dev", status, {})))
    assert [it.code for it in found] == (["stack_not_deployed"] if is_finding else [])


def test_what_could_not_be_read_is_a_finding_and_not_an_absence_of_findings() -> None:
    snapshot = replace(
        WELL,
        queues=(QueueCounts("WorkQueue", problem="GetQueueAttributes: AccessDenied"), *WELL.queues[1:]),
        mappings=(replace(WELL.mappings[0], state="", problem="gone"), WELL.mappings[1]),
        tables=(TableState("EventsTable", problem="gone"), *WELL.tables[1:]),
    )
    found = findings(snapshot)
    assert [it.code for it in found] == ["unreadable"] * 3
    assert found[0].message == "WorkQueue could not be read: GetQueueAttributes: AccessDenied"
    assert found[1].message == "The publisher mapping could not be read: gone"


def test_a_table_that_takes_no_writes_is_a_finding() -> None:
    found = only(replace(WELL, tables=(TableState("EventsTable", "CREATING", 0), *WELL.tables[1:])))
    assert (found.code, found.message) == ("table_not_active", "EventsTable is CREATING.")


def with_failure_mode(name: str = "", since: str = "", problem: str = "") -> Snapshot:
    return replace(WELL, failure_mode=FaultState(name, since, problem))


def test_a_stack_for_trials_on_which_nothing_fails_wants_no_attention() -> None:
    assert findings(with_failure_mode("none", "2026-11-20T10:00:00Z")) == []


def test_an_injected_fault_is_a_finding_with_its_time_and_its_end() -> None:
    found = only(with_failure_mode("random_fail_p30", "2026-11-20T10:00:00Z"))
    assert found.code == "fault_injected"
    assert "since 2026-11-20T10:00:00Z, mode random_fail_p30: NN of 100 reads" in found.message
    assert "pik fault clear" in found.next_step


def test_a_failure_mode_that_nobody_knows_is_told() -> None:
    found = only(with_failure_mode("chaos", "2026-11-20T10:00:00Z"))
    assert (found.code, "nothing is injected" in found.message) == ("failure_mode_unknown", True)


def test_a_failure_mode_that_cannot_be_read_is_told_with_the_reason() -> None:
    found = only(with_failure_mode(problem="GetParameter: AccessDeniedException"))
    assert (found.code, "GetParameter: AccessDeniedException" in found.message) == ("unreadable", True)


@pytest.mark.parametrize(
    ("discarded", "words"),
    [
        (DiscardedState(1), "1 stream batch was discarded or set aside"),
        (DiscardedState(1_000, more=True), "At least 1,000 stream batches were discarded or set aside"),
    ],
)
def test_discarded_batches_are_a_finding_with_what_recovers_them(discarded: DiscardedState, words: str) -> None:
    found = only(replace(WELL, discarded=discarded))
    assert (found.code, found.message.startswith(words)) == ("discarded_batches", True)
    assert "pik publisher recover --dry-run" in found.next_step


def test_discarded_batches_that_cannot_be_counted_are_a_finding() -> None:
    found = only(replace(WELL, discarded=DiscardedState(problem="ListObjectsV2: AccessDenied")))
    assert (found.code, "ListObjectsV2: AccessDenied" in found.message) == ("unreadable", True)


def test_a_schedule_that_resumes_what_runs_already_is_no_finding() -> None:
    assert findings(replace(WELL, pending=PendingSwitch(opens=True, at="2026-11-20T10:05:00Z"))) == []


def test_a_paused_processor_has_one_finding_whatever_its_last_result_was() -> None:
    snapshot = with_mapping("processor", state="Disabled", last_result="PROBLEM: Function call failed")
    assert only(snapshot).code == "processor_disabled"
