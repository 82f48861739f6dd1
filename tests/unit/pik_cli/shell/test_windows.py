"""Times, durations, ages and windows: every form that people type, and what a wrong one is answered with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from pik_cli.shell.errors import Misuse
from pik_cli.shell.windows import (
    Window,
    minute_text,
    parse_age,
    parse_duration,
    parse_moment,
    parse_until,
    span,
    time_text,
    window,
)

NOW = datetime(2026, 11, 20, 10, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik_cli.shell.windows.clock", lambda: NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-20T10:15:30Z"),
        ("today", "2026-11-20T00:00:00Z"),
        ("Yesterday", "2026-11-19T00:00:00Z"),
        ("tomorrow", "2026-11-21T00:00:00Z"),
        ("-2h", "2026-11-20T08:15:30Z"),
        ("2h", "2026-11-20T08:15:30Z"),
        ("-3d", "2026-11-17T10:15:30Z"),
        ("1h30m", "2026-11-20T08:45:30Z"),
        ("90s", "2026-11-20T10:14:00Z"),
        ("1w", "2026-11-13T10:15:30Z"),
        ("2h ago", "2026-11-20T08:15:30Z"),
        ("2026-11-19", "2026-11-19T00:00:00Z"),
        ("20261119", "2026-11-19T00:00:00Z"),
        ("20261119T101530Z", "2026-11-19T10:15:30Z"),
        ("2026-11-19T10", "2026-11-19T10:00:00Z"),
        ("2026-11-19 10:15", "2026-11-19T10:15:00Z"),
        ("2026-11-19T10:15:30", "2026-11-19T10:15:30Z"),
        ("2026-11-19T10:15:30.25Z", "2026-11-19T10:15:30.250000Z"),
        ("2026-11-19T10:15:30+09:00", "2026-11-19T01:15:30Z"),
        ("2026-11-19T10:15-0330", "2026-11-19T13:45:00Z"),
        ("2026-11-19T10+09", "2026-11-19T01:00:00Z"),
        (" today ", "2026-11-20T00:00:00Z"),
    ],
)
def test_a_time_in_each_of_its_forms(text: str, expected: str) -> None:
    assert time_text(parse_moment(text).at(NOW)) == expected


def test_a_day_is_that_of_utc_wherever_the_clock_is() -> None:
    evening_before = datetime(2026, 11, 20, 5, tzinfo=UTC).astimezone()
    late = datetime.fromisoformat("2026-11-19T23:30:00-05:00")  # already the 20th in UTC
    assert time_text(parse_moment("today").at(late)) == "2026-11-20T00:00:00Z"
    assert time_text(parse_moment("today").at(evening_before)) == "2026-11-20T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a time"),
        ("soon", "is not a time"),
        ("90", "is not a time"),
        ("1.5h", "is not a time"),
        ("2h30", "is not a time"),
        ("-", "is not a time"),
        ("٣h", "is not a time"),
        ("2026-13-01", "month must be in 1..12"),
        ("2026-02-30", "day"),
        ("2026-11-20T25:00", "is not a time"),
        ("2026-11-20T10:15:30+15:00", "offset"),
        ("1969-12-31", "1970 or later"),
        ("99999d", "before 1970"),
        ("999999999w", "before 1970"),
        ("9" * 30 + "d", "is not a time"),
    ],
)
def test_what_is_no_time_says_why_and_which_forms_there_are(text: str, reason: str) -> None:
    with pytest.raises(typer.BadParameter, match=reason):
        parse_moment(text)


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "1.5h"])
def test_a_wrong_time_names_the_forms_and_the_zone(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"today, yesterday.*-2h.*UTC where no offset is given"):
        parse_moment(text)


@given(st.integers(0, 250_000_000_000_000_000))
def test_what_is_shown_can_be_typed_again(microseconds: int) -> None:
    aware = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert parse_moment(time_text(aware)).at(NOW) == aware


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_wrong_usage(text: str) -> None:
    try:
        moment = parse_moment(text)
    except typer.BadParameter:
        return
    assert moment.at(NOW).utcoffset() == timedelta()


def test_the_ends_of_a_window_are_resolved_against_one_clock() -> None:
    late = NOW + timedelta(microseconds=5)
    found = window(parse_moment("-2h"), parse_moment("-1h"), late)
    assert found.start is not None
    assert found.end is not None
    assert found.end - found.start == timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("yesterday", "today", "2026-11-19T00:00:00Z to 2026-11-20T00:00:00Z (1 d)"),
        ("-2h", "now", "2026-11-20T08:15:30Z to 2026-11-20T10:15:30Z (2 h)"),
        ("-2h", None, "2026-11-20T08:15:30Z until now"),
        (None, "today", "everything before 2026-11-20T00:00:00Z"),
        (None, None, "all times"),
    ],
)
def test_a_window_is_shown_in_utc_with_its_length(start: str | None, end: str | None, shown: str) -> None:
    ends = [it and parse_moment(it) for it in (start, end)]
    assert str(window(ends[0] or None, ends[1] or None, NOW)) == shown


def test_a_reversed_window_names_both_options_and_swaps_them() -> None:
    with pytest.raises(Misuse) as caught:
        window(parse_moment("today"), parse_moment("yesterday"), NOW, names=("--since", "--until"))
    assert caught.value.exit_code == 2
    assert "--since 2026-11-20T00:00:00Z is after --until 2026-11-19T00:00:00Z" in caught.value.message
    assert caught.value.fix == "Swap them: --since 2026-11-19T00:00:00Z --until 2026-11-20T00:00:00Z"


def test_an_empty_window_says_how_the_whole_day_is_written() -> None:
    with pytest.raises(Misuse) as caught:
        window(parse_moment("2026-11-20"), parse_moment("today"), NOW)
    assert "--to is not included" in caught.value.message
    assert "--from 2026-11-20 --to 2026-11-21" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86_400), ("1w", 604_800), ("1h30m", 5400), ("0", 0)],
)
def test_durations(text: str, expected: int) -> None:
    assert parse_duration(text) == expected
    assert parse_age(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5h", "5 m", "٣", "9" * 30 + "d", "today"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("today", 36_930), ("2026-11-20T10:00", 930), ("20261120", 36_930), ("now", 0), ("-2h", 7200)],
)
def test_an_age_may_be_a_time(text: str, expected: int) -> None:
    assert parse_age(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tomorrow", "in the future"),
        ("soon", "neither a duration nor a time"),
        ("2026-13-01", "month"),
        ("", "neither"),
    ],
)
def test_what_is_no_age(text: str, reason: str) -> None:
    with pytest.raises(typer.BadParameter, match=reason):
        parse_age(text)


@pytest.mark.parametrize(("second", "shown"), [(0, "10:15 UTC"), (1, "10:16 UTC"), (59, "10:16 UTC")])
def test_a_minute_is_never_before_its_moment(second: int, shown: str) -> None:
    assert minute_text(NOW.replace(second=second)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (-5, "0 s"), (59, "59 s"), (3_661, "1 h 1 min"), (90_000, "1 d 1 h")]
)
def test_spans(seconds: int, shown: str) -> None:
    assert span(seconds) == shown


def test_an_open_window_is_no_reversed_one() -> None:
    assert window(None, None, NOW) == Window(None, None)


@pytest.mark.parametrize(
    ("text", "expected"), [("24h", 86_400), ("90", 90), ("tomorrow", 49_470), ("2026-11-20T10:16Z", 30)]
)
def test_a_time_to_come_may_be_a_duration_or_a_time(text: str, expected: int) -> None:
    assert parse_until(text) == expected


@pytest.mark.parametrize("text", ["today", "now", "-2h", "2026-11-20T10:15:30Z"])
def test_a_time_to_come_is_not_over(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="over already"):
        parse_until(text)


def test_the_last_day_of_the_calendar_has_no_day_after_it() -> None:
    with pytest.raises(Misuse, match="The window is empty"):
        window(parse_moment("9999-12-31"), parse_moment("9999-12-31"), NOW)
