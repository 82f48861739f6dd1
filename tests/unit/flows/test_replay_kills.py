"""Replay under any page sizes, budgets, kills, refusals and partial failures: nothing is lost, every count adds up."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from pik.flows import replay as module
from tests.support.replay import ENTITY, SOURCE, ReplayHarness, order, row_of

_ATTEMPTS = 100
_CALM_FROM = 20


class Killed(BaseException):
    """The function's process dies here."""


class Inline:
    """Workers without threads, so that hypothesis can replay what it found."""

    def __init__(self, _: int) -> None:
        pass

    def start(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Future[Any]]:
        return [_done(function, item) for item in items]

    def run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [future.result() for future in self.start(function, items)]

    def soon(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 (as the real one: it raises where the result is requested)
            future.set_exception(error)
        return future


def _done(function: Callable[[Any], Any], item: Any) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(function(item))
    except Exception as error:  # noqa: BLE001 (as the real one: the caller decides by the exception)
        future.set_result(error)
    return future


class Weather:
    """What befalls the calls of a stage; `calm` calls of each kind of trouble go well."""

    def __init__(self, stage: ReplayHarness, chance: random.Random, calm: int) -> None:
        self._stage = stage
        self._chance = chance
        self._kinds = ["fine"] * calm + ["kill", "refuse", "entries", "late"]
        self._refused: set[str] = set()
        stage.aws.on_call, stage.aws.partial = self._call, self._entries

    def another_attempt(self) -> None:
        self._refused.clear()

    def clear(self) -> None:
        self._stage.aws.on_call = self._stage.aws.partial = None
        self._stage.context.remaining_ms = 30_000

    def _call(self, _: str, operation: str, __: Mapping[str, Any], phase: str) -> None:
        if phase != self._chance.choice(["before", "after"]):
            return
        kind = self._chance.choice(self._kinds)
        self._stage.context.remaining_ms = 0 if kind == "late" else 30_000
        if kind == "kill":
            raise Killed
        if kind == "refuse":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "no"}}, operation)

    def _entries(self, _: str, __: str, batch: Mapping[str, Any]) -> set[int]:
        """What is refused once stays so for the attempt, or the second round of a send would hide it."""
        bodies = [entry["MessageBody"] for entry in batch["Entries"]]
        if self._chance.choice(self._kinds) == "entries":
            self._refused |= {body for body in bodies if self._chance.random() < 0.3}
        return {place for place, body in enumerate(bodies) if body in self._refused}


def follow(stage: ReplayHarness, body: dict[str, Any], weather: Weather) -> dict[str, Any]:
    """The last answer of a client that repeats what fails with the last token that it got."""
    token: str | None = None
    for attempt in range(_ATTEMPTS):
        if attempt == _CALM_FROM:
            weather.clear()
        weather.another_attempt()
        stage.replay = stage.new()
        try:
            status, answer = stage.ask(body if token is None else {**body, "next_token": token})
        except Killed:
            continue
        token = answer.get("next_token", token)
        if status == 200:
            assert answer["scanned"] == answer["sent"] + sum(answer["skipped"].values()) + answer["failed"]
            if answer["status"] == "COMPLETE":
                weather.clear()
                return answer
    raise AssertionError("never complete")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_killed_anywhere_and_run_again_with_the_last_token_it_loses_nothing(data: st.DataObject) -> None:
    stage = ReplayHarness(validate=False)
    count = data.draw(st.integers(0, 60), "events")
    works = [order(n, event_time=f"2026-11-{19 + n % 2:02d}T10:00:00.{n:06d}Z") for n in range(count)]
    odd = [row_of(order(n), data.draw(st.sampled_from(["DUPLICATE", "CONFLICT"])), n) for n in range(count // 5)]
    stage.store(*(row_of(it) for it in works), *odd)
    scope = data.draw(st.sampled_from([ENTITY, SOURCE]), "scope")
    body = {**scope, "start_time": "2026-11-19T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "REPLAY_PAGE_ROWS", data.draw(st.integers(1, 12), "page"))
        patch.setattr(module, "REPLAY_SEND_EVENTS", data.draw(st.integers(10, 40), "slice"))
        patch.setattr(module, "REPLAY_BACKLOG_EVENTS", data.draw(st.integers(10, 60), "backlog"))
        patch.setattr(module, "Workers", Inline)
        for level in ("info", "warning", "error"):
            patch.setattr(module.logger, level, lambda *_, **__: None)
        patch.setattr(module.metrics, "flush_metrics", lambda: None)
        chance = data.draw(st.randoms(use_true_random=False), "chance")
        answer = follow(stage, body, Weather(stage, chance, data.draw(st.integers(5, 60), "calm")))
    assert set(stage.queued_ids()) == {it.event_id for it in works}
    skipped = dict(Counter(row["status"].lower() for row in odd))
    totals = {"scanned": count + len(odd), "sent": count, "skipped": skipped, "failed": 0}
    assert answer["totals"] == totals
    record = stage.record()
    assert record is not None
    assert (record["status"], record["totals"]) == ("COMPLETE", totals)
