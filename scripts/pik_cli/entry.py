"""Where the installed `pik` begins: before its modules load, so that an interrupt at that time is quiet too."""

from __future__ import annotations

import sys
from typing import Final

from pik_cli.shell.exit_codes import INTERRUPTED

_UNUSED: Final = ("httpx._main", "urllib3.contrib.pyopenssl")
"""Optional parts of libraries that the command does not use: httpx's own command line, and pyOpenSSL in place of `ssl`.
Where their packages are installed, loading them takes a third of `pik status`. Both libraries do without."""


def main() -> None:
    """The entry point of the installed command."""
    try:
        for name in _UNUSED:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # how Python marks a module as not importable
        from pik_cli.main import main as pik  # here, because it takes the time

        pik()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
