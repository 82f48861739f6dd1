"""`pik dlq status`, `peek`, `analyze` and `monitor`: what they show of the queue, and that nothing is consumed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.support.command_line import Pik, summary
from tests.support.redrive_backend import FINGERPRINT, RedriveBackend


def refusal(code: str, operation: str = "GetQueueAttributes") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_an_empty_queue_is_exit_status_0(backend: RedriveBackend, pik: Pik) -> None:
    result = pik("dlq", "status")
    assert result.exit_code == 0, result.output
    assert "Nothing to do." in result.stdout
    assert backend.requests == []


def test_status_counts_and_says_until_when_and_what_next(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, age=timedelta(days=3))
    backend.bury(2)
    result = pik("dlq", "status")
    assert result.exit_code == 1
    assert ["visible", "2"] in rows(result.stdout)
    assert "oldest failed  3 d ago" in result.stdout
    assert "first is lost  in 11 d, at 2026-12-01T10:00:00.000000Z" in result.stdout
    assert "pik dlq analyze" in result.stdout
    assert backend.visible() == 2


def test_the_expiry_counts_from_when_the_message_was_first_sent(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, age=timedelta(days=13, hours=12))
    told = summary(pik("dlq", "status", "-o", "json"))
    assert told["expiry"]["seconds_left"] == 12 * 3600
    assert told["next"]["command"] == "pik dlq purge-to-s3 --expiring-within 24h"
    assert (told["messages"], told["level"]["number"], told["problems"]) == (1, 0, [])


@pytest.mark.parametrize(("count", "level"), [(50, 0), (51, 1), (200, 1), (201, 2)])
def test_the_level_rises_over_50_and_over_200(backend: RedriveBackend, pik: Pik, count: int, level: int) -> None:
    for number in range(count):
        backend.bury(number)
    assert summary(pik("dlq", "status", "-o", "json"))["level"]["number"] == level
    assert summary(pik("dlq", "analyze", "-o", "json"))["level"]["number"] == level


def test_a_running_redrive_is_shown_and_is_what_to_look_at(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    pik("dlq", "redrive-all", "--yes", "--no-wait")
    run_id = backend.running()[0]
    told = summary(pik("dlq", "status", "-o", "json"))
    assert told["running"] == [run_id]
    assert told["next"]["command"] == f"pik dlq show {run_id} --follow"


def test_what_cannot_be_read_is_told_and_the_rest_is_shown(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    backend.outputs.pop("RedriveStateMachineArn")
    backend.instead = [(403, {"message": "Forbidden"})]
    result = pik("dlq", "status")
    assert result.exit_code == 1
    assert ["visible", "1"] in rows(result.stdout)
    assert "What is in it could not be read: These credentials may not use the redrive API" in result.stdout
    assert "Running redrives are not known: the stack has no output RedriveStateMachineArn" in result.stdout


def test_aws_that_does_not_answer_is_exit_status_3(backend: RedriveBackend, pik: Pik) -> None:
    def silent(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://x")

    backend.aws.on_call = silent
    assert pik("dlq", "status").exit_code == 3


def test_peek_shows_reason_and_attempts_and_consumes_nothing(backend: RedriveBackend, pik: Pik) -> None:
    works = [backend.bury(n, reason=f"order-{n} has no currency") for n in range(3)]
    event_id = works[0].event_id
    backend.aws.dynamodb.put_item(
        TableName=backend.names.failures_table,
        Item={
            "PK": {"S": f"EVENT#{event_id}"},
            "SK": {"S": "AT#2026-11-20T09:00:00.000000Z#1"},
            "failed_at": {"S": "2026-11-20T09:00:00.000000Z"},
            "attempt": {"N": "1"},
            "category": {"S": "VALIDATION"},
            "disposition": {"S": "DEAD_LETTER"},
            "message": {"S": "no currency"},
        },
    )
    result = pik("dlq", "peek", "--count", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("has no currency") == 2
    assert "2 of 3 messages shown." in result.stdout
    everything = pik("dlq", "peek", "--count", "3")
    assert ["2026-11-20T09:00:00.000000Z", "1", "VALIDATION", "DEAD_LETTER", "no", "currency"] in rows(
        everything.stdout
    )
    assert backend.visible() == 3
    assert len(backend.dead()) == 3


def test_peek_can_be_narrowed(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    backend.bury(2, category="TIMEOUT", fingerprint="other")
    told = summary(pik("dlq", "peek", "--category", "timeout", "-o", "json"))
    assert [it["fingerprint"] for it in told["samples"]] == ["other"]


def test_what_an_event_carries_is_shown_and_not_obeyed(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, reason="\t[bold]red[/bold] \u202e\u009b31m")
    shown = pik("dlq", "peek").stdout
    assert "[bold]red[/bold]" in shown
    assert "\\u202e\\u009b31m" in shown


def test_analyze_tells_each_cause_with_its_logs_and_the_next_step(backend: RedriveBackend, pik: Pik) -> None:
    works = [backend.bury(n, entity_id=f"customer-{n}", age=timedelta(hours=n + 1)) for n in range(7)]
    backend.bury(50, category="TRANSIENT", fingerprint="beef")
    backend.bury(51, body="no message", told=False)
    result = pik("dlq", "analyze")
    assert result.exit_code == 0, result.output
    assert "7 messages: VALIDATION MissingMember" in result.stdout
    assert all(f"customer-{n}" in result.stdout for n in (2, 6))
    assert " and 2 more" in result.stdout
    assert "first seen   2026-11-20T03:00:00.000000Z" in result.stdout
    assert "last seen    2026-11-20T09:00:00.000000Z" in result.stdout
    logs = f"pik logs processor --since 2026-11-20T02:59:00.000000Z --event-id {works[6].event_id}"
    assert logs in result.stdout
    assert f"pik dlq redrive --fingerprint {FINGERPRINT} --dry-run" in result.stdout
    assert "pik dlq redrive --fingerprint beef --jitter 5m --dry-run" in result.stdout
    assert "pik dlq peek --count 20" in result.stdout
    assert len(backend.dead()) == backend.visible() == 9


def test_the_commands_that_analyze_prints_can_be_typed(backend: RedriveBackend, pik: Pik) -> None:
    for number, category in enumerate(["VALIDATION", "PROCESSING", "PERMANENT", "TRANSIENT", "TIMEOUT"]):
        backend.bury(number, category=category, fingerprint=f"{number}" * 32)
    backend.bury(9, body="no message", told=False)
    for cause in summary(pik("dlq", "analyze", "-o", "json"))["causes"]:
        for line in (cause["logs"], cause["next"]):
            words = line.split()[1:]
            assert pik(*words, "--help").exit_code == 0, line
        if "redrive" in cause["next"]:
            assert pik(*cause["next"].split()[1:]).exit_code == 0


def test_the_address_of_logs_insights_holds_the_query(
    backend: RedriveBackend, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.bury(1)
    told = summary(pik("--stack", "pik-dev", "dlq", "analyze", "-o", "json"))
    cause = told["causes"][0]
    assert cause["next"].startswith("pik --stack pik-dev dlq redrive")
    url = cause["insights_url"]
    assert url.startswith(
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:logs-insights"
    )
    read = unquote(url.partition("$3D")[2].replace("*", "%"))
    assert read == (
        "~(end~'2026-11-20T09:05:00.000Z~start~'2026-11-20T08:55:00.000Z~timeType~'ABSOLUTE~tz~'UTC"
        f"~editorString~'{cause['insights_query']}~source~(~'/aws/lambda/pik-processor))"
    )
    assert f'filter fingerprint = "{FINGERPRINT}"' in cause["insights_query"]


def test_a_local_engine_has_no_console(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    assert summary(pik("dlq", "analyze", "-o", "json"))["causes"][0]["insights_url"] is None


def test_analyze_of_an_empty_queue_says_so(backend: RedriveBackend, pik: Pik) -> None:
    result = pik("dlq", "analyze")
    assert result.exit_code == 0
    assert result.stdout.strip()


def test_monitor_tells_rates_from_look_to_look(
    backend: RedriveBackend, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 30.0, 60.0])
    monkeypatch.setattr("pik_cli.dlq.monitor.QueueSampler.__init__.__defaults__", (lambda: next(times),))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            for number in range(4):
                backend.bury(number)
        else:
            backend.aws.sqs.messages(backend.names.work_dead_letter_queue_url)
            for it in backend.sqs.receive_message(
                QueueUrl=backend.names.work_dead_letter_queue_url, MaxNumberOfMessages=2
            )["Messages"]:
                backend.sqs.delete_message(
                    QueueUrl=backend.names.work_dead_letter_queue_url, ReceiptHandle=it["ReceiptHandle"]
                )

    monkeypatch.setattr("pik_cli.dlq.monitor.time.sleep", sleep)
    result = pik("dlq", "monitor", "--interval", "30", "--count", "3", "-o", "json")
    assert result.exit_code == 0, result.output
    looks = [json.loads(line) for line in result.stdout.splitlines()]
    assert [it["messages"] for it in looks] == [0, 4, 2]
    assert [(it["in_per_minute"], it["out_per_minute"]) for it in looks] == [(None, None), (8.0, 0.0), (0.0, 4.0)]
    assert waits == [30, 30]
    assert backend.requests == []


def test_monitor_goes_on_after_a_look_that_failed_until_ctrl_c(
    backend: RedriveBackend, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def broken(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://x")

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        backend.aws.on_call = broken if len(waits) == 1 else None
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("pik_cli.dlq.monitor.time.sleep", sleep)
    result = pik("dlq", "monitor", "--interval", "1")
    assert result.exit_code == 0
    assert "Could not read the queue: AWS does not answer" in result.stderr
    assert len(rows(result.stdout)) == 3


def test_peek_says_what_is_wrong_with_a_message_that_cannot_be_read(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, body="y")
    output = pik("dlq", "peek").stdout
    assert "unreadable" in output
    assert "work message: not JSON" in " ".join(output.split())


def test_peek_says_nothing_of_what_can_be_read(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    assert "unreadable" not in pik("dlq", "peek").stdout
