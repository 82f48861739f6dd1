"""The root command: loads a command when it is called, takes global options anywhere on the line, and turns expected
errors into messages."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import typer
from typer.core import TyperCommand, TyperGroup

from pik_cli.shell.errors import explain
from pik_cli.shell.output import Output
from pik_cli.shell.wrapping import fit, with_prefix

_WITH_VALUE: Final = frozenset({"--stack", "--region", "--profile", "--endpoint-url", "--output", "-o"})
_FLAGS: Final = frozenset({"--debug"})


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command as the root knows it before it is loaded: its name, `module:attribute`, and the first sentence of its
    help. The attribute is a function or a Typer app."""

    name: str
    place: str
    summary: str

    def load(self) -> Any:
        """Import the command and build it."""
        module, _, attribute = self.place.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(rich_markup_mode=None)
            found.command(self.name)(function)
        found._add_completion = False  # the root has the options that install it
        return typer.main.get_command(found)


class PikGroup(TyperGroup):
    """`pik status -o json` means the same as `pik -o json status`, which is what people type first.

    `commands` holds placeholders, enough for help and completion; a command that is called takes the place of its own.
    """

    lazy_commands: ClassVar[Sequence[LazyCommand]] = ()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._unloaded = {command.name: command for command in self.lazy_commands}
        for name, command in self._unloaded.items():
            self.add_command(TyperCommand(name, help=command.summary, rich_markup_mode=None))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Run a command line; that of the process when none is given."""
        given = list(sys.argv[1:] if args is None else args)
        return super().main(hoist(given, self.value_options), *rest, **options)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that is called, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self._loaded(name) if name else command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; expected errors become a message, its fix and their exit status."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            _fit(error, _output(ctx))
            raise
        # Whatever a command raises: `explain` knows what is expected, and everything else is raised again.
        except Exception as error:
            known = explain(error)
            if known is None:
                raise
            if ctx.params.get("debug"):
                traceback.print_exception(error)
            _output(ctx).error(known)
            ctx.exit(known.exit_code)

    def value_options(self, name: str) -> frozenset[str] | None:
        """The options of a command that take a value; None for a word that names no command."""
        if name not in self.commands:
            return None
        params = self._loaded(name).params
        return frozenset(text for param in params if not getattr(param, "is_flag", True) for text in param.opts)

    def _loaded(self, name: str) -> Any:
        unloaded = self._unloaded.pop(name, None)
        if unloaded is not None:
            self.add_command(unloaded.load(), name)
        return self.commands[name]


def _output(ctx: Any) -> Output:
    """That of the session, which knows how to lead to the same stack."""
    output = getattr(ctx.obj, "output", None)
    return output if isinstance(output, Output) else Output()


def _fit(error: typer.BadParameter, output: Output) -> None:
    """Make the message of a wrong value fit the terminal, with commands that lead to the same stack."""
    error.message = error.message.removeprefix("Value error, ")  # pydantic's word, which says nothing to a person
    whole = f"Error: {error.format_message()}"
    if error.message and whole.endswith(error.message):
        lead = whole.removesuffix(error.message)
        error.message = fit(lead + with_prefix(error.message, output.prefix), output.stderr.width)[len(lead) :]


def hoist(args: Sequence[str], value_options: Callable[[str], frozenset[str] | None]) -> list[str]:
    """Global options moved before the command.

    `value_options` gives a command's options that take a value: what follows one of them is a value, whatever it looks
    like, and stays. It is called for the words before the command and for the command itself.
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
        if own is None:
            own = value_options(word)
        back.append(word)
        back += _value(word in (own or ()), rest)
    return front + back


def _is_global(word: str) -> bool:
    name = word.partition("=")[0]
    joined = word.startswith("-o") and len(word) > 2 and not word.startswith("--")
    return name in _FLAGS or name in _WITH_VALUE or joined


def _value(takes_one: bool, rest: list[str]) -> list[str]:
    return [rest.pop(0)] if takes_one and rest else []
