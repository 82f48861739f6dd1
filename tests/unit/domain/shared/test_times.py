"""Times: many spellings in, one out; text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pik.domain.shared.times import (
    BadTime,
    Moment,
    day_of,
    epoch_seconds,
    from_datetime,
    is_normal,
    lag_ms,
    normalise,
    parse,
    parse_event_time,
    to_datetime,
)

moments = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, offsets)
def test_any_offset_names_the_same_moment(moment: datetime, offset: timezone) -> None:
    assert normalise(moment.astimezone(offset).isoformat()) == from_datetime(moment)


@given(moments, moments)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (from_datetime(one) < from_datetime(other)) == (one < other)


@given(moments)
def test_a_normalised_time_is_a_fixed_point(moment: datetime) -> None:
    text = from_datetime(moment)
    assert normalise(text) == text
    assert to_datetime(text) == moment


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2026-11-20T10:15:30.250Z", "2026-11-20T10:15:30.250000Z"),
        ("2026-11-20t10:15:30z", "2026-11-20T10:15:30.000000Z"),
        ("2026-11-20 10:15:30+09:00", "2026-11-20T01:15:30.000000Z"),
        ("2024-02-29T23:59:59.123456789-01:00", "2024-03-01T00:59:59.123456Z"),
        ("2026-01-01T00:00:00+14:00", "2025-12-31T10:00:00.000000Z"),
        ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.000000Z"),
    ],
)
def test_spellings_of_rfc_3339(given_text: str, expected: str) -> None:
    assert normalise(given_text) == expected


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2026-11-20T10:15:30Z", Moment("2026-11-20T10:15:30.000000Z", "2026-11-20T10:15:30.000000Z")),
        ("2026-11-20T10:15:30.1234560Z", Moment("2026-11-20T10:15:30.123456Z", "2026-11-20T10:15:30.123456Z")),
        ("2026-11-20T10:15:30.1234567Z", Moment("2026-11-20T10:15:30.123456Z", "2026-11-20T10:15:30.1234567Z")),
        (
            "2026-11-20T19:15:30.000000000000000001+09:00",
            Moment("2026-11-20T10:15:30.000000Z", "2026-11-20T10:15:30.000000000000000001Z"),
        ),
        ("2016-12-31T23:59:60Z", Moment("2016-12-31T23:59:59.999999Z", "2016-12-31T23:59:60.0Z")),
        ("2017-01-01T08:59:60.50+09:00", Moment("2016-12-31T23:59:59.999999Z", "2016-12-31T23:59:60.5Z")),
    ],
)
def test_digits_that_a_key_does_not_have_tell_moments_apart(given_text: str, expected: Moment) -> None:
    assert parse(given_text) == expected


@given(moments, st.integers(0, 10**18 - 1), st.integers(0, 10**18 - 1))
def test_two_moments_are_one_exactly_when_their_digits_are(moment: datetime, one: int, other: int) -> None:
    exact = [parse(f"{moment:%Y-%m-%dT%H:%M:%S}.{digits:018d}Z".rjust(39, "0")).exact for digits in (one, other)]
    assert (exact[0] == exact[1]) == (one == other)


def test_an_event_is_early_enough_for_a_window_to_hold_it() -> None:
    assert parse_event_time("9999-12-30T23:59:59.999999Z").normal < normalise("9999-12-31T00:00:00Z")
    for text in ("9999-12-31T00:00:00Z", "9999-12-31T09:00:00+09:00", "9999-12-31T23:59:60Z"):
        with pytest.raises(BadTime, match="before 9999-12-31"):
            parse_event_time(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_time"),
        ("yesterday", "bad_time"),
        ("2026-11-20", "bad_time"),
        ("1763633730", "bad_time"),
        ("20261120T101530Z", "bad_time"),
        ("2026-W47-5T10:15:30Z", "bad_time"),
        ("2025-02-29T00:00:00Z", "bad_time"),
        ("2026-13-01T00:00:00Z", "bad_time"),
        ("2026-11-20T24:00:01Z", "bad_time"),
        ("2016-12-31T23:59:61Z", "bad_time"),
        ("2016-12-31T23:60:60Z", "bad_time"),
        ("2026-11-20T10:15:30.1234567890123456789Z", "bad_time"),
        ("2026-11-20T10:15:30+14:01", "bad_time"),
        ("2026-11-20T10:15:30-23:59", "bad_time"),
        ("2026-11-20T10:15:30+99:00", "bad_time"),
        ("0001-01-01T00:00:00+10:00", "bad_time"),
        ("9999-12-31T23:59:59-10:00", "bad_time"),
        ("1969-12-31T23:59:59Z", "bad_time"),
        ("２０２６-11-20T10:15:30Z", "bad_time"),
        ("2026-11-20T10:15:30Z\n", "bad_time"),
        ("2026-11-20T10:15:30", "time_without_offset"),
    ],
)
def test_what_is_no_time_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadTime) as caught:
        normalise(text)
    assert caught.value.code == code


def test_lag_is_negative_when_the_producer_is_ahead() -> None:
    assert lag_ms("2026-11-20T10:00:00.000000Z", "2026-11-20T10:00:01.500000Z") == 1500
    assert lag_ms("2026-11-20T10:00:01.500000Z", "2026-11-20T10:00:00.000000Z") == -1500


def test_day_and_epoch_of_a_time() -> None:
    assert day_of("2026-11-20T23:59:59.999999Z") == "2026-11-20"
    assert epoch_seconds("1970-01-02T00:00:00.900000Z") == 86_400


NEARLY_NORMAL = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\.[0-9]{6}Z", fullmatch=True
)


@given(NEARLY_NORMAL | st.text(max_size=30))
@example("2026-11-20T10:15:30.250000Z")
@example("2026-02-30T10:15:30.250000Z")
@example("2026-11-20T24:00:00.000000Z")
@example("1969-12-31T23:59:59.999999Z")
@example("2026-11-20T10:15:30.250000z")
@example("2026-11-20T10:15:30.25000\u0660Z")
def test_a_time_is_normal_exactly_when_normalising_leaves_it_as_it_is(text: str) -> None:
    try:
        unchanged = normalise(text) == text
    except BadTime:
        unchanged = False
    assert is_normal(text) is unchanged
