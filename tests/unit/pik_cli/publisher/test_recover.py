"""`pik publisher recover`: every event of the discarded batches, once, also when it dies or is run again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pik.domain.event.outbox import set_aside
from pik.domain.event.work import Work, parse_work
from pik_cli.shell.discarded import DiscardedBatches, DiscardedState, read_discarded
from pik_cli.shell.stack import Stack
from tests.support.command_line import Pik, summary, write_state
from tests.support.faults import refused
from tests.support.makers import index_row, make_work, sequence, stream_record
from tests.support.switch_stack import OPERATOR, CommandDied, SwitchStack

WORKS = [make_work({"n": n}, source=f"shop-{n % 3}") for n in range(40)]
RECORDS = [stream_record(index_row(work), n) for n, work in enumerate(WORKS)]
PREFIX = "aws/lambda/uuid/shardId-1/2026/11/20/"


@pytest.fixture
def cloud(machine: Path, monkeypatch: pytest.MonkeyPatch) -> SwitchStack:
    made = SwitchStack()
    write_state(machine, "http://127.0.0.1:9")
    monkeypatch.setattr("pik_cli.shell.session.StackAws", lambda _target: made)
    return made


def batch(*records: Any) -> bytes:
    """An object as Lambda writes it: the whole invocation as text in a document about it."""
    document = {
        "requestContext": {"requestId": "r", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 21},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-11-20T10:15:30.000Z",
        "DDBStreamBatchInfo": {"shardId": "shardId-1", "batchSize": len(records)},
        "payload": json.dumps({"Records": list(records)}),
    }
    return json.dumps(document).encode()


def keep(cloud: SwitchStack, name: str, body: bytes) -> str:
    key = f"{PREFIX}{name}"
    cloud.s3.put_object(Bucket=cloud.names.raw_bucket, Key=key, Body=body)
    return key


def queued(cloud: SwitchStack) -> Counter[str]:
    return Counter(work.event_id for work in sent(cloud))


def sent(cloud: SwitchStack) -> list[Work]:
    return [parse_work(it.body) for it in cloud.sqs.messages(cloud.work_queue_url)]


def once(*works: Work) -> Counter[str]:
    return Counter(work.event_id for work in works)


def markers(cloud: SwitchStack) -> Mapping[str, Any]:
    objects = cloud.s3.objects(cloud.names.raw_bucket)
    return {key: json.loads(it.body) for key, it in objects.items() if key.startswith("recovered/")}


def test_every_event_is_sent_once_as_the_publisher_sends_it_and_recorded(cloud: SwitchStack, pik: Pik) -> None:
    first = keep(cloud, "a", batch(*RECORDS[:25]))
    keep(cloud, "b", batch(*RECORDS[25:40]))
    result = pik("publisher", "recover", "--yes", "-o", "json")
    assert result.exit_code == 0, result.output
    assert {work.event_id: work for work in sent(cloud)} == {work.event_id: work for work in WORKS}
    assert queued(cloud) == once(*WORKS)
    shown = summary(result)
    assert shown["batches"] == {
        "found": 2, "recovered": 2, "recovered_before": 0, "incomplete": 0, "unreadable": 0
    }  # fmt: skip
    assert shown["events"] == {"sent": 40, "skipped": {}, "unreadable": 0, "unsent": 0}
    assert (shown["dry_run"], shown["more"], shown["problems"]) == (False, False, [])
    row = cloud.runs()[shown["run_id"]]
    assert (row["kind"], row["status"], row["requested_by"]) == ("recovery", "COMPLETE", OPERATOR)
    assert row["totals"]["events"]["sent"] == 40
    marker = markers(cloud)[f"recovered/{first}.done.json"]
    assert (marker["run_id"], marker["requested_by"], marker["sent"]) == (shown["run_id"], OPERATOR, 25)


def test_a_second_run_sends_nothing_and_asks_nothing(cloud: SwitchStack, pik: Pik) -> None:
    keep(cloud, "a", batch(*RECORDS[:5]))
    pik("publisher", "recover", "--yes")
    runs = cloud.runs()
    result = pik("publisher", "recover", "-o", "json")
    assert result.exit_code == 0
    shown = summary(result)
    assert (shown["batches"]["recovered_before"], shown["events"]["sent"], shown["run_id"]) == (1, 0, None)
    assert (queued(cloud), cloud.runs()) == (once(*WORKS[:5]), runs)


def test_without_batches_there_is_nothing_to_do(cloud: SwitchStack, pik: Pik) -> None:
    result = pik("publisher", "recover")
    assert (result.exit_code, "There are no discarded batches." in result.stdout) == (0, True)


def test_a_dry_run_counts_and_changes_nothing(cloud: SwitchStack, pik: Pik) -> None:
    keep(cloud, "a", batch(*RECORDS[:5]))
    result = pik("publisher", "recover", "--dry-run")
    assert result.exit_code == 0
    assert "would be sent" in result.stdout
    assert summary(pik("publisher", "recover", "--dry-run", "-o", "json"))["events"]["sent"] == 5
    assert (queued(cloud), markers(cloud), cloud.runs()) == (Counter(), {}, {})


def test_in_a_pipe_yes_must_be_given_and_the_question_names_the_stack(
    cloud: SwitchStack, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(cloud, "a", batch(*RECORDS[:5]))
    result = pik("publisher", "recover")
    assert (result.exit_code, "--yes" in result.stderr, queued(cloud)) == (2, True, Counter())
    monkeypatch.setattr("pik_cli.shell.consent.can_ask", lambda: True)
    result = pik("publisher", "recover", input="y\n")
    assert result.exit_code == 0
    assert "WorkQueue of stack pik-local (stage dev, account 123456789012, us-east-1)?" in result.stderr
    assert queued(cloud) == once(*WORKS[:5])


@pytest.mark.parametrize("service", ["s3", "sqs"])
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("place", range(1, 4))
def test_a_death_anywhere_loses_nothing_and_repeats_one_batch_at_most(
    cloud: SwitchStack, pik: Pik, service: str, phase: str, place: int
) -> None:
    for number in range(4):
        keep(cloud, f"{number}", batch(*RECORDS[5 * number : 5 * number + 5]))
    deaths = place

    def die(called: str, operation: str, _request: Any, when: str) -> None:
        nonlocal deaths
        if (called, when) == (service, phase) and operation in {"put_object", "send_message_batch"}:
            deaths -= 1
            if deaths == 0:
                raise CommandDied

    cloud.aws.on_call = die
    with pytest.raises(CommandDied):
        pik("publisher", "recover", "--yes", catch_exceptions=False)
    cloud.aws.on_call = None
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud).keys() == once(*WORKS[:20]).keys()
    assert sum(queued(cloud).values()) - 20 in {0, 5}
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert sum(queued(cloud).values()) - 20 in {0, 5}


def test_what_cannot_be_read_is_reported_and_the_rest_is_sent_once(cloud: SwitchStack, pik: Pik) -> None:
    row = {name: value for name, value in index_row(WORKS[2]).items() if name != "s3_key"}
    poison = stream_record(row, 2)
    key = keep(cloud, "a", batch(*RECORDS[:2], poison, RECORDS[3], "no record"))
    keep(cloud, "b", b'{"DDBStreamBatchInfo": {}}')
    result = pik("publisher", "recover", "--yes")
    assert result.exit_code == 1
    assert f"{key} record {sequence(2)}: KeyError: 's3_key'" in result.stdout
    assert f"{PREFIX}b: the object has positions in the stream and no records" in result.stdout
    assert "pik replay" in result.stdout
    assert queued(cloud) == once(*WORKS[:2], WORKS[3])


def test_the_records_that_could_not_be_read_are_all_that_a_later_run_tries(cloud: SwitchStack, pik: Pik) -> None:
    row = {name: value for name, value in index_row(WORKS[2]).items() if name != "s3_key"}
    key = keep(cloud, "a", batch(*RECORDS[:2], stream_record(row, 2), RECORDS[3]))
    assert pik("publisher", "recover", "--yes").exit_code == 1
    assert markers(cloud)[f"recovered/{key}.partial.json"]["left"] == [sequence(2)]
    again = pik("publisher", "recover", "--yes", "-o", "json")
    assert (again.exit_code, summary(again)["events"]["sent"], summary(again)["events"]["unreadable"]) == (1, 0, 1)
    keep(cloud, "a", batch(*RECORDS[:4]))  # as a later version of the kit reads it
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(*WORKS[:4])
    assert f"recovered/{key}.done.json" in markers(cloud)


def test_what_the_publisher_set_aside_is_tried_too(cloud: SwitchStack, pik: Pik) -> None:
    key = "aws/lambda/publisher/1-event.json"
    cloud.s3.put_object(Bucket=cloud.names.raw_bucket, Key=key, Body=set_aside(RECORDS[0], "KeyError"))
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(WORKS[0])


def test_an_event_in_two_batches_and_what_is_none_are_counted_and_not_sent(cloud: SwitchStack, pik: Pik) -> None:
    other = stream_record(index_row(WORKS[5], "DUPLICATE"), 5)
    removed = stream_record(index_row(WORKS[6]), 6, "REMOVE")
    keep(cloud, "a", batch(*RECORDS[:3]))
    keep(cloud, "b", batch(*RECORDS[2:4], other, removed))
    result = pik("publisher", "recover", "--yes", "-o", "json")
    assert result.exit_code == 0
    assert summary(result)["events"]["skipped"] == {
        "DUPLICATE": 1, "REMOVE": 1, "in an earlier batch of this run": 1
    }  # fmt: skip
    assert queued(cloud) == once(*WORKS[:4])


def test_what_sqs_refuses_is_sent_by_the_next_run_and_nothing_else_is(cloud: SwitchStack, pik: Pik) -> None:
    keep(cloud, "a", batch(*RECORDS[:4]))
    cloud.aws.partial = lambda *_: {0}
    result = pik("publisher", "recover", "--yes")
    assert result.exit_code == 1
    assert "Send the rest: pik publisher recover" in result.stdout
    cloud.aws.partial = None
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(*WORKS[:4])


def test_a_queue_that_takes_nothing_ends_the_run_with_what_to_do(cloud: SwitchStack, pik: Pik) -> None:
    for number in range(5):
        keep(cloud, f"{number}", batch(RECORDS[number]))

    def refuse(_service: str, operation: str, *_: Any) -> None:
        if operation == "send_message_batch":
            raise refused("AccessDenied", "SendMessageBatch")

    cloud.aws.on_call = refuse
    result = pik("publisher", "recover", "--yes")
    assert result.exit_code == 1
    assert "SQS has taken nothing of 3 batches" in result.stderr
    assert "run the same command again" in result.stderr
    (row,) = cloud.runs().values()
    assert (row["status"], row["totals"]["events"]["unsent"]) == ("STOPPED", 3)
    cloud.aws.on_call = None
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(*WORKS[:5])


def test_a_window_takes_what_was_kept_in_it_from_its_start_on_and_before_its_end(cloud: SwitchStack, pik: Pik) -> None:
    for number in range(3):
        keep(cloud, f"{number}", batch(RECORDS[number]))
        cloud.aws.clock.advance(86_400)  # type: ignore[attr-defined]
    moments = [it.modified for it in cloud.s3.objects(cloud.names.raw_bucket).values()]
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in moments[1:])
    result = pik("publisher", "recover", "--from", start, "--to", end, "--yes", "-o", "json")
    assert summary(result)["batches"]["found"] == 1
    assert queued(cloud) == once(WORKS[1])
    result = pik("publisher", "recover", "--from", f"{moments[2]:%Y-%m-%d}", "--yes", "-o", "json")
    assert summary(result)["batches"]["found"] == 1
    assert queued(cloud) == once(WORKS[1], WORKS[2])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--from", "soon"), "'soon' is not a time."),
        (("--from", "2026-11-21", "--to", "2026-11-20"), "The window is reversed: --from"),
        (("--from", "2026-11-21", "--to", "2026-11-21"), "The window is empty: --from"),
    ],
)
def test_a_wrong_window_is_wrong_usage(cloud: SwitchStack, pik: Pik, args: tuple[str, ...], words: str) -> None:
    result = pik("publisher", "recover", *args)
    assert (result.exit_code, words in result.stderr) == (2, True)


def test_more_batches_than_one_run_takes_are_left_to_the_next(
    cloud: SwitchStack, pik: Pik, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pik_cli.publisher.command.CLI_RECOVER_BATCHES", 2)
    for number in range(3):
        keep(cloud, f"{number}", batch(RECORDS[number]))
    result = pik("publisher", "recover", "--yes")
    assert "There are more batches. Go on: pik publisher recover" in result.stdout
    assert queued(cloud) == once(*WORKS[:2])
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(*WORKS[:3])


def test_an_object_that_is_too_large_is_not_read(cloud: SwitchStack, pik: Pik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik_cli.shell.discarded.CLI_MAX_DISCARDED_BYTES", 100)
    keep(cloud, "a", batch(*RECORDS[:3]))
    result = pik("publisher", "recover", "--yes")
    assert (result.exit_code, "more than Lambda writes" in result.stdout) == (1, True)
    assert ("s3", "get_object") not in cloud.aws.calls


def test_a_dry_stack_is_refused_and_may_be_looked_at(cloud: SwitchStack, pik: Pik) -> None:
    cloud.parameters["DryRun"] = "true"
    keep(cloud, "a", batch(*RECORDS[:3]))
    result = pik("publisher", "recover", "--yes")
    assert (result.exit_code, "DryRun=true" in result.stderr, queued(cloud)) == (1, True, Counter())
    assert pik("publisher", "recover", "--dry-run").exit_code == 0


def test_with_the_processor_paused_it_says_that_events_wait(cloud: SwitchStack, pik: Pik) -> None:
    cloud.mapping = "Disabled"
    keep(cloud, "a", batch(*RECORDS[:3]))
    result = pik("publisher", "recover", "--yes")
    assert (result.exit_code, "what is sent waits in WorkQueue" in result.stderr) == (0, True)


def test_ctrl_c_says_how_to_go_on(cloud: SwitchStack, pik: Pik, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(cloud, "a", batch(*RECORDS[:3]))

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pik_cli.publisher.recovery.Recovery._send", interrupt)
    result = pik("publisher", "recover", "--yes")
    assert (result.exit_code, "the same command goes on" in result.stderr) == (130, True)
    (row,) = cloud.runs().values()
    assert (row["status"], row["stopped"]) == ("STOPPED", "interrupted")


def test_what_is_to_be_recovered_is_counted_for_the_status(cloud: SwitchStack, pik: Pik) -> None:
    aws: Any = cloud
    stack = Stack("pik-local", "UPDATE_COMPLETE", cloud.outputs)
    assert read_discarded(aws, stack) == DiscardedState()
    keep(cloud, "a", batch(*RECORDS[:3]))
    keep(cloud, "b", b"{}")
    assert read_discarded(aws, stack) == DiscardedState(2)
    pik("publisher", "recover", "--yes")
    assert read_discarded(aws, stack) == DiscardedState(1)
    cloud.aws.on_call = lambda *_: (_ for _ in ()).throw(refused("AccessDenied", "ListObjectsV2"))
    assert read_discarded(aws, stack).problem == "ListObjectsV2: AccessDenied"


def test_an_event_that_was_not_sent_is_left_to_its_own_batch(cloud: SwitchStack, pik: Pik) -> None:
    keep(cloud, "a", batch(RECORDS[0]))
    keep(cloud, "b", batch(*RECORDS[:2]))
    rounds = iter([{0}, {0}])
    cloud.aws.partial = lambda *_: next(rounds, set())
    assert pik("publisher", "recover", "--yes").exit_code == 1
    assert queued(cloud) == once(WORKS[1])
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(*WORKS[:2])


def test_a_record_without_a_sequence_number_does_not_send_its_batch_again(cloud: SwitchStack, pik: Pik) -> None:
    keep(cloud, "a", batch(*RECORDS[:3], "no record"))
    for _ in range(2):
        assert pik("publisher", "recover", "--yes").exit_code == 1
    assert queued(cloud) == once(*WORKS[:3])


def test_batches_without_an_accepted_event_are_done_and_end_nothing(cloud: SwitchStack, pik: Pik) -> None:
    for number in range(4):
        keep(cloud, f"{number}", batch(stream_record(index_row(WORKS[number], "DUPLICATE"), number)))
    keep(cloud, "9", batch(RECORDS[9]))
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(WORKS[9])


def test_a_marker_that_cannot_be_read_sends_its_batch_again(cloud: SwitchStack, pik: Pik) -> None:
    key = keep(cloud, "a", batch(*RECORDS[:3]))
    cloud.s3.put_object(Bucket=cloud.names.raw_bucket, Key=f"recovered/{key}.partial.json", Body=b"{")
    assert pik("publisher", "recover", "--yes").exit_code == 0
    assert queued(cloud) == once(*WORKS[:3])


def test_all_pages_are_listed_and_folders_are_none(cloud: SwitchStack) -> None:
    cloud.aws.validate = False
    for number in range(1_001):
        keep(cloud, f"{number:04d}", b"{}")
    cloud.s3.put_object(Bucket=cloud.names.raw_bucket, Key="aws/lambda/", Body=b"")
    s3: Any = cloud.s3
    found, more = DiscardedBatches(s3, cloud.names.raw_bucket).list(None, None, 2_000)
    assert (len(found), more) == (1_001, False)
