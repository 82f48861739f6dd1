"""On a terminal of 80 columns: nothing is wider, except commands and addresses, which are whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pik_cli.main import app
from pik_cli.shell.errors import Refusal
from pik_cli.shell.output import Output, Words
from pik_cli.shell.wrapping import fit, is_command, with_prefix
from tests.support.command_line import Pik
from tests.support.redrive_backend import RedriveBackend

COLUMNS = 80
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group, loaded."""
    found = group or typer.main.get_command(app)
    yield path
    for name in getattr(found, "commands", {}):
        loaded = found._loaded(name) if hasattr(found, "_loaded") else found.commands[name]
        yield from commands(loaded, (*path, name))


ALL = list(commands())


def takes_arguments(command: tuple[str, ...]) -> bool:
    """Whether a command without arguments lacks something; the others have tests of their own."""
    # `dlq move-tasks` and the groups of ELSEWHERE call what this backend lacks; they have their own tests.
    return command not in NEEDS_NOTHING and command[:2] != ("dlq", "move-tasks") and command[:1] not in ELSEWHERE


ELSEWHERE = {("processor",), ("publisher",)}
NEEDS_NOTHING = {("logs",), ("status",), ("health",), ("dlq", "monitor"), ("fault",), ("fault", "show")}


def test_there_are_commands_to_check() -> None:
    assert ("dlq", "move-tasks", "cancel") in ALL
    assert len(ALL) > 20


@pytest.fixture
def narrow(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, without colour."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")


def too_wide(text: str) -> list[str]:
    """The lines that would be broken, and are no commands or single words."""
    lines = (line.rstrip() for line in CONTROLS.sub("", text).replace("\r", "\n").split("\n"))
    return [it for it in lines if cell_len(it) > COLUMNS and not is_command(it.lstrip(" `")) and len(it.split()) > 1]


@pytest.mark.parametrize("command", ALL, ids=lambda it: " ".join(("pik", *it)))
def test_help_fits(pik: Pik, narrow: None, command: tuple[str, ...]) -> None:
    result = pik(*command, "--help")
    assert result.exit_code == 0
    lines = CONTROLS.sub("", result.stdout).split("\n")
    assert [it for it in lines if cell_len(it) > COLUMNS] == [], "examples of a help text fit too"


@pytest.mark.parametrize("command", ALL, ids=lambda it: " ".join(("pik", *it)))
def test_a_command_without_arguments_helps_or_says_what_is_missing(
    backend: RedriveBackend, pik: Pik, narrow: None, command: tuple[str, ...]
) -> None:
    if not takes_arguments(command):
        return
    result = pik(*command)
    assert result.exit_code in {0, 1, 2}
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert too_wide(result.output) == []
    assert "Traceback" not in result.output


LONG = ("--stack", "pipeline-investigation-kit-production", "--region", "ap-southeast-2")
REASON = "order amount 5000000 is over the limit of 1000000, and the customer's name is \u65e5\u672c\u8a9e " * 4


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in CONTROLS.sub("", text).replace("\r", "\n").split("\n")]


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("peek", "--count", "3"),
        ("analyze",),
        ("redrive", "--dry-run"),
        ("redrive", "--fingerprint", "3f2a9c11", "--dry-run"),
        ("redrive", "--fingerprint", "3f2"),
        ("redrive", "--min-age", "30d", "--dry-run"),
        ("redrive", "--set", "payload.amount=1", "--dry-run"),
        ("redrive-all", "--yes", "--no-canary"),
        ("redrive-all", "--yes", "--no-wait"),
        ("purge-to-s3", "--all", "--yes"),
        ("purge-to-s3", "--dry-run"),
        ("show", "rdr-20261120T101530Z-0a1b2c3d"),
        ("put-back", "nonsense"),
        ("start-executions", "--state-machine", f"arn:aws:states:::{'x' * 60}", "--fingerprint", "3f2a9c11", "--yes"),
        ("monitor", "--count", "1"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("where", [(), LONG], ids=["local", "stack"])
def test_output_fits_and_its_commands_are_whole(
    backend: RedriveBackend, pik: Pik, narrow: None, command: tuple[str, ...], where: tuple[str, ...]
) -> None:
    for number in range(3):
        backend.bury(number, reason=REASON, fingerprint="3f2a9c10" * 4, entity_id=f"customer-{number}-{'x' * 60}")
    backend.bury(9, body="no message", told=False)
    result = pik(*where, "dlq", *command)
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert too_wide(result.output) == []
    whole = re.compile(r"(?:.*: )?(?:pik|aws) .*")
    prefix = " ".join(("pik", *where))
    for line in lines_of(result.output):
        if whole.fullmatch(line) and is_command(line):
            assert line.startswith(prefix), "a command leads to the same stack"


@pytest.mark.parametrize("where", [(), LONG], ids=["local", "stack"])
def test_the_commands_of_an_analysis_are_lines_of_their_own(
    backend: RedriveBackend, pik: Pik, narrow: None, where: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.bury(1, reason=REASON)
    causes = json.loads(pik(*where, "dlq", "analyze", "-o", "json").stdout)["causes"]
    shown = lines_of(pik(*where, "dlq", "analyze").stdout)
    for command in (causes[0]["logs"], causes[0]["next"]):
        assert command in shown


@pytest.mark.parametrize("where", [(), LONG], ids=["here", "stack"])
def test_the_commands_of_an_error_are_lines_of_their_own(
    machine: Path, narrow: None, capsys: pytest.CaptureFixture[str], where: tuple[str, ...]
) -> None:
    output = Output(prefix=" ".join(("pik", *where)))
    command = "pik dlq redrive --fingerprint 3f2a9c103f2a9c103f2a9c103f2a9c10 --max-messages 100 --dry-run"
    output.error(Refusal("It " + "cannot be done " * 10, f"Look first, as nothing is lost by it: {command}"))
    output.note(f"See `{command}` or wait for a while, for as long as it takes to be over.")
    lines = lines_of(capsys.readouterr().err)
    asked = command.replace("pik", output.prefix, 1) if where else command
    assert sum(line in {asked, command} for line in lines) >= 1
    assert any(f"`{asked}`" in line for line in lines)


def test_a_line_for_people_is_not_cut(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    address = "https://" + "x" * 200
    Output().line(f"See {address}")
    assert lines_of(capsys.readouterr().out)[:2] == ["See", address]


@given(st.text(st.sampled_from("ab \u65e5`\n"), max_size=400), st.integers(10, 80))
def test_wrapping_loses_nothing_and_widens_nothing(text: str, width: int) -> None:
    shown = fit(text, width)
    assert shown.split() == text.split()
    for line in shown.split("\n"):
        # What may be wider: one word, or one command in backticks.
        assert cell_len(line) <= width or len(line.split()) == 1 or "`" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pik dlq status", "pik --stack s dlq status"),
        ("See:\n  pik logs", "See:\n  pik --stack s logs"),
        ("See `pik logs all`.", "See `pik --stack s logs all`."),
        ("a pik is a tool", "a pik is a tool"),
        ("pik --stack t status", "pik --stack t status"),
    ],
)
def test_commands_get_what_leads_to_the_same_stack(text: str, expected: str) -> None:
    assert with_prefix(text, "pik --stack s") == expected
    assert with_prefix(text, "pik") == text


def test_text_of_others_is_shown_and_not_obeyed() -> None:
    assert Words("\x1b[31m\u202e").text == "\\u001b[31m\\u202e"
