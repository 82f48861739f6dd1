"""Mutants that change nothing which anybody could notice, each with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation.mutants import Mutant

FILE: Final = Path(__file__).parent / "equivalent.toml"


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One mutant, by the text of its lines before and after, so that it is found again when lines move."""

    file: str
    function: str
    before: str
    after: str
    reason: str

    def is_of(self, mutant: Mutant) -> bool:
        of_mutant = (mutant.path, mutant.function, mutant.before, mutant.after)
        return of_mutant == (self.file, self.function, self.before, self.after)


def equivalents(file: Path = FILE) -> list[Equivalent]:
    """All of the list. Raises TypeError for a member that is missing or unknown."""
    listed: Sequence[dict[str, str]] = tomllib.loads(file.read_text("utf-8")).get("equivalent", [])
    return [Equivalent(**entry) for entry in listed]


def entry(mutant: Mutant) -> str:
    """The mutant in the form of the list, so that only its reason has to be added."""
    members = {"file": mutant.path, "function": mutant.function, "before": mutant.before, "after": mutant.after}
    return "\n".join(["[[equivalent]]", *(f"{name} = '''{text}'''" for name, text in members.items()), 'reason = ""'])
