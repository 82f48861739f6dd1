"""`pik replay`: to the end of a window whatever comes between, and an account of it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pik.flows import replay as module
from pik_cli.shell.limits import CLI_FAILED_BATCHES
from tests.support.command_line import Pik, summary, write_state
from tests.support.replay import ENTITY, OPERATOR, ReplayHarness, order, row_of

DAY = ("--from", "2026-11-20", "--to", "2026-11-21")
WHOLE = ("replay", "--entity", "customer-17", *DAY, "--yes")

Reply = Callable[[httpx.Request], httpx.Response]


class HurriedContext:
    """Lambda's context of a function whose time is up after a few looks at the clock."""

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def get_remaining_time_in_millis(self) -> int:
        self._looks -= 1
        return 30_000 if self._looks > 0 else 0


class ReplayBackend:
    """The real handler behind HTTP, on AWS in memory. `instead` are answered in its place, one a request."""

    def __init__(self) -> None:
        self.harness = ReplayHarness(validate=False)
        self.requests: list[httpx.Request] = []
        self.looks = 1_000
        self.instead: list[Reply | BaseException] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.instead:
            reply = self.instead.pop(0)
            if isinstance(reply, BaseException):
                raise reply
            return reply(request)
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256")
        run_id = request.url.path.removeprefix("/replay").strip("/")
        event = {
            "routeKey": f"{request.method} /replay" + ("/{run_id}" if run_id else ""),
            "pathParameters": {"run_id": run_id},
            "headers": dict(request.headers),
            "requestContext": {"requestId": "r", "authorizer": {"iam": {"userArn": OPERATOR}}},
            "body": request.content.decode(),
        }
        answer = self.harness.replay(event, HurriedContext(self.looks))
        return httpx.Response(answer["statusCode"], headers=answer["headers"], content=answer["body"])

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(it.content) for it in self.requests]


@pytest.fixture
def backend(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayBackend]:
    found = ReplayBackend()
    write_state(machine, "http://127.0.0.1:9")
    monkeypatch.setattr(
        "pik_cli.shell.api.http_client", lambda local: httpx.Client(transport=httpx.MockTransport(found))
    )
    monkeypatch.setattr("pik_cli.replay.command.time.sleep", lambda seconds: None)
    monkeypatch.setattr("pik_cli.replay.command.warn_when_paused", lambda _session: None)
    monkeypatch.setattr(module, "_observe", lambda run, outcome: None)
    return found


def test_a_window_is_replayed_and_every_row_accounted_for(backend: ReplayBackend, pik: Pik) -> None:
    works = backend.harness.accept(range(30))
    backend.harness.store(row_of(order(1), "DUPLICATE", 1), row_of(order(2), "CONFLICT"))
    result = pik(*WHOLE)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["sent", "30"] in rows
    assert ["skipped:", "conflict", "1"] in rows
    assert ["skipped:", "duplicate", "1"] in rows
    assert ["read", "32"] in rows
    assert set(backend.harness.work_queue.ids()) == {it.event_id for it in works}
    assert backend.bodies() == [{**ENTITY, "start_time": "2026-11-20T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"}]


def test_tokens_are_followed_to_the_end(backend: ReplayBackend, pik: Pik, monkeypatch: pytest.MonkeyPatch) -> None:
    works = backend.harness.accept(range(95))
    monkeypatch.setattr(module, "REPLAY_PAGE_ROWS", 10)
    backend.looks = 3
    shown = summary(pik(*WHOLE, "-o", "json"))
    assert (shown["status"], shown["sent"], shown["scanned"]) == ("COMPLETE", 95, 95)
    assert shown["requests"] == len(backend.requests) > 3
    assert set(backend.harness.work_queue.ids()) == {it.event_id for it in works}


def test_options_become_members_of_the_request(backend: ReplayBackend, pik: Pik) -> None:
    args = ("--source", "shop", "--type", "order", "--from", "2026-11-20T10:00:00+09:00", "--to", "2026-11-21")
    pik("replay", *args, "--limit", "7", "--include-duplicates", "--shadow", "--dry-run")
    assert backend.bodies() == [
        {
            "source": "shop",
            "event_type": "order",
            "start_time": "2026-11-20T01:00:00Z",
            "end_time": "2026-11-21T00:00:00Z",
            "limit": 7,
            "include_duplicates": True,
            "shadow": True,
            "dry_run": True,
        }
    ]


def test_nothing_sent_is_exit_status_1_with_the_reason(backend: ReplayBackend, pik: Pik) -> None:
    result = pik(*WHOLE)
    assert result.exit_code == 1
    assert "holds no event" in result.stdout


def test_a_dry_run_asks_nobody_and_says_what_it_would_do(backend: ReplayBackend, pik: Pik) -> None:
    backend.harness.accept(range(3))
    result = pik("replay", "--entity", "customer-17", *DAY, "--dry-run")
    assert result.exit_code == 0
    assert "would be sent" in result.stdout
    assert backend.harness.work_queue.all() == []


def test_without_yes_and_without_a_terminal_nothing_is_sent(backend: ReplayBackend, pik: Pik) -> None:
    result = pik("replay", "--entity", "customer-17", *DAY)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert backend.requests == []


