"""Failure modes: names as people write them, what each does, and poison that no reader takes for an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.failure_modes import EFFECTS, NO_FAULT, Kind, Mode, UnknownMode, parse_mode, poison
from pik.domain.failures import Category, classify
from pik.domain.processing import open_event
from tests.makers import make_work

WORK = make_work({"orderId": "order-1", "amount": 1.25})


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("none", NO_FAULT),
        ("poison_payload", Mode(Kind.POISON_PAYLOAD)),
        ("slow_downstream", Mode(Kind.SLOW_DOWNSTREAM)),
        ("duplicate_submit", Mode(Kind.DUPLICATE_SUBMIT)),
        ("throttle", Mode(Kind.THROTTLE)),
        ("access_denied", Mode(Kind.ACCESS_DENIED)),
        ("random_fail_p30", Mode(Kind.RANDOM_FAIL, 30)),
        ("random_fail_p1", Mode(Kind.RANDOM_FAIL, 1)),
        ("random_fail_p07", Mode(Kind.RANDOM_FAIL, 7)),
        ("random_fail_p100", Mode(Kind.RANDOM_FAIL, 100)),
        (" throttle\n", Mode(Kind.THROTTLE)),
    ],
)
def test_a_mode_is_read_from_its_name(text: str, mode: Mode) -> None:
    assert parse_mode(text) == mode


@pytest.mark.parametrize(
    "text",
    [
        *("", "poison", "NONE", "none,throttle"),
        *("random_fail", "random_fail_p", "random_fail_p0", "random_fail_p00", "random_fail_p101"),
        *("random_fail_p30%", "random_fail_p-1", "random_fail_p３"),
    ],
)
def test_anything_else_is_refused_with_the_names_that_there_are(text: str) -> None:
    with pytest.raises(UnknownMode) as caught:
        parse_mode(text)
    assert all(name in str(caught.value) for name in EFFECTS)
    assert repr(text) in str(caught.value)


def test_a_long_text_is_not_echoed_whole() -> None:
    with pytest.raises(UnknownMode) as caught:
        parse_mode("x" * 4096)
    assert len(str(caught.value)) < 300


@given(st.sampled_from([*Kind]), st.integers(1, 100))
def test_every_mode_is_written_as_it_is_read_and_has_an_effect(kind: Kind, percent: int) -> None:
    mode = Mode(kind, percent) if kind is Kind.RANDOM_FAIL else Mode(kind)
    assert parse_mode(str(mode)) == mode
    assert mode.effect in EFFECTS.values()


def test_each_name_is_a_mode_and_each_mode_has_a_name() -> None:
    assert {parse_mode(name.replace("NN", "30")).kind for name in EFFECTS} == set(Kind)


@given(st.floats(0, 1, exclude_max=True))
def test_reads_go_through_where_no_fault_concerns_them_and_nowhere_else(chance: float) -> None:
    spared = {kind for kind in Kind if kind is not Kind.RANDOM_FAIL and Mode(kind).spares(chance)}
    assert spared == {Kind.NONE, Kind.DUPLICATE_SUBMIT}


@pytest.mark.parametrize("percent", [1, 30, 99, 100])
def test_the_named_share_of_reads_fails(percent: int) -> None:
    mode = Mode(Kind.RANDOM_FAIL, percent)
    assert sum(not mode.spares(n / 1000) for n in range(1000)) == percent * 10


@given(offset=st.integers(0, 200), length=st.integers(1, 500), more=st.integers(0, 50))
def test_no_piece_of_the_poison_is_an_event(offset: int, length: int, more: int) -> None:
    data = poison(offset + length + more)
    assert len(data) == offset + length + more
    with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever it is, its category is what counts)
        open_event(WORK, data[offset : offset + length])
    assert classify(caught.value) is Category.VALIDATION
