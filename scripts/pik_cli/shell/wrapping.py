"""Lines that fit a terminal, and commands that stay whole: a command that was broken cannot be copied.

A command is on its own line or in backticks; neither is ever broken, however narrow the terminal is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_PROGRAMS: Final = r"(?:\S*/)?(?:pik|aws|curl|jq|make|pip|pipx|sam) +\S"
_COMMAND: Final = re.compile(rf"\s*{_PROGRAMS}")
_TAIL: Final = re.compile(rf"(.*?:) +({_PROGRAMS}.*)")
_PARTS: Final = re.compile(r"`[^`\n]*`\S*|\S+")
_OWN: Final = re.compile(r"(^\s*|`)pik (?=[a-z])", re.MULTILINE)


def is_command(line: str) -> bool:
    """Whether a line is a command to be copied whole."""
    return _COMMAND.match(line) is not None


def with_prefix(text: str, prefix: str) -> str:
    """A text whose `pik` commands lead to the same stack: those that begin a line, and those in backticks."""
    return _OWN.sub(lambda match: f"{match[1]}{prefix} ", text) if prefix != "pik" else text


def fit(text: str, width: int) -> str:
    """A text in lines of at most `width` columns. Commands, and words that are longer, are longer lines."""
    return "\n".join(piece for line in text.split("\n") for piece in _lines(line, width))


def _lines(line: str, width: int) -> Iterator[str]:
    if is_command(line) or _columns(line) <= width:
        yield line
        return
    indent = line[: len(line) - len(line.lstrip())]
    tail = _TAIL.fullmatch(line)
    if tail:  # what a sentence ends with gets its own line
        yield from _lines(tail[1], width)
        yield f"{indent}  {tail[2]}"
        return
    current = ""
    for part in _PARTS.findall(line):
        longer = f"{current} {part}" if current else f"{indent}{part}"
        if current and _columns(longer) > width:
            yield current
            longer = f"{indent}{part}"
        current = longer
    yield current


def _columns(text: str) -> int:
    """How many columns a terminal needs: two for a character of East Asia."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