@pytest.mark.parametrize(
    ("args", "message", "fix"),
    [
        ([], "Nothing says which events", "--entity E, or --source S with --type T"),
        (["--entity", "c"], "The window is missing", "--from yesterday --to now"),
        (["--entity", "c", "--from", "today"], "--to is missing", "--to now"),
        (["--entity", "c", "--to", "today"], "--from is missing", "--from yesterday"),
        (["--entity", "c", "--source", "s", *DAY], "--entity contradicts", "--source with --type"),
        (["--source", "s", *DAY], "--source needs --type", "Add --type"),
        (["--type", "t", *DAY], "--type needs --source", "Add --source"),
        (["--entity", "c", "--from", "2026-11-21", "--to", "2026-11-20"], "is reversed", "Swap them"),
        (["--entity", "c", "--from", "2026-11-20", "--to", "2026-11-20"], "is empty", "--to 2026-11-21"),
        (["--entity", "c", "--from", "soon", "--to", "now"], "Invalid value for '--from'", "yesterday"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else "",
)
def test_what_makes_no_window_or_scope_is_wrong_usage_before_anything_is_asked(
    backend: ReplayBackend, pik: Pik, args: list[str], message: str, fix: str
) -> None:
    result = pik("replay", *args, "--yes")
    assert result.exit_code == 2
    assert message in result.stderr
    assert fix in result.stderr
    assert backend.requests == []


def test_words_for_times_become_one_window_that_is_shown_before_the_act(
    backend: ReplayBackend, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 20, 10, 15, 30, 250_000, tzinfo=UTC)
    monkeypatch.setattr("pik_cli.replay.command.clock", lambda: now)
    backend.instead = [httpx.ConnectError("down")] * 20
    result = pik("replay", "--entity", "c", "--from", "yesterday", "--to", "-2h", "--yes")
    assert "Event times, UTC: 2026-11-19T00:00:00Z to 2026-11-20T08:15:30Z (1 d 8 h)" in result.stderr
    body = backend.bodies()[0]
    assert (body["start_time"], body["end_time"]) == ("2026-11-19T00:00:00Z", "2026-11-20T08:15:30Z")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((*WHOLE, "--token", "x"), ["The token cannot be read. Send --token exactly"]),
        (("replay", "--entity", " ", *DAY, "--yes"), ["--entity is blank"]),
        (
            ("replay", "--source", "s", "--type", "t", "--from", "2020-01-01", "--to", "2026-01-01", "--yes"),
            ["--to: The window touches"],
        ),
    ],
    ids=["token", "entity", "window"],
)
def test_what_the_api_refuses_is_wrong_usage_that_names_the_option(
    backend: ReplayBackend, pik: Pik, args: tuple[str, ...], words: list[str]
) -> None:
    result = pik(*args)
    assert result.exit_code == 2
    for text in words:
        assert text in result.stderr
    assert not re.search(r"/\w|_", result.stderr.partition("Error:")[2]), "neither a JSON Pointer nor a member"
    assert "go on with" not in result.stderr, "the same command would be refused again"


def test_ctrl_c_tells_the_command_that_goes_on(
    backend: ReplayBackend, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = backend.harness.accept(range(95))
    monkeypatch.setattr(module, "REPLAY_PAGE_ROWS", 10)
    backend.looks = 3
    backend.instead = [backend.answer, backend.answer, KeyboardInterrupt()]
    stopped = pik(*WHOLE)
    assert stopped.exit_code == 130
    command = next(line for line in stopped.stderr.splitlines() if line.startswith("pik "))
    words = shlex.split(command)[1:]
    assert "--token" in words
    shown = summary(pik(*words, "-o", "json"))
    assert (shown["status"], shown["sent"]) == ("COMPLETE", 95)
    assert set(backend.harness.work_queue.ids()) == {it.event_id for it in works}


def test_a_503_is_followed_by_its_token(backend: ReplayBackend, pik: Pik) -> None:
    backend.harness.accept(range(3))
    token = backend.harness.ok(**{**ENTITY, "limit": 1})["run_id"]
    unavailable = httpx.Response(503, json={"error": {"message": "later"}, "run_id": token, "next_token": "go-on"})
    backend.instead = [lambda _: unavailable]
    pik(*WHOLE)
    assert backend.bodies()[1]["next_token"] == "go-on"


def test_a_replay_that_does_not_get_on_stops_with_the_command_to_go_on(backend: ReplayBackend, pik: Pik) -> None:
    backend.harness.accept(range(3))
    backend.harness.aws.partial = lambda _, operation, request: range(len(request["Entries"]))
    result = pik(*WHOLE)
    assert result.exit_code == 1
    assert len(backend.requests) == CLI_FAILED_BATCHES
    assert "makes no progress" in result.stderr
    assert "--token" in result.stderr


def test_show_tells_of_a_recorded_run(backend: ReplayBackend, pik: Pik) -> None:
    backend.harness.accept(range(3))
    run_id = summary(pik(*WHOLE, "-o", "json"))["run_id"]
    shown = pik("replay", "show", run_id)
    assert shown.exit_code == 0
    assert OPERATOR in shown.stdout
    assert ["sent", "3"] in [line.split() for line in shown.stdout.splitlines()]
    assert summary(pik("-o", "json", "replay", "show", run_id))["status"] == "COMPLETE"


def test_show_refuses_a_run_that_is_not_there(backend: ReplayBackend, pik: Pik) -> None:
    result = pik("replay", "show", "rpl-1")
    assert result.exit_code == 1
    assert "rpl-1" in result.stderr


def test_show_sends_a_redrive_to_its_own_command(backend: ReplayBackend, pik: Pik) -> None:
    result = pik("replay", "show", "rdr-20261120T101530Z-0a1b2c3d")
    assert result.exit_code == 2
    assert "pik dlq show rdr-20261120T101530Z-0a1b2c3d" in result.stderr
    assert backend.requests == []
