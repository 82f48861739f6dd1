"""The feed's lines: what was counted, as text."""

from __future__ import annotations

from scripts.local.feed import line_of

DETAIL = {
    "entity_id": "customer-17",
    "day": "2026-11-20",
    "version": 2,
    "event_ids": ["a"],
    "metrics": {"daily_event_count": 3, "daily_amount_sum": {"XXX": "142.49"}},
}


def test_a_new_version_is_told_with_what_it_added_and_where_the_day_stands() -> None:
    assert line_of({"detail-type": "events.processed", "detail": DETAIL}) == (
        "counted: customer-17 on 2026-11-20, version 2: 1 event more, now 3, sum 142.49"
    )


def test_a_day_without_amounts_shows_no_sum() -> None:
    metrics = {"daily_event_count": 2, "daily_amount_sum": {}}
    event = {"detail-type": "events.processed", "detail": DETAIL | {"event_ids": ["a", "b"], "metrics": metrics}}
    assert line_of(event) == "counted: customer-17 on 2026-11-20, version 2: 2 events more, now 2"


FAILURE = {
    "event_type": "order",
    "source": "shop",
    "entity_id": "customer-17",
    "run": "LIVE",
    "message_id": "m-1",
    "category": "PROCESSING",
    "error_type": "AmountOverLimit",
    "reason": "order amount 5000000 is over the limit of 1000000",
    "attempts": 1,
    "redrives": 0,
}


def test_a_version_of_a_shadow_names_its_run_and_is_not_called_counted() -> None:
    line = line_of({"detail-type": "events.processed", "detail": DETAIL | {"run": "rpl-20261120T101530Z-0a1b2c3d"}})
    assert line == (
        "shadow rpl-20261120T101530Z-0a1b2c3d, LIVE is unchanged: customer-17 on 2026-11-20, version 2: 1 event more, "
        "now 3, sum 142.49"
    )


def test_a_version_that_a_replay_added_says_so() -> None:
    line = line_of({"detail-type": "events.processed", "detail": DETAIL | {"run": "LIVE", "replayed": True}})
    assert line.startswith("counted: customer-17 on 2026-11-20, version 2: 1 event more by a replay, now 3")


def test_a_failure_is_a_sentence_with_what_to_do() -> None:
    assert line_of({"detail-type": "event.failed", "detail": FAILURE}) == (
        "failed: order of customer-17 from shop, after 1 attempt: PROCESSING AmountOverLimit: order amount 5000000 is "
        "over the limit of 1000000. It is in the dead-letter queue; see:\n  .venv/bin/pik dlq analyze"
    )


def test_a_failure_in_a_shadow_or_after_a_redrive_says_so() -> None:
    line = line_of({"detail-type": "event.failed", "detail": FAILURE | {"run": "rpl-1", "redrives": 2, "attempts": 3}})
    assert "from shop, in shadow rpl-1, after 3 attempts, redriven 2 times before:" in line


def test_a_message_that_names_no_event_is_called_unreadable() -> None:
    unreadable = {name: value for name, value in FAILURE.items() if name not in {"event_type", "source", "entity_id"}}
    assert line_of({"detail-type": "event.failed", "detail": unreadable}).startswith(
        "failed: message m-1, which is unreadable, after 1 attempt:"
    )


def test_what_a_producer_chose_is_shown_and_not_obeyed() -> None:
    line = line_of(
        {"detail-type": "event.failed", "detail": FAILURE | {"entity_id": "\x1b[31m\u202e", "reason": "a\nb"}}
    )
    assert "\\u001b[31m\\u202e" in line
    assert "\x1b" not in line
    assert "a\\nb" in line


def test_anything_else_on_the_bus_is_shown_as_it_is() -> None:
    assert line_of({"detail-type": "other", "detail": {"id": "x"}}) == 'other: {"id": "x"}'
