"""Ages, changes and advice: what people type, and what they get back."""

from __future__ import annotations

import json
import re
import shlex
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pik_cli.dlq.advice import level_of, next_step
from pik_cli.dlq.command import app as dlq
from pik_cli.dlq.options import assignments, canary_members, transform_members
from pik_cli.main import app
from pik_cli.shell.errors import Misuse
from pik_cli.shell.windows import span

NAMES = st.text(string.ascii_letters + "._-", min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters), inner, max_size=3),
)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_changes_are_read_as_the_json_that_they_are(changes: dict[str, object]) -> None:
    assert assignments([f"{path}={json.dumps(value)}" for path, value in changes.items()]) == changes


@given(NAMES, st.text(string.ascii_letters + " -=/", min_size=1).filter(lambda it: it not in {"true", "false", "null"}))
def test_other_text_stays_text(path: str, value: str) -> None:
    assert assignments([f"{path}={value}"]) == {path: value}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '{"a":1,"a":2}', "[1"])
def test_what_json_does_not_allow_is_text(value: str) -> None:
    assert assignments([f"payload.x={value}"]) == {"payload.x": value}


def test_a_change_needs_a_path_and_a_value_and_comes_once() -> None:
    for wrong in (["payload.x"], ["=1"], ["a=1", "a=1"]):
        with pytest.raises(Misuse):
            assignments(wrong)


def test_nothing_asked_is_nothing_sent() -> None:
    assert transform_members([], None) == {}
    assert canary_members(None, None, none=False) == {}
    assert canary_members(3, None, none=False) == {"canary": {"size": 3}}
    assert canary_members(None, None, none=True) == {"canary": False}


@given(st.integers(0, 10_000_000))
def test_a_span_is_never_longer_than_the_seconds_and_close_to_them(given_seconds: int) -> None:
    units = {"d": 86_400, "h": 3600, "min": 60, "s": 1}
    words = span(given_seconds).split()
    total = sum(int(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert len(words) in {2, 4}
    assert 0 <= given_seconds - total < units[words[-1]]


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_messages_never_lower_the_level(few: int, more: int) -> None:
    assert level_of(min(few, more)).number <= level_of(max(few, more)).number


def test_the_next_step_is_the_most_urgent() -> None:
    def command(*words: str) -> str:
        return " ".join(words)

    def of(letters: int, left: int | None, runs: list[str]) -> str | None:
        step = next_step(letters, left, runs, command)
        return step.command if step else None

    assert of(0, None, []) is None
    assert of(5, 86_401, []) == "dlq analyze"
    assert of(5, 86_400, []) == "dlq purge-to-s3 --expiring-within 24h"
    assert of(5, 10, ["rdr-1"]) == "dlq show rdr-1 --follow"


def lines_of_help(name: str) -> list[list[str]]:
    text = CliRunner().invoke(app, ["dlq", name, "--help"]).stdout
    return [shlex.split(line.replace("$ARN", "arn"))[1:] for line in re.findall(r"^ +(pik .*)$", text, re.MULTILINE)]


COMMANDS = [it.name or it.callback.__name__ for it in dlq.registered_commands if it.callback]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_that_parse(name: str) -> None:
    found = lines_of_help(name)
    assert len(found) >= 2
    for words in found:
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, words


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"status", "peek", "analyze", "show", "monitor"}))
def test_every_act_has_a_dry_run_and_asks_unless_told_not_to(name: str) -> None:
    text = CliRunner().invoke(app, ["dlq", name, "--help"]).stdout
    assert "--dry-run" in text
    assert "--yes" in text


def test_every_command_is_in_the_runbook() -> None:
    runbook = (Path(__file__).parents[4] / "docs" / "runbooks" / "dead-letters.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"pik dlq {name}" not in runbook] == []
