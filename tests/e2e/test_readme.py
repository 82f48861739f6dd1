"""The examples of README.md on a running local engine: each that only looks, or rehearses, finds something to show."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.local import story
from scripts.local.deploy import LOCAL_PARAMETERS, STACK_NAME
from scripts.local.engine import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from tests.e2e.conftest import running
from tests.e2e.pipeline import NDJSON, eventually

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
LINES = re.findall(r"^\.venv/bin/(pik .+)$", README, re.MULTILINE)
ONLY_LOOKS = re.compile(r"pik (status|health|logs|fault show|dlq (status|analyze|peek))\b|pik .* --dry-run\b")
LOOKING = [line for line in LINES if ONLY_LOOKS.match(line) and "--help" not in line]
LINES_PER_REQUEST = 100


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in which `pik` finds an engine that has what README.md says: the sample, and one order too large."""
    folder = tmp_path_factory.mktemp("readme")
    with running(folder, LOCAL_PARAMETERS) as pipeline:
        sample = (ROOT / "events" / "sample.ndjson").read_text("utf-8").splitlines()
        for first in range(0, len(sample), LINES_PER_REQUEST):
            pipeline.post("\n".join(sample[first : first + LINES_PER_REQUEST]).encode(), NDJSON)
        orders = re.findall(r"^curl .* -d '(\{\"orderId\".*\})'$", README, re.MULTILINE)
        assert [pipeline.post(json.loads(order)).status_code for order in orders] == [202, 202]
        eventually(lambda: pipeline.counts().dead == 1, "the order that is too large is a dead letter")
        state = {
            "endpoint": pipeline.engine.endpoint,
            "api_url": pipeline.deployed.api_url,
            "stack_name": STACK_NAME,
            "region": REGION,
            "pids": [os.getpid()],
            "log_file": str(folder / "engine.log"),
            "credentials": {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY},
        }
        (folder / ".local").mkdir()
        (folder / ".local" / "state.json").write_text(json.dumps(state))
        pipeline.drained()
        yield folder


def test_what_make_run_suggests_is_in_the_readme() -> None:
    printed = StringIO()
    story.next_steps(Console(file=printed, width=200), "http://127.0.0.1:4566", "$API_URL", "engine.log")
    hints = re.findall(r"^  (curl .+|\.venv/bin/pik .+?)(?:  .*)?$", printed.getvalue(), re.MULTILINE)
    assert len(hints) > 8
    assert [hint for hint in hints if hint.split(" -d ")[-1].strip("'") not in README] == []


def run(directory: Path, line: str, *more: str) -> str:
    words = [str(Path(sys.executable).with_name("pik")), *shlex.split(line, comments=True)[1:], *more]
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {0, 1}, done.stderr  # 1 is a finding, which the dead letter is
    return done.stdout


def document(directory: Path, line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(directory, line, "-o", "json"))
    return found


def lines(start: str) -> list[str]:
    found = [line for line in LOOKING if line.startswith(start)]
    assert found, f"README.md has no example of {start}"
    return found


def test_the_examples_that_look_cover_each_group() -> None:
    groups = {line.split()[1] for line in LOOKING}
    assert groups == {"status", "health", "logs", "fault", "publisher", "dlq", "replay"}


@pytest.mark.parametrize("line", LOOKING)
def test_each_example_prints_something(directory: Path, line: str) -> None:
    assert run(directory, line).strip()


@pytest.mark.parametrize("line", lines("pik replay"))
def test_a_rehearsed_replay_finds_events_that_the_sample_has(directory: Path, line: str) -> None:
    found = document(directory, line)
    assert (found["dry_run"], found["status"]) == (True, "COMPLETE")
    assert found["sent"] > 0


def test_status_has_counts_and_the_finding(directory: Path) -> None:
    line = lines("pik status")[0]
    text = run(directory, line)
    assert re.search(r"EventsTable +ACTIVE +[1-9]", text)
    assert re.search(r"WorkDeadLetterQueue +1\b", text)


def test_the_causes_name_the_order_that_is_too_large(directory: Path) -> None:
    line = lines("pik dlq analyze")[0]
    text = run(directory, line)
    assert "AmountOverLimit" in text
    assert "huge-001" in text


def test_the_logs_name_events(directory: Path) -> None:
    (line,) = lines("pik logs processor")
    assert "event_id" in run(directory, line)


@pytest.mark.parametrize("line", lines("pik dlq redrive"))
def test_a_rehearsed_redrive_takes_the_letter_and_shows_the_change(directory: Path, line: str) -> None:
    found = document(directory, line)
    assert (found["dry_run"], found["would"]["selected"]) == (True, 1)
    assert [(it["before"]["amount"], it["after"]["amount"]) for it in found["diffs"]] == [(5_000_000, 5_000)]
