"""Text from outside as it is shown: nothing in it is obeyed, and nothing is invisible."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.shared.texts import visible, visible_json

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")


def hidden(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char) in HIDDEN} - JOINERS


def test_each_character_that_nobody_sees_is_escaped_and_no_other() -> None:
    every = [chr(number) for number in range(sys.maxunicode + 1)]
    unassigned = {char for char in every if unicodedata.category(char) == "Cn"}
    changed = {char for char in every if visible(char) != char}
    assert hidden("".join(every)) <= changed
    assert changed - unassigned <= hidden("".join(every))


@given(st.text())
def test_shown_text_is_one_line_that_can_be_written(text: str) -> None:
    shown = visible(text)
    assert hidden(shown) == set()
    shown.encode()
    assert hidden(visible(text, keep_layout=True)) <= set("\t\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\u001b[31m"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("👩‍👧", "👩‍👧"),
    ],
)
def test_escapes_name_the_character(text: str, shown: str) -> None:
    assert visible(text) == shown


values = st.recursive(st.text() | st.integers(), lambda it: st.lists(it) | st.dictionaries(st.text(), it), max_leaves=8)


@given(values, st.sampled_from([None, 2]))
def test_json_means_the_same(value: Any, indent: int | None) -> None:
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=indent))
    assert json.loads(text) == value
    assert hidden(text) <= set("\n")
