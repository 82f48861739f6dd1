"""Sending the sample and telling what became of it."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from scripts.local import sender, story
from scripts.local.counts import Counts
from scripts.local.sender import SampleRefusal, SampleSent, SendError, send_file
from scripts.local.story import CountedVersion

COUNTS = Counts(accepted=3, duplicate=1, conflict=0, rejected=1, applied=3, dead=0, waiting=0, versions=2, days=1)
SENT = SampleSent(
    5, 1, Counter(accepted=3, duplicate=1, rejected=1), [SampleRefusal(4, '{"x":1}', (("/x", "必須です。"),))]
)


def api(monkeypatch: pytest.MonkeyPatch, answer: Any, status: int = 207) -> list[httpx.Request]:
    """The API as a function of the lines that it gets."""
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, json=answer(request.content.decode().split("\n")) if callable(answer) else answer)

    real = httpx.Client

    def client(**settings: Any) -> httpx.Client:
        assert settings["trust_env"] is False  # a proxy is for the world outside
        return real(transport=httpx.MockTransport(handle))

    monkeypatch.setattr(sender.httpx, "Client", client)
    return requests


def report(lines: list[str]) -> dict[str, Any]:
    results: list[dict[str, Any]] = [
        {"status": "REJECTED", "errors": [{"path": "/0", "message": "no"}]} if "bad" in line else {"status": "ACCEPTED"}
        for line in lines
    ]
    rejected = sum(it["status"] == "REJECTED" for it in results)
    fates = {"accepted": len(lines) - rejected, "duplicate": 0, "conflict": 0, "rejected": rejected}
    return {"received": len(lines), "results": results, **fates}


def test_lines_go_out_in_batches_and_fates_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"n":1}\n\n{"n":2}\n{"bad":"\u2028"}\n{"n":4}\n{"bad":5}\n', encoding="utf-8")
    requests = api(monkeypatch, report)

    sent = send_file("http://api", file, batch_events=2)

    assert [len(it.content.decode().split("\n")) for it in requests] == [2, 2, 1]
    assert {it.headers["content-type"] for it in requests} == {"application/x-ndjson"}
    assert (sent.events, sent.requests) == (5, 3)
    assert sent.answered == Counter(accepted=3, duplicate=0, conflict=0, rejected=2)
    assert [(it.number, it.line) for it in sent.refusals] == [(3, '{"bad":"\u2028"}'), (5, '{"bad":5}')]
    assert sent.refusals[0].errors == (("/0", "no"),)


def test_an_answer_that_is_none_ends_the_sending_with_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"n":1}\n')
    api(monkeypatch, {"message": "Internal Server Error"}, status=500)
    with pytest.raises(SendError, match=r"500.*Internal Server Error"):
        send_file("http://api", file)


def told(differences: list[str], versions: int = 3) -> str:
    out = io.StringIO()
    hot = [
        CountedVersion(
            n, n * 10, {"daily_amount_sum": {"JPY": str(n)}, "first_event_time": "a", "last_event_time": "b"}
        )
        for n in range(1, versions + 1)
    ]
    story.tell(Console(file=out, width=80, highlight=False), SENT, COUNTS, hot, differences)
    return out.getvalue()


def test_the_story_shows_both_sums_and_that_they_hold() -> None:
    text = told([])
    assert "5 received  = 3 accepted + 1 duplicate + 0 conflict + 1 rejected" in text
    assert "3 accepted  = 3 applied + 0 dead" in text
    assert "Everything adds up" in text


def test_the_story_names_what_does_not_hold_and_claims_nothing() -> None:
    text = told(["5 events were sent, and 4 are kept"])
    assert "5 events were sent, and 4 are kept" in text
    assert "Everything adds up" not in text


def test_a_japanese_rejection_is_shown_in_its_own_words() -> None:
    text = told([])
    assert "line 4" in text
    assert "/x: 必須です。" in text


def test_of_many_versions_the_first_and_the_last_are_shown() -> None:
    text = told([], versions=9)
    shown = [line.split(":")[0].split()[-1] for line in text.splitlines() if line.startswith("  version")]
    assert shown == ["1", "2", "8", "9"]
    assert "5 more" in text


@pytest.mark.parametrize(("versions", "shown"), [(1, ["1"]), (3, ["1", "2", "3"]), (4, ["1", "2", "3", "4"])])
def test_of_few_versions_each_is_shown_once(versions: int, shown: list[str]) -> None:
    lines = told([], versions=versions).splitlines()
    assert [line.split(":")[0].split()[-1] for line in lines if line.startswith("  version")] == shown


def test_commands_to_copy_are_never_broken_by_a_narrow_terminal() -> None:
    out = io.StringIO()
    story.next_steps(Console(file=out, width=40), "http://127.0.0.1:4566", "http://127.0.0.1:4566/api", "engine.log")
    for line in story.curl_lines():
        assert f"  {line}\n" in out.getvalue()
        body = json.loads(line.rpartition("-d ")[2].strip("'"))
        assert body in ({"orderId": "test-001", "amount": 99.99}, {"invalidField": "value"})
