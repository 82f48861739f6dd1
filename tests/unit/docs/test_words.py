"""The words that CONTRIBUTING.md advises against are in no text that people read, except in its own table."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

from pik.domain.http.catalogs import CATALOGS
from pik_cli.main import app

ROOT: Final = Path(__file__).parents[3]
GUIDE: Final = ROOT / "CONTRIBUTING.md"
SECTION: Final = "\n## Words\n"

CODE: Final = ("src", "scripts", "benchmarks")
"""Every comment, and every string with a space in it: docstrings, errors, log lines, help texts."""

PLAIN: Final = (
    "*.md",
    "docs/**/*.md",
    "docs/**/*.dot",
    "template.yaml",
    "statemachines/*.yaml",
    "samconfig.toml",
    "pyproject.toml",
    "Makefile",
    "events/*",
)
"""Read whole."""

BREAK: Final = r"\s+(?:[#>*]+\s*)?"
"""Between the words of a phrase: a space, or a line break with the mark of a comment, a quotation or a list."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A text that people read, and where it begins."""

    place: str
    line: int
    text: str

    def complaints(self) -> Iterator[str]:
        """A line for each word to avoid: where it is and what is better."""
        for avoid, better in TABLE.items():
            for match in pattern(avoid).finditer(self.text):
                line = self.line + self.text.count("\n", 0, match.start())
                yield f"{self.place}:{line}: {' '.join(match.group().split())!r} -> {better}"


def words() -> dict[str, str]:
    """The table: the word or phrase to avoid, and the better one."""
    lines = GUIDE.read_text("utf-8").split(SECTION)[1].split("\n\n## ", 1)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {avoid.lower(): better for avoid, better in rows[2:]}


TABLE: Final = words()


def pattern(avoid: str) -> re.Pattern[str]:
    """The phrase as whole words, also over a line break, in any case. `<noun>` is any word; `a` is then also `an`."""
    spelling = {"<noun>": "[a-z]+", "a": "an?"} if "<noun>" in avoid else {}
    spelled = BREAK.join(spelling.get(word, re.escape(word)) for word in avoid.split())
    return re.compile(rf"(?<![\w-]){spelled}(?![\w-])", re.IGNORECASE)


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The string constants with a space in them, each with its line. In an f-string, `{}` is in a value's place."""
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in inner and " " in text:
                yield node.lineno, text
            case ast.JoinedStr(values=parts):
                yield (
                    node.lineno,
                    "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts),
                )


def comments(source: str) -> Iterator[tuple[int, str]]:
    """The comments, each with its line. Comments on lines that follow each other are one text."""
    block: list[str] = []
    start = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != last + 1:
            yield start, "\n".join(block)
            block = []
        start = start if block else token.start[0]
        last = token.start[0]
        block.append(token.string)
    if block:
        yield start, "\n".join(block)


def prose_of(path: Path) -> Iterator[Prose]:
    """What people read in a file: in a Python file its strings and comments, in the guide all but the table."""
    place, source = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
    if path.suffix == ".py":
        yield from (Prose(place, line, text) for line, text in strings(ast.parse(source)))
        yield from (Prose(place, line, text) for line, text in comments(source))
    else:
        yield Prose(place, 1, source.split(SECTION)[0] if path == GUIDE else source)


def complaints(paths: list[Path]) -> list[str]:
    return sorted({line for path in paths for prose in prose_of(path) for line in prose.complaints()})


def python(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", CODE)
def test_strings_and_comments_are_plain_english(folder: str) -> None:
    found = complaints(python(folder))
    assert not found, "\n".join(["", *found])


def test_docstrings_and_comments_of_tests_are_plain_english() -> None:
    """Other strings of tests are data: some are there because they must be refused."""
    found = []
    for path in python("tests"):
        place, source = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        with_docstrings = ast.Module | ast.ClassDef | ast.FunctionDef
        documented = [node for node in ast.walk(ast.parse(source)) if isinstance(node, with_docstrings)]
        texts = [(node.body[0].lineno, text) for node in documented if (text := ast.get_docstring(node, clean=False))]
        texts += comments(source)
        found += [line for start, text in texts for line in Prose(place, start, text).complaints()]
    assert not found, "\n".join(["", *sorted(found)])


@pytest.mark.parametrize("glob", PLAIN)
def test_documents_and_settings_are_plain_english(glob: str) -> None:
    paths = sorted(ROOT.glob(glob))
    assert paths
    found = complaints(paths)
    assert not found, "\n".join(["", *found])


def test_messages_of_the_catalog_are_plain_english() -> None:
    found = [line for code, text in CATALOGS["en"].items() for line in Prose(code, 1, text).complaints()]
    assert not found, "\n".join(["", *found])


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """A command and all below it, each with the words that call it."""
    yield name, command
    if hasattr(command, "list_commands"):
        context = command.context_class(command)
        for word in command.list_commands(context):
            _, below, _ = command.resolve_command(context, [word])  # which loads it
            assert below is not None
            yield from commands(below, f"{name} {word}")


def helps() -> Iterator[Prose]:
    """The help texts of the command: its own and those of its options and arguments."""
    for name, command in commands(typer.main.get_command(app), "pik"):
        for text in (command.help, command.short_help, command.epilog):
            yield Prose(f"{name} --help", 1, text or "")
        for parameter in command.params:
            yield Prose(f"{name} {parameter.name}", 1, str(getattr(parameter, "help", None) or ""))


def test_help_texts_are_plain_english() -> None:
    texts = list(helps())
    assert len({prose.place.split(" --")[0] for prose in texts if prose.text}) > 20
    found = [line for prose in texts for line in prose.complaints()]
    assert not found, "\n".join(["", *sorted(set(found))])


def test_the_table_has_words_each_with_a_better_one_that_it_does_not_forbid() -> None:
    assert len(TABLE) > 40
    for avoid, better in TABLE.items():
        assert better, avoid
        assert list(Prose(avoid, 1, better).complaints()) == []


def test_a_word_is_found_with_its_place_in_capitals_and_over_the_break_of_a_comment(tmp_path: Path) -> None:
    source = '"""Fine."""\nx = 1\n# It works for\n# ever, they say.\nraise ValueError(f"Mend {x} now")\n'
    found = [Prose("a.py", line, text) for line, text in [*strings(ast.parse(source)), *comments(source)]]
    assert [line for prose in found for line in prose.complaints()] == [
        f"a.py:5: 'Mend' -> {TABLE['mend']}",
        f"a.py:3: 'for # ever' -> {TABLE['for ever']}",
    ]


def test_a_part_of_a_word_is_not_found() -> None:
    assert list(Prose("a.py", 1, "He recommends a commendable test-mend.").complaints()) == []
