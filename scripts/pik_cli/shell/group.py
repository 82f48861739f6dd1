"""The root command's manners: global options anywhere on the line, and errors in words instead of tracebacks."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

from typer.core import TyperGroup

from pik_cli.shell.errors import EXPECTED, PikError, explain
from pik_cli.shell.output import Output

_WITH_VALUE: Final = frozenset({"--stack", "--region", "--profile", "--endpoint-url", "--output", "-o"})
_FLAGS: Final = frozenset({"--debug"})


class PikGroup(TyperGroup):
    """`pik status -o json` means the same as `pik -o json status`, which is what people type first."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run a command line; that of the process when none is given."""
        given = list(sys.argv[1:] if args is None else args)
        return super().main(hoist(given, self._value_options()), *rest, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; expected errors become a message, its fix and their exit status."""
        try:
            return super().invoke(ctx)
        except (PikError, *EXPECTED) as error:
            known = explain(error)
            if known is None:
                raise
            if ctx.params.get("debug"):
                traceback.print_exception(error)
            Output().error(known)
            ctx.exit(known.exit_code)

    def _value_options(self) -> Mapping[str, frozenset[str]]:
        return {
            name: frozenset(text for it in command.params if not getattr(it, "is_flag", True) for text in it.opts)
            for name, command in self.commands.items()
        }


def hoist(args: Sequence[str], commands: Mapping[str, frozenset[str]]) -> list[str]:
    """Global options moved before the command.

    `commands` gives each command's options that take a value: what follows one of them is a value, whatever it looks
    like, and stays.
    """
    front: list[str] = []
    back: list[str] = []
    own: frozenset[str] | None = None
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*front, *back, word, *rest]
        if _is_global(word):
            front.append(word)
            front += _value(word in _WITH_VALUE, rest)
            continue
        if own is None and word in commands:
            own = commands[word]
        back.append(word)
        back += _value(word in (own or ()), rest)
    return front + back


def _is_global(word: str) -> bool:
    name = word.partition("=")[0]
    joined = word.startswith("-o") and len(word) > 2 and not word.startswith("--")
    return name in _FLAGS or name in _WITH_VALUE or joined


def _value(takes_one: bool, rest: list[str]) -> list[str]:
    return [rest.pop(0)] if takes_one and rest else []
