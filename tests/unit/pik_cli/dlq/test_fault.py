"""Failures that are injected: every `pik dlq` command says so, and none sends anybody to repair what is sound."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import typer

from pik_cli.dlq.advice import step_for
from pik_cli.main import COMMANDS
from tests.support.command_line import Pik, summary
from tests.support.faults import refused
from tests.support.redrive_backend import FINGERPRINT, RedriveBackend

CLEAR = "pik fault clear --yes"
RUN = "rdr-20261120T101530Z-0a1b2c3d"
CALLS = {
    "status": (),
    "peek": (),
    "analyze": (),
    "redrive": ("--dry-run",),
    "redrive-all": ("--dry-run",),
    "redrive-batch": ("--count", "1", "--dry-run"),
    "show": (RUN,),
    "cancel": (RUN, "--yes"),
    "monitor": ("--count", "1"),
    "purge-to-s3": ("--all", "--dry-run"),
    "put-back": (RUN, "--dry-run"),
    "start-executions": ("--state-machine", "arn:aws:states:us-east-1:123456789012:stateMachine:x", "--dry-run"),
    "move-tasks": (),
    "move-tasks list": (),
    "move-tasks cancel": ("--yes",),
}


def commands(group: Any, path: str = "") -> dict[str, Any]:
    """Every command below a group by its words."""
    found: dict[str, Any] = {}
    if hasattr(group, "list_commands"):
        context = typer.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            words = f"{path} {name}".strip()
            found[words] = command
            found |= commands(command, words)
    return found


def all_commands() -> dict[str, Any]:
    """Every command of `pik` by its words."""
    found: dict[str, Any] = {}
    for lazy in COMMANDS:
        command = lazy.load()
        found |= {lazy.name: command} | commands(command, lazy.name)
    return found


def test_every_command_is_tried() -> None:
    dlq = {it.removeprefix("dlq ") for it in all_commands() if it.startswith("dlq ")}
    assert dlq == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_every_command_says_that_a_fault_is_active_since_when_and_how_to_clear_it(
    backend: RedriveBackend, pik: Pik, name: str
) -> None:
    backend.bury(1)
    backend.inject("throttle")
    result = pik("dlq", *name.split(), *CALLS[name])
    assert "Failures are injected since 2026-11-20T10:00:00Z, mode throttle: " in result.stderr, result.output
    assert f"Clear it: {CLEAR}\n" in result.stderr
    backend.inject("none")
    assert "injected" not in pik("dlq", *name.split(), *CALLS[name]).stderr


def test_help_asks_aws_nothing(backend: RedriveBackend, pik: Pik) -> None:
    backend.inject("throttle")
    backend.aws.calls.clear()
    assert pik("dlq", "redrive", "--help").exit_code == 0
    assert backend.aws.calls == []


def test_a_fault_that_cannot_be_read_ends_no_command(backend: RedriveBackend, pik: Pik) -> None:
    backend.inject("throttle")

    def deny(**_: Any) -> None:
        raise refused("AccessDeniedException", "GetParameter")

    backend.ssm = type("Ssm", (), {"get_parameter": staticmethod(deny)})()
    result = pik("dlq", "status")
    assert result.exit_code == 0, result.output
    assert "Whether failures are injected is not known: GetParameter: AccessDeniedException." in result.stderr


@pytest.mark.parametrize("command", ["status", "peek", "analyze"])
def test_programs_see_the_fault_too(backend: RedriveBackend, pik: Pik, command: str) -> None:
    backend.bury(1)
    assert summary(pik("dlq", command, "-o", "json"))["fault"] is None
    backend.inject("poison_payload")
    fault = summary(pik("dlq", command, "-o", "json"))["fault"]
    assert (fault["mode"], fault["since"], fault["clear"]) == ("poison_payload", "2026-11-20T10:00:00Z", CLEAR)


def test_injected_failures_are_cleared_and_redriven_and_nothing_is_repaired(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, injected="poison_payload", reason="injected fault: poison_payload: body: malformed_json")
    backend.bury(2, fingerprint="beef")
    redrive = f"pik dlq redrive --fingerprint {FINGERPRINT} --dry-run"
    backend.inject("poison_payload")
    causes = {it["fingerprint"]: it for it in summary(pik("dlq", "analyze", "-o", "json"))["causes"]}
    injected, real = causes[FINGERPRINT], causes["beef"]
    assert (injected["injected"], injected["next"], injected["then"]) == ("poison_payload", CLEAR, redrive)
    assert "schema" in real["advice"]
    assert "Fix" not in injected["advice"]
    shown = pik("dlq", "analyze").stdout
    assert "injected by  failure mode poison_payload" in shown
    assert f"Then:\n  {redrive}\n" in shown
    backend.inject("none")
    causes = {it["fingerprint"]: it for it in summary(pik("dlq", "analyze", "-o", "json"))["causes"]}
    assert (causes[FINGERPRINT]["next"], causes[FINGERPRINT]["then"]) == (redrive, None)
    assert "The fault is cleared" in causes[FINGERPRINT]["advice"]


@pytest.mark.parametrize("category", ["VALIDATION", "PROCESSING", "PERMANENT", "TRANSIENT", "TIMEOUT"])
def test_no_category_of_an_injected_failure_asks_for_a_repair(category: str) -> None:
    group = {"fingerprint": "f", "category": category, "injected": "throttle"}
    step = step_for(group, lambda *words: " ".join(words), fault_active=True)
    assert step.command == "fault clear --yes"
    assert "Fix" not in step.why


def test_nobody_is_called_for_letters_that_a_failure_mode_made(backend: RedriveBackend, pik: Pik) -> None:
    for number in range(60):
        backend.bury(number, injected="throttle", category="TRANSIENT")
    told = summary(pik("dlq", "status", "-o", "json"))
    assert (told["messages"], told["injected"], told["level"]["number"]) == (60, 60, 0)
    assert summary(pik("dlq", "analyze", "-o", "json"))["level"]["number"] == 0
    assert "60 of them by a failure mode" in pik("dlq", "status").stdout
    for number in range(60, 120):
        backend.bury(number)
    assert summary(pik("dlq", "status", "-o", "json"))["level"]["number"] == 1


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What somebody at the terminal is asked; the answer is always no."""
    found: list[str] = []

    def confirm(question: str, **_: Any) -> bool:
        found.append(question)
        raise typer.Abort

    monkeypatch.setattr("pik_cli.shell.consent.can_ask", lambda: True)
    monkeypatch.setattr("pik_cli.shell.consent.typer.confirm", confirm)
    return found


