"""Asking before an act."""

from __future__ import annotations

import sys

import typer

from pik_cli.shell.errors import Misuse


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty()


def ask(question: str, *, yes: bool) -> None:
    """Raises typer.Abort when the answer is no, Misuse when there is no terminal to ask on."""
    if yes:
        return
    if not can_ask():
        raise Misuse(f"{question} There is no terminal to ask on.", "Add --yes, or look with --dry-run.")
    typer.confirm(question, abort=True, err=True)
