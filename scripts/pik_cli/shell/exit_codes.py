"""The exit statuses of `pik`. Imports nothing heavy: the entry point needs one before the command is loaded."""

from __future__ import annotations

from typing import Final

FINE: Final = 0
"""It was done, and there is nothing to report."""

FINDING: Final = 1
"""A finding, or a refusal."""

MISUSE: Final = 2
"""The command line, or a file that it names, is wrong."""

UNREACHABLE: Final = 3
"""AWS, the stack or its API cannot be reached."""

INTERRUPTED: Final = 130
"""Ctrl-C; what shells expect."""
