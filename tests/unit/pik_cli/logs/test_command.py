"""`pik logs`: lines of several functions, understood, filtered, merged and followed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pik_cli.logs.command import LoggedFunction, LogReader, PrintedLines, follow
from pik_cli.logs.lines import LineFilter, LogLine, id_of, level_of, message, parse, time_text, value_text
from pik_cli.shell.errors import Misuse
from tests.support.command_line import Pik, write_state

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
T0 = int(NOW.timestamp() * 1000)
GROUPS = {LoggedFunction.INGEST: "/aws/lambda/ingest", LoggedFunction.PROCESSOR: "/aws/lambda/processor"}


def event(text: str | dict[str, Any], at: int = 0, own: str | None = None) -> dict[str, Any]:
    message_text = text if isinstance(text, str) else json.dumps(text)
    found: dict[str, Any] = {"timestamp": T0 + at, "message": message_text, "logStreamName": "stream"}
    return found | ({"eventId": own} if own else {})


def line(text: str | dict[str, Any], at: int = 0) -> LogLine:
    return parse("ingest", "group", event(text, at))


def powertools(text: str = "said", level: str = "INFO", **extra: Any) -> dict[str, Any]:
    common = {"level": level, "message": text, "timestamp": "t", "service": "ingest", "cold_start": True}
    return {**common, "function_request_id": "req-1", "location": "f:1", **extra}


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (powertools(level="WARNING"), "WARNING"),
        ({"message": "no level"}, "INFO"),
        ("plain text", "INFO"),
        ("2026-11-20T10:00:00 5a3 Task timed out after 3.00 seconds", "ERROR"),
        ("[ERROR] Runtime.ImportModuleError: no module", "ERROR"),
        ("REPORT RequestId: 5a3\tDuration: 3 ms\tStatus: timeout", "ERROR"),
        ({"errorMessage": "x", "errorType": "KeyError"}, "ERROR"),
    ],
    ids=str,
)
def test_every_line_has_a_level_also_without_saying_so(text: str | dict[str, Any], level: str) -> None:
    assert line(text).level == level


@pytest.mark.parametrize(
    "text",
    [
        "START RequestId: 5a3 Version: $LATEST",
        "END RequestId: 5a3",
        "REPORT RequestId: 5a3\tDuration: 3 ms",
        "INIT_START Runtime Version: python:3.13",
        {"_aws": {}, "EventsAccepted": 1},
        {"time": "t", "type": "platform.report", "record": {}},
        "   ",
    ],
    ids=str,
)
def test_what_the_runtime_says_of_itself_is_left_out_unless_everything_is_wanted(text: str | dict[str, Any]) -> None:
    assert not LineFilter().takes(line(text))
    assert LineFilter(everything=True).takes(line(text))


def test_trouble_that_the_runtime_reports_is_never_left_out() -> None:
    assert LineFilter(level="ERROR").takes(line("REPORT RequestId: 5a3\tDuration: 3 ms\tStatus: timeout"))
    assert LineFilter(level="ERROR").takes(line({"type": "platform.runtimeDone", "record": {"errorType": "x"}}))
    assert LineFilter(level="ERROR").takes(line({"type": "platform.report", "record": {"status": "timeout"}}))
    assert not LineFilter().takes(line({"type": "platform.report", "record": {"status": "success"}}))


@pytest.mark.parametrize(
    ("level", "shown"), [("DEBUG", 5), ("INFO", 4), ("WARNING", 3), ("ERROR", 2), ("CRITICAL", 1), ("", 5)]
)
def test_a_level_means_it_and_above(level: str, shown: int) -> None:
    lines = [line(powertools(level=it)) for it in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")]
    assert sum(LineFilter(level=level).takes(it) for it in lines) == shown


def test_text_is_found_in_any_case_and_behind_json_escapes() -> None:
    assert LineFilter(text="NOT stored").takes(line(powertools("not Stored")))
    assert LineFilter(text="花子").takes(line(powertools("注文", customer="花子")))
    assert not LineFilter(text="花子").takes(line(powertools("太郎")))


def test_ids_are_found_wherever_they_stand_and_all_of_them_must() -> None:
    found = line(powertools(events={"event-1": "ACCEPTED"}))
    assert LineFilter(ids=("event-1",)).takes(found)
    assert LineFilter(ids=("event-1", "req-1")).takes(found)
    assert not LineFilter(ids=("event-1", "req-2")).takes(found)
    assert LineFilter(ids=("a-b/c", "req-1")).server_pattern == '"a-b/c" "req-1"'
    assert LineFilter(level="ERROR", text="x").server_pattern == ""


def test_a_line_for_people_has_its_message_then_what_is_particular_to_it() -> None:
    text = message(line(powertools("stored", event_id="e1", counts={"a": 1}, exception="Traceback:\n  File x")))
    assert text == 'stored event_id=e1 counts={"a": 1}\n    Traceback:\n      File x'
    assert message(line("plain")) == "plain"
    assert message(line({"errorMessage": "no module", "errorType": "ImportError"})) == "no module errorType=ImportError"


def test_long_values_are_cut_and_what_was_asked_for_is_kept() -> None:
    events = {f"event-{n:064}": "ACCEPTED" for n in range(100)}
    wanted = f"event-{7:064}"
    assert value_text(events, [wanted]) == f'{{"{wanted}": "ACCEPTED", … 99 more}}'
    assert value_text(list(events), [wanted]) == f'["{wanted}", … 99 more]'
    assert value_text(events).count("event-") == 1
    assert len(value_text("x" * 500)) == 201
    assert value_text({"a": 1}) == '{"a": 1}'


def test_times_are_utc_to_the_millisecond() -> None:
    assert time_text(line("x", 7)) == "2026-11-20 10:00:00.007Z"


def test_levels_and_ids_are_checked() -> None:
    assert level_of("error") == "ERROR"
    with pytest.raises(Misuse, match="--level loud"):
        level_of("loud")
    assert id_of("--event-id", "ab-12.c") == "ab-12.c"
    for text in ('a" ?b', "ab", "花子です", "a b c d", "x" * 257):
        with pytest.raises(Misuse, match="not an id"):
            id_of("--event-id", text)


def stubbed() -> tuple[Any, Stubber]:
    client = boto3.client("logs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def add_page(stub: Stubber, group: str, events: Sequence[dict[str, Any]], **extra: Any) -> None:
    token = {"nextToken": extra["token"]} if "token" in extra else {}
    request = {"logGroupName": group, "startTime": T0, "limit": 1000, **token, **extra.get("request", {})}
    answer = {"events": events, **({"nextToken": extra["next"]} if "next" in extra else {})}
    stub.add_response("filter_log_events", answer, request)


def test_lines_of_all_functions_are_merged_by_time_over_all_pages() -> None:
    client, stub = stubbed()
    add_page(stub, GROUPS[LoggedFunction.INGEST], [event("a", 1), event("d", 40)], next="more")
    add_page(stub, GROUPS[LoggedFunction.PROCESSOR], [event("c", 30), event("b", 20)])
    add_page(stub, GROUPS[LoggedFunction.INGEST], [event("e", 50)], token="more")
    with stub:
        found = list(LogReader(client, GROUPS, LineFilter()).lines(NOW))
        stub.assert_no_pending_responses()
    assert [(it.text, it.function) for it in found] == [
        ("a", "ingest"),
        ("b", "processor"),
        ("c", "processor"),
        ("d", "ingest"),
        ("e", "ingest"),
    ]


def test_ids_are_filtered_on_the_other_side_and_again_here() -> None:
    client, stub = stubbed()
    groups = {LoggedFunction.INGEST: "g"}
    add_page(stub, "g", [event("x event-1"), event("y event-2")], request={"filterPattern": '"event-1"'})
    with stub:
        found = list(LogReader(client, groups, LineFilter(ids=("event-1",))).lines(NOW))
    assert [it.text for it in found] == ["x event-1"]


def test_a_log_group_that_is_not_there_is_noted_and_the_others_are_read() -> None:
    client, stub = stubbed()
    stub.add_client_error("filter_log_events", "ResourceNotFoundException")
    add_page(stub, GROUPS[LoggedFunction.PROCESSOR], [event("b")])
    reader = LogReader(client, GROUPS, LineFilter())
    with stub:
        assert [it.text for it in reader.lines(NOW)] == ["b"]
    assert reader.missing == {"/aws/lambda/ingest"}


class Growing:
    """A log group that grows between looks, as `looks` says; remembers where each look began."""

    def __init__(self, *looks: list[dict[str, Any]]) -> None:
        self.looks = list(looks)
        self.starts: list[int] = []

    def get_paginator(self, _name: str) -> Any:
        return SimpleNamespace(paginate=self._paginate)

    def _paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.starts.append(request["startTime"])
        return [{"events": self.looks.pop(0)}]


def test_following_prints_each_line_once_also_when_lines_come_late() -> None:
    first, late, second = event("first", 5, "1"), event("late", 2, "2"), event("second", 9, "3")
    client = Growing([first], [first, late], [late, first, second], [])
    clock = iter(NOW + timedelta(seconds=60 * n) for n in range(9))
    reader = LogReader(client, {LoggedFunction.INGEST: "g"}, LineFilter())  # type: ignore[arg-type]
    looks = follow(reader, NOW, lambda _: None, lambda: next(clock))
    assert [[it.text for it in next(looks)] for _ in range(4)] == [["first"], ["late"], ["second"], []]
    assert client.starts == [T0, T0, T0 + 30_000, T0 + 90_000]


def test_lines_without_an_id_of_their_own_are_told_apart_by_what_they_are() -> None:
    seen = PrintedLines()
    assert seen.is_new("g", event("a", 1))
    assert not seen.is_new("g", event("a", 1))
    assert seen.is_new("g", event("a", 2))
    assert seen.is_new("h", event("a", 1))


def test_what_is_remembered_while_following_is_bounded() -> None:
    seen = PrintedLines(bound=2)
    for number in range(3):
        assert seen.is_new("g", event("a", number))
    assert seen.is_new("g", event("a", 0))
    assert not seen.is_new("g", event("a", 2))


@pytest.fixture
def engine_outputs() -> list[dict[str, str]]:
    """The outputs of a stack without webhooks."""
    names = ("Ingest", "Publisher", "Processor", "Replay", "Redrive", "RedriveStep")
    return [{"OutputKey": f"{name}LogGroupName", "OutputValue": f"g-{name.lower()}"} for name in names]


@pytest.fixture
def engine_logs(
    machine: Path, monkeypatch: pytest.MonkeyPatch, engine_outputs: list[dict[str, str]]
) -> dict[str, list[dict[str, Any]]]:
    """A local engine whose log groups hold these events; a group that is missing here is missing there."""
    write_state(machine, "http://127.0.0.1:9", log_file="/tmp/the-engine.log")
    groups: dict[str, list[dict[str, Any]]] = {it["OutputValue"]: [] for it in engine_outputs}
    stacks = {"Stacks": [{"StackName": "s", "StackStatus": "CREATE_COMPLETE", "Outputs": engine_outputs}]}

    def paginate(*, logGroupName: str, endTime: int | None = None, **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        found = groups[logGroupName]
        return [{"events": [it for it in found if endTime is None or it["timestamp"] <= endTime]}]

    aws = SimpleNamespace(
        cloudformation=SimpleNamespace(describe_stacks=lambda **_: stacks),
        logs=SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate)),
    )
    monkeypatch.setattr("pik_cli.shell.session.StackAws", lambda _target: aws)
    return groups


def test_lines_are_printed_with_time_level_and_function(pik: Pik, engine_logs: dict[str, list[dict[str, Any]]]) -> None:
    engine_logs["g-processor"].append(event(powertools("failed", "ERROR", event_id="e1"), 1500))
    engine_logs["g-ingest"].append(event(powertools("stored \x1b[2J"), 1))
    result = pik("logs")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "2026-11-20 10:00:00.001Z  INFO     ingest        stored \\u001b[2J",
        "2026-11-20 10:00:01.500Z  ERROR    processor     failed event_id=e1",
    ]
    assert pik("logs", "ingest").stdout.count("\n") == 1
    assert pik("logs", "--level", "ERROR").stdout.count("\n") == 1
    assert pik("logs", "--event-id", "e1e1").stdout == ""


def test_json_is_one_object_a_line_with_the_text_as_written(
    pik: Pik, engine_logs: dict[str, list[dict[str, Any]]]
) -> None:
    record = powertools("failed", "ERROR")
    engine_logs["g-ingest"] += [event(record, 1), event("plain", 2)]
    first, second = [json.loads(it) for it in pik("logs", "-o", "json").stdout.splitlines()]
    assert first == {
        "time": "2026-11-20T10:00:00.001Z",
        "function": "ingest",
        "log_group": "g-ingest",
        "log_stream": "stream",
        "level": "ERROR",
        "message": json.dumps(record),
        "record": record,
    }
    assert (second["message"], second["record"]) == ("plain", None)


def test_silence_on_a_local_engine_names_its_log_file(pik: Pik, engine_logs: dict[str, list[dict[str, Any]]]) -> None:
    result = pik("logs")
    assert result.exit_code == 0
    assert "No lines" in result.stderr
    assert "/tmp/the-engine.log" in result.stderr


@pytest.mark.parametrize(
    ("args", "advice"),
    [
        ((), "No lines. Look further back with --since 1d."),
        (("--since", "2h"), "No lines. Look further back with --since 1d."),
        (("--since", "1d"), "No lines. Look further back with --since 1w."),
        (("--since", "3d", "--level", "ERROR"), "Look further back with --since 1w, or leave out --level."),
        (("--since", "90d", "--grep", "x", "--event-id", "abcd"), "No lines. Leave out --grep and the id."),
        (("--since", "90d"), "No lines."),
    ],
    ids=str,
)
def test_silence_is_not_answered_with_what_was_asked_already(
    pik: Pik, engine_logs: dict[str, list[dict[str, Any]]], args: tuple[str, ...], advice: str
) -> None:
    lines = pik("logs", *args).stderr.splitlines()
    assert any(line.endswith(advice) for line in lines), lines


def test_the_window_is_shown_and_ends_before_until(pik: Pik, engine_logs: dict[str, list[dict[str, Any]]]) -> None:
    engine_logs["g-ingest"] += [event("before", 999), event("at the end", 1000)]
    result = pik("logs", "--since", "2026-11-20T10:00", "--until", "2026-11-20T10:00:01")
    assert "Log times, UTC: 2026-11-20T10:00:00Z to 2026-11-20T10:00:01Z (1 s)" in result.stderr
    assert "before" in result.stdout
    assert "at the end" not in result.stdout


def test_a_stack_without_webhooks_has_no_logs_of_them_and_says_how_it_gets_some(
    pik: Pik, engine_logs: dict[str, list[dict[str, Any]]]
) -> None:
    result = pik("logs", "webhook")
    assert result.exit_code == 1
    assert "takes no webhooks" in result.stderr
    assert "WebhookSources" in result.stderr


def test_a_stack_with_webhooks_shows_their_logs_too(
    pik: Pik, engine_logs: dict[str, list[dict[str, Any]]], engine_outputs: list[dict[str, str]]
) -> None:
    engine_outputs.append({"OutputKey": "WebhookLogGroupName", "OutputValue": "g-webhook"})
    engine_logs["g-webhook"] = [event(powertools("webhook refused", "WARNING"), 1)]
    for line_of in (pik("logs"), pik("logs", "webhook")):
        assert line_of.stdout.splitlines() == ["2026-11-20 10:00:00.001Z  WARNING  webhook       webhook refused"]


def test_more_lines_than_asked_for_are_cut_and_said_to_be(
    pik: Pik, engine_logs: dict[str, list[dict[str, Any]]]
) -> None:
    engine_logs["g-ingest"] += [event(str(number), number) for number in range(5)]
    cut = pik("logs", "--limit", "3")
    assert cut.stdout.count("\n") == 3
    assert "Stopped" in cut.stderr
    assert "Stopped" not in pik("logs", "--limit", "5").stderr


def test_following_ends_with_ctrl_c_and_exit_status_0(
    pik: Pik, engine_logs: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_logs["g-ingest"].append(event("one", 1))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        engine_logs["g-ingest"].append(event(f"more {len(waits)}", 10 + len(waits)))
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("pik_cli.logs.command.time.sleep", sleep)
    result = pik("logs", "--follow", "-o", "json")
    assert result.exit_code == 0
    assert [json.loads(it)["message"] for it in result.stdout.splitlines()] == ["one", "more 1", "more 2"]


@pytest.mark.parametrize(
    "args",
    [
        ["--since", "soon"],
        ["--until", "soon"],
        ["--since", "today", "--until", "yesterday"],
        ["--follow", "--until", "today"],
        ["--level", "LOUD"],
        ["--event-id", "a b"],
        ["--request-id", '"'],
    ],
    ids=" ".join,
)
def test_what_cannot_be_understood_is_wrong_usage(
    pik: Pik, engine_logs: dict[str, list[dict[str, Any]]], args: list[str]
) -> None:
    result = pik("logs", *args)
    assert result.exit_code == 2
    assert args[0] in result.stderr
