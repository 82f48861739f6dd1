"""What the `pik dlq` commands say while failures are injected: what looks broken is not, and a redrive is of no use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

import typer

from pik_cli.dlq.options import Command
from pik_cli.shell.failure_mode import FaultState
from pik_cli.shell.session import Session, session_of


def announces_fault(command: Command) -> Command:
    """A command that first says, on stderr, whether failures are injected into its stack."""

    @wraps(command)
    def call(context: typer.Context, **values: Any) -> None:
        announce(session_of(context))
        command(context=context, **values)

    return call


def announce(session: Session) -> None:
    """Nothing on a stack that injects nothing. Costs a call only where faults can be injected."""
    found = session.failure_mode
    if found is None:
        return
    if found.problem:
        session.output.note(f"Whether failures are injected is not known: {found.problem}.")
    elif found.mode is not None and found.injects:
        session.output.note(
            f"Failures are injected since {found.since}, mode {found.mode}: {found.mode.effect}.\n"
            f"Clear it: {clear_command(session)}"
        )


def fails_redrives(session: Session) -> FaultState | None:
    """The failure mode under which what is redriven now fails again; None when there is none."""
    found = session.failure_mode
    return found if found and found.mode and found.mode.fails_events else None


def redrive_question(session: Session, question: str) -> str:
    """What to ask before messages go to WorkQueue. While a fault is active it warns, also those who are not asked."""
    found = fails_redrives(session)
    if found is None:
        return question
    session.output.note(
        f"Warning: the failure mode {found.name} is active. What is redriven now fails again, and each message may be "
        f"redriven only a few times. Clear it first: {clear_command(session)}"
    )
    return f"The failure mode {found.name} is active: what you send will fail again. {question}"


def clear_command(session: Session) -> str:
    """How to end the fault."""
    return session.command("fault", "clear", "--yes")


def fault_json(session: Session) -> dict[str, Any] | None:
    """The active fault for programs; null when nothing is injected, or when that is not known."""
    found = session.failure_mode
    if found is None or found.mode is None or not found.injects:
        return None
    return {
        "mode": found.name,
        "since": found.since,
        "effect": found.mode.effect,
        "clear": clear_command(session),
    }


def injected_count(preview: Mapping[str, Any]) -> int:
    """The messages that a preview saw and that a failure mode made."""
    return sum(int(group.get("count") or 0) for group in preview.get("groups") or [] if group.get("injected"))
