"""Asking a person before an act, and refusing to act where nobody can be asked."""

from __future__ import annotations

import sys

import typer

from pik_cli.shell.errors import Misuse


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty()


def require_terminal(act: str) -> None:
    """Raises Misuse when there is no terminal to ask on. `act` says what would be asked, without a full stop.

    Call it before anything is read: without a terminal, a command then fails in the same way whatever it would find.
    """
    if not can_ask():
        raise Misuse(f"{act}, and there is no terminal to ask on.", "Add --yes to act, or --dry-run to look first.")


def ask(question: str, *, yes: bool) -> None:
    """Raises typer.Abort when the answer is no, Misuse when there is no terminal to ask on."""
    if yes:
        return
    require_terminal(question)
    typer.confirm(question, abort=True, err=True)
