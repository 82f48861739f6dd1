"""The redrive API's preview: it shows every letter once and gives all back."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.parts import FINGERPRINT
from tests.support.redrive_api import MANIFEST_ID, OPERATOR, RedriveApiHarness


@pytest.fixture
def harness() -> RedriveApiHarness:
    return RedriveApiHarness()


def test_a_preview_shows_what_is_there_why_and_until_when(harness: RedriveApiHarness) -> None:
    works = harness.pipeline.orders(7)
    harness.letters.bury(works)
    answer = harness.preview()
    assert (answer["read"], answer["matched"], answer["skipped"], answer["complete"]) == (7, 7, {}, True)
    assert answer["queue"] == {"visible": 7, "in_flight": 0, "delayed": 0}
    (group,) = answer["groups"]
    assert (group["category"], group["fingerprint"], group["count"]) == ("VALIDATION", FINGERPRINT, 7)
    assert answer["ages"] == {"oldest_seconds": 3600, "median_seconds": 3600, "newest_seconds": 3600}
    assert answer["expiry"]["seconds_left"] == 14 * 86_400
    assert len(answer["samples"]) == 5
    assert answer["samples"][0]["event_id"] in {it.event_id for it in works}
    assert answer["explanation"] == "Of 7 messages that were read, 7 match."


def test_the_manifest_names_the_letters_that_matched_and_is_written_once(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    answer = harness.preview()
    assert answer["manifest_id"] == MANIFEST_ID
    content = harness.redrive.file(f"redrive/manifests/{MANIFEST_ID}.json")
    assert sorted(content["message_ids"]) == sorted(it.message_id for it in harness.letters.all())
    assert (content["requested_by"], content["created_at"]) == (OPERATOR, harness.redrive.text())
    assert harness.written() == {"put_object"}


def test_a_preview_of_nothing_ends_and_writes_no_manifest(harness: RedriveApiHarness) -> None:
    for query in ({}, {"category": "TRANSIENT"}):
        answer = harness.preview(**query)
        assert (answer["manifest_id"], answer["matched"], answer["groups"], answer["samples"]) == (None, 0, [], [])
        assert (answer["ages"], answer["expiry"], answer["complete"]) == (None, None, True)
        assert harness.written() == set()
        harness.letters.bury(harness.pipeline.orders(25))


def test_each_letter_is_shown_once_also_when_sqs_shows_it_again(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(12))
    answer = harness.preview(samples=20)
    shown = [it["message_id"] for it in answer["samples"]]
    assert len(shown) == len(set(shown)) == 12
    again = harness.preview(samples=20)
    assert {it["message_id"] for it in again["samples"]} == set(shown)


def test_filters_leave_the_others_out_and_say_so(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    harness.letters.bury(harness.pipeline.orders(2, first=3, source="loud"), fingerprint="b" * 32, error_type="Other")
    assert harness.preview(source="loud")["matched"] == 2
    assert harness.preview(errorType="Other")["skipped"] == {"filtered": 3}
    assert harness.preview(fingerprint=FINGERPRINT)["matched"] == 3
    assert harness.preview(max_age_seconds=3599)["skipped"] == {"too_old": 5}
    assert harness.preview(min_age_seconds=3601)["skipped"] == {"too_young": 5}
    assert harness.preview(min_age_seconds=3600, max_age_seconds=3600)["matched"] == 5
    assert harness.preview(expiring_within_seconds=86_400)["skipped"] == {"filtered": 5}


def test_a_limit_bounds_what_matches_and_the_answer_says_that_there_is_more(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(30))
    answer = harness.preview(max_messages=4)
    assert answer["matched"] == 4
    assert answer["skipped"] == {"limit_reached": answer["read"] - 4}
    assert not answer["complete"]
    assert "There may be more" in answer["explanation"]
    assert len(harness.redrive.file(f"redrive/manifests/{MANIFEST_ID}.json")["message_ids"]) == 4


def test_letters_that_sqs_moved_itself_are_explained_by_the_ledger(harness: RedriveApiHarness) -> None:
    known, unknown = harness.pipeline.orders(2)
    harness.letters.bury_unexplained([known, unknown])
    harness.note_failure(known.event_id)
    answer = harness.preview()
    assert {(it["category"], it["count"]) for it in answer["groups"]} == {("TRANSIENT", 1), ("UNKNOWN", 1)}
    sample = next(it for it in answer["samples"] if it["event_id"] == known.event_id)
    assert (sample["error_type"], sample["reason"], sample["attempts"]) == ("Throttled", "too fast", 5)
    assert [row["attempt"] for row in sample["ledger"]] == [5]
    filtered = harness.preview(category="TRANSIENT")
    assert (filtered["matched"], filtered["skipped"]) == (1, {"filtered": 1})


def test_the_ledger_is_asked_only_for_letters_without_a_reason_and_for_samples(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(30))
    harness.preview(samples=2)
    assert harness.aws.calls.count(("dynamodb", "query")) == 2
    harness.preview(samples=0)
    assert harness.aws.calls.count(("dynamodb", "query")) == 0


def test_a_message_that_cannot_be_read_is_shown_with_what_the_ledger_knows(harness: RedriveApiHarness) -> None:
    url = harness.pipeline.names.work_dead_letter_queue_url
    message_id = harness.aws.sqs.send_message(QueueUrl=url, MessageBody="no json", MessageGroupId="g")["MessageId"]
    harness.note_failure(f"unknown-{message_id}", "VALIDATION")
    (sample,) = harness.preview()["samples"]
    assert (sample["event_id"], sample["category"], sample["message_id"]) == (None, "VALIDATION", message_id)


def test_letters_that_a_redrive_holds_are_told_as_held(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(12))
    harness.aws.sqs.receive_message(QueueUrl=harness.pipeline.names.work_dead_letter_queue_url, MaxNumberOfMessages=5)
    harness.aws.calls.clear()
    status, answer = harness.ask("GET /redrive/preview")
    assert (status, answer["matched"], answer["queue"]["in_flight"]) == (200, 7, 5)
    assert "5 more are held" in answer["explanation"]


def test_a_preview_that_fails_midway_gives_every_letter_back(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(45))
    harness.faults.refuse("receive_message", "AccessDenied", after=2)
    with pytest.raises(ClientError, match="AccessDenied"):
        harness.ask("GET /redrive/preview")
    assert harness.letters.visible() == 45


@pytest.mark.parametrize("operation", ["query", "put_object"])
def test_a_failure_after_the_sweep_keeps_no_letter_hidden(harness: RedriveApiHarness, operation: str) -> None:
    harness.letters.bury(harness.pipeline.orders(12))
    harness.faults.refuse(operation, "ThrottlingException")
    status, answer = harness.ask("GET /redrive/preview")
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert harness.letters.visible() == 12


def test_letters_that_cannot_be_released_are_visible_again_in_a_minute(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(3))
    harness.faults.refuse("change_message_visibility_batch", "InternalError")
    status, answer = harness.ask("GET /redrive/preview")
    assert (status, answer["matched"], harness.letters.visible()) == (200, 3, 0)
    harness.clock.advance(61)
    assert harness.letters.visible() == 3


def test_a_preview_ends_in_time_with_what_it_saw(harness: RedriveApiHarness) -> None:
    harness.letters.bury(harness.pipeline.orders(60))
    harness.context.remaining_ms = 5_000
    status, answer = harness.ask("GET /redrive/preview")
    assert status == 200
    assert 0 < answer["read"] < 60
    assert not answer["complete"]


def test_a_dry_stack_previews_and_writes_nothing() -> None:
    harness = RedriveApiHarness(dry_run=True)
    harness.letters.bury(harness.pipeline.orders(3))
    answer = harness.preview()
    assert (answer["matched"], answer["manifest_id"]) == (3, None)
    assert harness.written() == set()
    assert answer["explanation"].endswith("The stack is in dry run: no manifest was written.")


def test_a_preview_is_explained_in_japanese(harness: RedriveApiHarness) -> None:
    _, answer = harness.ask("GET /redrive/preview", **{"accept-language": "ja"})
    assert answer["explanation"] == "条件に合うものはありません。0 件を読み取りました。"
