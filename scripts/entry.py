"""Where the installed `pik` begins: before its modules are loaded, so that an interrupt while they are is quiet too."""

from __future__ import annotations

import sys
from typing import Final

INTERRUPTED: Final = 130
"""The exit status that shells expect of a command that Ctrl-C ended."""


def main() -> None:
    """The entry point of the installed command."""
    try:
        from scripts.main import main as pik  # here, because it takes the time

        pik()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
