"""Two processors on one entity-day, their calls to DynamoDB in every order, and with one of them dying anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import Any, Final

import pytest

from pik.flows import process as module
from tests.support.faults import Killed
from tests.support.pipeline import ProcessorHarness, assert_counted_once

DECISIONS: Final = 7
"""Choices between two processors that are about to call; a version of a big day takes four calls of each, and when one
has made its last, there is no choice left."""

PATIENCE_SECONDS: Final = 10


class Turns:
    """Lets one of two threads make its next call, and waits until both are about to call, or have ended."""

    def __init__(self, order: tuple[int, ...], killed: tuple[int, int] | None = None) -> None:
        self._order = iter(order)
        self._killed = killed  # whose which call is its last
        self._calls = [0, 0]
        self._waiting: set[int] = set()
        self._running = {0, 1}
        self._turn: int | None = None
        self._changed = threading.Condition()

    def before_call(self, who: int) -> None:
        with self._changed:
            if self._killed == (who, self._calls[who]):
                raise Killed
            self._calls[who] += 1
            self._waiting.add(who)
            self._settle()
            assert self._changed.wait_for(lambda: self._turn == who, PATIENCE_SECONDS)
            self._turn = None
            self._waiting.discard(who)

    def ended(self, who: int) -> None:
        with self._changed:
            self._running.discard(who)
            self._settle()

    def _settle(self) -> None:
        if self._running and self._waiting == self._running and self._turn is None:
            wanted = next(self._order, min(self._waiting))
            self._turn = wanted if wanted in self._waiting else min(self._waiting)
            self._changed.notify_all()


class Gated:
    """A DynamoDB client whose calls wait for their turn."""

    def __init__(self, dynamodb: Any, wait: Callable[[], None]) -> None:
        self._dynamodb = dynamodb
        self._wait = wait

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self._wait()
            return getattr(self._dynamodb, name)(**request)

        return call


def race(harness: ProcessorHarness, turns: Turns, batches: tuple[list[Any], list[Any]]) -> None:
    """Both processors take their batch at once."""

    def run(who: int) -> None:
        dynamodb = Gated(harness.aws.dynamodb, lambda: turns.before_call(who))
        clients = SimpleNamespace(s3=harness.aws.s3, dynamodb=dynamodb, sqs=harness.aws.sqs, events=harness.aws.events)
        try:
            failed = harness.pipeline.process(*batches[who], processor=harness.pipeline.new_processor(clients))
        except Killed:
            return
        finally:
            turns.ended(who)
        assert failed == []

    threads = [threading.Thread(target=run, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_observe", lambda *_: None)  # processes do not share metrics; these threads would


@pytest.mark.parametrize("before", [38, 45])
def test_every_order_of_two_processors_calls_counts_each_event_once(before: int) -> None:
    for order in product((0, 1), repeat=DECISIONS):
        harness = ProcessorHarness(validate=False)
        works = harness.pipeline.orders(before + 4, key="raw/all.ndjson")
        harness.pipeline.process(*works[: before - 1])
        harness.pipeline.process(works[before - 1])
        mine, theirs = works[before - 1 : before + 3], works[before + 1 :]  # two of them are in both batches
        race(harness, Turns(order), (mine, theirs))
        assert_counted_once(harness.pipeline, works)
        assert {it["version"] for it in harness.announced()} == {it.number for it in harness.pipeline.versions()}


@pytest.mark.parametrize("last", range(5))
def test_one_that_dies_at_any_call_leaves_the_other_and_its_own_return_unharmed(last: int) -> None:
    for order in product((0, 1), repeat=5):
        harness = ProcessorHarness(validate=False)
        works = harness.pipeline.orders(49, key="raw/all.ndjson")
        harness.pipeline.process(*works[:44])
        harness.pipeline.process(works[44])
        mine, theirs = works[44:48], works[46:]
        race(harness, Turns(order, killed=(0, last)), (mine, theirs))
        assert harness.pipeline.process(*mine, receive_count=2) == []
        assert_counted_once(harness.pipeline, works)
        assert {it["version"] for it in harness.announced()} == {it.number for it in harness.pipeline.versions()}
