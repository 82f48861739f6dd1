"""`pik replay`: to the end of a window whatever comes between, and an account of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
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
            "start_time": "2026-11-20T10:00:00+09:00",
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


def test_a_refusal_says_why_and_is_exit_status_1(backend: ReplayBackend, pik: Pik) -> None:
    result = pik("replay", "--entity", "customer-17", "--from", "2026-11-20", "--yes")
    assert result.exit_code == 1
    assert 'The window has no "end_time"' in result.stderr


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
