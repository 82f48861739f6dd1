"""Failure modes: names as people write them, what each does, and poison that no reader takes for an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.operate.failure_modes import (
    EFFECTS,
    NO_FAULT,
    FaultKind,
    FaultMode,
    UnknownFaultMode,
    parse_fault_mode,
    poison,
)
from pik.domain.process.amounts import AmountRules
from pik.domain.process.batch import open_event
from pik.domain.shared.failures import Category, classify
from tests.support.makers import make_work

WORK = make_work({"orderId": "order-1", "amount": 1.25})


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("none", NO_FAULT),
        ("poison_payload", FaultMode(FaultKind.POISON_PAYLOAD)),
        ("slow_downstream", FaultMode(FaultKind.SLOW_DOWNSTREAM)),
        ("duplicate_submit", FaultMode(FaultKind.DUPLICATE_SUBMIT)),
        ("throttle", FaultMode(FaultKind.THROTTLE)),
        ("access_denied", FaultMode(FaultKind.ACCESS_DENIED)),
        ("random_fail_p30", FaultMode(FaultKind.RANDOM_FAIL, 30)),
        ("random_fail_p1", FaultMode(FaultKind.RANDOM_FAIL, 1)),
        ("random_fail_p07", FaultMode(FaultKind.RANDOM_FAIL, 7)),
        ("random_fail_p100", FaultMode(FaultKind.RANDOM_FAIL, 100)),
        (" throttle\n", FaultMode(FaultKind.THROTTLE)),
    ],
)
def test_a_mode_is_read_from_its_name(text: str, mode: FaultMode) -> None:
    assert parse_fault_mode(text) == mode


@pytest.mark.parametrize(
    "text",
    [
        *("", "poison", "NONE", "none,throttle"),
        *("random_fail", "random_fail_p", "random_fail_p0", "random_fail_p00", "random_fail_p101"),
        *("random_fail_p30%", "random_fail_p-1", "random_fail_p３"),
    ],
)
def test_anything_else_is_refused_with_the_names_that_there_are(text: str) -> None:
    with pytest.raises(UnknownFaultMode) as caught:
        parse_fault_mode(text)
    assert all(name in str(caught.value) for name in EFFECTS)
    assert repr(text) in str(caught.value)


def test_a_long_text_is_not_echoed_whole() -> None:
    with pytest.raises(UnknownFaultMode) as caught:
        parse_fault_mode("x" * 4096)
    assert len(str(caught.value)) < 300


@given(st.sampled_from([*FaultKind]), st.integers(1, 100))
def test_every_mode_is_written_as_it_is_read_and_has_an_effect(kind: FaultKind, percent: int) -> None:
    mode = FaultMode(kind, percent) if kind is FaultKind.RANDOM_FAIL else FaultMode(kind)
    assert parse_fault_mode(str(mode)) == mode
    assert mode.effect in EFFECTS.values()


def test_each_name_is_a_mode_and_each_mode_has_a_name() -> None:
    assert {parse_fault_mode(name.replace("NN", "30")).kind for name in EFFECTS} == set(FaultKind)


@given(st.floats(0, 1, exclude_max=True))
def test_reads_go_through_where_no_fault_concerns_them_and_nowhere_else(chance: float) -> None:
    spared = {kind for kind in FaultKind if kind is not FaultKind.RANDOM_FAIL and FaultMode(kind).spares(chance)}
    assert spared == {FaultKind.NONE, FaultKind.DUPLICATE_SUBMIT}


@pytest.mark.parametrize("percent", [1, 30, 99, 100])
def test_the_named_share_of_reads_fails(percent: int) -> None:
    mode = FaultMode(FaultKind.RANDOM_FAIL, percent)
    assert sum(not mode.spares(n / 1000) for n in range(1000)) == percent * 10


@given(offset=st.integers(0, 200), length=st.integers(1, 500), more=st.integers(0, 50))
def test_no_piece_of_the_poison_is_an_event(offset: int, length: int, more: int) -> None:
    data = poison(offset + length + more)
    assert len(data) == offset + length + more
    with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever it is, its category is what counts)
        open_event(WORK, data[offset : offset + length], AmountRules({}))
    assert classify(caught.value) is Category.VALIDATION
