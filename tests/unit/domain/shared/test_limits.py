"""Bounds that depend on each other."""

from __future__ import annotations

from pik.domain.shared import limits


def test_a_replay_can_always_fill_a_batch() -> None:
    # It sends whole batches while more may come: fewer lanes, or less backlog, than a batch holds would wait forever.
    assert limits.REPLAY_LANES >= limits.MAX_SEND_ENTRIES
    assert limits.REPLAY_BACKLOG_EVENTS >= limits.MAX_SEND_ENTRIES


def test_an_events_two_rows_fit_the_transaction_that_carries_them() -> None:
    assert 2 * limits.EVENTS_PER_TRANSACTION <= 100


def test_a_version_asks_for_its_markers_in_one_call() -> None:
    assert limits.EVENTS_PER_VERSION <= limits.BATCH_KEYS


def test_ids_carried_by_a_small_day_name_their_version_in_one_byte() -> None:
    assert limits.INLINE_IDS < 256


def test_a_message_that_keeps_failing_is_dead_long_before_its_queue_forgets_it() -> None:
    most_receives, queue_seconds = 100, 4 * 86_400  # MaxReceiveCount's bound and WorkQueue's retention
    assert most_receives * limits.MAX_BACKOFF_SECONDS <= queue_seconds * 0.6


def test_a_wait_is_one_that_sqs_takes() -> None:
    assert limits.RETRY_BACKOFF_SECONDS < limits.PERMANENT_BACKOFF_SECONDS < limits.MAX_BACKOFF_SECONDS <= 43_200
