"""Tokens go on exactly where they were made, with the filters that they were made for, and with nothing else."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.replay.progress import REASONS, Position, ReplayCounts
from pik.domain.replay.request import ReplayFilters
from pik.domain.replay.token import _checksum, read_token, write_token
from pik.domain.shared.limits import MAX_REPLAY_TOKEN_CHARS
from pik.domain.shared.problems import InvalidEvent

START, END = "2026-11-20T00:00:00.000000Z", "2026-11-22T00:00:00.000000Z"
FILTERS = ReplayFilters(START, END, source="shop", event_type="order", limit=500)
RUN = "rpl-20261120T101530Z-0a1b2c3d"
KEY = "TS#2026-11-20T10:00:00.000000Z#EID#" + "a" * 64
POSITION = Position(20, {17: KEY, 19: ""}, ReplayCounts(7, {"duplicate": 2}))


def code_of(token: str, filters: ReplayFilters = FILTERS) -> str:
    with pytest.raises(InvalidEvent) as caught:
        read_token(token, filters)
    (problem,) = caught.value.problems
    assert problem.path == "/next_token"
    return problem.code


positions = st.builds(
    Position,
    st.just(32),
    st.dictionaries(st.integers(0, 31), st.sampled_from(["", KEY]), max_size=16),
    st.builds(ReplayCounts, st.integers(0, 500), st.dictionaries(st.sampled_from(REASONS), st.integers(0, 10**9))),
)


@given(positions)
def test_a_token_gives_back_its_run_and_position(position: Position) -> None:
    token = write_token(RUN, position, FILTERS)
    assert read_token(token, FILTERS) == (RUN, position)
    assert len(token) <= MAX_REPLAY_TOKEN_CHARS


def test_a_token_of_sixteen_of_the_longest_keys_is_within_its_bound() -> None:
    key = f"{KEY}#DUPLICATE#2026-11-20T10:00:00.000000Z#{'r' * 64}#499"
    position = Position(32, dict.fromkeys(range(16), key), ReplayCounts(500, dict.fromkeys(REASONS, 10**9)))
    assert len(write_token(RUN, position, FILTERS)) < MAX_REPLAY_TOKEN_CHARS // 2


@pytest.mark.parametrize(
    "change",
    [
        {"source": "other"},
        {"event_type": "other"},
        {"end": "2026-11-21T00:00:00.000000Z"},
        {"limit": None},
        {"include_duplicates": True},
        {"dry_run": True},
        {"shadow": True},
        {"source": None, "event_type": None, "entity_id": "customer-17"},
    ],
)
def test_a_token_of_other_filters_is_foreign(change: dict[str, Any]) -> None:
    assert code_of(write_token(RUN, POSITION, replace(FILTERS, **change))) == "foreign_token"


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_whatever_is_no_token_is_broken(text: str) -> None:
    assert code_of(text) == "broken_token"


@given(st.data())
def test_a_token_that_was_cut_or_changed_is_broken(data: st.DataObject) -> None:
    token = write_token(RUN, POSITION, FILTERS)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("AZaz09-_").filter(lambda char: char != token[place]))
    changed = data.draw(st.sampled_from([token[:place], token[:place] + other + token[place + 1 :], token + "=" * 5]))
    if _same(changed, token):
        return  # the last character of base64 has bits that mean nothing
    assert code_of(changed) == "broken_token"


def _same(one: str, other: str) -> bool:
    def decoded(text: str) -> bytes | None:
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None

    return decoded(one) == decoded(other)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"run": "no run"},
        {"run": 1},
        {"next": 33},
        {"next": True},
        {"lanes": {"20": ""}},
        {"lanes": {"x": ""}},
        {"lanes": {"-1": ""}},
        {"lanes": []},
        {"lanes": {"3": "TS#2026-11-19T10:00:00.000000Z"}},
        {"lanes": {"3": "TS#2026-11-22T00:00:00.000000Z#EID#0"}},
        {"lanes": {"3": None}},
        {"lanes": {str(number): "" for number in range(17)}},
        {"sent": -1},
        {"sent": 501},
        {"skipped": {"duplicate": "many"}},
        {"skipped": 3},
    ],
)
def test_a_forged_token_with_a_true_checksum_is_held_against_the_filters(change: dict[str, Any]) -> None:
    text = base64.urlsafe_b64decode(write_token(RUN, POSITION, FILTERS) + "==")
    content = json.loads(text)[0] | change
    forged = base64.urlsafe_b64encode(json.dumps([content, _checksum(content)]).encode()).decode().rstrip("=")
    assert code_of(forged) == "broken_token"


def test_a_token_is_bounded() -> None:
    assert code_of("A" * (MAX_REPLAY_TOKEN_CHARS + 1)) == "broken_token"
