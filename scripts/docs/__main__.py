"""`python -m scripts.docs`, which is `make docs`: renew what the code says in the documents, then draw the diagrams."""

from __future__ import annotations

import sys

from scripts.docs import diagrams, gamedays, reference


def main() -> int:
    """Exit status 1 when the diagrams cannot be drawn; the documents are renewed before that."""
    for path in (*reference.write(), *gamedays.write()):
        print(f"renewed {path.relative_to(reference.ROOT)}")
    try:
        for path in diagrams.draw():
            print(f"drawn   {path.relative_to(diagrams.ROOT)}")
    except diagrams.CannotDraw as error:
        print(f"The diagrams were not drawn: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
