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


def test_anything_else_on_the_bus_is_shown_as_it_is() -> None:
    assert line_of({"detail-type": "event.failed", "detail": {"id": "x"}}) == 'event.failed: {"id": "x"}'
