"""The glossary is in order, each of its terms is used, and what it says of the code is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pik.domain.process.dispositions import Disposition
from pik.domain.shared.failures import Category
from pik.domain.shared.limits import INLINE_IDS, REPLAY_LANES, SOURCE_DAY_SHARDS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "glossary.md"
ROWS = re.findall(r"^\| (?!Term|---)(.+?) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
MEANINGS = dict(ROWS)


@pytest.fixture(scope="module")
def everything() -> str:
    """All of src and docs except for the glossary, in lower case, with names like `dedupe_row` as words."""
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(path.read_text("utf-8") for path in paths if path != PAGE)
    return " ".join(text.replace("_", " ").lower().split())


def test_the_terms_are_in_alphabetical_order_and_each_is_there_once() -> None:
    terms = [term.casefold().replace("-", " ") for term, _ in ROWS]
    assert len(terms) > 50
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("term", MEANINGS)
def test_each_term_is_used(term: str, everything: str) -> None:
    assert re.search(rf"\b{re.escape(term.lower())}s?\b", everything)


@pytest.mark.parametrize("term", MEANINGS)
def test_a_meaning_is_one_to_three_sentences(term: str) -> None:
    assert MEANINGS[term].endswith(".")
    assert 1 <= len(re.findall(r"\.(?= |$)", MEANINGS[term])) <= 3


@pytest.mark.parametrize("term", [term for term, meaning in ROWS if meaning.startswith("See ")])
def test_a_reference_leads_to_a_term(term: str) -> None:
    assert MEANINGS[term].removeprefix("See ").removesuffix(".") in MEANINGS


def test_categories_dispositions_and_bounds_are_those_of_the_code() -> None:
    assert all(str(category) in MEANINGS["category"] for category in Category)
    assert all(str(disposition) in MEANINGS["disposition"] for disposition in Disposition)
    assert f"more than {INLINE_IDS} events" in MEANINGS["big day"]
    assert f"at most {INLINE_IDS} events" in MEANINGS["small day"]
    assert f"at most {REPLAY_LANES} at once" in MEANINGS["lane"]
    assert f"one of the {SOURCE_DAY_SHARDS} keys" in MEANINGS["shard"].lower()
