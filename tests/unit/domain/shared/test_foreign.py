"""What others wrote: bounded, explained, and never an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.shared import times
from pik.domain.shared.foreign import ForeignReader, as_whole, shorten
from pik.domain.shared.limits import MAX_NOTES

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0),
        ("007", 7),
        (9, 9),
        ("10", 10),
        ("11", None),
        (-1, None),
        ("1" * 5000, None),
        (10**40, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1_0", None),
        ("1\n", None),
        ("1.0", None),
        (1.0, None),
        (True, None),
        (None, None),
        ("٣", None),
        ("３", None),
        ([1], None),
    ],
)
def test_a_whole_number_is_ascii_digits_within_bounds(value: Any, number: int | None) -> None:
    assert as_whole(value, 0, 10) == number


def test_what_is_wrong_becomes_the_default_and_a_note_and_what_is_missing_only_the_default() -> None:
    reader = ForeignReader()
    assert reader.whole({"attempts": "1" * 5000}, "attempts", 0, 10, 3) == 3
    assert reader.moment({"failed_at": "yesterday"}, "failed_at") == ""
    assert reader.text({"run": 5}, "run", 10) == ""
    assert reader.members({"attributes": []}, "attributes") == {}
    assert reader.notes == [
        "attempts: expected a whole number from 0 to 10",
        "failed_at: expected a UTC time with six decimals",
        "run: expected a text",
        "attributes: expected an object",
    ]
    reader = ForeignReader()
    assert (reader.whole({}, "a", 0, 9, 4), reader.text({}, "b", 9), reader.moment({}, "c")) == (4, "", "")
    assert reader.members({}, "d") == {}
    assert reader.notes == []


def test_a_long_text_is_cut_says_so_and_holds_nothing_that_no_table_takes() -> None:
    reader = ForeignReader()
    assert reader.text({"reason": "x" * 300}, "reason", 256) == "x" * 255 + "…"
    assert reader.text({"reason": "a\ud800b"}, "reason", 256) == "a?b"
    assert reader.notes == ["reason: 300 characters, of which 256 are shown"]
    assert shorten("four", 4) == "four"


@pytest.mark.parametrize("value", ["99999999999999999", "-1", "٣", None, {}, 10**40])
def test_a_moment_that_no_calendar_has_is_the_first_one(value: Any) -> None:
    assert ForeignReader().milliseconds({"SentTimestamp": value}, "SentTimestamp") == times.from_milliseconds(0)


def test_a_moment_in_milliseconds_is_that_moment() -> None:
    assert ForeignReader().milliseconds({"t": "1795169730250"}, "t") == "2026-11-20T10:15:30.250000Z"


def test_notes_are_few_and_short() -> None:
    reader = ForeignReader()
    for number in range(100):
        reader.text({f"{number}" + "n" * 5000: 1}, f"{number}" + "n" * 5000, 9)
    assert len(reader.notes) == MAX_NOTES
    assert all(len(note) <= 160 for note in reader.notes)


@given(ANYTHING)
def test_nothing_raises(value: Any) -> None:
    reader = ForeignReader()
    holder = {"it": value}
    assert 0 <= reader.whole(holder, "it", 0, 10**6, 0) <= 10**6
    assert len(reader.text(holder, "it", 20).encode()) <= 80
    assert reader.moment(holder, "it") == "" or times.is_normal(reader.moment(holder, "it"))
    assert times.is_normal(reader.milliseconds(holder, "it"))
    assert hasattr(reader.members(holder, "it"), "items")
