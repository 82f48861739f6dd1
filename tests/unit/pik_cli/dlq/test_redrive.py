"""`pik dlq redrive` and its relatives: what was shown is what is sent, once, and every message is accounted for."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import typer

from pik.domain.shared.redrive_limits import MAX_PREVIEW_MESSAGES
from pik_cli.shell.limits import CLI_FOLLOW_LOOKS
from tests.support.command_line import Pik, summary
from tests.support.redrive_backend import FINGERPRINT, RedriveBackend, row


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Somebody at the terminal, with answers."""
    found = SimpleNamespace(asked=[], says=True)

    def confirm(question: str, **_: Any) -> bool:
        found.asked.append(question)
        if not found.says:
            raise typer.Abort
        return True

    monkeypatch.setattr("pik_cli.shell.consent.can_ask", lambda: True)
    monkeypatch.setattr("pik_cli.shell.consent.typer.confirm", confirm)
    return found


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_what_was_shown_is_sent_and_accounted_for(backend: RedriveBackend, pik: Pik) -> None:
    works = [backend.bury(n) for n in range(12)]
    backend.bury(50, fingerprint="other")
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--no-canary", "--yes")
    assert result.exit_code == 0, result.output
    assert {it["event_id"] for it in backend.sent()} == {it.event_id for it in works}
    assert all(it["origin"] == "redrive" for it in backend.sent())
    assert len(backend.dead()) == 1
    assert ["selected", "13"] in rows(result.stdout)
    assert ["=", "redriven", "12"] in rows(result.stdout)
    assert backend.acts() == [{"manifest_id": backend.acts()[0]["manifest_id"], "canary": False}]


def test_a_message_that_comes_after_the_preview_is_not_taken(backend: RedriveBackend, pik: Pik, person: Any) -> None:
    backend.bury(1)

    def late(request: httpx.Request) -> httpx.Response:
        backend.bury(2)
        return backend.answer(request)

    backend.instead = [backend.answer, late]  # the preview, then the start
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--no-canary")
    assert result.exit_code == 0, result.output
    assert person.asked == ["Send 1 message to WorkQueue again, all at once?"]
    assert len(backend.sent()) == 1
    assert len(backend.dead()) == 1
    assert ["+", "skipped:", "filtered", "1"] in rows(result.stdout)


def sweeps(backend: RedriveBackend) -> int:
    """How often the dead-letter queue was read: each sweep begins with the queue's counts."""
    return sum(operation == "get_queue_attributes" for _, operation in backend.aws.calls)


def test_an_interactive_redrive_sweeps_the_queue_twice(backend: RedriveBackend, pik: Pik, person: Any) -> None:
    backend.bury(1)
    backend.aws.calls.clear()
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--no-canary")
    assert result.exit_code == 0, result.output
    assert person.asked == ["Send 1 message to WorkQueue again, all at once?"]
    assert sweeps(backend) == 2, "the preview's and the run's own"
    assert len(backend.starts()) == 1


def test_a_redrive_that_changes_payloads_sweeps_the_queue_twice_too(
    backend: RedriveBackend, pik: Pik, person: Any
) -> None:
    backend.bury(1)
    backend.aws.calls.clear()
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--set", "payload.amount=42.5", "--no-canary")
    assert result.exit_code == 0, result.output
    assert "  + payload.amount = 42.5" in result.stdout
    assert sweeps(backend) == 2
    diffs, start = backend.starts()
    assert (diffs["dry_run"], diffs["diffs_only"]) == (True, True)
    assert start["manifest_id"] == diffs["manifest_id"]


