"""`python -m scripts.gameday`: makes sure that what it needs is there, and says so when it is not."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process. Returns the exit status."""
    try:
        from scripts.gameday import command
    except ModuleNotFoundError as error:
        print(f"The package {error.name} is missing in {sys.prefix}. Install everything with: make setup")
        return 1
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
