"""`make run` and `make demo`: this module only makes sure that what they need is there, and says so when it is not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.local.run", description="The pipeline on this machine.")
    parser.add_argument("--port", default="", help="port of the engine (default: 4566, or any free one)")
    parser.add_argument("--once", action="store_true", help="end after the story, with status 1 if it does not add up")
    parser.add_argument("--directory", type=Path, help="where the engine keeps its files (default: .local)")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run the pipeline locally; `words` are the command line. Returns the exit status."""
    arguments = _arguments(words)
    port = arguments.port.strip()
    if port and not (port.isascii() and port.isdigit()):
        print(f"PORT={port} is not a port. Choose a number from 1 to 65535, such as PORT=8080.")
        return 2
    try:
        from scripts.local import session, state
    except ModuleNotFoundError as error:
        print(f"The package {error.name} is missing in {sys.prefix}. Install everything with: make setup")
        return 1
    directory = (arguments.directory or state.LOCAL_DIRECTORY).resolve()
    return session.run(int(port) if port else None, once=arguments.once, directory=directory)


if __name__ == "__main__":
    sys.exit(main())
