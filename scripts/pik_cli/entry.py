"""Where the installed `pik` begins: before its modules are loaded, so that an interrupt while they are is quiet too."""

from __future__ import annotations

import sys

from pik_cli.shell.exit_codes import INTERRUPTED


def main() -> None:
    """The entry point of the installed command."""
    try:
        from pik_cli.main import main as pik  # here, because it takes the time

        pik()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
