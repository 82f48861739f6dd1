"""SQS's own redrive: started, watched and cancelled with the caller's credentials, or refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.command_line import Pik, summary
from tests.support.redrive_backend import RedriveBackend


class Sqs:
    """The account's SQS with move tasks, which its fake lacks. `moves` letters per check."""

    def __init__(self, real: Any, moves: int = 10) -> None:
        self._real = real
        self._moves = moves
        self.started: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.tasks: list[dict[str, Any]] = []
        self.ends = "COMPLETED"
        self.error: ClientError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def start_message_move_task(self, **request: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        self.started.append(request)
        task = {"TaskHandle": "handle-1", "Status": "RUNNING", "StartedTimestamp": 10 + len(self.tasks)}
        task |= {"ApproximateNumberOfMessagesMoved": 0, "ApproximateNumberOfMessagesToMove": 15}
        self.tasks.append({**task, "MaxNumberOfMessagesPerSecond": request.get("MaxNumberOfMessagesPerSecond")})
        return {"TaskHandle": "handle-1"}

    def list_message_move_tasks(self, **request: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        assert request["SourceArn"].endswith("work-dead")
        for task in self.tasks:
            if task["Status"] == "RUNNING" and self.started:
                task["ApproximateNumberOfMessagesMoved"] += self._moves
                if task["ApproximateNumberOfMessagesMoved"] >= task["ApproximateNumberOfMessagesToMove"]:
                    task |= {"Status": self.ends, "ApproximateNumberOfMessagesMoved": 15}
        return {"Results": self.tasks}

    def cancel_message_move_task(self, **request: Any) -> dict[str, Any]:
        self.cancelled.append(request["TaskHandle"])
        return {"ApproximateNumberOfMessagesMoved": 7}


@pytest.fixture
def sqs(backend: RedriveBackend, monkeypatch: pytest.MonkeyPatch) -> Sqs:
    found = Sqs(backend.aws.sqs)
    backend.sqs = found
    monkeypatch.setattr("pik_cli.dlq.native.time.sleep", lambda seconds: None)
    return found


def test_everything_is_moved_at_the_rate_and_watched_to_its_end(backend: RedriveBackend, sqs: Sqs, pik: Pik) -> None:
    backend.bury(1)
    result = pik("dlq", "redrive-all", "--native", "--rate", "50", "--yes")
    assert result.exit_code == 0, result.output
    assert sqs.started == [
        {
            "SourceArn": "arn:aws:sqs:us-east-1:123456789012:pik-test-work-dead",
            "DestinationArn": "arn:aws:sqs:us-east-1:123456789012:pik-test-work",
            "MaxNumberOfMessagesPerSecond": 50,
        }
    ]
    assert "COMPLETED: 15 of about 15 moved." in result.stdout
    assert "poison included" in result.stderr
    assert "not announced again" in result.stderr
    assert backend.requests == []


def test_a_task_that_failed_is_exit_status_1_with_its_reason(backend: RedriveBackend, sqs: Sqs, pik: Pik) -> None:
    backend.bury(1)
    sqs.ends = "FAILED"
    result = pik("dlq", "redrive-all", "--native", "--yes", "-o", "json")
    assert result.exit_code == 1
    assert summary(result)["status"] == "FAILED"


def test_a_dry_run_moves_nothing(backend: RedriveBackend, sqs: Sqs, pik: Pik) -> None:
    backend.bury(1)
    result = pik("dlq", "redrive-all", "--native", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "1 message would be moved" in result.stdout
    assert sqs.started == []


def test_nobody_to_ask_moves_nothing(backend: RedriveBackend, sqs: Sqs, pik: Pik) -> None:
    backend.bury(1)
    assert pik("dlq", "redrive-all", "--native").exit_code == 2
    assert sqs.started == []


def test_an_empty_queue_is_exit_status_1(backend: RedriveBackend, sqs: Sqs, pik: Pik) -> None:
    assert pik("dlq", "redrive-all", "--native", "--yes").exit_code == 1
    assert sqs.started == []


@pytest.mark.parametrize("code", ["InvalidAction", "AWS.SimpleQueueService.InvalidAction", "UnknownOperationException"])
def test_an_endpoint_that_lacks_it_says_what_to_use(backend: RedriveBackend, sqs: Sqs, pik: Pik, code: str) -> None:
    backend.bury(1)
    sqs.error = ClientError({"Error": {"Code": code, "Message": "no"}}, "StartMessageMoveTask")
    for command in (("redrive-all", "--native", "--yes"), ("move-tasks",)):
        result = pik("dlq", *command)
        assert result.exit_code == 1
        assert "the local engine lacks it" in result.stderr
        assert "without --native" in result.stderr


def test_a_second_task_is_refused_in_the_words_of_sqs(backend: RedriveBackend, sqs: Sqs, pik: Pik) -> None:
    backend.bury(1)
    text = "There is already a task running."
    sqs.error = ClientError({"Error": {"Code": "UnsupportedOperation", "Message": text}}, "StartMessageMoveTask")
    result = pik("dlq", "redrive-all", "--native", "--yes")
    assert result.exit_code == 1
    assert text in result.stderr


def test_ctrl_c_leaves_the_task_running_and_says_how_to_stop_it(
    backend: RedriveBackend, sqs: Sqs, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    backend.bury(1)
    monkeypatch.setattr("pik_cli.dlq.native.time.sleep", interrupt)
    result = pik("dlq", "redrive-all", "--native", "--yes")
    assert result.exit_code == 130
    assert "pik dlq move-tasks cancel" in result.stderr
    assert sqs.cancelled == []


@pytest.mark.parametrize("command", [("move-tasks",), ("move-tasks", "list")])
def test_tasks_are_listed_the_newest_first(sqs: Sqs, pik: Pik, command: tuple[str, ...]) -> None:
    sqs.tasks = [{"Status": "COMPLETED", "StartedTimestamp": 1}, {"Status": "RUNNING", "StartedTimestamp": 2}]
    told = summary(pik("dlq", *command, "-o", "json"))
    assert [it["status"] for it in told["tasks"]] == ["RUNNING", "COMPLETED"]


def test_the_running_task_is_cancelled_without_being_named(sqs: Sqs, pik: Pik) -> None:
    sqs.tasks = [{"Status": "RUNNING", "TaskHandle": "handle-9", "StartedTimestamp": 2}]
    assert summary(pik("dlq", "move-tasks", "cancel", "--dry-run", "-o", "json")) == {"would_cancel": "handle-9"}
    assert sqs.cancelled == []
    result = pik("dlq", "move-tasks", "cancel", "--yes")
    assert result.exit_code == 0, result.output
    assert "7 messages were moved by then" in result.stdout
    assert sqs.cancelled == ["handle-9"]


def test_without_a_running_task_there_is_nothing_to_cancel(sqs: Sqs, pik: Pik) -> None:
    result = pik("dlq", "move-tasks", "cancel", "--yes")
    assert result.exit_code == 1
    assert sqs.cancelled == []


@pytest.mark.parametrize("options", [("--rate", "5"), ("--native", "--force"), ("--native", "--jitter", "5m")])
def test_options_of_the_other_way_are_wrong_usage(backend: RedriveBackend, pik: Pik, options: tuple[str, ...]) -> None:
    assert pik("dlq", "redrive-all", *options, "--yes").exit_code == 2
