"""Printing: tables for people or JSON for programs on stdout; notes, errors and progress on stderr.

Colour and lines only on a terminal, and not with NO_COLOR. Text that comes from events and logs is shown, never obeyed:
control characters appear as their escapes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pik.domain.shared.texts import visible, visible_json
from pik_cli.shell.errors import PikError
from pik_cli.shell.wrapping import fit, with_prefix

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

_WIDE: Final = 10_000  # columns of something that is no terminal: lines of a file or a pipe are not wrapped


class OutputForm(StrEnum):
    """The forms that stdout may have."""

    TABLE = "table"
    JSON = "json"


def safe(value: object) -> str:
    """Text with control characters and invisible ones written as escapes, except tabs and line feeds."""
    return visible(str(value), keep_layout=True)


class Words:
    """Text for people as rich prints it: wrapped to the width, its commands whole, its control characters escaped."""

    def __init__(self, text: object, style: str = "", *, label: str = "", label_style: str = "") -> None:
        self.text = safe(text)
        self.style = style
        self.label = label
        self.label_style = label_style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        fitted = Text(fit(f"{self.label}{self.text}", options.max_width), self.style, no_wrap=True, overflow="ignore")
        fitted.stylize(self.label_style, 0, len(self.label))
        yield fitted


class Output:
    """Where a command prints. rich loads with the first line that is not JSON.

    `prefix` is how a command line for the same stack begins; the texts say `pik`.
    """

    def __init__(self, mode: OutputForm = OutputForm.TABLE, prefix: str = "pik") -> None:
        self.mode = mode
        self.prefix = prefix

    @cached_property
    def stdout(self) -> Console:
        """For the answer."""
        return _console(stderr=False)

    @cached_property
    def stderr(self) -> Console:
        """For notes, errors and progress."""
        return _console(stderr=True)

    @property
    def json_wanted(self) -> bool:
        """Whether stdout is for a program."""
        return self.mode is OutputForm.JSON

    def note(self, text: str) -> None:
        """Something worth knowing that is not the answer."""
        self.stderr.print(Words(with_prefix(text, self.prefix), "dim"), crop=False)

    def error(self, error: PikError) -> None:
        """What went wrong, and the fix on its own line."""
        message = with_prefix(error.message, self.prefix)
        self.stderr.print(Words(message, label="Error: ", label_style="bold red"), crop=False)
        if error.fix:
            self.stderr.print(Words(with_prefix(error.fix, self.prefix)), crop=False)

    def line(self, text: str | Text = "") -> None:
        """A line for people; a Text is printed as it is."""
        self.show(Words(with_prefix(text, self.prefix)) if isinstance(text, str) else text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table for people, with a blank line before it (a table with lines has its own)."""
        if not self.stdout.is_terminal:
            self.line()
        self.show(make_table(columns, rows, lines=self.stdout.is_terminal))

    def show(self, content: RenderableType) -> None:
        """Anything for people; outside a terminal without the spaces that fill columns up."""
        if self.stdout.is_terminal:
            self.stdout.print(content, crop=False)
            return
        with self.stdout.capture() as capture:
            self.stdout.print(content, crop=False)
        sys.stdout.write("\n".join(line.rstrip() for line in capture.get().split("\n")))
        sys.stdout.flush()

    def document(self, value: Any, *, compact: bool = False) -> None:
        """JSON on stdout; `compact` is one line, for streams of documents. Not through rich, which would wrap it."""
        sys.stdout.write(dump(value, sys.stdout.encoding, compact=compact) + "\n")
        sys.stdout.flush()


def make_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, lines: bool) -> Table:
    """A table whose numbers stand to the right; plain columns without `lines`, no heading when no column has one."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if lines else None, pad_edge=False, show_header=any(columns))
    body = [list(row) for row in rows]
    for place, column in enumerate(columns):
        cells = [row[place] for row in body]
        number = bool(cells) and all(isinstance(cell, int) for cell in cells)
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in body:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def plural(count: int, one: str, many: str) -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many}"


def dump(value: Any, encoding: str | None, *, compact: bool = False) -> str:
    """JSON text that `encoding` can write: as people read it where possible, else in ASCII."""
    indent = None if compact else 2
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=indent))
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def _cell(cell: object) -> Text:
    from rich.text import Text

    if isinstance(cell, Text):
        return cell
    return Text(f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else safe(cell))


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=_WIDE, color_system=None)
    return console
