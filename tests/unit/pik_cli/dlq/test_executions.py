"""`pik dlq start-executions`: one execution a message, never two, and no message deleted without one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.command_line import Pik, summary
from tests.support.redrive_backend import FINGERPRINT, RedriveBackend

Crash = type("Crash", (BaseException,), {})


@pytest.fixture
def start(backend: RedriveBackend, pik: Pik) -> Any:
    """The command with a state machine that is there."""
    arn = backend.names.redrive_state_machine_arn

    def run(*options: str, **given: Any) -> Any:
        return pik("dlq", "start-executions", "--state-machine", arn, *options, **given)

    return run


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "StartExecution")


def test_each_message_is_the_input_of_one_execution_and_then_gone(backend: RedriveBackend, start: Any) -> None:
    works = [backend.bury(n) for n in range(40)]
    ids = [it.message_id for it in backend.dead()]
    told = summary(start("--count", "100", "--yes", "-o", "json"))
    started = backend.aws.stepfunctions.started
    assert set(started) == {f"pik-dlq-{it}" for it in ids}
    body = next(it for it in started.values() if it["event_id"] == works[0].event_id)
    assert body == {
        **json.loads(works[0].message().body),
        "reprocessed": True,
        "original_failure_time": "2026-11-20T09:00:00.000000Z",
    }
    assert backend.dead() == []
    assert (told["read"], told["started"], told["failed"]) == (40, 40, 0)


def test_a_second_attempt_starts_nothing_twice_and_deletes_what_is_left(backend: RedriveBackend, start: Any) -> None:
    backend.bury(1)
    backend.aws.partial = lambda _, operation, request: (
        range(len(request["Entries"])) if operation == "delete_message_batch" else ()
    )
    first = start("--yes")
    assert first.exit_code == 1
    assert "1 message was started and could not be deleted" in first.stdout
    assert backend.visible() == 1
    backend.aws.partial = None
    second = start("--yes")
    assert second.exit_code == 0, second.output
    assert len(backend.aws.stepfunctions.started) == 1
    assert backend.dead() == []


def test_an_execution_that_is_over_counts_as_started(backend: RedriveBackend, start: Any) -> None:
    backend.bury(1)
    backend.states.broken = {"pik-dlq": refusal("ExecutionAlreadyExists")}
    told = summary(start("--yes", "-o", "json"))
    assert (told["started"], told["started_before"]) == (1, 1)
    assert backend.dead() == []


def test_what_is_not_started_is_in_the_queue_again(backend: RedriveBackend, start: Any) -> None:
    for number in range(5):
        backend.bury(number)
    unlucky = backend.dead()[2].message_id
    backend.states.broken = {unlucky: refusal("ThrottlingException")}
    result = start("--yes")
    assert result.exit_code == 1
    assert [it.message_id for it in backend.dead()] == [unlucky]
    assert backend.visible() == 1
    assert "ThrottlingException" in result.stdout


def test_a_state_machine_that_takes_nothing_is_not_asked_for_each(backend: RedriveBackend, start: Any) -> None:
    for number in range(100):
        backend.bury(number)
    backend.states.broken = {"pik-dlq": refusal("AccessDeniedException")}
    told = summary(start("--count", "100", "--yes", "-o", "json"))
    assert told["failed"] < 100
    assert told["failed"] + told["not_reached"] == 100
    assert backend.visible() == 100


def test_keep_leaves_the_messages(backend: RedriveBackend, start: Any) -> None:
    backend.bury(1)
    result = start("--keep", "--yes")
    assert result.exit_code == 0, result.output
    assert len(backend.aws.stepfunctions.started) == 1
    assert backend.visible() == 1


def test_a_dry_run_starts_nothing_and_gives_everything_back(backend: RedriveBackend, start: Any) -> None:
    backend.bury(1)
    told = summary(start("--dry-run", "-o", "json"))
    assert told["would_start"] == 1
    assert backend.aws.stepfunctions.started == {}
    assert backend.visible() == 1


def test_only_what_is_asked_for_is_started_and_the_rest_is_counted(backend: RedriveBackend, start: Any) -> None:
    wanted = [backend.bury(n, age=timedelta(hours=9 - n)) for n in range(3)]
    backend.bury(10, fingerprint="other")
    backend.bury(11, body="[1]", fingerprint=FINGERPRINT)
    backend.bury(12, body='{"fill": "' + "x" * 262_144 + '"}', fingerprint=FINGERPRINT)
    told = summary(start("--fingerprint", FINGERPRINT, "--count", "2", "--yes", "-o", "json"))
    assert {it["event_id"] for it in backend.aws.stepfunctions.started.values()} <= {it.event_id for it in wanted}
    assert told["started"] == 2
    assert told["read"] == told["started"] + sum(told["skipped"].values()) + told["failed"] + told["not_reached"]
    assert len(backend.dead()) == backend.visible() == 4


def test_reasons_for_leaving_a_message_are_named(backend: RedriveBackend, start: Any) -> None:
    backend.bury(10, fingerprint="other")
    backend.bury(11, body="[1]")
    backend.bury(12, body='{"fill": "' + "x" * 262_144 + '"}')
    told = summary(start("--fingerprint", FINGERPRINT, "--yes", "-o", "json"))
    assert told["skipped"] == {"filtered": 1, "unreadable": 1, "too_large": 1}


def test_ctrl_c_gives_back_what_was_not_started_and_tells_the_command(
    backend: RedriveBackend, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        backend.bury(number)

    @contextmanager
    def impatient(*_: Any) -> Iterator[Callable[[str], None]]:
        def tell(text: str) -> None:
            if text.startswith("16 of"):
                raise KeyboardInterrupt

        yield tell

    monkeypatch.setattr("pik_cli.dlq.executions.progress", impatient)
    result = start("--count", "60", "--yes")
    assert result.exit_code == 130
    assert len(backend.aws.stepfunctions.started) == 16
    assert len(backend.dead()) == 44
    assert backend.visible() == 44
    assert "pik dlq start-executions --state-machine" in result.stderr
    assert "--count 60 --yes" in result.stderr


def test_a_death_between_start_and_delete_loses_nothing(backend: RedriveBackend, start: Any) -> None:
    for number in range(3):
        backend.bury(number)

    def die(_service: str, operation: str, _request: Any, phase: str) -> None:
        if operation == "delete_message_batch" and phase == "before":
            raise Crash

    backend.aws.on_call = die
    with pytest.raises(Crash):
        start("--yes")
    assert len(backend.aws.stepfunctions.started) == 3
    assert len(backend.dead()) == 3
    backend.aws.on_call = None
    backend.now += timedelta(hours=1)  # the hold is over
    assert start("--yes").exit_code == 0
    assert len(backend.aws.stepfunctions.started) == 3
    assert backend.dead() == []


def test_a_state_machine_that_is_not_there_is_refused_before_anything_is_received(
    backend: RedriveBackend, start: Any
) -> None:
    backend.bury(1)
    backend.states.broken = {"describe": refusal("StateMachineDoesNotExist")}
    result = start("--yes")
    assert result.exit_code == 1
    assert "There is no state machine" in result.stderr
    assert backend.visible() == 1


def test_an_express_workflow_is_warned_of(backend: RedriveBackend, start: Any) -> None:
    backend.bury(1)
    backend.states.kind = "EXPRESS"
    assert "may start a message twice" in start("--yes").stderr


def test_nobody_to_ask_starts_nothing(backend: RedriveBackend, start: Any) -> None:
    backend.bury(1)
    assert start().exit_code == 2
    assert backend.aws.stepfunctions.started == {}
    assert backend.visible() == 1


def test_an_empty_queue_is_exit_status_1(backend: RedriveBackend, start: Any) -> None:
    assert start("--yes").exit_code == 1


@pytest.mark.parametrize("body", ["[" * 200_000, "1" * 5_000, "{" * 3])
def test_a_foreign_message_is_skipped_and_the_others_are_started(
    backend: RedriveBackend, start: Any, body: str
) -> None:
    backend.bury(1)
    backend.bury(2, body=body)
    told = summary(start("--count", "100", "--yes", "-o", "json"))
    assert len(backend.aws.stepfunctions.started) == 1
    assert told["skipped"] == {"unreadable": 1}
    assert [it.body for it in backend.dead()] == [body]
    assert backend.visible() == 1