@pytest.mark.parametrize(
    "args", [("redrive",), ("redrive-all",), ("redrive-batch", "--count", "1"), ("redrive-all", "--native")]
)
def test_a_redrive_asks_whether_to_send_what_will_fail_again(
    backend: RedriveBackend, pik: Pik, questions: list[str], args: tuple[str, ...]
) -> None:
    backend.outputs |= {"WorkQueueArn": "a", "WorkDeadLetterQueueArn": "b"}
    backend.bury(1)
    backend.inject("throttle")
    assert pik("dlq", *args).exit_code == 1
    assert questions[0].startswith("The failure mode throttle is active: what you send will fail again. ")
    assert backend.acts() == []


def test_with_yes_a_redrive_warns_before_it_starts(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1)
    backend.inject("access_denied")
    result = pik("dlq", "redrive", "--no-canary", "--yes")
    assert result.exit_code == 0, result.output
    before, _, after = result.stderr.partition("has started")
    assert "Warning: the failure mode access_denied is active." in before
    assert after
    assert len(backend.acts()) == 1


@pytest.mark.parametrize("mode", ["none", "duplicate_submit"])
def test_a_mode_that_fails_nothing_is_no_reason_to_hold_back(
    backend: RedriveBackend, pik: Pik, questions: list[str], mode: str
) -> None:
    backend.bury(1)
    backend.inject(mode)
    pik("dlq", "redrive")
    assert questions == ["Send 1 message to WorkQueue again, a few first and the rest when those succeed?"]


def test_what_a_rescue_keeps_says_that_it_was_injected_when_it_is_back(backend: RedriveBackend, pik: Pik) -> None:
    backend.bury(1, injected="throttle", age=timedelta(days=13))
    run_id = summary(pik("dlq", "purge-to-s3", "--all", "--yes", "-o", "json"))["run_id"]
    assert pik("dlq", "put-back", run_id, "--yes").exit_code == 0
    (cause,) = summary(pik("dlq", "analyze", "-o", "json"))["causes"]
    assert cause["injected"] == "throttle"


def test_every_command_that_acts_takes_yes(machine: Any) -> None:
    found = all_commands()
    assert {"fault clear", "dlq redrive", "replay"} <= found.keys()
    for words, command in found.items():
        options = {name for parameter in command.params for name in parameter.opts}
        if "--dry-run" in options or words.startswith("fault "):
            assert {"--yes", "-y"} <= options, words
