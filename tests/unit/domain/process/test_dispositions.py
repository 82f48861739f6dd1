"""What happens to a message that failed: the design's table, the waits, and what is recorded of it."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.event.work import BadWork
from pik.domain.process.batch import Delivery
from pik.domain.process.dead_letters import Reason
from pik.domain.process.dispositions import FAILED, Disposition, Failed, decide, longest_wait
from pik.domain.shared.failures import Category, TransientFailure, ValidationFailure
from pik.domain.shared.limits import MAX_BACKOFF_SECONDS, MAX_BUS_BYTES, MAX_BUS_ENTRIES
from tests.support.makers import make_work

AT = "2026-11-20T12:00:00.000000Z"
SENT = "2026-11-20T11:00:00.000000Z"
WORK = make_work({"n": 1})
RETRY, DEAD = Disposition.RETRY, Disposition.DEAD_LETTER


def failed(
    error: Exception, *, receive_count: int = 1, readable: bool = True, group: str = "g", **changes: Any
) -> Failed:
    work = replace(WORK, **changes) if readable else None
    body = work.message().body if work else "hello"
    delivery = Delivery("m-1", receive_count, work, None, body, group, "receipt", SENT)
    return Failed.of(delivery, error, 5, AT)


@pytest.mark.parametrize(
    ("category", "disposition"),
    [
        (Category.VALIDATION, DEAD),
        (Category.PROCESSING, DEAD),
        (Category.PERMANENT, RETRY),
        (Category.TRANSIENT, RETRY),
        (Category.TIMEOUT, RETRY),
    ],
)
def test_a_category_has_the_disposition_of_the_designs_table(category: Category, disposition: Disposition) -> None:
    assert decide(category, last=False) is disposition
    assert decide(category, last=True) is DEAD


def test_every_category_is_in_the_table() -> None:
    assert {decide(category, last=False) for category in Category} == {RETRY, DEAD}


@pytest.mark.parametrize(
    ("category", "waits"),
    [
        (Category.TRANSIENT, [30, 60, 120, 240, 480, 960, 1800, 1800]),
        (Category.TIMEOUT, [30, 60, 120, 240, 480, 960, 1800, 1800]),
        (Category.PERMANENT, [300, 600, 1200, 1800, 1800, 1800, 1800, 1800]),
    ],
)
def test_waits_double_up_to_half_an_hour_and_are_longer_when_a_person_must_act(
    category: Category, waits: list[int]
) -> None:
    assert [longest_wait(category, receives) for receives in range(1, 9)] == waits


@given(st.sampled_from(Category), st.integers(1, 10**9))
def test_a_wait_is_bounded_whatever_the_count_of_receives(category: Category, receives: int) -> None:
    assert 1 <= longest_wait(category, receives) <= MAX_BACKOFF_SECONDS
    assert longest_wait(category, receives) <= longest_wait(category, receives + 1)


@pytest.mark.parametrize("receive_count", [1, 4, 5, 6])
def test_a_failure_that_may_pass_is_a_dead_letter_when_the_queue_would_give_up(receive_count: int) -> None:
    it = failed(TransientFailure("slow"), receive_count=receive_count)
    assert it.is_dead is (receive_count >= 5)
    assert it.longest_wait == 30 * 2 ** (receive_count - 1)


def test_a_dead_letter_is_the_message_as_it_came_with_its_reason() -> None:
    letter = failed(ValidationFailure("no \x00 good"), receive_count=2, attempts_before=3, run="shadow-1").letter()
    assert (letter.group, letter.delay) == ("g", 0)
    assert json.loads(letter.body)["attempts_before"] == 3
    reason = Reason.of(letter.attributes)
    assert reason is not None
    assert (reason.category, reason.error_type, reason.message) == ("VALIDATION", "ValidationFailure", "no ? good")
    assert (reason.event_id, reason.run, reason.attempts) == (WORK.event_id, "shadow-1", 5)
    assert (reason.failed_at, reason.first_sent_at) == (AT, SENT)
    assert len(reason.fingerprint) == 32


def test_a_message_that_says_no_group_gets_its_sources_and_one_that_cannot_be_read_gets_none() -> None:
    assert failed(BadWork("x"), group="").letter().group == "shop"
    unreadable = failed(BadWork("x"), readable=False, group="").letter()
    assert (unreadable.body, unreadable.group) == ("hello", "")
    assert "event_id" not in unreadable.attributes
    assert all(unreadable.attributes.values())


def test_a_failure_is_announced_with_what_a_consumer_needs() -> None:
    it = failed(ValidationFailure("no good"), receive_count=2, attempts_before=3)
    announcement = it.announcement()
    detail = json.loads(announcement.detail)
    assert (announcement.id, announcement.detail_type) == (detail["id"], FAILED)
    assert detail == {
        "id": sha256(f'["event.failed","{WORK.event_id}","LIVE",3]'.encode()).hexdigest(),
        "event_id": WORK.event_id,
        "event_type": "order",
        "source": "shop",
        "entity_id": "customer-17",
        "event_time": "2026-11-20T10:15:30.250000Z",
        "run": "LIVE",
        "origin": "live",
        "message_id": "m-1",
        "category": "VALIDATION",
        "error_type": "ValidationFailure",
        "fingerprint": it.cause.fingerprint,
        "reason": "no good",
        "attempts": 5,
        "first_sent_at": SENT,
        "failed_at": AT,
        "replayed": False,
        "redrives": 0,
        "redrive_run": "",
    }


def test_replayed_and_redriven_failures_say_so() -> None:
    replayed = json.loads(failed(BadWork("x"), origin="replay", run="rpl-1").announcement().detail)
    assert (replayed["replayed"], replayed["run"], replayed["redrives"]) == (True, "rpl-1", 0)
    redriven = json.loads(failed(BadWork("x"), origin="redrive", redrives=2, redrive_run="rdr-1").announcement().detail)
    assert (redriven["replayed"], redriven["redrives"], redriven["redrive_run"]) == (False, 2, "rdr-1")


def test_all_receives_of_a_message_announce_under_one_id_and_nothing_else_does() -> None:
    def of(**changes: Any) -> str:
        return failed(BadWork("x"), **changes).announcement().id

    again = failed(TransientFailure("y"), receive_count=5).announcement().id
    assert {of(receive_count=n) for n in range(1, 6)} | {again} == {of()}
    assert len({of(), of(attempts_before=5), of(run="r"), of(event_id="e" * 64), of(readable=False)}) == 5


def test_the_longest_announcements_fit_one_call() -> None:
    wide = "\U0001f600" * 256
    it = failed(BadWork("\U0001f600" * 999), event_type=wide, source=wide, entity_id=wide, group="g")
    assert len(it.announcement().detail) < 15_000 < MAX_BUS_BYTES / MAX_BUS_ENTRIES
