"""EventBus: every announcement is on the bus, or named as one that is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.eventbridge import EventBus
from pik.domain.process.versions import Announcement
from pik.domain.shared.failures import Category, EntryRefused, classify
from pik.workers import Workers
from tests.support.aws.account import FakeAws

SOME = [Announcement(f"id-{n}", "events.processed", f'{{"n":{n},"text":"é"}}') for n in range(25)]


class Stage:
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
def stage() -> Stage:
    return Stage()


def test_announcements_go_out_in_tens(stage: Stage) -> None:
    assert stage.bus.publish(SOME) == {}
    assert len(stage.aws.calls) == 3
    assert sorted(it["Detail"] for it in stage.aws.events.published) == sorted(it.detail for it in SOME)
    assert stage.slept == []


def test_none_is_no_call(stage: Stage) -> None:
    assert stage.bus.publish([]) == {}
    assert stage.aws.calls == []


def test_packs_are_bounded_by_bytes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik.adapters.eventbridge.MAX_BUS_BYTES", 150)
    assert stage.bus.publish(SOME[:6]) == {}
    assert len(stage.aws.calls) == 3


def test_refused_entries_alone_are_sent_again_after_a_wait(stage: Stage) -> None:
    stage.refuse(3, 17, times=2)
    assert stage.bus.publish(SOME) == {}
    assert len(stage.aws.calls) == 5
    assert len(stage.aws.events.published) == 25
    assert len(stage.slept) == 2
    assert 0 <= stage.slept[0] <= 0.1
    assert 0 <= stage.slept[1] <= 0.2


def test_what_is_refused_to_the_end_is_named_with_its_reason(stage: Stage) -> None:
    stage.refuse(3)
    failed = stage.bus.publish(SOME)
    assert failed.keys() == {"id-3"}
    assert isinstance(failed["id-3"], EntryRefused)
    assert classify(failed["id-3"]) is Category.TRANSIENT
    assert len(stage.slept) == 2


def test_a_call_that_fails_fails_its_ten_and_is_not_made_again(stage: Stage) -> None:
    def hook(_: str, operation: str, request: Mapping[str, Any], phase: str) -> None:
        if phase == "before" and request["Entries"][0]["Detail"] == SOME[10].detail:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutEvents")

    stage.aws.on_call = hook
    failed = stage.bus.publish(SOME)
    assert failed.keys() == {f"id-{n}" for n in range(10, 20)}
    assert {classify(error) for error in failed.values()} == {Category.PERMANENT}
    assert len(stage.aws.calls) == 3