def test_options_become_members_of_the_request(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    options = ("--jitter", "5m", "--no-backoff", "--budget", "2", "--canary", "3", "--max-failure-rate", "0.2")
    filters = ("--category", "validation", "--error-type", "MissingMember", "--entity", "customer-17")
    where = ("--source", "shop", "--min-age", "15m", "--max-age", "1d", "--max-messages", "7")
    pik("dlq", "redrive", *options, *filters, *where, "--dry-run")
    assert backend.starts() == [
        {
            "category": "VALIDATION",
            "error_type": "MissingMember",
            "entity_id": "customer-17",
            "source": "shop",
            "min_age_seconds": 900,
            "max_age_seconds": 86_400,
            "max_messages": 7,
            "jitter_seconds": 300,
            "backoff": False,
            "attempt_budget": 2,
            "canary": {"size": 3, "max_failure_rate": 0.2},
            "dry_run": True,
        }
    ]


def test_a_dry_run_takes_nothing_and_writes_nothing(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    before = backend.aws.s3.list_objects_v2(Bucket=backend.names.raw_bucket)["KeyCount"]
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--dry-run")
    assert result.exit_code == 0, result.output
    assert ["would", "be", "taken", "1"] in rows(result.stdout)
    assert backend.visible() == 1
    assert backend.sent() == []
    assert backend.acts() == []
    assert backend.aws.s3.list_objects_v2(Bucket=backend.names.raw_bucket)["KeyCount"] == before


def test_a_change_is_shown_before_anybody_is_asked(backend: RedriveBackend, pik: Pik, person: Any) -> None:
    backend.bury(1)
    change = ("--set", "payload.currency=EUR", "--set", "payload.amount=42.5")
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, *change, "--no-canary")
    assert result.exit_code == 0, result.output
    assert "  - payload.amount = 1" in result.stdout
    assert "  + payload.amount = 42.5" in result.stdout
    assert '  + payload.currency = "EUR"' in result.stdout
    assert backend.acts()[0]["transform"] == {"set": {"payload.currency": "EUR", "payload.amount": 42.5}}
    assert backend.sent()[0]["s3_key"].startswith("raw/transformed/")


def test_a_change_that_cannot_be_made_says_so_for_the_event(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--set", "payload.amount=nothing", "--dry-run")
    assert result.exit_code == 0
    assert "amount" in result.stdout


def test_a_no_sends_nothing(backend: RedriveBackend, pik: Pik, person: Any) -> None:
    backend.bury(1)
    person.says = False
    assert pik("dlq", "redrive-all").exit_code == 1
    assert len(person.asked) == 1
    assert backend.acts() == []
    assert backend.visible() == 1


def test_without_yes_and_without_a_terminal_nothing_is_sent(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    result = pik("dlq", "redrive-all")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert backend.acts() == []


def test_nothing_that_matches_is_exit_status_1_with_the_reason(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, age=timedelta(seconds=10))
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--yes")
    assert result.exit_code == 1
    assert ["too_young", "1"] in rows(result.stdout)
    assert backend.acts() == []


def test_force_takes_what_failed_a_moment_ago(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, age=timedelta(seconds=10))
    result = pik("dlq", "redrive", "--force", "--no-canary", "--yes")
    assert result.exit_code == 0, result.output
    assert len(backend.sent()) == 1


def test_redrive_batch_takes_the_oldest_as_many_as_it_is_told(backend: RedriveBackend, pik: Pik) -> None:
    works = [backend.bury(n, age=timedelta(hours=n + 1)) for n in range(5)]
    result = pik("dlq", "redrive-batch", "--count", "2", "--no-canary", "--yes")
    assert result.exit_code == 0, result.output
    assert {it["event_id"] for it in backend.sent()} <= {it.event_id for it in works}
    assert len(backend.sent()) == 2
    assert len(backend.dead()) == 3


def test_redrive_all_asks_for_all_by_the_manifest(backend: RedriveBackend, pik: Pik) -> None:
    for number in range(3):
        backend.bury(number)
    result = pik("dlq", "redrive-all", "--no-canary", "--yes")
    assert result.exit_code == 0, result.output
    assert backend.acts()[0]["all"] is True
    assert backend.acts()[0]["manifest_id"].startswith("mft-")
    assert len(backend.sent()) == 3


def test_more_than_a_preview_holds_is_taken_by_the_filters_and_said(
    backend: RedriveBackend, pik: Pik, person: Any
) -> None:
    backend.bury(1)
    preview = {"manifest_id": "mft-20261120T100000Z-00000001", "matched": MAX_PREVIEW_MESSAGES, "complete": False}
    backend.instead = [(200, preview)]
    result = pik("dlq", "redrive", "--source", "shop", "--all", "--no-canary")
    assert result.exit_code == 0, result.output
    assert "takes what matches when it starts" in result.stderr
    assert backend.acts() == [{"source": "shop", "all": True, "canary": False}]


def test_a_manifest_and_filters_contradict_each_other(backend: RedriveBackend, pik: Pik) -> None:
    result = pik("dlq", "redrive", "--manifest", "mft-20261120T100000Z-00000001", "--source", "shop", "--yes")
    assert result.exit_code == 2
    assert "filters contradict it" in result.stderr


def test_a_start_whose_answer_is_lost_is_not_repeated(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    backend.instead = [backend.answer, httpx.ReadTimeout("no answer")]
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--yes")
    assert result.exit_code == 3
    assert "It is unknown whether the run was started" in result.stderr
    assert "pik dlq status" in result.stderr
    assert len(backend.acts()) == 1


def test_a_start_that_never_arrived_or_was_throttled_is_repeated(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    backend.instead = [backend.answer, httpx.ConnectError("refused"), (429, {"message": "slow down"})]
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--no-canary", "--yes")
    assert result.exit_code == 0, result.output
    assert len(backend.sent()) == 1


def test_a_503_of_a_start_names_the_run_to_look_at(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    backend.instead = [backend.answer, (503, {"error": {"message": "later"}, "run_id": "rdr-7"})]
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--yes")
    assert result.exit_code == 3
    assert "pik dlq show rdr-7" in result.stderr


def test_a_dry_stack_starts_nothing_and_says_so(backend: RedriveBackend, pik: Pik) -> None:
    backend.handlers(DRY_RUN="true")
    backend.bury(1)
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--yes")
    assert result.exit_code == 0, result.output
    assert "DryRun=true" in result.stderr
    assert backend.sent() == []
    assert backend.visible() == 1


def test_no_wait_tells_how_to_watch(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--yes", "--no-wait")
    assert result.exit_code == 0
    run_id = backend.running()[0]
    assert f"pik dlq show {run_id} --follow" in result.stdout


def test_ctrl_c_ends_the_watching_and_not_the_run(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    backend.instead = [backend.answer, backend.answer, KeyboardInterrupt()]
    result = pik("dlq", "redrive", "--fingerprint", FINGERPRINT, "--no-canary", "--yes")
    assert result.exit_code == 130
    run_id = backend.running()[0]
    assert f"pik dlq show {run_id} --follow" in result.stderr
    assert f"pik dlq cancel {run_id}" in result.stderr
    assert pik("dlq", "show", run_id, "--follow").exit_code == 0
    assert len(backend.sent()) == 1


def test_a_stopped_run_is_exit_status_1_with_the_reason_and_the_next_step(backend: RedriveBackend, pik: Pik) -> None:
    totals = {"selected": 10, "redriven": 5, "skipped": {"stopped": 5}, "already_gone": 0, "failed": 0}
    wave = {"number": 0, "size": 5, "redriven": 5, "failed": 0, "decided": 5, "failing": 4}
    running, stopped = row("RUNNING", waves=[wave]), row("STOPPED", totals=totals, waves=[wave], stopped="too_many")
    backend.instead = [(200, running), (200, stopped)]
    result = pik("dlq", "show", "rdr-1", "--follow")
    assert result.exit_code == 1
    assert "Wave 0: 5 of 5 redriven; 5 are decided, 4 of them failed again" in result.stderr
    assert "It is STOPPED." in result.stdout
    assert "pik dlq analyze" in result.stdout
    assert ["+", "skipped:", "stopped", "5"] in rows(result.stdout)


def test_what_does_not_add_up_is_said(backend: RedriveBackend, pik: Pik) -> None:
    totals = {"selected": 10, "redriven": 7, "skipped": {}, "already_gone": 0, "failed": 1}
    backend.instead = [(200, row("COMPLETE", totals=totals))] * 2
    result = pik("dlq", "show", "rdr-1")
    assert result.exit_code == 1
    assert "2 messages are unaccounted for" in result.stdout
    assert summary(pik("dlq", "show", "rdr-1", "-o", "json"))["adds_up"] is False


def test_a_run_without_news_ends_the_watching(backend: RedriveBackend, pik: Pik) -> None:
    backend.instead = [(200, row("RUNNING"))] * (CLI_FOLLOW_LOOKS + 1)
    result = pik("dlq", "show", "rdr-1", "--follow")
    assert result.exit_code == 1
    assert "makes no progress" in result.stderr
    assert "pik dlq show rdr-1 --follow" in result.stderr


def test_an_api_that_falls_silent_leaves_the_way_on(backend: RedriveBackend, pik: Pik, monkeypatch: Any) -> None:
    monkeypatch.setattr("pik_cli.dlq.api.CLI_RETRIES", 2)
    monkeypatch.setattr("pik_cli.dlq.api.RedriveApi.__init__.__defaults__", (lambda _: None, lambda _: None))
    backend.instead = [httpx.ConnectError("gone")] * 3
    result = pik("dlq", "show", "rdr-1", "--follow")
    assert result.exit_code == 3
    assert "pik dlq show rdr-1 --follow" in result.stderr


def test_show_refuses_a_run_that_is_not_there(backend: RedriveBackend, pik: Pik) -> None:
    result = pik("dlq", "show", "rdr-20261120T100000Z-00000009")
    assert result.exit_code == 1
    assert "rdr-20261120T100000Z-00000009" in result.stderr


def test_cancel_stops_a_run_and_its_messages_are_in_the_queue_again(backend: RedriveBackend, pik: Pik) -> None:
    for number in range(30):
        backend.bury(number)
    pik("dlq", "redrive-all", "--yes", "--no-wait")
    run_id = backend.running()[0]
    backend.advance(run_id)  # frozen
    assert backend.visible() == 0
    assert summary(pik("dlq", "cancel", run_id, "--dry-run", "-o", "json"))["would_cancel"] is True
    result = pik("dlq", "cancel", run_id, "--yes")
    assert result.exit_code == 0, result.output
    assert "CANCELLED" in result.stdout
    assert backend.visible() + len(backend.sent()) == 30
    assert pik("dlq", "cancel", run_id, "--yes").exit_code == 1


def test_a_cancelled_run_is_exit_status_1_for_whoever_follows_it(backend: RedriveBackend, pik: Pik) -> None:
    totals = {"selected": 10, "redriven": 0, "skipped": {"cancelled": 10}, "already_gone": 0, "failed": 0}
    backend.instead = [(200, row("CANCELLED", totals=totals))]
    assert pik("dlq", "show", "rdr-1", "--follow").exit_code == 1


def test_credentials_that_may_not_redrive_are_exit_status_3(backend: RedriveBackend, pik: Pik) -> None:
    backend.instead = [(403, {"message": "Forbidden"})]
    result = pik("dlq", "redrive-all", "--yes")
    assert result.exit_code == 3
    assert "execute-api:Invoke" in result.stderr


def test_a_stack_without_the_routes_says_what_to_deploy(backend: RedriveBackend, pik: Pik) -> None:
    backend.instead = [(404, {"message": "Not Found"})]
    result = pik("dlq", "redrive-all", "--yes")
    assert result.exit_code == 1
    assert "template.yaml" in result.stderr


def test_what_is_not_known_at_the_end_says_why_and_what_to_run(backend: RedriveBackend, pik: Pik) -> None:
    works = [backend.bury(n, entity_id=f"customer-{n}") for n in range(3)]
    result = pik("dlq", "redrive", "--no-canary", "--yes")
    assert result.exit_code == 0, result.output
    assert ["of", "the", "redriven,", "not", "counted", "yet", "3"] in rows(result.stdout)
    assert "3 of them have neither failed nor been counted yet" in result.stdout
    assert "`pik status`" in result.stdout
    assert any(f"pik logs processor --event-id {work.event_id} --since 1d" in result.stdout for work in works)
