"""Characters as a person counts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

import pik
from pik.domain.http import graphemes
from pik.domain.http.graphemes import count_graphemes, exceeds

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
KISS = "\U0001f468\U0001f3fb\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468\U0001f3fd"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
JAPAN, FRANCE = "\U0001f1ef\U0001f1f5", "\U0001f1eb\U0001f1f7"

# one of each kind of character that the rules of UAX #29 treat differently
KINDS = ["A", "あ", "\r", "\n", "\0", "\U0001f1ef", "\U0001f389", "\U0001f3fb", "\ufe0f", "\u200d", "\u0301", "\u0903"]
KINDS += ["\u0915", "\u094d", "\u0600", "\u1100", "\u1161", "\u11a8", "\uac00", "\uac01", "\u200b", "\U000e0061"]
VIRAMA, REGIONAL = "\u094d", "\U0001f1ef"

# A virama joins two consonants (rule GB9c). The library lets it join a flag to one as well; behind a flag the kit keeps
# to the rule. So the comparisons leave that one neighbourhood out.
WITH_FLAGS = [kind for kind in KINDS if kind != VIRAMA]
WITHOUT_FLAGS = [kind for kind in KINDS if kind != REGIONAL]
texts = st.one_of(
    st.lists(st.sampled_from(WITH_FLAGS), max_size=40).map("".join),
    st.lists(st.sampled_from(WITHOUT_FLAGS), max_size=40).map("".join),
    st.text(max_size=20),
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("こんにちは", 5),
        ("新刊マンガ\U0001f389おすすめ!", 11),
        ("\U00020bb7田さんのマンガ", 8),
        ("\U00020bb7", 1),
        (FAMILY, 1),
        (KISS, 1),
        (ENGLAND, 1),
        (JAPAN, 1),
        (JAPAN + FRANCE, 2),
        (JAPAN + FRANCE[:1], 2),
        (JAPAN + "\ufe0f\u0301" + FRANCE, 2),
        (JAPAN + "\u094d\u0915", 2),
        ("e\u0301", 1),
        ("か\u3099", 1),
        ("葛\U000e0100", 1),
        ("\U0001f44d\U0001f3fd", 1),
        ("\u2764\ufe0f", 1),
        ("1\ufe0f\u20e3", 1),
        ("\u1112\u1161\u11ab", 1),
        ("\u0915\u094d\u0937\u093f", 1),
        ("\r\n", 1),
        ("\n\r", 2),
        ("a\r\n\r\nb", 4),
        ("\U0001f468" + "\u0301" * 1000, 1),
    ],
)
def test_what_a_reader_sees_as_one_character_counts_as_one(text: str, count: int) -> None:
    assert count_graphemes(text) == count
    assert exceeds(text, count) is False
    assert count == 0 or exceeds(text, count - 1) is True


@pytest.mark.parametrize(
    ("text", "too_long"),
    [
        ("あ" * 4000, False),
        ("あ" * 4001, True),
        ("A" * 4000, False),
        ("A" * 4001, True),
        ("\r\n" * 4000, False),
        ("\U0001f389" * 4000, False),
        ("\U0001f389" * 4001, True),
        (FAMILY * 4000, False),
        (FAMILY * 4001, True),
        (JAPAN * 4000, False),
        (JAPAN * 4000 + JAPAN[:1], True),
        ("e\u0301" * 4000, False),
        ("\U00020bb7" * 4000, False),
        ("\U00020bb7" * 4001, True),
    ],
)
def test_a_limit_of_4000_is_exact_for_every_kind_of_character(text: str, too_long: bool) -> None:
    assert exceeds(text, 4000) is too_long


@given(texts)
def test_the_count_is_that_of_the_librarys_own_cluster_pattern(text: str) -> None:
    assert count_graphemes(text) == len(regex.findall(r"\X", text))


@pytest.mark.parametrize(("start", "kinds"), [("", KINDS), (JAPAN, WITH_FLAGS)], ids=["anywhere", "after a flag"])
def test_every_neighbourhood_of_three_kinds_of_characters_is_counted_right(start: str, kinds: list[str]) -> None:
    neighbourhoods = [start + "".join(three) for three in product(kinds, repeat=3)]
    wrong = [text for text in neighbourhoods if count_graphemes(text) != len(regex.findall(r"\X", text))]
    assert wrong == []


@given(texts, st.integers(0, 45))
def test_exceeding_is_counting_more(text: str, maximum: int) -> None:
    assert exceeds(text, maximum) == (count_graphemes(text) > maximum)


def test_a_megabyte_of_flags_is_counted_in_linear_time() -> None:
    start = time.process_time()
    assert count_graphemes("\U0001f1ef" * 262_144) == 131_072
    # linear is a twentieth of a second; counting back at each boundary took more than three minutes
    assert time.process_time() - start < 20


def test_no_more_is_read_than_it_takes_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    class Counting:
        def finditer(self, text: str, /) -> Iterator[object]:
            for char in text:
                read.append(char)
                yield char

    monkeypatch.setattr(graphemes, "_cluster", Counting)
    assert exceeds("あ" * 1_000_000, 4000) is True
    assert len(read) == 4001
    read.clear()
    assert exceeds("あ" * 4000, 4000) is False
    assert read == []


def test_short_texts_and_ascii_do_without_the_library() -> None:
    script = (
        "import sys; from pik.domain.http.graphemes import exceeds;"
        "assert not exceeds('あ' * 4000, 4000); assert exceeds('A' * 4001, 4000); assert 'regex' not in sys.modules;"
        "assert exceeds('あ' * 4001, 4000); assert 'regex' in sys.modules"
    )
    source = Path(pik.__file__).parents[1]
    subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(source)}, check=True)
