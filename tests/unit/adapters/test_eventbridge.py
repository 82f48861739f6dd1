"""EventBus: every announcement is on the bus, or named as one that is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pik.adapters.eventbridge import EventBus
from pik.domain.process.versions import Announcement
from pik.domain.shared.failures import Category, EntryRefused, classify
from pik.workers import Workers
from tests.support.aws.account import FakeAws
from tests.support.faults import FaultPlan, refused

SOME = [Announcement(f"id-{n}", "events.processed", f'{{"n":{n},"text":"é"}}') for n in range(25)]


class BusHarness:
    """A bus in memory."""

    def __init__(self) -> None:
        self.aws = FakeAws()
        self.aws.client("events").create_event_bus(Name="bus")  # type: ignore[attr-defined]
        self.aws.calls.clear()
        self.slept: list[float] = []
        client: Any = self.aws.client("events")
        self.bus = EventBus(client, "bus", Workers(4), self.slept.append)

    def refuse(self, *numbers: int, times: int = 99) -> None:
        """Refuse these announcements, so many times."""
        left = dict.fromkeys(numbers, times)

        def partial(_: str, operation: str, request: Mapping[str, Any]) -> set[int]:
            failing = set()
            for place, entry in enumerate(request["Entries"]):
                number = next((n for n in numbers if f'"n":{n},' in entry["Detail"]), None)
                if number is not None and left[number]:
                    left[number] -= 1
                    failing.add(place)
            return failing

        self.aws.partial = partial


@pytest.fixture
def harness() -> BusHarness:
    return BusHarness()


def test_announcements_go_out_in_tens(harness: BusHarness) -> None:
    assert harness.bus.publish(SOME) == {}
    assert len(harness.aws.calls) == 3
    assert sorted(it["Detail"] for it in harness.aws.events.published) == sorted(it.detail for it in SOME)
    assert harness.slept == []


def test_none_is_no_call(harness: BusHarness) -> None:
    assert harness.bus.publish([]) == {}
    assert harness.aws.calls == []


def test_packs_are_bounded_by_bytes(harness: BusHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.adapters.eventbridge.MAX_BUS_BYTES", 150)
    assert harness.bus.publish(SOME[:6]) == {}
    assert len(harness.aws.calls) == 3


def test_refused_entries_alone_are_sent_again_after_a_wait(harness: BusHarness) -> None:
    harness.refuse(3, 17, times=2)
    assert harness.bus.publish(SOME) == {}
    assert len(harness.aws.calls) == 5
    assert len(harness.aws.events.published) == 25
    assert len(harness.slept) == 2
    assert 0 <= harness.slept[0] <= 0.1
    assert 0 <= harness.slept[1] <= 0.2


def test_what_is_refused_to_the_end_is_named_with_its_reason(harness: BusHarness) -> None:
    harness.refuse(3)
    failed = harness.bus.publish(SOME)
    assert failed.keys() == {"id-3"}
    assert isinstance(failed["id-3"], EntryRefused)
    assert classify(failed["id-3"]) is Category.TRANSIENT
    assert len(harness.slept) == 2


def test_a_call_that_fails_fails_its_ten_and_is_not_made_again(harness: BusHarness) -> None:
    def hook(_: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
        if phase == "before" and request["Entries"][0]["Detail"] == SOME[10].detail:
            raise refused("AccessDeniedException", "PutEvents")

    harness.aws.on_call = hook
    failed = harness.bus.publish(SOME)
    assert failed.keys() == {f"id-{n}" for n in range(10, 20)}
    assert {classify(error) for error in failed.values()} == {Category.PERMANENT}
    assert len(harness.aws.calls) == 3


def test_a_call_that_is_refused_because_of_one_entry_costs_that_one_alone(harness: BusHarness) -> None:
    FaultPlan(harness.aws).refuse_batches("put_events", "ValidationException", '"n":7,')
    failed = harness.bus.publish(SOME)
    assert list(failed) == ["id-7"]
    assert sorted(it["Detail"] for it in harness.aws.events.published) == sorted(
        it.detail for it in SOME if it.id != "id-7"
    )
    assert harness.slept == [], "what AWS calls invalid is not sent again"
